"""/admin/audience/adapting/: thresholds that follow the population, and what is proposed."""

from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse

from apps.segments.domain.places import Place, places
from apps.segments.studies import adapting, agreements
from apps.segments.studies.boxed import FEWEST
from apps.studio.home import PUBLISH
from apps.studio.segments_pages import CHANGE, opened, require
from apps.work import clock
from engine.errors import PersonalizationError

EVERY_DAYS: Final = 7
FEW: Final = f"<{FEWEST}"
OFFERED: Final = 30  # segments to choose from; others are found by their names


def adapting_page(request: HttpRequest) -> HttpResponse:
    """What waits for an answer and what was agreed; with `segment`, the form of that one.

    A POST of `accept` or `dismiss` (a proposal) answers; of `segment`, agrees.
    """
    page = opened(request, "audience_adapting", "Thresholds that adapt")
    if page is None:
        return redirect("admin:index")
    site_id = page.site.id
    context: dict[str, Any] = dict(page.context)
    if request.method == "POST":
        require(request, CHANGE)
        try:
            return redirect(_answered(request, site_id))
        except PersonalizationError as error:
            context["refused"] = str(error)
    asked = request.POST if request.method == "POST" else request.GET
    chosen = agreements.segment_of(site_id, asked.get("segment", ""))
    search = request.GET.get("q", "").replace("\0", "").strip()[:60]
    offered = agreements.candidates(site_id, search, OFFERED + 1)
    is_missing = chosen is not None and chosen not in offered[:OFFERED]
    context |= {
        "waiting": [_proposal(one) for one in agreements.waiting(site_id)],
        "answered": [_proposal(one) for one in agreements.answered(site_id)],
        "agreed": agreements.agreed(site_id),
        "segments": [*([chosen] if is_missing else []), *offered[:OFFERED]],
        "has_more": len(offered) > OFFERED,
        "search": search,
        "chosen": chosen,
    }
    if chosen is not None:
        context |= _form(chosen)
    return TemplateResponse(request, "admin/studio/segments_adapting.html", context)


def _answered(request: HttpRequest, site_id: UUID) -> str:
    """Do what was asked for; return where to go on."""
    asked, here = request.POST, reverse("admin:audience_adapting")
    at: dict[str, Any] = {"site_id": site_id, "actor": request.user, "now": clock.now()}
    if "accept" in asked:
        accepted = adapting.accept(proposal_id=_id(asked["accept"]), **at)
        messages.success(request, "The draft has the new numbers. Look what it would change.")
        return reverse("admin:segments_segment_publish", args=[accepted.segment_id])
    if "dismiss" in asked:
        adapting.dismiss(proposal_id=_id(asked["dismiss"]), **at)
        messages.success(request, "Dismissed. The draft stays as it is.")
        return here
    segment = agreements.segment_of(site_id, asked.get("segment", ""))
    if segment is None:
        raise Http404
    if "now" in asked:
        found = adapting.look_again(segment.pk, now=at["now"])
        problem = agreements.problem_of(segment.pk)
        if found is None:
            messages.info(request, problem or "The thresholds still fit: nothing is proposed.")
        return here
    kept = agreements.adaptation_of(segment.pk)
    if "publishes_itself" in asked or (kept is not None and kept.publishes_itself):
        require(request, PUBLISH)
    adapting.adapt(
        segment_id=segment.pk,
        every_days=_whole(asked.get("every_days", "")),
        numbers=_numbers(asked, places(segment.draft)),
        publishes_itself="publishes_itself" in asked,
        **at,
    )
    messages.success(request, f"{segment.name}: agreed. It is looked at within the hour.")
    return here


def _numbers(asked: QueryDict, at: list[Place]) -> list[dict[str, Any]]:
    numbers = []
    for row, place in enumerate(at):
        share = _float(asked.get(f"share{row}", ""))
        if share is None:
            continue
        unit = 3_600_000 if place.is_age else 1
        bounds = {
            name: None if found is None else found * unit
            for name in ("low", "high")
            for found in [_float(asked.get(f"{name}{row}", ""))]
        }
        numbers.append({"path": place.path, "share": share / 100, **bounds})
    return numbers


def _form(chosen: Any) -> dict[str, Any]:
    kept = agreements.adaptation_of(chosen.pk)
    by_path = {one["path"]: one for one in kept.numbers} if kept is not None else {}
    rows = []
    for row, place in enumerate(places(chosen.draft)):
        one = by_path.get(place.path, {})
        unit = 3_600_000 if place.is_age else 1
        rows.append(
            {
                "row": row,
                "words": agreements.words_of(place),
                "value": place.leaf["value"],
                "share": f"{one['share'] * 100:g}" if "share" in one else "",
                "low": _shown(one.get("low"), unit),
                "high": _shown(one.get("high"), unit),
                "unit": "hours" if place.is_age else "",
            }
        )
    return {
        "rows": rows,
        "every_days": kept.every_days if kept is not None else EVERY_DAYS,
        "publishes_itself": kept is not None and kept.publishes_itself,
    }


def _shown(number: float | None, unit: int) -> str:
    return "" if number is None else f"{number / unit:g}"


def _proposal(one: Any) -> dict[str, Any]:
    """A proposal in words: each number before and after, and the sizes."""
    at = {place.path: place for place in places(one.base)}
    return {
        "it": one,
        "numbers": [
            {
                **number,
                "pct": f"{100 * number['share']:g}",
                "words": agreements.words_of(at[number["path"]]) if number["path"] in at else "",
            }
            for number in one.numbers
        ],
        "sizes": {
            name: FEW if count is None else f"{count:,}"
            for name in ("size_before", "size_after", "entered", "left")
            for count in [getattr(one, name)]
        },
    }


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Http404 from None


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0


def _float(text: str) -> float | None:
    """A number as a form sends it; None for nothing and for nonsense."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if abs(number) < 1e15 else None
