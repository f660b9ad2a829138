"""Scores of somebody who has taken back what they rest on: gone, row and trait."""

from datetime import datetime
from typing import Final
from uuid import UUID

from apps.consent.declared import problem_of, purpose_of
from apps.consent.types import Purpose
from apps.consent.withdrawing import Clearing, TakenBack
from apps.predictions.models import ModelSpec, Score
from apps.predictions.writing import is_willing, take_back
from apps.profiles import state
from apps.work import services as work

TAKE_BACK: Final = "predictions.take_back"
_QUEUE: Final = "fast"


def _at_once(taken: TakenBack) -> None:
    """Delete all of them without personalization: the traits have gone from the state row by then.

    Of what rests on a finer purpose the trait is in a row that others hold and will write: a worker
    takes it back as soon as they have.
    """
    if taken.is_suspended:
        return
    scores = Score.objects.filter(profile_id=taken.profile_id)
    if taken.has(Purpose.PERSONALIZATION):
        scores.delete()
        return
    specs = ModelSpec.objects.filter(pk__in=scores.values("spec_id"))
    if any(problem_of(one.purpose) or taken.has(purpose_of(one.purpose)) for one in specs):
        work.ask(
            TAKE_BACK,
            key=taken.profile_id.hex,
            site_id=taken.site_id,
            payload={"profile": str(taken.profile_id)},
            queue=_QUEUE,
            now=taken.until,
        )


@work.performs(TAKE_BACK)
def _take_back(job: work.Work, now: datetime) -> None:
    """Take back what models say of somebody that they do not allow any more."""
    for row in state.read([UUID(job.payload["profile"])]):
        specs = ModelSpec.objects.filter(scores__profile_id=row.profile_id).distinct()
        for spec in specs:
            if not is_willing(spec, row, now):
                take_back(spec, [row.profile_id], now)


CLEARING = Clearing("predictions", at_once=_at_once)
