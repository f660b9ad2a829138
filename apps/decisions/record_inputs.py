"""What a decision read of its visitor and its request, packed so that it can be decided again.

What a placement can read at all is worked out from the publication, once in each process: of a
profile only that is kept, and finding it costs the request nothing. Facts that a call brought for
this decision only are never kept: their names are, and a keyed digest of their values.
"""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple, cast

import msgspec

from apps.access.types import Caller
from apps.content import rendering
from apps.content.errors import RenderFailed
from apps.content.types import SEGMENT_PREFIX
from apps.decisions import sealing
from apps.decisions.snapshots import Served
from apps.decisions.types import Bounded, HotProfile
from apps.segments.live import Stays, encode_stays
from engine.allocation import position_of
from engine.conditions.nodes import Node, PercentLeaf
from engine.conditions.parse import parse_condition
from engine.conditions.scope import history_leaves, leaves_of, segment_keys, trait_names
from engine.facts import TraitMeta
from engine.members import Visitor
from engine.snapshot import CompiledPlacement, CompiledSegment, CompiledSnapshot

FACTS: Final = "facts."
UNIT: Final = "unit"  # in `missing`: bucketed by an id that was not to be kept
STAND_INS: Final = 500
_READS: Final = "reads"  # of Served.prepared

Path = tuple[str, ...]

_pack = msgspec.msgpack.Encoder().encode


class Noted(NamedTuple):
    """One decision of a call. Without an experiment its probability is 1.

    Attributes:
        body: what is shown, encoded, without ids and times; empty for what does not exist.
    """

    placement: str
    block: str | None
    variant: str | None
    version: int
    reason: str
    rule: str | None = None
    experiment: str | None = None
    arm: str | None = None
    probability: float = 1.0
    body: bytes = b""


class Made(NamedTuple):
    """One call as the request leaves it; a thread makes a row of it. Nothing in it may change.

    Attributes:
        subject: the identity that was decided for, "kind:value"; empty for nobody.
        read: the facts of the request that were looked at, by name.
        values: what templates could look at.
        intensities: what fatigue leaves of a capped variant, by placement (see `engine.capping`).
        is_away: it could not be found out who asked.
    """

    caller: Caller
    request_id: str
    subject: str
    profile: HotProfile | None
    visitor: Visitor
    served: Served
    at_ms: int
    placements: list[Noted]
    read: Mapping[str, object]
    values: Mapping[str, Any]
    intensities: Mapping[str, float]
    is_away: bool
    took_us: int


class Inputs(msgspec.Struct, array_like=True):
    """All that a decision depended on besides the publication.

    Attributes:
        memberships: the stays of the segments that could be asked for, as hot state has them.
        items: the recommended items served, as JSON, by placement.
        paths: (path, value) of what else templates looked at.
        facts_digest: keyed, of the values of the call's own facts; empty without any.
        shown, session_since_ms: what the caps were asked with (see `engine.members.Visitor`).
    """

    kind: str
    consent_mode: str
    gpc: bool
    zone: str
    is_known: bool
    is_away: bool
    subject: str
    granted: int
    denied: int
    memberships: bytes
    traits: dict[str, Any]
    scored_ms: dict[str, int]
    trait_meta: dict[str, TraitMeta]
    recent: bytes
    read: dict[str, Any]
    paths: list[tuple[Path, Any]]
    items: dict[str, bytes]
    facts_digest: bytes
    shown: dict[int, list[int]]
    session_since_ms: int | None
    intensities: dict[str, float]


_decoder = msgspec.msgpack.Decoder(Inputs)


@dataclass(frozen=True, slots=True)
class Reads:
    """What one placement can look at. `everything` of traits or stays: a template takes them all.

    Attributes:
        segments, caps: numbers.
        paths: of values of the call that templates take.
        unit: something is bucketed although there may be no consent.
        unit_exactly: and by more than holdouts.
    """

    segments: frozenset[int] = frozenset()
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
            self.traits | other.traits,
            self.paths | other.paths,
            self.caps | other.caps,
            self.history or other.history,
            self.every_segment or other.every_segment,
            self.every_trait or other.every_trait,
            self.unit or other.unit,
            self.unit_exactly or other.unit_exactly,
        )


class Packed(NamedTuple):
    """What of the inputs goes into a row."""

    unit_id: str
    missing: list[str]
    inputs: bytes


