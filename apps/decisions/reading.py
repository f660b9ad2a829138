"""What a placement can look at of its visitor and its request, worked out from the publication.

Once in each process: of a visitor only that is read, and only that is kept of what was.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from apps.content import rendering
from apps.content.errors import RenderFailed
from apps.content.types import SEGMENT_PREFIX
from apps.decisions.snapshots import Served
from apps.decisions.types import Bounded
from engine.conditions.nodes import Node, PercentLeaf
from engine.conditions.parse import parse_condition
from engine.conditions.scope import history_leaves, leaves_of, segment_keys, trait_names
from engine.snapshot import CompiledPlacement, CompiledSegment, CompiledSnapshot

_READS: Final = "reads"  # of Served.prepared

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reads:
    """What one placement can look at. `everything` of traits or stays: a template takes them all.

    Attributes:
        segments, caps: numbers.
        bound: of the segments, those of which templates take values.
        paths: of values of the call that templates take.
        unit: something is bucketed although there may be no consent.
        unit_exactly: and by more than holdouts.
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
_unions: Bounded[tuple[Served, Reads]] = Bounded(2_000)


def reads_together(served: Served, keys: Sequence[str]) -> Reads:
    """Return what any of these placements can look at."""
    name = "\n".join(keys)
    known = _unions.get(name)
    if known is not None and known[0] is served:
        return known[1]
    found = _NOTHING
    for key in keys:
        found = found | reads_of(served, key)
    _unions.put(name, (served, found))
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
    splits = [rule.experiment for rule in placement.rules] + [placement.experiment]
    nodes = [rule.node for rule in placement.rules]
    nodes += [split.node for split in splits if split is not None and split.node is not None]
    # Without consent only such a block is decided at all.
    is_necessary = placement.block.doc.purpose == "necessary"
    drawn = [rule.caps for rule in placement.rules] + list(placement.tagged_caps)
    drawn += [arm.caps for split in splits if split is not None for arm in split.arms]
    found = Reads(
        caps=frozenset(cap.number for caps in drawn for cap in caps),
        unit=is_necessary and bool(compiled.holdouts),
        unit_exactly=any(splits),
    )
    for node in nodes:
        found |= _of_node(compiled, node)
    found |= _of_segments(compiled, [segment for segment, _ in placement.block.tagged])
    for variant in placement.block.variants.values():
        try:
            paths = rendering.paths_read(variant.doc)
        except RenderFailed:
            continue  # it is never shown
        found |= _of_template(compiled, paths)
    return found if is_necessary else replace(found, unit_exactly=False)


def _deals(node: Node) -> bool:
    return any(isinstance(leaf, PercentLeaf) for leaf in leaves_of(node))


def _of_node(compiled: CompiledSnapshot, node: Node) -> Reads:
    asked = [compiled.segments[key] for key in segment_keys(node) if key in compiled.segments]
    has_history = any(True for _ in history_leaves(node))
    own = Reads(traits=trait_names(node), history=has_history, unit_exactly=_deals(node))
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
