"""Reads of what was agreed about thresholds, and of what is proposed."""

from itertools import islice
from uuid import UUID

from django.db.models import Q, QuerySet

from apps.segments.domain.places import Place, places
from apps.segments.models import Segment, SegmentAdaptation, ThresholdProposal
from engine.conditions.describe import describe
from engine.conditions.parse import parse_condition
from engine.errors import InvalidCondition

ANSWERED_SHOWN = 10


def waiting(site_id: UUID) -> list[ThresholdProposal]:
    """Return the proposals without an answer, the oldest first."""
    rows = _proposals(site_id).filter(state=ThresholdProposal.State.WAITING)
    return list(rows.order_by("made_at"))


def answered(site_id: UUID) -> list[ThresholdProposal]:
    """Return the newest proposals with an answer, or that were published within their range."""
    rows = _proposals(site_id).exclude(state=ThresholdProposal.State.WAITING)
    return list(rows.order_by("-answered_at")[:ANSWERED_SHOWN])


def _proposals(site_id: UUID) -> QuerySet[ThresholdProposal]:
    return ThresholdProposal.objects.filter(segment__site_id=site_id).select_related(
        "segment", "answered_by"
    )


def agreed(site_id: UUID) -> list[SegmentAdaptation]:
    """Return the segments whose thresholds follow the population, by name."""
    rows = SegmentAdaptation.objects.filter(segment__site_id=site_id, segment__is_archived=False)
    return list(rows.select_related("segment").order_by("segment__name"))


def adaptation_of(segment_id: UUID) -> SegmentAdaptation | None:
    """Return what was agreed for a segment."""
    return SegmentAdaptation.objects.filter(pk=segment_id).first()


def problem_of(segment_id: UUID) -> str:
    """Say why the last look at a segment came to nothing; empty where it did not."""
    kept = adaptation_of(segment_id)
    return "" if kept is None else kept.problem


def segment_of(site_id: UUID, key: str) -> Segment | None:
    """Return the segment of a key that may be looked at."""
    return _visible(site_id).filter(key=key[:60].replace("\0", "")).first()


def candidates(site_id: UUID, search: str, most: int) -> list[Segment]:
    """Return segments whose draft has a number that may follow the population, by name. One query.

    Args:
        search: what their names or keys hold; empty: any.
    """
    rows = _visible(site_id).filter(Q(name__icontains=search) | Q(key__icontains=search))
    return list(islice((one for one in rows.order_by("name") if places(one.draft)), most))


def _visible(site_id: UUID) -> QuerySet[Segment]:
    return Segment.objects.filter(site_id=site_id, is_hidden=False, is_archived=False)


def words_of(place: Place) -> str:
    """Say in words what a number is compared with."""
    try:
        return describe(parse_condition({"v": 1, "where": dict(place.leaf)}))
    except InvalidCondition:
        return place.path
