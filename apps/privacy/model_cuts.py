"""Models that may remember somebody: trained anew without them, and the old ones deleted.

Nothing that Attune trains holds a row of a person: trees hold names of features, lists hold items.
What was learned from the events is in the weights all the same, so every model that was trained
while these events were there is cut: the next training does not see them, and 30 days later at
most nothing of before serves any more, or lies on a disk.
"""

from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from apps.predictions import services as predictions
from apps.privacy.models.erasures import Erasure, ErasureStep, ModelCut
from apps.recommendations import services as recommendations

DUE: Final = timedelta(days=30)
# So long before it is due the newest model takes over, though it may be a little worse.
INSIST: Final = timedelta(days=5)


def cut(erasure: Erasure, *, now: datetime) -> int:
    """Note every model that may have learned from the person; return how many. Repeatable.

    Who had no events has taught nothing.
    """
    live = ErasureStep.objects.filter(erasure=erasure, name="live").first()
    if live is not None and live.stores.get("events", 0):
        site_id = erasure.site_id
        wanted = [
            (ModelCut.Kind.PREDICTION, pk) for pk in predictions.cut(site_id=site_id, now=now)
        ]
        wanted += [(ModelCut.Kind.RECOMMENDER, pk) for pk in recommendations.trained(site_id)]
        ModelCut.objects.bulk_create(
            [
                ModelCut(erasure=erasure, kind=kind, target_id=pk, cut_at=now, due_at=now + DUE)
                for kind, pk in wanted
            ],
            ignore_conflicts=True,
        )
    return erasure.cuts.count()


def go_on(*, now: datetime) -> dict[str, int]:
    """Ask for trainings that are due, and delete what has been replaced; return the counts.

    Nightly; an old model is deleted only once a newer one serves, or its time is over.
    """
    counts = {"done": 0, "waiting": 0}
    for one in ModelCut.objects.filter(done_at=None).order_by("due_at", "pk"):
        with transaction.atomic():
            is_settled = _settle(one, now)
            if is_settled:
                ModelCut.objects.filter(pk=one.pk).update(done_at=now)
        counts["done" if is_settled else "waiting"] += 1
    return counts


def _settle(one: ModelCut, now: datetime) -> bool:
    insist_at = one.due_at - INSIST
    if one.kind == ModelCut.Kind.PREDICTION:
        return predictions.settle_cut(
            spec_id=one.target_id, cut_at=one.cut_at, insist_at=insist_at, now=now
        )
    return recommendations.settle_cut(
        recommender_id=one.target_id, cut_at=one.cut_at, insist_at=insist_at, now=now
    )
