"""What of a publication may be kept for all visitors of the same segments, and how it is chosen.

A publication is cut down to its cacheable blocks and to the rules that ask for nothing but kept
segments, and decided by the engine as every other one. What a visitor's own caps, experiments or
values would change is never among it: where such a variant would be served, it is the default.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final

from apps.content import rendering
from apps.content.errors import RenderFailed
from apps.decisions.selectors import Served
from apps.delivery import segment_key
from engine.compiling import compile_snapshot
from engine.conditions.nodes import SegmentLeaf
from engine.conditions.scope import leaves_of
from engine.decide import Reason, decide_placement
from engine.members import Visitor
from engine.snapshot import (
    BlockDoc,
    CompiledPlacement,
    CompiledRule,
    CompiledSegment,
    CompiledSnapshot,
    PlacementDoc,
    RuleDoc,
    SegmentDoc,
    SnapshotDoc,
    VariantDoc,
    encode_snapshot,
)

_PLAN: Final = "cacheable"  # of Served.prepared
KEYS_KEPT: Final = 10_000  # per publication and process
# What content for all may look at: lists of what is popular; what is not capped never wears off.
_SHARED: Final = frozenset({"items", "intensity"})


@dataclass(frozen=True, slots=True)
class Choice:
    """What a placement shows to all of a segment key.

    Attributes:
        until_ms: it ends or something else begins then by schedule; None: never.
    """

    variant: str
    reason: Reason
    rule: str | None
    until_ms: int | None


@dataclass(frozen=True, slots=True)
class Plan:
    """A publication cut down to what may be cached.

    Attributes:
        family: a digest of all that decides here, and of what the bits mean.
        segments: segment i is bit i.
        placements: key -> the segments (as bits) that can change it.
        compiled: the publication cut down; its blocks have the keys of placements.
        kept_back: (placement, variant) and (placement, "rule:" + rule) that are the default here.
        is_scheduled: some rule or variant begins or ends.
        bits: number of a segment -> its bit.
        nobody: the bits of somebody without a profile.
        keys: bits -> key as JSON.
    """

    family: bytes
    segments: tuple[CompiledSegment, ...]
    placements: dict[str, int]
    compiled: CompiledSnapshot
    kept_back: frozenset[tuple[str, str]]
    is_scheduled: bool
    bits: dict[int, int]
    nobody: int
    keys: dict[int, bytes] = field(default_factory=dict)

    def choice(self, placement: CompiledPlacement, bits: int | None, now_ms: int) -> Choice:
        """Return what a placement shows to all with these bits; None: the default."""
        default = Choice(placement.block.default.key, Reason.DEFAULT, None, None)
        if not placement.doc.enabled:
            return Choice(default.variant, Reason.DISABLED, None, None)
        if bits is None or placement.key not in self.placements:
            return default
        stays = {number: _INSIDE for number, bit in self.bits.items() if bits & bit}
        visitor = Visitor("", stays, allowed=bool(bits & segment_key.ALLOWED))
        found = decide_placement(self.compiled, placement.key, visitor, {}, now_ms)
        assert found.variant is not None
        until_ms = found.valid_until_ms
        is_kept_back = (placement.key, found.variant) in self.kept_back or (
            found.rule is not None and (placement.key, f"rule:{found.rule}") in self.kept_back
        )
        if is_kept_back or found.reason is Reason.NO_CONSENT:
            return Choice(default.variant, Reason.DEFAULT, None, until_ms)
        return Choice(found.variant, found.reason, found.rule, until_ms)


_INSIDE: Final = (True, None, None, None)


def plan_of(served: Served) -> Plan:
    """Return the plan of a publication, made once in each process."""
    plan: Plan | None = served.prepared.get(_PLAN)
    if plan is None:
        plan = served.prepared[_PLAN] = make_plan(served.compiled)
    return plan


def shortest(plan: Plan, compiled: CompiledSnapshot, bits: int, now_ms: int) -> int:
    """Return the bits without those that change nothing, so that fewer addresses are cached.

    Where something begins or ends by schedule, what changes nothing now may do so later: all stay.
    """
    if plan.is_scheduled:
        return bits
    for number in [*reversed(range(len(plan.segments))), segment_key.MAX_SEGMENTS]:
        bit = 1 << number
        if not bits & bit:
            continue
        touched = [
            compiled.placements[key]
            for key, seen in plan.placements.items()
            if seen & bit or bit == segment_key.ALLOWED
        ]
        if all(
            plan.choice(place, bits, now_ms) == plan.choice(place, bits & ~bit, now_ms)
            for place in touched
        ):
            bits &= ~bit
    return bits


def make_plan(compiled: CompiledSnapshot) -> Plan:
    """Return what of a publication may be cached: no more placements than 32 segments can tell."""
    parts: list[_Part] = []
    chosen: set[int] = set()
    for placement in compiled.placements.values():
        if not placement.block.doc.cacheable or _has_own_holdout(compiled, placement.key):
            continue
        part = _part_of(placement, compiled)
        if len(chosen | part.segments) <= segment_key.MAX_SEGMENTS:
            chosen |= part.segments
            parts.append(part)
    segments = tuple(compiled.segments_by_number[number] for number in sorted(chosen))
    bits = {segment.number: 1 << n for n, segment in enumerate(segments)}
    view = SnapshotDoc(
        site_id=compiled.site_id,
        number=0,
        published_at_ms=0,
        placements=[part.placement for part in parts],
        blocks=[part.block for part in parts],
        segments=[
            SegmentDoc(segment.number, segment.doc.key, depth=segment.doc.depth)
            for segment in segments
        ],
        rules=[rule for part in parts for rule in part.rules],
    )
    kept_back = frozenset(pair for part in parts for pair in part.kept_back)
    digest = blake2b(encode_snapshot(view), digest_size=segment_key.FAMILY_BYTES)
    digest.update(repr(sorted(kept_back)).encode())
    return Plan(
        family=digest.digest(),
        segments=segments,
        placements={
            part.placement.key: sum(bits[number] for number in part.segments) for part in parts
        },
        compiled=compile_snapshot(view),
        kept_back=kept_back,
        is_scheduled=_is_scheduled(view),
        bits=bits,
        nobody=sum(bits[segment.number] for segment in segments if segment.no_profile),
    )


def _has_own_holdout(compiled: CompiledSnapshot, key: str) -> bool:
    """Whether a holdout is about a placement and not about all: no key can say who is in it."""
    return any(one.placements and one.is_about(key) for one in compiled.holdouts)


def _is_scheduled(view: SnapshotDoc) -> bool:
    moments = [(rule.starts_at_ms, rule.ends_at_ms) for rule in view.rules]
    moments += [
        (one.starts_at_ms, one.ends_at_ms) for block in view.blocks for one in block.variants
    ]
    return any(moment != (None, None) for moment in moments)


@dataclass(frozen=True, slots=True)
class _Part:
    """One placement of the plan."""

    placement: PlacementDoc
    block: BlockDoc
    rules: list[RuleDoc]
    segments: set[int]
    kept_back: list[tuple[str, str]]


def _part_of(placement: CompiledPlacement, compiled: CompiledSnapshot) -> _Part:
    block, key = placement.block, placement.key
    # Who is in the placement's own experiment, no key can say.
    is_dealt = placement.experiment is not None
    tagged = () if is_dealt or placement.choice is not None else block.tagged
    own = placement.rules if placement.choice is None else ()
    rules = [rule for rule in own if _is_shared(rule, compiled)]
    tags: dict[str, list[int]] = {}
    for segment, variant in tagged:
        if segment.request is None:
            tags.setdefault(variant.key, []).append(segment.number)
    capped = {
        variant.key
        for (_, variant), caps in zip(block.tagged, placement.tagged_caps, strict=True)
        if caps
    }
    personal = {one.key for one in block.variants.values() if _is_personal(one.doc)}
    kept_back = [(key, name) for name in sorted(capped | personal) if name != block.default.key]
    kept_back += [(key, f"rule:{one.key}") for one in rules if one.caps or one.variant is None]
    return _Part(
        PlacementDoc(key, key),
        BlockDoc(
            key,
            "content",
            [
                VariantDoc(
                    one.key,
                    0,
                    tags.get(one.key, []),
                    one.doc.priority,
                    starts_at_ms=one.doc.starts_at_ms,
                    ends_at_ms=one.doc.ends_at_ms,
                )
                for one in block.variants.values()
            ],
            block.default.key,
            purpose=block.doc.purpose,
        ),
        [_rule_of(rule, placement) for rule in rules],
        {number for numbers in tags.values() for number in numbers}
        | {compiled.segments[name].number for rule in rules for name in _segments_of(rule)},
        kept_back,
    )


def _rule_of(rule: CompiledRule, placement: CompiledPlacement) -> RuleDoc:
    variant = placement.block.default if rule.variant is None else rule.variant
    return RuleDoc(
        rule.key,
        placement.key,
        variant.key,
        rule.doc.condition,
        rule.doc.priority,
        rule.starts_at_ms,
        rule.ends_at_ms,
    )


def _is_shared(rule: CompiledRule, compiled: CompiledSnapshot) -> bool:
    """Does it ask for kept segments alone?"""
    return all(isinstance(leaf, SegmentLeaf) for leaf in leaves_of(rule.node)) and all(
        compiled.segments[key].request is None for key in _segments_of(rule)
    )


def _segments_of(rule: CompiledRule) -> Iterator[str]:
    return (leaf.key for leaf in leaves_of(rule.node) if isinstance(leaf, SegmentLeaf))


def _is_personal(doc: VariantDoc) -> bool:
    """Would it show something of one visitor? What cannot be read is kept back, too."""
    try:
        return not rendering.roots_read(doc) <= _SHARED
    except RenderFailed:
        return True
