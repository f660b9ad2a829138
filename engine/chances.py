"""With what probability a visitor is served the variant that they are served. Pure.

The propensity of a decision is the chance that this visitor, dealt anew, is served this variant in
this placement by this publication: everything that is known of them and of the request stays as it
is, and only their positions under the seeds of holdouts, layers and experiments are drawn again,
independently for each seed. So it counts every way to the variant: its arm, another arm that shows
the same (a stopped one shows the control), and what is served to those who are held out, who do not
take part, or whose arm is used up. A percentage in a condition is a condition: it stays as it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise, product
from math import ceil, prod

from engine.allocation import Layer, Range
from engine.bucketing import BUCKETS
from engine.capping import CapDoc
from engine.dealing import Candidate, Reason, Step, both, context_of, is_meant, is_on
from engine.decide import Decision, allowed, candidates
from engine.members import Members, Visitor
from engine.snapshot import (
    CompiledChoice,
    CompiledExperiment,
    CompiledPlacement,
    CompiledRule,
    CompiledSnapshot,
    CompiledVariant,
)

LAYER_STEPS = 1000  # positions of a layer (GrowthBook's hash version 1)
_NOBODY = 1e-12  # a share that is rounding, no more


def propensity(
    snapshot: CompiledSnapshot,
    decision: Decision,
    visitor: Visitor,
    context: Mapping[str, object],
    now_ms: int,
    refused: Sequence[tuple[CapDoc, ...]] = (),
) -> float | None:
    """Return the chance of the variant of a decision; None: it cannot be known.

    Args:
        visitor, context, now_ms: those that the decision was made for.
        refused: what the candidates before it in turn drew on, for which a store had no budget. An
            arm that draws on one of these caps, but not on all of one candidate's, may have been
            refused or not: then the chance cannot be known.
    """
    placement = snapshot.placements.get(decision.placement)
    if placement is None or decision.variant is None or decision.reason is Reason.ERROR:
        return None
    if decision.reason in (Reason.DISABLED, Reason.NO_CONSENT):
        return 1.0  # nothing was drawn
    held_out = held_out_share(snapshot, placement)
    is_default = decision.variant == placement.block.default.key
    splits = experiments_of(placement)
    if not splits and decision.reason is not Reason.HOLDOUT:
        # What is served to who is not held out does not depend on chance.
        return 1.0 if is_default else 1.0 - held_out
    members = Members(snapshot, visitor, context, now_ms)
    served = 0.0
    cells: Iterable[tuple[float, Mapping[str, float], CompiledPlacement]]
    if placement.choice is None:
        cells = ((share, inside, placement) for share, inside in _layer_cells(splits))
    else:
        cells = ((share, {}, form) for share, form in _forms(placement, placement.choice, members))
    for share, inside, form in cells:
        walk = _Walk(form, members, decision.variant, inside, refused)
        found = walk.chance()
        if walk.is_unsure:
            return None
        served += share * found
    chance = (1.0 - held_out) * served + (held_out if is_default else 0.0)
    return min(max(round(chance, 12), 0.0), 1.0)


def is_by_chance(snapshot: CompiledSnapshot, placement: CompiledPlacement) -> bool:
    """Whether what a placement shows depends on how somebody is dealt."""
    held_out = any(one.is_about(placement.key) for one in snapshot.holdouts)
    return held_out or bool(experiments_of(placement))


def is_same_for_all(placement: CompiledPlacement) -> bool:
    """Whether the chances of a placement are the same for everybody who allows as much.

    So it is where an experiment splits all comers, and nothing else depends on who asks.
    """
    split = placement.experiment
    if placement.rules or placement.choice is not None:
        return False
    if split is None:
        return not placement.block.tagged
    is_whole = split.doc.coverage == 1 and split.layer is None
    return (
        split.condition is None
        and not split.contexts
        and (is_whole or not placement.block.tagged)
        and not any(arm.caps or arm.variant.is_scheduled for arm in split.arms)
    )


def experiments_of(placement: CompiledPlacement) -> list[CompiledExperiment]:
    """Return the experiments that a placement can come to, its rules' first."""
    if placement.choice is not None:
        return [placement.choice.experiment]  # beside it there is no other
    found = [rule.experiment for rule in placement.rules if rule.experiment is not None]
    return found if placement.experiment is None else [*found, placement.experiment]


def held_out_share(snapshot: CompiledSnapshot, placement: CompiledPlacement) -> float:
    """Return the chance that somebody is held out of a placement."""
    shares: dict[str, float] = {}
    for holdout in snapshot.holdouts:
        if not holdout.is_about(placement.key):
            continue
        shares[holdout.seed] = max(shares.get(holdout.seed, 0.0), width((0.0, holdout.share)))
    return 1.0 - prod(1.0 - share for share in shares.values())


@lru_cache(maxsize=4096)
def width(share: Range, steps: int = BUCKETS) -> float:
    """Return the chance of a position in [start, end), of so many equally likely positions."""
    return (_below(share[1], steps) - _below(share[0], steps)) / steps


def _below(bound: float, steps: int) -> int:
    """How many of the positions k / steps are below a bound, compared as they are when dealt."""
    count = min(max(ceil(bound * steps), 0), steps)
    while count > 0 and (count - 1) / steps >= bound:
        count -= 1
    while count < steps and count / steps < bound:
        count += 1
    return count


