"""Thresholds proposed again from fresh data: a draft with its effect, never a silent change."""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from math import inf
from typing import Any, Final
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction

from apps.access.services import record_audit
from apps.segments import previews, services
from apps.segments.domain.percentiles import percentile
from apps.segments.domain.places import Place, places, with_numbers
from apps.segments.errors import InvalidStudy, NotWaiting, SegmentNotFound
from apps.segments.models import Segment, SegmentAdaptation, SegmentVersion, ThresholdProposal
from apps.segments.selectors import meant
from apps.segments.studies.boxed import FEWEST
from apps.segments.studies.counting import everyone_and_counts
from engine.conditions.canonical import to_json
from engine.conditions.parse import parse_condition
from engine.conditions.policy import parse_policy, policy_json
from engine.errors import PersonalizationError

logger = logging.getLogger(__name__)

Actor = AbstractBaseUser | None

MAX_DAYS: Final = 365
LIMIT_S: Final = 60.0  # nobody waits for a page
RETRY: Final = timedelta(hours=6)
NOTE: Final = "Thresholds follow the population, within the range agreed by an editor."

MAX_AGE_MS: Final = 5 * 365 * 86_400_000  # no condition asks for more
_AGES: Final = frozenset({"recency"})


@transaction.atomic
def adapt(
    *,
    site_id: UUID,
    segment_id: UUID,
    every_days: int,
    numbers: Sequence[Mapping[str, Any]],
    publishes_itself: bool,
    actor: Actor,
    now: datetime,
) -> SegmentAdaptation | None:
    """Agree on which numbers of a draft follow the population; without numbers, on none any more.

    Args:
        every_days: 1 to 365.
        numbers: [{path, share, low?, high?}]; share in (0, 1), low and high as numbers, ages in ms.
        publishes_itself: where every number stays between its low and high; both are then needed.

    Raises:
        InvalidStudy: a path is no number of the draft, a share is out of range, a bound is missing.
        SegmentNotFound: no such segment in this site.
    """
    segment = _segment(site_id, segment_id)
    if not numbers:
        SegmentAdaptation.objects.filter(segment=segment).delete()
        _audit("segments.adaptation_ended", segment, actor, now)
        return None
    _check(segment, every_days, numbers, publishes_itself=publishes_itself)
    made, _ = SegmentAdaptation.objects.update_or_create(
        segment=segment,
        defaults={
            "every_days": every_days,
            "numbers": [dict(one) for one in numbers],
            "publishes_itself": publishes_itself,
            "next_at": now,
            "problem": "",
        },
    )
    _audit(
        "segments.adaptation_agreed", segment, actor, now,
        numbers=made.numbers, every_days=every_days, publishes_itself=publishes_itself,
    )  # fmt: skip
    return made


def _check(
    segment: Segment,
    every_days: int,
    numbers: Sequence[Mapping[str, Any]],
    *,
    publishes_itself: bool,
) -> None:
    if not 1 <= every_days <= MAX_DAYS:
        raise InvalidStudy(f"Look again every 1 to {MAX_DAYS} days.")
    known = {place.path for place in places(segment.draft)}
    for one in numbers:
        if one["path"] not in known:
            raise InvalidStudy(f'There is no number at "{one["path"]}" in the draft.')
        if not 0 < one["share"] < 1:
            raise InvalidStudy("A percentile lies between 0 and 100.")
        low, high = one.get("low"), one.get("high")
        if publishes_itself and (low is None or high is None or low > high):
            raise InvalidStudy("To be published by itself, a number needs its least and greatest.")


def due(now: datetime) -> list[UUID]:
    """Return the segments whose thresholds are to be looked at again. One query."""
    rows = SegmentAdaptation.objects.filter(next_at__lte=now, segment__is_archived=False)
    return list(rows.order_by("next_at").values_list("segment_id", flat=True))


