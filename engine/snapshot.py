"""A publication: the frozen document that is stored, and its compiled form that decides.

The document is plain JSON both ways. `compile_snapshot` runs once per publication: it parses every
condition, sorts candidates and prepares templates, and refuses what contradicts itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, TypeVar

import msgspec

from engine.conditions.compile import Compiled, compile_condition
from engine.conditions.nodes import Node
from engine.conditions.parse import parse_condition
from engine.conditions.scope import segment_keys
from engine.errors import InvalidCondition, InvalidSnapshot
from engine.templating import Render, TemplatePart, prepare

JSON: TypeAlias = Any  # whatever a JSON document can hold

BlockKind: TypeAlias = Literal["content", "recommendations", "flag"]
ValueType: TypeAlias = Literal["boolean", "string", "integer", "float", "object"]
BlockPurpose: TypeAlias = Literal["personalization", "necessary"]


class SegmentDoc(msgspec.Struct, frozen=True, omit_defaults=True):
    """A segment that something in the publication asks for.

    Attributes:
        number: small, unique in the site, never reused; memberships are kept by it.
        depth: how many segments it is nested in; the deeper, the more specific.
        no_profile: its verdict on an empty history, for a visitor without a profile.
        request_condition: set when it depends on the request; then it has no kept membership.
    """

    number: int
    key: str
    name: str = ""
    depth: int = 0
    hidden: bool = False
    no_profile: bool = False
    request_condition: dict[str, JSON] | None = None


class VariantDoc(msgspec.Struct, frozen=True, omit_defaults=True):
    """One version of a block.

    Attributes:
        segments: numbers; being in any of them makes this variant a candidate.
        template: the slot form; `liquid` is the source when only Liquid can render it.
        value: what a flag evaluates to.
    """

    key: str
    version: int
    segments: list[int] = []
    priority: int = 0
    fields: dict[str, JSON] = {}
    template: list[TemplatePart] | None = None
    liquid: str | None = None
    value: JSON = None


class BlockDoc(msgspec.Struct, frozen=True, omit_defaults=True):
    """Content that can fill a placement. `default` is the key of the variant for everyone else."""

    key: str
    kind: BlockKind
    variants: list[VariantDoc]
    default: str
    value_type: ValueType | None = None
    client_visible: bool = False
    purpose: BlockPurpose = "personalization"
    recommender: str | None = None
    limit: int = 0


class PlacementDoc(msgspec.Struct, frozen=True, omit_defaults=True):
    key: str
    block: str
    enabled: bool = True


class RuleDoc(msgspec.Struct, frozen=True, omit_defaults=True):
    """Serve `variant` in `placement` while `condition` holds, in [starts_at_ms, ends_at_ms).

    The condition holds no events: `scope.split_history` put hidden segments in their place.
    """

    key: str
    placement: str
    variant: str
    condition: dict[str, JSON]
    priority: int = 0
    starts_at_ms: int | None = None
    ends_at_ms: int | None = None
    enabled: bool = True


class SnapshotDoc(msgspec.Struct, frozen=True):
    site_id: str
    number: int
    published_at_ms: int
    placements: list[PlacementDoc] = []
    blocks: list[BlockDoc] = []
    segments: list[SegmentDoc] = []
    rules: list[RuleDoc] = []


@dataclass(frozen=True, slots=True)
class CompiledSegment:
    doc: SegmentDoc
    number: int
    no_profile: bool
    request: Compiled | None


@dataclass(frozen=True, slots=True)
class CompiledVariant:
    doc: VariantDoc
    key: str
    version: int
    render: Render | None  # None: no slot form, see `doc.liquid` and `doc.fields`


@dataclass(frozen=True, slots=True)
class CompiledRule:
    doc: RuleDoc
    key: str
    node: Node
    condition: Compiled
    variant: CompiledVariant
    starts_at_ms: int | None
    ends_at_ms: int | None


@dataclass(frozen=True, slots=True)
class CompiledBlock:
    """`tagged`: every (segment, variant) pair, the most specific first."""

    doc: BlockDoc
    key: str
    variants: dict[str, CompiledVariant]
    default: CompiledVariant
    tagged: tuple[tuple[CompiledSegment, CompiledVariant], ...]


@dataclass(frozen=True, slots=True)
class CompiledPlacement:
    """`rules`: the enabled ones, by priority (greatest first), then key."""

    doc: PlacementDoc
    key: str
    block: CompiledBlock
    rules: tuple[CompiledRule, ...]


@dataclass(frozen=True, slots=True)
class CompiledSnapshot:
    doc: SnapshotDoc
    site_id: str
    number: int
    placements: dict[str, CompiledPlacement]
    blocks: dict[str, CompiledBlock]
    segments: dict[str, CompiledSegment]
    segments_by_number: dict[int, CompiledSegment]


def encode_snapshot(doc: SnapshotDoc) -> bytes:
    """Return the document as JSON; equal documents give equal bytes."""
    return msgspec.json.encode(doc, order="deterministic")


def decode_snapshot(body: bytes | str) -> SnapshotDoc:
    """Read a stored document.

    Raises:
        InvalidSnapshot: not JSON, or of another shape.
    """
    try:
        return msgspec.json.decode(body, type=SnapshotDoc)
    except msgspec.MsgspecError as error:
        raise InvalidSnapshot("snapshot", str(error)) from error


def compile_snapshot(doc: SnapshotDoc) -> CompiledSnapshot:
    """Return the form that decides.

    Raises:
        InvalidSnapshot: a key used twice or named but absent, or a condition that is refused.
    """
    segments = _segments(doc)
    by_number = _keyed("segments", ((segment.number, segment) for segment in segments.values()))
    blocks = _keyed("blocks", ((block.key, _block(block, by_number)) for block in doc.blocks))
    rules: dict[str, list[CompiledRule]] = {}
    placements_by_key = _keyed("placements", ((item.key, item) for item in doc.placements))
    _keyed("rules", ((rule.key, rule) for rule in doc.rules))
    for rule in doc.rules:
        placement = _named("placements", placements_by_key, rule.placement, f"rules.{rule.key}")
        block = _named("blocks", blocks, placement.block, f"placements.{placement.key}")
        compiled = _rule(rule, block, segments)
        if rule.enabled:
            rules.setdefault(rule.placement, []).append(compiled)
    placements = {
        item.key: CompiledPlacement(
            doc=item,
            key=item.key,
            block=_named("blocks", blocks, item.block, f"placements.{item.key}"),
            rules=tuple(
                sorted(rules.get(item.key, ()), key=lambda rule: (-rule.doc.priority, rule.key))
            ),
        )
        for item in doc.placements
    }
    return CompiledSnapshot(doc, doc.site_id, doc.number, placements, blocks, segments, by_number)


def _segments(doc: SnapshotDoc) -> dict[str, CompiledSegment]:
    known = frozenset(segment.key for segment in doc.segments)
    asks: dict[str, frozenset[str]] = {}
    compiled = []
    for segment in doc.segments:
        request = None
        if segment.request_condition is not None:
            path = f"segments.{segment.key}"
            node = _condition(segment.request_condition, path, known)
            asks[segment.key] = segment_keys(node)
            request = compile_condition(node)
        compiled.append(
            (
                segment.key,
                CompiledSegment(segment, segment.number, segment.no_profile, request),
            )
        )
    _refuse_cycles(asks)
    return _keyed("segments", compiled)


def _refuse_cycles(asks: dict[str, frozenset[str]]) -> None:
    """Segments answered in the request ask each other while they are read."""
    settled: set[str] = set()

    def visit(key: str, chain: tuple[str, ...]) -> None:
        if key in chain:
            raise InvalidSnapshot(f"segments.{key}", "contains itself")
        if key not in settled:
            for asked in sorted(asks.get(key, ())):
                visit(asked, (*chain, key))
            settled.add(key)

    for key in asks:
        visit(key, ())


def _block(doc: BlockDoc, segments: dict[int, CompiledSegment]) -> CompiledBlock:
    path = f"blocks.{doc.key}"
    variants = _keyed(
        f"{path}.variants",
        (
            (
                item.key,
                CompiledVariant(
                    item,
                    item.key,
                    item.version,
                    None if item.template is None else prepare(item.template),
                ),
            )
            for item in doc.variants
        ),
    )
    tagged = [
        (_named("segments", segments, number, f"{path}.variants.{item.key}"), variants[item.key])
        for item in doc.variants
        for number in item.segments
    ]
    # The sort is stable, so the editor's order decides last.
    tagged.sort(key=lambda pair: (-pair[0].doc.depth, -pair[1].doc.priority))
    default = _named("variants", variants, doc.default, f"{path}.default")
    return CompiledBlock(doc, doc.key, variants, default, tuple(tagged))


def _rule(doc: RuleDoc, block: CompiledBlock, segments: dict[str, CompiledSegment]) -> CompiledRule:
    path = f"rules.{doc.key}"
    node = _condition(doc.condition, path, segments.keys())
    return CompiledRule(
        doc=doc,
        key=doc.key,
        node=node,
        condition=compile_condition(node),
        variant=_named("variants", block.variants, doc.variant, path),
        starts_at_ms=doc.starts_at_ms,
        ends_at_ms=doc.ends_at_ms,
    )


def _condition(document: object, path: str, known: Iterable[str]) -> Node:
    try:
        node = parse_condition(document)
    except InvalidCondition as error:
        raise InvalidSnapshot(f"{path}.condition.{error.path}", error.problem) from error
    absent = sorted(segment_keys(node) - set(known))
    if absent:
        raise InvalidSnapshot(f"{path}.condition", f"names the segment '{absent[0]}', not here")
    return node


Key = TypeVar("Key", str, int)
Item = TypeVar("Item")


def _keyed(path: str, pairs: Iterable[tuple[Key, Item]]) -> dict[Key, Item]:
    found: dict[Key, Item] = {}
    for key, item in pairs:
        if key in found:
            raise InvalidSnapshot(f"{path}.{key}", "is there twice")
        found[key] = item
    return found


def _named(kind: str, items: dict[Key, Item], key: Key, path: str) -> Item:
    if key not in items:
        raise InvalidSnapshot(path, f"names '{key}', which is not among the {kind}")
    return items[key]
