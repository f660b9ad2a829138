"""What of drift wants a person, for the home page. Nothing here is heavy."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.urls import reverse

from apps.predictions.models import DriftLook, ModelVersion
from apps.work.attention import Notice

PERMISSION: Final = "predictions.view_modelspec"
FRESH: Final = timedelta(days=3)  # of a look: an older one says nothing of today
NAMED: Final = 3


def tell(site_id: UUID, now: datetime) -> Iterator[Notice]:
    """Yield a line for each serving model whose last look found drift. Two statements."""
    for version, looks in drifted(site_id, now):
        names = ", ".join(one.name for one in looks[:NAMED])
        more = f" and {len(looks) - NAMED} more" if len(looks) > NAMED else ""
        if version.spec.retrain == "drift":
            then = "A training has been asked for."
        else:
            then = "Look at it, and train it again if this is to stay."
        text = f"Visitors have changed for the model {version.spec}: {names}{more}. {then}"
        yield Notice("warn", text, address(version.pk), "What has changed")


def drifted(site_id: UUID, now: datetime) -> list[tuple[ModelVersion, Sequence[DriftLook]]]:
    """Return the versions that serve and have drifted, with what of them. Two statements."""
    serving = ModelVersion.objects.filter(
        spec__site_id=site_id, spec__is_enabled=True, state=ModelVersion.State.CHAMPION
    )
    versions = {one.pk: one for one in serving.select_related("spec").order_by("spec__name")}
    if not versions:
        return []
    rows = DriftLook.objects.filter(version__in=versions, looked_at__gt=now - FRESH)
    found: dict[UUID, list[DriftLook]] = {}
    newest: dict[UUID, datetime] = {}
    for one in rows.order_by("version_id", "-looked_at", "pk"):
        is_newest = one.looked_at == newest.setdefault(one.version_id, one.looked_at)
        if is_newest and one.level == DriftLook.Level.DRIFTED:
            found.setdefault(one.version_id, []).append(one)
    return [(version, found[pk]) for pk, version in versions.items() if pk in found]


def address(version_id: UUID) -> str:
    """Return the page of the looks at a version."""
    return reverse("admin:predictions_watch", args=[version_id])