def look_again(segment_id: UUID, *, now: datetime) -> ThresholdProposal | None:
    """Compute the thresholds of a segment again; return what is proposed, None where nothing moved.

    What cannot be computed is noted at the adaptation, and tried again later.
    """
    adaptation = SegmentAdaptation.objects.select_related("segment").get(pk=segment_id)
    try:
        with transaction.atomic():
            found = _propose(adaptation, now)
    except PersonalizationError as error:
        logger.warning("segments.adaptation_failed", extra={"segment": str(segment_id)})
        adaptation.problem, adaptation.next_at = str(error), now + RETRY
        found = None
    else:
        adaptation.problem = ""
        adaptation.next_at = now + timedelta(days=adaptation.every_days)
    adaptation.save(update_fields=["problem", "next_at"])
    return found


def _propose(adaptation: SegmentAdaptation, now: datetime) -> ThresholdProposal | None:
    segment = _segment(adaptation.segment.site_id, adaptation.segment_id)
    at = {place.path: place for place in places(segment.draft)}
    fresh: dict[str, float] = {}
    for one in adaptation.numbers:
        place = at.get(one["path"])
        if place is None:
            raise InvalidStudy(f'The draft has no number at "{one["path"]}" any more.')
        fresh[place.path] = number_at(segment.site_id, place, one["share"], now=now)
    condition = with_numbers(segment.draft, fresh)
    if condition == segment.draft:
        return None
    proposal = _written(adaptation, segment, at, fresh, condition, now)
    if adaptation.publishes_itself and _is_agreed(adaptation, fresh) and _serves_draft(segment):
        _publish(proposal, segment, now)
    return proposal


def number_at(site_id: UUID, place: Place, share: float, *, now: datetime) -> float:
    """Return the percentile of what a leaf measures, over those who have any of it.

    Ages count for everyone who has one; of all else, numbers above 0.

    Raises:
        InvalidStudy: fewer than ten people have any.
        StudyTooSlow: it took too long.
    """

    def above(numbers: Sequence[float]) -> list[int]:
        nodes = [parse_condition(place.asking("gt", number)) for number in numbers]
        return everyone_and_counts(site_id, nodes, now=now, limit_s=LIMIT_S)[1]

    has_any = (
        place.asking("is_set", None)
        if place.leaf.get("aggregate") in _AGES
        else place.asking("gt", 0)
    )
    if place.is_age and place.leaf.get("aggregate") not in _AGES:
        has_any = place.asking("gte", 1)
    people = everyone_and_counts(site_id, [parse_condition(has_any)], now=now, limit_s=LIMIT_S)[1][
        0
    ]
    if people < FEWEST:
        raise InvalidStudy(f"Fewer than {FEWEST} people have any of it, so it has no percentile.")
    return percentile(above, people, share, place.step, MAX_AGE_MS if place.is_age else inf)


def _written(
    adaptation: SegmentAdaptation,
    segment: Segment,
    at: Mapping[str, Place],
    fresh: Mapping[str, float],
    condition: dict[str, Any],
    now: datetime,
) -> ThresholdProposal:
    waiting = ThresholdProposal.objects.filter(segment=segment, state="waiting")
    waiting.update(state=ThresholdProposal.State.REPLACED, answered_at=now)
    live = segment.versions.filter(state=SegmentVersion.State.LIVE).exists()
    now_is = _preview(segment, segment.draft, now)
    then = _preview(segment, condition, now)
    return ThresholdProposal.objects.create(
        segment=segment,
        base=segment.draft,
        condition=condition,
        numbers=[
            {
                "path": one["path"],
                "share": one["share"],
                "before": at[one["path"]].leaf["value"],
                "after": at[one["path"]].said(fresh[one["path"]]),
            }
            for one in adaptation.numbers
        ],
        size_before=now_is.size,
        size_after=then.size,
        entered=then.entered if live else None,
        left=then.left if live else None,
        made_at=now,
    )


def _preview(segment: Segment, condition: Mapping[str, Any], now: datetime) -> previews.Preview:
    draft = previews.draft_of(segment.site_id, condition, segment.draft_policy, segment)
    return previews.preview(draft, now=now)


