"""What a publication asks of experiments, in its own transaction."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

import msgspec
from django.db.models import F, OuterRef, Q, Subquery

from apps.experiments.drafted import contexts_of, hidden_parts
from apps.experiments.models import Experiment, Phase, Serving
from apps.experiments.worth_members import note_holdouts as note_holdouts
from apps.segments.services import ensure_hidden
from engine.snapshot import ExperimentDoc


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


def as_it_runs(site_id: UUID, served: ExperimentDoc, segments: Collection[str]) -> ExperimentDoc:
    """Return an experiment that is served with its shares and stopped arms as they are now.

    So much a worker may change, and no more: the shares of a bandit, and that an arm shows the
    control. What an editor has changed and not published stays as it is served. One query.

    Args:
        segments: keys of those that serve.
    """
    phase = Phase.objects.filter(
        seed=served.seed,
        ended_at=None,
        experiment__site_id=site_id,
        experiment__state=Experiment.State.RUNNING,
    ).first()
    if phase is None:
        return served
    control = next((arm["key"] for arm in phase.arms if arm["is_control"]), "")
    weights = {arm["key"]: arm["weight"] for arm in phase.arms}
    shown = {arm.key: arm.variant for arm in served.arms}
    if shown.keys() != weights.keys():
        return served
    arms = [
        msgspec.structs.replace(
            arm,
            variant=shown[control] if arm.key in phase.stopped else arm.variant,
            stopped=arm.stopped or (served.by_change and arm.key in phase.stopped),
            weight=weights[arm.key] if phase.bandit else arm.weight,
        )
        for arm in served.arms
    ]
    contexts = served.contexts
    if phase.bandit:
        contexts = contexts_of(phase, [arm.key for arm in arms], segments)
    return msgspec.structs.replace(served, arms=arms, contexts=contexts)
