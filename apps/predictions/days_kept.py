"""What sums by day are to a person: never shown by themselves, never moved, gone at once."""

from collections.abc import Iterator
from uuid import UUID

from apps.consent.types import Purpose
from apps.consent.withdrawing import Clearing, TakenBack
from apps.events import feature_marks
from apps.predictions import days
from apps.profiles.holders import JSON, Division, PersonalDataHolder

_NEEDED = (Purpose.PERSONALIZATION, Purpose.MODEL_TRAINING)


def _reassign(loser_id: UUID, winner_id: UUID) -> int:
    """The winner's are counted again: their events were marked as they moved."""
    return days.forget(loser_id)


def _export(profile_id: UUID) -> Iterator[JSON]:
    """Nothing: these are sums of the events, which are exported themselves."""
    return iter(())


def _divide(division: Division) -> int:
    """Nothing to do: both were marked as the events moved."""
    return 0


HOLDER = PersonalDataHolder(
    name="feature days",
    tables=("predictions_featureday",),
    reassign=_reassign,
    export=_export,
    erase=days.forget,  # a fill under way may write some again: the marks of the events stay then
    divide=_divide,
    stage="derived",
)


def _at_once(taken: TakenBack) -> None:
    """Delete the sums, and have counted again what the events still allow."""
    if taken.is_suspended or not taken.has(*_NEEDED):
        return
    if days.forget(taken.profile_id) or feature_marks.is_being_counted():
        feature_marks.mark(taken.site_id, [taken.profile_id])


CLEARING = Clearing("feature days", at_once=_at_once)