def _forms(
    placement: CompiledPlacement, choice: CompiledChoice, members: Members
) -> list[tuple[float, CompiledPlacement]]:
    """(chance, a form by which is decided): of each arm, and of who takes no part."""
    found: list[tuple[float, CompiledPlacement]] = []
    left, end = 1.0, 0.0
    experiment = choice.experiment
    if is_meant(experiment, members, None):
        context = context_of(experiment, members)
        layer = experiment.layer
        part = 1.0 if layer is None else width((layer.start, layer.end), LAYER_STEPS)
        ranges = experiment.ranges if context is None else context.ranges
        for form, share in zip(choice.places, ranges, strict=True):
            chance = part * width((max(share[0], end), max(share[1], end)))
            end = max(share[1], end)
            if form is not None and chance > 0:
                found.append((chance, form))
                left -= chance
    if left > _NOBODY:
        found.append((left, placement))
    return found


def _layer_cells(
    splits: Sequence[CompiledExperiment],
) -> Iterator[tuple[float, Mapping[str, float]]]:
    """(chance, layer's key -> a position) for layers in which several experiments lie.

    Who is in one part of a layer is not in another: these are looked at part by part.
    """
    layers = [split.layer for split in {one.key: one for one in splits}.values() if split.layer]
    counted = Counter(layer.key for layer in layers)
    several = [key for key, count in counted.items() if count > 1]
    cells: list[list[tuple[float, tuple[str, float]]]] = []
    for key in several:
        bounds = {0, LAYER_STEPS}
        for layer in layers:
            if layer.key == key:
                bounds |= {_below(layer.start, LAYER_STEPS), _below(layer.end, LAYER_STEPS)}
        cells.append(
            [
                ((end - start) / LAYER_STEPS, (key, start / LAYER_STEPS))
                for start, end in pairwise(sorted(bounds))
            ]
        )
    for chosen in product(*cells):
        yield prod(share for share, _ in chosen), dict(place for _, place in chosen)


class _Walk:
    """One walk down the steps of a placement, with what each leaves of the visitors.

    Attributes:
        is_unsure: something on the way may have been refused or not.
    """

    def __init__(
        self,
        placement: CompiledPlacement,
        members: Members,
        wanted: str,
        inside: Mapping[str, float],
        refused: Sequence[tuple[CapDoc, ...]],
    ) -> None:
        self.placement, self.members, self.wanted = placement, members, wanted
        self.inside = inside
        self.refused = [{cap.number for cap in caps} for caps in refused]
        self.left, self.served = 1.0, 0.0
        self.skipped: dict[str, dict[int, float]] = {}
        self.is_unsure = False

    def chance(self) -> float:
        """The chance to come to the variant that is wanted."""
        for found in candidates(self.placement, self.members, None, self._deal):
            if self.left < _NOBODY:
                return self.served
            if self._passes(found.caps):
                self._serve(found.variant, self.left)
                return self.served
        self._serve(self.placement.block.default, self.left)
        return self.served

    def _deal(
        self,
        experiment: CompiledExperiment,
        members: Members,
        trace: list[Step] | None,
        rule: CompiledRule | None,
    ) -> Candidate | None:
        """Serve each arm to its share of those who are left; the rest goes on."""
        if not is_meant(experiment, members, trace):
            return None
        arms = self._arriving(experiment)
        skipped: dict[int, float] = {}
        for place, chance in arms.items():
            arm = experiment.arms[place]
            caps = arm.caps if rule is None or arm.is_default else both(arm.caps, rule.caps)
            is_there = not arm.variant.is_scheduled or is_on(arm.variant, members, None)
            if is_there and self._passes(caps):
                self._serve(arm.variant, chance)
            else:
                skipped[place] = chance
        # Two rules may run one experiment: who comes again has the same arm again, or none.
        left = max(self.left, _NOBODY)
        self.skipped[experiment.key] = {place: one / left for place, one in skipped.items()}
        return None

    def _arriving(self, experiment: CompiledExperiment) -> dict[int, float]:
        """The share of all visitors that comes here and has an arm, by the arm's place."""
        again = self.skipped.get(experiment.key)
        if again is not None:
            return {place: one * self.left for place, one in again.items()}
        context = context_of(experiment, self.members)
        ranges = experiment.ranges if context is None else context.ranges
        coming = self.left * self._layer_share(experiment.layer)
        found, end = {}, 0.0
        for place, share in enumerate(ranges):
            chance = coming * width((max(share[0], end), max(share[1], end)))
            end = max(share[1], end)
            if chance > 0:
                found[place] = chance
        return found

    def _layer_share(self, layer: Layer | None) -> float:
        if layer is None:
            return 1.0
        position = self.inside.get(layer.key)
        if position is None:
            return width((layer.start, layer.end), LAYER_STEPS)
        return 1.0 if layer.start <= position < layer.end else 0.0

    def _serve(self, variant: CompiledVariant, chance: float) -> None:
        self.left -= chance
        if variant.key == self.wanted:
            self.served += chance

    def _passes(self, caps: Sequence[CapDoc]) -> bool:
        """Whether what a candidate draws on has room left."""
        if not caps:
            return True
        if not all(allowed(cap, self.members, None) for cap in caps):
            return False
        numbers = {cap.number for cap in caps}
        if any(one <= numbers for one in self.refused):
            return False
        if any(one & numbers for one in self.refused):
            self.is_unsure = True
        return True
