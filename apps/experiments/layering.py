"""Parts of a layer: experiments of one layer have no visitor in common."""

from collections.abc import Iterable
from uuid import UUID

from django.db.models import QuerySet

from apps.experiments.errors import InvalidExperiment, problem
from apps.experiments.models import Experiment, Layer, Phase

TOLERANCE = 1e-9


def free_parts(taken: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return what is free of [0, 1), in order, beside parts that are taken. Pure."""
    free, begin = [], 0.0
    for start, end in sorted(taken):
        if start - begin > TOLERANCE:
            free.append((begin, start))
        begin = max(begin, end)
    if 1.0 - begin > TOLERANCE:
        free.append((begin, 1.0))
    return free


def taken_in(layer: Layer, *, but: UUID | None = None) -> list[tuple[float, float]]:
    """Return the parts of a layer that running and paused experiments have. One query."""
    rows = phases_in(layer)
    if but is not None:
        rows = rows.exclude(experiment_id=but)
    return list(rows.order_by("layer_start").values_list("layer_start", "layer_end"))


def phases_in(layer: Layer) -> QuerySet[Phase]:
    """Return the phases that have a part of a layer now, whatever their designs say by now."""
    return Phase.objects.filter(
        ended_at=None, layer_key=layer.key, experiment__site_id=layer.site_id
    )


def part_for(experiment: Experiment) -> tuple[str, float, float]:
    """Return (layer's key, start, end) for an experiment: the first free part that is wide enough.

    ("", 0, 1) without a layer. Call it inside a transaction: it locks the layer.

    Raises:
        InvalidExperiment: so much of the layer is not free in one piece.
    """
    if experiment.layer_id is None:
        return "", 0.0, 1.0
    layer = Layer.objects.select_for_update().get(pk=experiment.layer_id)
    free = free_parts(taken_in(layer, but=experiment.pk))
    wanted = experiment.layer_share
    for start, end in free:
        if 0 < wanted <= end - start + TOLERANCE:
            return layer.key, start, min(start + wanted, 1.0)
    widest = max((end - start for start, end in free), default=0.0)
    raise InvalidExperiment(
        [
            problem(
                "layer_share",
                f"The layer '{layer.name}' has {widest:.0%} free in one piece, and {wanted:.0%} is "
                "asked for. Ask for less, or wait until an experiment of the layer ends.",
            )
        ]
    )
