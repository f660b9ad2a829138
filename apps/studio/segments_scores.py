"""/admin/audience/scores/: a weighted score from a form, with its effect beside it."""

import re
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse

from apps.access.small_cells import words as counted
from apps.predictions import weighting
from apps.segments.domain.scorecards import Row
from apps.segments.studies import scoring
from apps.segments.studies.boxed import FEWEST
from apps.studio.domain.charts import stacked
from apps.studio.domain.pictures import plot
from apps.studio.segments_pages import ADD, opened, require, said
from apps.work import clock
from engine.errors import PersonalizationError

SEES_PEOPLE: Final = "profiles.view_profile"
FITS: Final = "predictions.view_modelspec"
CONVERSION: Final = "Order Completed"
ROWS: Final = 8
FIELDS: Final = ("kind", "name", "equals", "of", "weight", "half_life", "cap")
ENTER: Final = 50.0
LEAVE: Final = 30.0


def scores_page(request: HttpRequest) -> HttpResponse:
    """The form; a POST shows how everyone scores, and with `save` makes a draft."""
    page = opened(request, "audience_scores", "Weighted scores")
    if page is None:
        return redirect("admin:index")
    asked = request.POST
    enter = _float(asked.get("enter", "")) or ENTER
    leave = _float(asked.get("leave", "")) if asked else LEAVE
    context: dict[str, Any] = {
        **page.context,
        "rows": [_given(asked, row) for row in range(ROWS)],
        "enter": f"{enter:g}",
        "leave": "" if leave is None else f"{leave:g}",
        "name": asked.get("name", ""),
        "conversion": asked.get("conversion", CONVERSION).strip()[:200],
    }
    if request.method == "POST":
        rows = [row for given in context["rows"] for row in [_row(given)] if row is not None]
        try:
            if "fit" in asked:
                require(request, FITS)
                context |= _fitted(page.site.id, context["rows"], context["conversion"])
                rows = [
                    row for given in context["rows"] for row in [_row(given)] if row is not None
                ]
            scoring.checked(rows, enter, leave)
            if "save" in asked:
                require(request, ADD)
                return redirect(_saved(request, page.site.id, rows, enter, leave))
            context |= _shown(request, page.site.id, rows, enter, leave)
        except PersonalizationError as error:
            context["refused"] = str(error)
    return TemplateResponse(request, "admin/studio/segments_scores.html", context)


def _fitted(site_id: UUID, rows: list[dict[str, Any]], conversion: str) -> dict[str, Any]:
    """Put fitted points into the rows of events, and return what they come from.

    Having done it counts, not how often: points are had once.

    Raises:
        PersonalizationError: there is too little to fit with.
    """
    events = [one for one in rows if one["kind"] != "trait" and one["name"]]
    found = weighting.fitted(site_id, [one["name"] for one in events], conversion, now=clock.now())
    of = {one.name: one for one in found}
    for one in events:
        points = of[one["name"]].points
        one["weight"], one["cap"] = f"{points:g}", f"{abs(points):g}"
    return {
        "fitted": [
            (one.name, one.points, *_rate(one.people, one.converted),
             *_rate(one.others, one.others_converted))
            for one in found
        ]
    }  # fmt: skip


def _rate(people: int, converted: int) -> tuple[str, str]:
    """How many people, and which share of them converted, where both may be told."""
    if min(converted, people - converted) < FEWEST:
        return counted(people), "-"
    return counted(people), f"{100 * converted / people:.1f} %"


def _saved(
    request: HttpRequest, site_id: UUID, rows: list[Row], enter: float, leave: float | None
) -> str:
    name = request.POST.get("name", "").strip()[:120] or "Score"
    user: Any = request.user
    made = scoring.draft(
        site_id,
        key=re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60] or "score",
        name=name,
        rows=rows,
        enter=enter,
        leave=leave,
        actor=user,
        now=clock.now(),
    )
    messages.success(request, f"{made.name} is a new draft. Publish it to use it.")
    return reverse("admin:segments_segment_change", args=[made.pk])


def _shown(
    request: HttpRequest, site_id: UUID, rows: list[Row], enter: float, leave: float | None
) -> dict[str, Any]:
    now = clock.now()
    everyone, bins = scoring.distribution(site_id, rows, enter, now=now)
    columns = []
    for one in bins[1:]:
        counted = one.people if one.people >= FEWEST else 0
        high = "and above" if one.high is None else f"to {one.high:g}"
        series = "accepted" if one.low >= enter else "dropped"
        columns.append((f"{one.low:g} {high}: {said(one.people)}", [(series, counted)]))
    shown: dict[str, Any] = {
        "everyone": said(everyone),
        "lowest": said(bins[0].people),
        "first_step": f"{bins[1].low:g}",
        "entering": said(sum(one.people for one in bins if one.low >= enter)),
        "chart": stacked(columns),
        "last_step": f"{bins[-1].low:g}",
    }
    if request.user.has_perm(SEES_PEOPLE):
        user: Any = request.user
        found = scoring.curve(site_id, rows, actor=user, now=now)
        if found is not None:
            shown["plot"] = plot(found.points, enter, enter if leave is None else leave)
    return shown


def _given(asked: QueryDict, row: int) -> dict[str, Any]:
    return {"row": row, **{name: asked.get(f"{name}{row}", "").strip() for name in FIELDS}}


def _row(given: dict[str, Any]) -> Row | None:
    """A row of the form; None for an empty one."""
    weight = _float(given["weight"])
    if not given["name"] or weight is None:
        return None
    if given["kind"] == "trait":
        return Row(given["name"], weight, equals=_scalar(given["equals"]))
    return Row(
        given["name"],
        weight,
        half_life=given["half_life"],
        cap=_float(given["cap"]),
        of=given["of"],
    )


def _scalar(text: str) -> str | float | bool:
    """What a trait is compared with: a boolean or a number where the text is one."""
    if text in ("true", "false"):
        return text == "true"
    number = _float(text)
    return text if number is None else number


def _float(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if abs(number) < 1e15 else None
