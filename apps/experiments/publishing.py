"""What a publication asks of experiments, in its own transaction."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db.models import F, OuterRef, Q, Subquery

from apps.experiments.drafted import hidden_parts
from apps.experiments.models import Phase, Serving
from apps.segments.services import ensure_hidden


def prepare_experiments(*, site_id: UUID, now: datetime) -> None:
    """Make the hidden segments that running experiments need for the history they read.

    A publication calls this in its own transaction before it reads their documents.
    """
    hidden = hidden_parts(site_id)
    if hidden:
        ensure_hidden(site_id, hidden, now)


def note_served(*, site_id: UUID, publication: int, seeds: Collection[str]) -> None:
    """Note which phases a publication serves, in the transaction that publishes. Two queries.

    Args:
        seeds: of all experiments in it.
    """
    newest = Serving.objects.filter(experiment=OuterRef("experiment")).order_by("-publication")
    phases = Phase.objects.filter(seed__in=seeds, experiment__site_id=site_id)
    told = phases.annotate(serves=Subquery(newest.values("phase")[:1]))
    Serving.objects.bulk_create(
        Serving(experiment_id=phase.experiment_id, phase=phase, publication=publication)
        for phase in told.filter(Q(serves=None) | ~Q(serves=F("pk")))
    )
