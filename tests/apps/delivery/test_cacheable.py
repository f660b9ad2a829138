"""What a segment key brings is what a decision would: random publications, without a database."""

from collections import Counter

import msgspec
import pytest

from apps.delivery import cacheable, segment_key
from engine.compiling import compile_snapshot
from engine.conditions.nodes import SegmentLeaf
from engine.conditions.parse import parse_condition
from engine.conditions.scope import leaves_of
from engine.decide import decide_placement
from engine.members import Visitor
from engine.snapshot import CompiledSnapshot, SnapshotDoc
from tests.engine.choices import Choices, Seeded, some
from tests.sdk import publications

EXAMPLES = 400
INSIDE = (True, None, None, None)


def shared(document: SnapshotDoc) -> SnapshotDoc:
    """A publication without what no segment key can say."""
    return msgspec.structs.replace(
        document,
        blocks=[
            msgspec.structs.replace(
                block,
                cacheable=True,
                caps=[],
                variants=[msgspec.structs.replace(one, caps=[]) for one in block.variants],
            )
            for block in document.blocks
        ],
        placements=[msgspec.structs.replace(one, caps=[]) for one in document.placements],
        segments=[
            msgspec.structs.replace(one, request_condition=None) for one in document.segments
        ],
        rules=[
            msgspec.structs.replace(rule, caps=[])
            for rule in document.rules
            if not rule.experiment
            and all(
                isinstance(leaf, SegmentLeaf) for leaf in leaves_of(parse_condition(rule.condition))
            )
        ],
        experiments=[],
        holdouts=[],
    )


def somebody(choices: Choices, plan: cacheable.Plan, is_allowed: bool) -> tuple[Visitor, int]:
    """A visitor in some of the segments, and the bits that say so."""
    if not is_allowed:
        return Visitor("u", {}, allowed=False), 0
    inside = set(some(choices, range(1, 5), most=4))
    bits = sum(
        1 << place for place, segment in enumerate(plan.segments) if segment.number in inside
    )
    return Visitor("u", dict.fromkeys(inside, INSIDE)), bits | segment_key.ALLOWED


@pytest.mark.parametrize("is_allowed", [True, False], ids=["consent", "no consent"])
def test_a_key_brings_what_a_decision_would(is_allowed: bool) -> None:
    found: Counter[str] = Counter()
    for seed in range(EXAMPLES):
        choices = Seeded(seed)
        compiled: CompiledSnapshot = compile_snapshot(shared(publications.publication(choices)))
        plan = cacheable.make_plan(compiled)
        visitor, bits = somebody(choices, plan, is_allowed)
        now_ms = publications.now_ms(choices)
        short = cacheable.shortest(plan, compiled, bits, now_ms)
        assert short | bits == bits
        for place in compiled.placements.values():
            decided = decide_placement(compiled, place.key, visitor, {}, now_ms)
            choice = plan.choice(place, short, now_ms)
            assert (choice.variant, choice.rule) == (decided.variant, decided.rule), (seed, place)
            found[choice.reason.value] += 1
    assert {"DEFAULT", "DISABLED", "TARGETING_MATCH"} <= found.keys()


def test_caps_experiments_and_requests_never_come_by_a_key() -> None:
    for seed in range(EXAMPLES):
        choices = Seeded(seed)
        document = publications.publication(choices)
        blocks = [msgspec.structs.replace(block, cacheable=True) for block in document.blocks]
        compiled = compile_snapshot(msgspec.structs.replace(document, blocks=blocks))
        plan = cacheable.make_plan(compiled)
        _, bits = somebody(choices, plan, True)
        now_ms = publications.now_ms(choices)
        for place in compiled.placements.values():
            choice = plan.choice(place, bits, now_ms)
            if choice.variant == place.block.default.key:
                continue
            assert choice.reason.value == "TARGETING_MATCH"
            if choice.rule is not None:
                [rule] = [one for one in place.rules if one.key == choice.rule]
                assert not rule.caps
                assert rule.experiment is None
                assert all(isinstance(leaf, SegmentLeaf) for leaf in leaves_of(rule.node))
            else:
                pairs = zip(place.block.tagged, place.tagged_caps, strict=True)
                assert not [c for (_, variant), c in pairs if variant.key == choice.variant and c]
                assert place.experiment is None
