"""Others are held out after a while: a holdout's seed is changed, and that is published."""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import DurationField, ExpressionWrapper, F

from apps.access.services import record_audit
from apps.experiments.models import Holdout
from apps.experiments.types import PUBLISH_HOLDOUT
from apps.work import services as work


def first_seed(holdout: Holdout) -> str:
    """Return the seed that a new holdout begins with."""
    return f"{holdout.pk.hex}.1"


def rotate_due(now: datetime) -> int:
    """Hold others out where the time of those who are is over; return in how many holdouts."""
    span = ExpressionWrapper(F("rotates_days") * timedelta(days=1), output_field=DurationField())
    due = Holdout.objects.filter(
        is_enabled=True, archived_at=None, rotates_days__gt=0, started_at__lte=now - span
    )
    return sum(rotate(pk, now) for pk in sorted(due.values_list("pk", flat=True)))


@transaction.atomic
def rotate(holdout_id: UUID, now: datetime) -> bool:
    """Hold others out from now on; False: somebody else did it in this moment.

    The intent to publish commits with the seed. What else was changed in the holdout waits on.
    """
    holdout = Holdout.objects.select_for_update().get(pk=holdout_id)
    is_over = holdout.started_at is not None and holdout.started_at <= now - timedelta(
        days=holdout.rotates_days
    )
    if not (is_over and holdout.rotates_days and holdout.is_enabled):
        return False
    _, _, number = holdout.seed.rpartition(".")
    following = int(number) + 1 if number.isdigit() else 2
    holdout.seed, holdout.started_at = f"{holdout.pk.hex}.{following}", now
    holdout.save(update_fields=["seed", "started_at"])
    record_audit(
        action="experiments.holdout_rotated",
        actor=None,
        site_id=holdout.site_id,
        target_kind="experiments.holdout",
        target_id=str(holdout.pk),
        detail={"key": holdout.key, "turn": following},
        now=now,
    )
    work.ask(
        PUBLISH_HOLDOUT,
        key=str(holdout.pk),
        site_id=holdout.site_id,
        payload={"holdout": holdout.key, "seed": holdout.seed},
        queue="fast",
        now=now,
    )
    return True
