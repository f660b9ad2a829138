"""Two pages of a version: what has changed since it was trained, and how it treats groups."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString, mark_safe

from apps.access.site_staff import works_on
from apps.predictions import fair_gate, tasks
from apps.predictions.domain.card import words_of
from apps.predictions.domain.spark import interval_svg, line_svg
from apps.predictions.models import DriftLook, FairnessAudit, ModelVersion
from apps.work import clock

LOOKS: Final = 30  # of one figure, over time
AUDITS: Final = 10
_LEVELS: Final = {"fine": "ok", "watch": "warn", "drifted": "bad", "unknown": "plain"}
_VERDICTS: Final = {"fine": "ok", "unfair": "bad", "unknown": "warn"}
_ORDER: Final = {"drifted": 0, "watch": 1, "unknown": 2, "fine": 3}
_MEASURES: Final = {
    "selected": "Selected",
    "came_true": "Did it",
    "hits": "Selected, of those who did it",
    "alarms": "Selected, of those who did not",
}
_FINDINGS: Final = {"fine": "as the others", "unfair": "worse", "unknown": "cannot be told"}


def drift(request: HttpRequest, version_id: UUID) -> HttpResponse:
    """What has changed since a version was trained; POST asks for a look now."""
    version = _version(request, version_id)
    if request.method == "POST":
        _require(request, "predictions.change_modelspec")
        now = clock.now()
        tasks.ask(tasks.WATCH, tasks.TRAIN_QUEUE, version.spec, now)
        messages.success(request, "A look was asked for: load this page again in a moment.")
        return redirect("admin:predictions_watch", version.pk)
    looks = list(version.looks.order_by("looked_at", "pk"))
    newest = looks[-1].looked_at if looks else None
    return _page(
        request,
        version,
        "admin/predictions/drift.html",
        {
            "title": "Drift",
            "looked_at": newest,
            "sections": _sections(looks, newest, version),
            "dropped": [(words_of(n), why) for n, why in version.card.get("dropped", {}).items()],
            "infinite": _infinite(version),
            "has_reference": bool(version.reference.get("features")),
            "serves": version.state == ModelVersion.State.CHAMPION,
            "may_change": request.user.has_perm("predictions.change_modelspec"),
        },
    )


def fairness(request: HttpRequest, version_id: UUID) -> HttpResponse:
    """How a version treats the groups of the trait that is watched; POST asks for an audit."""
    version = _version(request, version_id)
    if request.method == "POST":
        _require(request, "predictions.change_modelspec")
        tasks.ask_audit(version, actor_id=request.user.pk, now=clock.now())
        messages.success(request, "An audit was asked for: load this page again in a moment.")
        return redirect("admin:predictions_fairness", version.pk)
    audits = list(version.audits.select_related("asked_by").order_by("-audited_at", "-pk")[:AUDITS])
    newest = fair_gate.newest(version)
    return _page(
        request,
        version,
        "admin/predictions/fairness.html",
        {
            "title": "Fairness",
            "trait": version.spec.audited_trait,
            "audit": newest,
            "level": _VERDICTS.get(newest.verdict, "plain") if newest else "plain",
            "groups": _groups(newest),
            "pairs": _pairs(newest),
            "alone": [one for one in _proxies(newest) if one["alone"]],
            "together": [one for one in _proxies(newest) if not one["alone"]],
            "audits": [(one, _VERDICTS.get(one.verdict, "plain")) for one in audits],
            "mitigation": version.spec.settings.get("mitigation", ""),
            "may_change": request.user.has_perm("predictions.change_modelspec"),
        },
    )


def _version(request: HttpRequest, version_id: UUID) -> ModelVersion:
    versions = ModelVersion.objects.select_related("spec__site")
    version: ModelVersion = get_object_or_404(versions, pk=version_id)
    _require(request, "predictions.view_modelversion")
    if not works_on(request.user, version.spec.site_id):
        raise PermissionDenied
    return version


def _require(request: HttpRequest, permission: str) -> None:
    if not request.user.has_perm(permission):
        raise PermissionDenied


def _page(
    request: HttpRequest, version: ModelVersion, template: str, own: Mapping[str, Any]
) -> HttpResponse:
    context = {**admin.site.each_context(request), "version": version, **own}
    return TemplateResponse(request, template, context)


def _sections(
    looks: Sequence[DriftLook], newest: Any, version: ModelVersion
) -> list[tuple[str, list[dict[str, Any]]]]:
    """The newest look by kind, what has drifted first; each with its course over time."""
    courses: dict[tuple[str, str], list[DriftLook]] = defaultdict(list)
    for one in looks:
        courses[one.kind, one.name].append(one)
    gains = dict(version.card.get("gains", []))
    titles = {
        DriftLook.Kind.CALIBRATION: "What came true",
        DriftLook.Kind.SCORE: "What it says",
        DriftLook.Kind.VOLUME: "Visitors",
        DriftLook.Kind.FEATURE: "What it looks at",
        DriftLook.Kind.MISSING: "What is unknown",
    }
    found = []
    for kind, title in titles.items():
        rows = [
            _row(course[-LOOKS:], gains.get(name))
            for (own, name), course in courses.items()
            if own == kind and course[-1].looked_at == newest
        ]
        if rows:
            rows.sort(key=lambda row: (_ORDER[row["level"]], -(row["gain"] or 0)))
            found.append((title, rows))
    return found


def _row(course: Sequence[DriftLook], gain: float | None) -> dict[str, Any]:
    last = course[-1]
    is_feature = last.kind in (DriftLook.Kind.FEATURE, DriftLook.Kind.MISSING)
    words = words_of(last.name) if is_feature else last.name
    said = f"{words}: {len(course)} looks, the last {last.value if last.value is not None else '-'}"
    return {
        "name": words,
        "level": last.level,
        "badge": _LEVELS[last.level],
        "said": last.get_level_display(),
        "value": last.value,
        "expected": last.expected,
        "words": last.words,
        "gain": gain,
        "weighs": "" if not gain or gain < 0.005 else f"{gain:.0%} of what it goes by",
        "course": _safe(line_svg([one.value for one in course], last.expected, said)),
    }


def _infinite(version: ModelVersion) -> int:
    run = version.runs.order_by("-started_at").first()
    return 0 if run is None else int(run.report.get("infinite", 0))


def _groups(audit: FairnessAudit | None) -> list[dict[str, Any]]:
    """A row a group, each measure with its interval on the scale of that measure."""
    if audit is None:
        return []
    most = {
        measure: max((one[measure][2] for one in audit.groups if measure in one), default=1.0)
        for measure in _MEASURES
    }
    return [
        {
            "output": one["output"],
            "group": one["group"] or "groups too small to be told",
            "people": one["people"],
            "threshold": one.get("threshold"),
            "cells": [_cell(one.get(measure), most[measure], words)
                      for measure, words in _MEASURES.items()],
        }
        for one in audit.groups
    ]  # fmt: skip


def _cell(rate: Sequence[float] | None, most: float, words: str) -> dict[str, Any] | None:
    if rate is None:
        return None
    share, low, high = rate
    said = f"{words}: {share:.1%}, between {low:.1%} and {high:.1%}"
    return {"said": f"{share:.1%}", "between": f"{low:.1%} to {high:.1%}",
            "picture": _safe(interval_svg(share, low, high, most, said))}  # fmt: skip


def _pairs(audit: FairnessAudit | None) -> list[dict[str, Any]]:
    if audit is None:
        return []
    return [
        {
            **one,
            "measure": _MEASURES[one["measure"]],
            "finding": _FINDINGS[one["finding"]],
            "badge": _VERDICTS[one["finding"]],
            "shares": f"{one['share']:.1%} against {one['most_share']:.1%}",
            "between": f"{one['low']:.1%} to {one['high']:.1%}",
        }
        for one in audit.pairs
    ]


def _proxies(audit: FairnessAudit | None) -> list[dict[str, Any]]:
    if audit is None:
        return []
    return [{**one, "words": words_of(one["name"])} for one in audit.proxies]


def _safe(svg: str) -> SafeString:
    return mark_safe(svg)  # nosec B308, B703 (our own markup; words in it are escaped)
