"""What a placement can look at of its visitor and its request, worked out from the publication.

Once in each process: of a visitor only that is read, and only that is kept of what was.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from apps.content import rendering
from apps.content.errors import RenderFailed
from apps.content.types import SEGMENT_PREFIX
from apps.decisions.snapshots import Served
from engine.allocation import Layer, Range, choose, in_layer
from engine.bucketing import BUCKETS, bucket_of
from engine.conditions.nodes import Node, PercentLeaf
from engine.conditions.parse import parse_condition
from engine.conditions.scope import history_leaves, leaves_of, segment_keys, trait_names
from engine.snapshot import CompiledExperiment, CompiledPlacement, CompiledSegment, CompiledSnapshot

# Of Served.prepared.
_READS: Final = "reads"
_TOGETHER: Final = "reads together"
MAX_UNIONS: Final = 2_000  # kept of them

Path = tuple[str, ...]


class Deal(NamedTuple):
    """One way in which units are dealt: into arms, into a share, or out of everything.

    Attributes:
        ranges: of positions; outside of all of them is a place, too.
        step: how many buckets make a position of 1: BUCKETS, and a hundredth of them for percents.
    """

    seed: str
    ranges: tuple[Range, ...]
    layer: Layer | None = None
    step: int = BUCKETS

    def place(self, unit_id: str) -> int:
        """Return which range holds a unit, -1 for none."""
        if self.layer is not None and not in_layer(unit_id, self.layer):
            return -1
        return choose(bucket_of(unit_id, seed=self.seed) / self.step, self.ranges)


@dataclass(frozen=True, slots=True)
class Reads:
    """What one placement can look at. `everything` of traits or stays: a template takes them all.

    Attributes:
        segments, caps: numbers.
        bound: of the segments, those of which templates take values.
        paths: of values of the call that templates take.
        unit: something is bucketed although there may be no consent.
        unit_exactly: and by more than holdouts.
        deals: what buckets somebody whose consent is given, besides holdouts.
    """

    segments: frozenset[int] = frozenset()
    bound: frozenset[int] = frozenset()
    traits: frozenset[str] = frozenset()
    paths: frozenset[Path] = frozenset()
    caps: frozenset[int] = frozenset()
    history: bool = False
    every_segment: bool = False
    every_trait: bool = False
    unit: bool = False
    unit_exactly: bool = False
    deals: frozenset[Deal] = frozenset()

    def __or__(self, other: "Reads") -> "Reads":
        return Reads(
            self.segments | other.segments,
            self.bound | other.bound,
            self.traits | other.traits,
            self.paths | other.paths,
            self.caps | other.caps,
            self.history or other.history,
            self.every_segment or other.every_segment,
            self.every_trait or other.every_trait,
            self.unit or other.unit,
            self.unit_exactly or other.unit_exactly,
            self.deals | other.deals,
        )


def reads_of(served: Served, key: str) -> Reads:
    """Return what a placement (or `segment.<key>`) of a publication can look at."""
    kept: dict[str, Reads] = served.prepared.setdefault(_READS, {})
    found = kept.get(key)
    if found is None:
        found = _reads(served.compiled, key)
        if found is not _NOTHING:  # what does not exist has any number of names
            kept[key] = found
    return found


_NOTHING: Final = Reads()


def reads_together(served: Served, keys: Sequence[str]) -> Reads:
    """Return what any of these placements can look at."""
    kept: dict[tuple[str, ...], Reads] = served.prepared.setdefault(_TOGETHER, {})
    together = tuple(keys)
    known = kept.get(together)
    if known is not None:
        return known
    each = [reads_of(served, key) for key in keys]
    found = _NOTHING
    for one in each:
        found = found | one
    if not any(one is _NOTHING for one in each):  # what does not exist has any number of names
        if len(kept) >= MAX_UNIONS:
            kept.clear()  # callers choose what they ask for together
        kept[together] = found
    return found


def _reads(compiled: CompiledSnapshot, key: str) -> Reads:
    placement = compiled.placements.get(key)
    if placement is not None:
        return _of_placement(compiled, placement)
    segment = compiled.segments.get(key.removeprefix(SEGMENT_PREFIX))
    if segment is None or not key.startswith(SEGMENT_PREFIX):
        return _NOTHING
    return replace(_of_segments(compiled, [segment]), unit_exactly=False)


def _of_placement(compiled: CompiledSnapshot, placement: CompiledPlacement) -> Reads:
    splits = splits_of(placement)
    forms = placement.forms
    nodes = [rule.node for form in forms for rule in form.rules]
    nodes += [split.node for split in splits if split is not None and split.node is not None]
    # Without consent only such a block is decided at all.
    is_necessary = placement.block.doc.purpose == "necessary"
    drawn = [rule.caps for form in forms for rule in form.rules]
    drawn += [caps for form in forms for caps in form.tagged_caps]
    drawn += [arm.caps for split in splits if split is not None for arm in split.arms]
    found = Reads(
        caps=frozenset(cap.number for caps in drawn for cap in caps),
        unit=is_necessary and bool(compiled.holdouts),
        unit_exactly=any(splits),
        deals=frozenset(
            Deal(split.seed, ranges, split.layer)
            for split in splits
            if split is not None
            for ranges in (split.ranges, *(one.ranges for one in split.contexts))
        ),
    )
    for split in splits:
        if split is not None and split.contexts:
            found |= _of_segments(compiled, [one.segment for one in split.contexts])
    for node in nodes:
        found |= _of_node(compiled, node)
    tagged = [segment for form in forms for segment, _ in form.block.tagged]
    found |= _of_segments(compiled, tagged)
    for variant in placement.block.variants.values():
        try:
            paths = rendering.paths_read(variant.doc)
        except RenderFailed:
            continue  # it is never shown
        found |= _of_template(compiled, paths)
    return found if is_necessary else replace(found, unit_exactly=False)


def splits_of(placement: CompiledPlacement) -> list[CompiledExperiment | None]:
    """Return the experiments of a placement; None where a rule, or the placement, has none."""
    choice = None if placement.choice is None else placement.choice.experiment
    return [*(rule.experiment for rule in placement.rules), placement.experiment, choice]


def deals_of_holdouts(compiled: CompiledSnapshot) -> list[Deal]:
    """Return what holds visitors out of everything."""
    return [Deal(one.seed, ((0.0, one.share),)) for one in compiled.holdouts]


def _deals(node: Node) -> frozenset[Deal]:
    return frozenset(
        Deal(leaf.seed, ((leaf.start, leaf.end),), step=BUCKETS // 100)
        for leaf in leaves_of(node)
        if isinstance(leaf, PercentLeaf)
    )


def _of_node(compiled: CompiledSnapshot, node: Node) -> Reads:
    asked = [compiled.segments[key] for key in segment_keys(node) if key in compiled.segments]
    has_history = any(True for _ in history_leaves(node))
    deals = _deals(node)
    own = Reads(
        traits=trait_names(node), history=has_history, unit_exactly=bool(deals), deals=deals
    )
    return own | _of_segments(compiled, asked)


def _of_segments(compiled: CompiledSnapshot, segments: Sequence[CompiledSegment]) -> Reads:
    found = Reads(segments=frozenset(segment.number for segment in segments))
    for segment in segments:
        if segment.doc.request_condition is not None:  # these ask each other, but never in a ring
            found |= _of_node(compiled, parse_condition(segment.doc.request_condition))
    return found


def _of_template(compiled: CompiledSnapshot, paths: Iterable[Path]) -> Reads:
    segments: set[int] = set()
    traits: set[str] = set()
    others: set[Path] = set()
    every_segment = every_trait = False
    for path in paths:
        root, *rest = path
        if root == "traits":
            every_trait = every_trait or not rest
            traits.update(rest[:1])
        elif root == "segments":
            every_segment = every_segment or not rest
            segments.update(
                compiled.segments[key].number for key in rest[:1] if key in compiled.segments
            )
        elif root in ("context", "facts"):
            others.add(path)
    bound = frozenset(segments)
    return Reads(
        bound,
        bound,
        frozenset(traits),
        frozenset(others),
        every_segment=every_segment,
        every_trait=every_trait,
    )