def _is_agreed(adaptation: SegmentAdaptation, fresh: Mapping[str, float]) -> bool:
    """Whether every number is within the range that an editor allowed."""
    return all(
        one.get("low") is not None
        and one.get("high") is not None
        and one["low"] <= fresh[one["path"]] <= one["high"]
        for one in adaptation.numbers
    )


def _serves_draft(segment: Segment) -> bool:
    """Whether what serves is the draft: else an unfinished edit would be published with it."""
    live = segment.versions.filter(state=SegmentVersion.State.LIVE).first()
    if live is None:
        return False
    condition = to_json(meant(segment.site_id, parse_condition(segment.draft)))
    return bool(live.condition == condition) and bool(
        live.policy == policy_json(parse_policy(segment.draft_policy))
    )


def _publish(proposal: ThresholdProposal, segment: Segment, now: datetime) -> None:
    at: dict[str, Any] = {"site_id": segment.site_id, "segment_id": segment.pk, "now": now}
    services.change_draft(condition=proposal.condition, actor=None, **at)
    services.publish_segment(note=NOTE, actor=None, **at)
    proposal.state, proposal.answered_at = ThresholdProposal.State.PUBLISHED, now
    proposal.save(update_fields=["state", "answered_at"])
    _audit("segments.adapted", segment, None, now, numbers=proposal.numbers)


@transaction.atomic
def accept(*, site_id: UUID, proposal_id: UUID, actor: Actor, now: datetime) -> ThresholdProposal:
    """Put the proposed numbers into the draft. Publishing it stays the editor's own step.

    Raises:
        NotWaiting: it has been answered, or the draft has changed since it was made.
        SegmentNotFound: no such proposal in this site.
    """
    proposal, segment = _waiting(site_id, proposal_id)
    if segment.draft != proposal.base:
        raise NotWaiting
    services.change_draft(
        site_id=site_id,
        segment_id=segment.pk,
        condition=proposal.condition,
        actor=actor,
        now=now,
    )
    return _answered(proposal, segment, ThresholdProposal.State.ACCEPTED, actor, now)


@transaction.atomic
def dismiss(*, site_id: UUID, proposal_id: UUID, actor: Actor, now: datetime) -> ThresholdProposal:
    """Leave the draft as it is.

    Raises:
        NotWaiting: it has been answered already.
        SegmentNotFound: no such proposal in this site.
    """
    proposal, segment = _waiting(site_id, proposal_id)
    return _answered(proposal, segment, ThresholdProposal.State.DISMISSED, actor, now)


def _answered(
    proposal: ThresholdProposal, segment: Segment, state: str, actor: Actor, now: datetime
) -> ThresholdProposal:
    proposal.state, proposal.answered_at = state, now
    proposal.answered_by_id = None if actor is None else actor.pk
    proposal.save(update_fields=["state", "answered_at", "answered_by"])
    _audit(f"segments.proposal_{state}", segment, actor, now, numbers=proposal.numbers)
    return proposal


def _waiting(site_id: UUID, proposal_id: UUID) -> tuple[ThresholdProposal, Segment]:
    found = ThresholdProposal.objects.filter(pk=proposal_id, segment__site_id=site_id).first()
    if found is None:
        raise SegmentNotFound(proposal_id)
    segment = _segment(site_id, found.segment_id)
    proposal = ThresholdProposal.objects.select_for_update().get(pk=proposal_id)
    if proposal.state != ThresholdProposal.State.WAITING:
        raise NotWaiting
    return proposal, segment


def _segment(site_id: UUID, segment_id: UUID) -> Segment:
    """The segment, locked: its draft is compared with what was computed from it."""
    rows = Segment.objects.select_for_update().filter(site_id=site_id, is_hidden=False)
    segment = rows.filter(pk=segment_id).first()
    if segment is None:
        raise SegmentNotFound(segment_id)
    return segment


def _audit(action: str, segment: Segment, actor: Actor, now: datetime, **detail: object) -> None:
    record_audit(
        action=action,
        actor=actor,
        site_id=segment.site_id,
        target_kind="segments.segment",
        target_id=str(segment.pk),
        detail={"key": segment.key, **detail},
        now=now,
    )
