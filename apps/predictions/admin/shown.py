"""What the page of a model shows: what serves, what waits for a yes, what runs, what came of it."""

from datetime import datetime
from typing import Any, Final

from django.http import HttpRequest
from django.urls import reverse

from apps.access import looks
from apps.predictions import gates, services, tasks
from apps.predictions.admin.runs import LEVELS
from apps.predictions.domain.card import hours_in_words
from apps.predictions.models import ModelSpec, ModelVersion, Score, TrainingRun
from apps.predictions.shadow_gate import FORESEEING, held
from apps.work.selectors import open_of

RUNS: Final = 12
WAITING: Final = 3
REFRESH_S: Final = 2
_Kind = ModelSpec.Kind
_State = ModelVersion.State


def question(spec: ModelSpec) -> str:
    """Return what a question asks, in words."""
    within = f"within {hours_in_words(spec.horizon_hours)}"
    event = f'"{spec.target_event}"' if spec.target_event else "event at all"
    category = (spec.target or {}).get("category")
    of = f' of "{category}"' if category else ""
    match spec.kind:
        case _Kind.PROPENSITY:
            return f"{event}{of} {within}"
        case _Kind.ABSENCE:
            return f"no {event}{of} {within}"
        case _Kind.CATEGORIES:
            names = (spec.target or {}).get("categories", [])
            return f"which category comes next ({', '.join(names)}) {within}"
    return str(spec.get_kind_display())


def figure(version: ModelVersion) -> str:
    """Return the most telling figure of a version, after a comma; "" where it has none."""
    auc = version.card.get("auc")
    return "" if auc is None else f", AUC {auc:.3f}"


def of_spec(request: HttpRequest, spec: ModelSpec, now: datetime) -> dict[str, Any]:
    """Return the context of a model's page. The number of statements does not grow with runs."""
    user = request.user
    versions = list(spec.versions.select_related("approved_by").order_by("-number")[:40])
    champion = next((one for one in versions if one.state == _State.CHAMPION), None)
    since = champion.number if champion is not None else 0
    waiting = [
        one
        for one in versions
        if one.state in (_State.CANDIDATE, _State.CHALLENGER)
        and one.deleted_at is None
        and one.number > since
    ][:WAITING]
    work = open_of(tasks.TRAIN, _key(spec))
    scoring = open_of(tasks.SCORE, _key(spec))
    trainings = list(spec.runs.select_related("version").order_by("-started_at")[:RUNS])
    may_decide = user.has_perm(services.DECIDE)
    back = spec.versions.filter(state=_State.RETIRED, deleted_at=None, cut_at=None)
    return {
        "question": question(spec),
        "foresees": spec.kind in FORESEEING,
        "champion": None if champion is None else of_version(champion, now),
        "waiting": [of_version(one, now) for one in waiting],
        "work": _progress(work),
        "scoring": _progress(scoring),
        "refresh_s": REFRESH_S if work is not None or scoring is not None else 0,
        "trainings": [(run, LEVELS.get(run.state, "plain"), _short(run)) for run in trainings],
        "people": Score.objects.filter(spec=spec).values("profile").distinct().count(),
        "may_decide": may_decide,
        "may_overrule": user.has_perm(services.OVERRULE),
        "may_train": user.has_perm("predictions.change_modelspec"),
        "may_roll_back": may_decide and back.exists(),
        "may_shadow": champion is not None and spec.kind in FORESEEING,
        "least_note": gates.LEAST_NOTE,
        "thresholds": reverse("admin:audience_models") + f"?site={spec.site.key}&model={spec.key}",
        "decide": reverse("admin:predictions_modelspec_decide", args=[spec.pk]),
        "why": (
            reverse("admin:predictions_modelspec_why", args=[spec.pk])
            if user.has_perm("profiles.view_profile") and looks.may_look(request)
            else ""
        ),
    }


def of_version(version: ModelVersion, now: datetime) -> dict[str, Any]:
    """Return a version as pages show it: its gates in words, and how it did in the shadow."""
    found = [] if version.deleted_at is not None else gates.gates_of(version, now=now)
    sums = held(version.shadow.get("moments", []))
    return {
        "row": version,
        "page": reverse("admin:predictions_modelversion_change", args=[version.pk]),
        "figure": figure(version).removeprefix(", "),
        "gates": [(gates.title_of(name), passed, words) for name, passed, words in found],
        "red": [gates.short_of(name) for name, _, _ in gates.red(found)],
        "shadow": sums if sums.moments else None,
    }


def _key(spec: ModelSpec) -> str:
    return f"{spec.site_id.hex}:{spec.pk}"


def _progress(standing: Any) -> dict[str, Any] | None:
    if standing is None:
        return None
    total = standing.total_steps
    return {
        "state": standing.state,
        "note": standing.note,
        "pct": round(100 * standing.done_steps / total) if total else None,
    }


def _short(run: TrainingRun) -> str:
    return run.get_state_display().partition(":")[0].capitalize()
