"""/admin/audience/health/: whether segments stay themselves, are one kind of people, and matter."""

from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from apps.segments.domain.overlaps import MAX_SETS
from apps.segments.studies import coherence, cohorts, overlap
from apps.segments.studies.boxed import FEWEST
from apps.segments.studies.coherence import TOLD_APART, Health, Rate
from apps.segments.studies.overlap import Kept
from apps.studio.segments_pages import counted, opened, said
from apps.work import clock

GOAL: Final = "Order Completed"


def health_page(request: HttpRequest) -> HttpResponse:
    """The largest segments, or those that were chosen."""
    page = opened(request, "audience_health", "Segment health")
    if page is None:
        return redirect("admin:index")
    kept = overlap.kept_segments(page.site.id)
    wanted = set(request.GET.getlist("segment"))
    largest = sorted(kept, key=lambda one: -one.size)[:MAX_SETS]
    chosen = [one for one in kept if one.key in wanted][:MAX_SETS] or largest
    goal = request.GET.get("goal", GOAL).strip()[:200]
    context: dict[str, Any] = {
        **page.context,
        "kept": [(one, one in chosen) for one in kept],
        "most": MAX_SETS,
        "goal": goal,
    }
    if chosen:
        with counted(request, context):
            context |= _shown(page.site.id, chosen, goal)
    return TemplateResponse(request, "admin/studio/segment_health.html", context)


def _shown(site_id: UUID, chosen: list[Kept], goal: str) -> dict[str, Any]:
    now = clock.now()
    ids = [one.id for one in chosen]
    months = cohorts.months_of(ids, now=now)
    found = coherence.study(site_id, ids, goal=goal, now=now)
    names = [one.name for one in chosen]
    return {
        "people": said(found.people),
        "dates": [now - cohorts.MONTH * back for back in reversed(range(cohorts.MONTHS))],
        "rows": [
            {"name": one.name, "months": _months(months[one.id]), **_health(health)}
            for one, health in zip(chosen, found.segments, strict=True)
        ],
        "merges": [
            (names[one.left], names[one.right], round(100 * one.jaccard)) for one in found.merges
        ],
        "splits": [
            (names[one.place], *_split(one)) for one in found.segments if one.split is not None
        ],
    }


def _months(months: list[cohorts.Month]) -> list[str]:
    """The share of people in common, month by month; months before there was anybody are empty."""
    told = [_in_common(one) for one in months]
    return [""] * (cohorts.MONTHS - len(told)) + told


def _in_common(one: cohorts.Month) -> str:
    """A share, unless it tells of fewer than ten people who came, left or stayed."""
    if min(one.before, one.after) < FEWEST or one.jaccard is None:
        return f"<{FEWEST}"
    if 0 < one.stayed < FEWEST:
        return "few"
    if 0 < one.before + one.after - 2 * one.stayed < FEWEST:
        return "nearly all"
    return f"{round(100 * one.jaccard)} %"


def _health(one: Health) -> dict[str, Any]:
    if one.auc is None or one.members is None or one.others is None:
        return {"auc": "", "words": "", "members": "-", "others": "-", "verdict": "too few people"}
    apart = one.members.is_apart(one.others)
    return {
        "auc": f"{one.auc:.2f}",
        "words": f"{'more' if one.is_more else 'fewer'} {one.behaviour}"
        if one.auc >= TOLD_APART
        else "like everybody",
        "members": _told(one.members),
        "others": _told(one.others),
        "verdict": "converts otherwise" if apart else "no surely different conversion",
        "is_apart": apart,
    }


def _told(rate: Rate) -> str:
    if min(rate.converted, rate.people - rate.converted) < FEWEST:
        return "few" if rate.share < 0.5 else "nearly all"
    low, high = rate.interval
    return f"{100 * rate.share:.1f} % ({100 * low:.1f} to {100 * high:.1f})"


def _split(one: Health) -> tuple[str, str, str, str]:
    assert one.split is not None, "only segments with one are listed"
    words, bound, above, below = one.split
    return words, f"{bound:,.3g}", _told(above), _told(below)