def packed(made: Made) -> Packed:
    """Return the inputs of a call as a row keeps them."""
    reads = _reads_of_call(made)
    profile, visitor, caller = made.profile, made.visitor, made.caller
    facts, kept_paths = _split(reads.paths, made.values)
    read: dict[str, object] = {}
    for name, value in made.read.items():
        if not name.startswith(FACTS) or value is None:
            read[name] = value
        else:
            facts[name] = value
    missing = sorted(facts)
    unit_id = visitor.unit_id
    if not visitor.allowed:
        unit_id = _stand_in(made) if reads.unit and not reads.unit_exactly else ""
        if reads.unit_exactly or (reads.unit and not unit_id):
            missing.append(UNIT)
    is_open = profile is not None and visitor.allowed
    inputs = Inputs(
        caller.kind,
        caller.consent_mode,
        caller.gpc,
        caller.time_zone,
        profile is not None,
        made.is_away,
        made.subject if visitor.allowed else "",
        profile.granted if profile is not None else 0,
        profile.denied if profile is not None else 0,
        _stays(visitor, reads),
        _named(visitor.traits, None if reads.every_trait else reads.traits),
        _named(profile.scored_ms, reads.traits) if is_open and profile is not None else {},
        _named(profile.trait_meta, reads.traits) if is_open and profile is not None else {},
        profile.recent if is_open and profile is not None and reads.history else b"",
        read,
        kept_paths,
        _items(made),
        sealing.hidden(caller.site_id, facts) if facts else b"",
        {n: list(shown) for n, shown in visitor.shown.items() if n in reads.caps},
        visitor.session_since_ms,
        dict(made.intensities),
    )
    return Packed(unit_id, missing, _squeezed(_pack(inputs)))


def unpacked(inputs: bytes | memoryview) -> Inputs:
    """Return what `packed` kept.

    Raises:
        ValueError: it is not what this version of the code writes.
    """
    try:
        return _decoder.decode(zlib.decompress(inputs, wbits=-15))
    except (zlib.error, msgspec.DecodeError) as error:
        raise ValueError(f"These inputs cannot be read: {error}") from error


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


def _reads_of_call(made: Made) -> Reads:
    name = "\n".join([noted.placement for noted in made.placements])
    known = _unions.get(name)
    if known is not None and known[0] is made.served:
        return known[1]
    found = _NOTHING
    for noted in made.placements:
        found = found | reads_of(made.served, noted.placement)
    _unions.put(name, (made.served, found))
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
    return Reads(
        frozenset(segments),
        frozenset(traits),
        frozenset(others),
        every_segment=every_segment,
        every_trait=every_trait,
    )


def _stand_in(made: Made) -> str:
    """Return an id that is no visitor's and is held out of the same: the own one is not kept.

    Empty when none is found in a few hundred tries.
    """
    holdouts = made.served.compiled.holdouts
    dealt = [position_of(made.visitor.unit_id, seed=one.seed) < one.share for one in holdouts]
    for number in range(STAND_INS):
        name = f"stand-in {number}"
        if dealt == [position_of(name, seed=one.seed) < one.share for one in holdouts]:
            return name
    return ""


def _split(
    paths: Iterable[Path], values: Mapping[str, Any]
) -> tuple[dict[str, object], list[tuple[Path, Any]]]:
    """What templates looked at: facts of the call by name, and the rest by path."""
    facts: dict[str, object] = {}
    kept: list[tuple[Path, Any]] = []
    for path in paths:
        value = rendering.found_at(path, values)
        if value is None:
            continue
        if path[0] == "facts":
            facts[".".join(path)] = value
        else:
            kept.append((path, value))
    return facts, kept


def _stays(visitor: Visitor, reads: Reads) -> bytes:
    stays = cast(Stays, visitor.memberships)
    if reads.every_segment:
        return encode_stays(stays)
    wanted = reads.segments
    return encode_stays({number: stay for number, stay in stays.items() if number in wanted})


def _named(values: Mapping[str, Any], names: frozenset[str] | None) -> dict[str, Any]:
    if names is None:
        return dict(values)
    return {name: values[name] for name in names if name in values}


class _Body(msgspec.Struct):
    items: msgspec.Raw = msgspec.Raw()


_bodies = msgspec.json.Decoder(_Body)


def _items(made: Made) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for noted in made.placements:
        placement = made.served.compiled.placements.get(noted.placement)
        if placement is None or placement.block.doc.recommender is None or not noted.body:
            continue
        items = bytes(_bodies.decode(noted.body).items)
        if items:
            found[noted.placement] = items
    return found


def _squeezed(raw: bytes) -> bytes:
    # A small window and table: these are a few hundred bytes, and a large one costs more to clear
    # than they cost to compress.
    squeezer = zlib.compressobj(1, zlib.DEFLATED, -10, 4)
    return squeezer.compress(raw) + squeezer.flush()
