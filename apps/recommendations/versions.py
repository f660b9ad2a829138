"""Which version of a recommender serves, and which are kept. Light: web processes import it."""

from datetime import datetime
from typing import Any, Final

from apps.access.services import record_audit
from apps.recommendations.models import Recommender, RecommenderVersion

KEPT_VERSIONS: Final = 3
KEPT_TRIALS: Final = 30

State = RecommenderVersion.State


def is_held(recommender: Recommender) -> bool:
    """Whether a person has chosen the version that serves: new ones wait for a yes then."""
    held = recommender.versions.filter(active_for=recommender).exclude(approved_by=None)
    return held.exists()


def activate(*, version: RecommenderVersion, actor: Any, now: datetime, why: str) -> None:
    """Let a version serve, and note it in the audit trail; in a transaction of the caller's."""
    recommender = version.recommender
    recommender.versions.filter(state=State.ACTIVE).exclude(pk=version.pk).update(
        state=State.RETIRED
    )
    version.state, version.approved_by = State.ACTIVE, actor
    version.save(update_fields=["state", "approved_by"])
    Recommender.objects.filter(pk=recommender.pk).update(active=version)
    record_audit(
        action="recommendations.activated",
        actor=actor,
        site_id=recommender.site_id,
        target_kind="recommendations.recommender",
        target_id=str(recommender.pk),
        detail={"version": str(version.pk), "method": version.method, "why": why},
        now=now,
    )


def prune(recommender: Recommender) -> None:
    """Let old versions and trials go; what serves stays, however old."""
    serving = Recommender.objects.filter(pk=recommender.pk).values("active")
    others = recommender.versions.exclude(pk__in=serving).order_by("-trained_at", "-pk")
    old = others.values_list("pk", flat=True)[KEPT_VERSIONS - 1 :]
    recommender.versions.filter(pk__in=list(old)).delete()
    times = recommender.trials.order_by("-tried_at").values_list("tried_at", flat=True).distinct()
    recommender.trials.exclude(tried_at__in=list(times[:KEPT_TRIALS])).delete()
