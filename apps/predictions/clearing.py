"""Scores of somebody who has taken back what they rest on: gone at once."""

from apps.consent.types import Purpose
from apps.consent.withdrawing import Clearing, TakenBack
from apps.predictions.models import Score

_NEEDED = (Purpose.PERSONALIZATION, Purpose.TARGETING, Purpose.MODEL_TRAINING)


def _forget(taken: TakenBack) -> int:
    if taken.is_suspended or not taken.has(*_NEEDED):
        return 0
    return int(Score.objects.filter(profile_id=taken.profile_id).delete()[0])


def _at_once(taken: TakenBack) -> None:
    _forget(taken)


CLEARING = Clearing("predictions", at_once=_at_once)
