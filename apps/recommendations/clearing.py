"""Lists of somebody who has taken back what they rest on: gone at once."""

from apps.consent.declared import purpose_of
from apps.consent.types import Purpose
from apps.consent.withdrawing import Clearing, TakenBack
from apps.recommendations.models import PersonList


def _forget(taken: TakenBack) -> None:
    """Delete the lists whose recommender is for what was taken back; all with the category."""
    rows = PersonList.objects.filter(profile_id=taken.profile_id)
    if taken.has(Purpose.PERSONALIZATION):
        rows.delete()
        return
    for row in rows.select_related("recommender"):
        declared = row.recommender.purpose
        if not declared or taken.has(purpose_of(declared)):
            row.delete()


CLEARING = Clearing("recommendations", at_once=_forget)
