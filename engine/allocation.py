"""Who is in an experiment, and in which arm: GrowthBook's ranges over our bucket hash.

Source: GrowthBook's public specification of `getBucketRanges`, `chooseVariation` and namespaces;
the cases in tests/vectors/allocation.json are theirs. Nothing here depends on time or on what was
served before, so an assignment can be computed anywhere and again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from engine.bucketing import BUCKETS, bucket_of, fnv1a32

Range: TypeAlias = tuple[float, float]  # [start, end) of positions in [0, 1)


class Layer(NamedTuple):
    """A share of the visitors that no other experiment of the same layer has.

    Attributes:
        key: experiments that exclude each other name the same one.
        start, end: [start, end) of the layer's positions in [0, 1).
    """

    key: str
    start: float
    end: float


def ranges(weights: Sequence[float], coverage: float) -> tuple[Range, ...]:
    """Return each arm's range: it starts at the sum of the weights before it, `coverage` wide.

    So raising the coverage never moves a visitor from one arm to another.

    Args:
        weights: of the arms, at least 0, of the sum 1.
        coverage: the share of visitors in the experiment, 0 to 1.
    """
    found: list[Range] = []
    start = 0.0
    for weight in weights:
        found.append((start, start + coverage * weight))
        start += weight
    return tuple(found)


def choose(position: float, arms: Sequence[Range]) -> int:
    """Return the index of the arm whose range holds a position, -1 when none does."""
    for index, (start, end) in enumerate(arms):
        if start <= position < end:
            return index
    return -1


def position_of(unit_id: str, *, seed: str) -> float:
    """Return a visitor's position in [0, 1) under an experiment's seed, in steps of 1/10,000."""
    return bucket_of(unit_id, seed=seed) / BUCKETS


def in_layer(unit_id: str, layer: Layer) -> bool:
    """Whether a visitor belongs to a layer's share. GrowthBook's namespaces use hash version 1."""
    position = fnv1a32(f"{unit_id}__{layer.key}") % 1000 / 1000
    return layer.start <= position < layer.end


def assign(unit_id: str, *, seed: str, arms: Sequence[Range], layer: Layer | None = None) -> int:
    """Return the index of a visitor's arm, -1 for a visitor who is not in the experiment."""
    if layer is not None and not in_layer(unit_id, layer):
        return -1
    return choose(position_of(unit_id, seed=seed), arms)
