"""Records of decisions that read what somebody has taken back: emptied of it."""

from apps.consent.types import Purpose
from apps.consent.withdrawing import Clearing, TakenBack
from apps.decisions import forgetting


def _empty(taken: TakenBack) -> int:
    if not taken.has(Purpose.PERSONALIZATION):
        return 0
    return forgetting.empty(taken.profile_id, until=taken.until)


CLEARING = Clearing("decisions", later=_empty)
