"""Files of models are kept for 90 days, and of each question three at most.

A model that learns every night leaves a run and a card a day: those of versions that never served
go after 400 days. What served, and what was audited, stays: it says who decided what, and why.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db.models import Max

from apps.predictions import services
from apps.predictions.models import ModelSpec, ModelVersion, TrainingRun

LIVE: Final = 3
KEPT: Final = timedelta(days=400)


def over(site_id: UUID, cutoff: datetime) -> list[ModelVersion]:
    """Return the versions whose files are over: trained before `cutoff`, or none of the newest.

    The one that scores is never among them: scoring would stop. It is trained anew every night, and
    gives way to the first that is no worse.
    """
    found = []
    for spec in ModelSpec.objects.filter(site_id=site_id):
        versions = list(spec.versions.filter(deleted_at=None).order_by("-trained_at", "-number"))
        champion = [one for one in versions if one.state == ModelVersion.State.CHAMPION]
        others = [one for one in versions if one.state != ModelVersion.State.CHAMPION]
        found += [
            one
            for place, one in enumerate(others, start=len(champion))
            if place >= LIVE or one.trained_at < cutoff
        ]
    return found


def prune_artifacts(site_id: UUID, cutoff: datetime, *, now: datetime) -> int:
    """Delete the files of these versions; return how many. Their cards stay."""
    versions = over(site_id, cutoff)
    for version in versions:
        services.delete_artifact(version=version, now=now)
    _prune_cards(site_id, now)
    return len(versions)


def _prune_cards(site_id: UUID, now: datetime) -> None:
    """Delete old runs, and old versions without a file that never served and were not audited."""
    TrainingRun.objects.filter(spec__site_id=site_id, finished_at__lt=now - KEPT).delete()
    old = ModelVersion.objects.filter(spec__site_id=site_id, trained_at__lt=now - KEPT)
    # The newest number stays: the next version must not get one that was given before.
    specs = ModelSpec.objects.filter(site_id=site_id).annotate(newest=Max("versions__number"))
    newest = set(specs.values_list("pk", "newest"))
    for version in old.filter(promoted_at=None, audits=None).exclude(deleted_at=None):
        if (version.spec_id, version.number) not in newest:
            version.delete()


def oldest(site_id: UUID) -> datetime | None:
    """When the oldest was trained that has a file."""
    versions = ModelVersion.objects.filter(spec__site_id=site_id, deleted_at=None)
    return versions.order_by("trained_at").values_list("trained_at", flat=True).first()
