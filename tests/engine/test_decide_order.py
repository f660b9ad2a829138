"""Holdouts, experiments, caps and flags take their places in the order of a decision."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from engine.capping import CapDoc
from engine.compiling import compile_snapshot
from engine.decide import Decision, Reason, Step, decide_in_turn, decide_placement, in_segment
from engine.errors import InvalidSnapshot
from engine.members import Visitor
from engine.snapshot import (
    ArmDoc,
    BlockDoc,
    CompiledSnapshot,
    ExperimentDoc,
    HoldoutDoc,
    PlacementDoc,
    RuleDoc,
    SegmentDoc,
    SnapshotDoc,
    VariantDoc,
)

NOW_MS = 1_700_000_000_000
EVERYBODY: dict[str, Any] = {"v": 1, "where": {"all": []}}
VIP, IN = 1, (True, None, None, None)
TWICE, ONCE_A_DAY = CapDoc(1, "twice", most=2), CapDoc(2, "daily", most=1, window_ms=86_400_000)


def snapshot(
    *,
    rules: Sequence[RuleDoc] = (),
    experiments: Sequence[ExperimentDoc] = (),
    holdouts: Sequence[HoldoutDoc] = (),
    vip_caps: Sequence[int] = (),
    block_caps: Sequence[int] = (),
    place_caps: Sequence[int] = (),
) -> CompiledSnapshot:
    variants = [
        VariantDoc("plain", 1),
        VariantDoc("gold", 1, segments=[VIP], caps=list(vip_caps)),
        VariantDoc("app", 1),
    ]
    hero = BlockDoc("hero", "content", variants, "plain", caps=list(block_caps))
    flag = BlockDoc("new-search", "flag", [VariantDoc("off", 1, value=False)], "off", "boolean")
    return compile_snapshot(
        SnapshotDoc(
            "site",
            1,
            0,
            placements=[PlacementDoc("home.hero", "hero", caps=list(place_caps))],
            blocks=[hero, flag],
            segments=[SegmentDoc(VIP, "vip")],
            rules=list(rules),
            caps=[TWICE, ONCE_A_DAY],
            experiments=list(experiments),
            holdouts=list(holdouts),
        )
    )


def rule(variant: str = "app", **more: Any) -> RuleDoc:
    return RuleDoc("everybody", "home.hero", variant, EVERYBODY, **more)


def experiment(**more: Any) -> ExperimentDoc:
    arms = [ArmDoc("a", "plain", 0.5), ArmDoc("b", "app", 0.5)]
    return ExperimentDoc("hero-test", "home.hero", "exp.hero", arms, **more)


def decided(compiled: CompiledSnapshot, unit: str = "u1", **visitor: Any) -> Decision:
    return decide_placement(compiled, "home.hero", Visitor(unit, **visitor), {}, NOW_MS)


def turns(compiled: CompiledSnapshot, **visitor: Any) -> list[tuple[str | None, str]]:
    found = decide_in_turn(compiled, "home.hero", Visitor("u1", **visitor), {}, NOW_MS)
    return [(decision.variant, decision.reason.value) for decision in found]


UNITS = [f"u{n}" for n in range(400)]


def test_an_experiment_splits_those_whom_no_rule_serves() -> None:
    found = [decided(snapshot(experiments=[experiment()]), unit) for unit in UNITS]
    arms = {(one.variant, one.arm, one.experiment, one.reason) for one in found}
    assert arms == {
        ("plain", "a", "hero-test", Reason.SPLIT),
        ("app", "b", "hero-test", Reason.SPLIT),
    }
    assert {one.probability for one in found} == {0.5}
    assert 150 < sum(one.arm == "a" for one in found) < 250
    ruled = decided(snapshot(rules=[rule("gold")], experiments=[experiment()]))
    assert (ruled.variant, ruled.experiment) == ("gold", None)


def test_who_is_not_in_the_experiment_goes_on_to_the_segments() -> None:
    compiled = snapshot(experiments=[experiment(coverage=0.0)])
    one = decided(compiled, memberships={VIP: IN})
    assert (one.variant, one.reason, one.experiment) == ("gold", Reason.TARGETING_MATCH, None)


def test_a_rule_can_run_an_experiment() -> None:
    compiled = snapshot(
        rules=[rule("", experiment="hero-test")], experiments=[experiment(by_rule=True)]
    )
    one = decided(compiled)
    assert (one.reason, one.rule, one.experiment) == (Reason.SPLIT, "everybody", "hero-test")
    assert decided(snapshot(experiments=[experiment(by_rule=True)])).reason is Reason.DEFAULT


def test_only_those_who_are_meant_take_part() -> None:
    vip = {"v": 1, "where": {"kind": "segment", "key": "vip"}}
    compiled = snapshot(experiments=[experiment(condition=vip)])
    assert decided(compiled).reason is Reason.DEFAULT
    assert decided(compiled, memberships={VIP: IN}).reason is Reason.SPLIT


def test_the_held_out_see_the_default_whatever_they_are() -> None:
    everybody = HoldoutDoc("global", "holdout.1", 1.0)
    held = decided(snapshot(rules=[rule()], holdouts=[everybody]), memberships={VIP: IN})
    assert (held.variant, held.reason) == ("plain", Reason.HOLDOUT)
    tenth = snapshot(rules=[rule()], holdouts=[HoldoutDoc("global", "holdout.1", 0.1)])
    share = sum(decided(tenth, unit).reason is Reason.HOLDOUT for unit in UNITS) / len(UNITS)
    assert 0.05 < share < 0.16


def test_a_used_up_cap_is_skipped_at_its_step() -> None:
    compiled = snapshot(rules=[rule(caps=[1])], vip_caps=[2])
    vip = {"memberships": {VIP: IN}}
    assert turns(compiled, **vip) == [
        ("app", "TARGETING_MATCH"),
        ("gold", "TARGETING_MATCH"),
        ("plain", "CAPPED"),
    ]
    assert turns(compiled, shown={1: [0, 1]}, **vip)[0] == ("gold", "TARGETING_MATCH")
    assert turns(compiled, shown={1: [0, 1], 2: [NOW_MS]}, **vip) == [("plain", "CAPPED")]
    yesterday = NOW_MS - 86_400_000
    assert turns(compiled, shown={1: [0, 1], 2: [yesterday]}, **vip)[0][0] == "gold"


def test_capped_is_said_only_when_nothing_else_served() -> None:
    compiled = snapshot(rules=[rule(caps=[1])])
    used_up = decided(compiled, shown={1: [0, 1]}, memberships={VIP: IN})
    assert (used_up.variant, used_up.reason) == ("gold", Reason.TARGETING_MATCH)
    assert decided(snapshot(), shown={1: [0, 1]}).reason is Reason.DEFAULT


@pytest.mark.parametrize("where", ["vip_caps", "block_caps", "place_caps"])
def test_a_variant_draws_on_its_own_caps_its_blocks_and_its_placements(where: str) -> None:
    one = decided(snapshot(**{where: [1]}), memberships={VIP: IN})
    assert [cap.key for cap in one.caps] == ["twice"]


def test_the_default_is_never_limited_not_even_as_an_arm() -> None:
    compiled = snapshot(
        experiments=[experiment()], block_caps=[1], place_caps=[2], rules=[rule("plain")]
    )
    assert decided(compiled, shown={1: [0, 1], 2: [NOW_MS]}).reason is Reason.TARGETING_MATCH
    split = snapshot(experiments=[experiment()], block_caps=[1])
    by_arm = {one.arm: one.caps for one in (decided(split, unit) for unit in UNITS)}
    assert by_arm == {"a": (), "b": (TWICE,)}


def test_the_trace_tells_of_every_new_step() -> None:
    compiled = snapshot(rules=[rule(caps=[1])], experiments=[experiment(coverage=0.0)])
    steps: list[Step] = []
    visitor = Visitor("u1", shown={1: [0, 1]})
    decide_placement(compiled, "home.hero", visitor, {}, NOW_MS, steps)
    assert [(step.step, step.key, step.outcome) for step in steps] == [
        ("rule", "everybody", "matched"),
        ("cap", "twice", "used up"),
        ("experiment", "hero-test", "not in its share"),
        ("segment", "vip", "not in"),
        ("default", "plain", "served"),
    ]


def test_a_flag_needs_no_placement() -> None:
    one = decide_placement(snapshot(), "new-search", Visitor("u1"), {}, NOW_MS)
    assert (one.block, one.variant, one.reason) == ("new-search", "off", Reason.DEFAULT)


def test_a_segment_can_be_asked_for_itself() -> None:
    compiled = snapshot()
    assert in_segment(compiled, "vip", Visitor("u1", {VIP: IN}), {}, NOW_MS) == (True, False)
    assert in_segment(compiled, "vip", Visitor("u1"), {}, NOW_MS) == (False, False)
    with pytest.raises(KeyError):
        in_segment(compiled, "nobody", Visitor("u1"), {}, NOW_MS)


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"experiments": [experiment(coverage=1.5)]}, "experiments.hero-test.coverage"),
        ({"experiments": [experiment(layer=("x", 0.7, 0.2))]}, "experiments.hero-test.layer"),
        ({"experiments": [experiment(), experiment()]}, "experiments.hero-test"),
        ({"holdouts": [HoldoutDoc("h", "s", -0.1)]}, "holdouts.h.share"),
        ({"rules": [rule("", experiment="gone")]}, "rules.everybody"),
        ({"rules": [rule(caps=[9])]}, "rules.everybody"),
        ({"vip_caps": [9]}, "placements.home.hero"),
    ],
    ids=["coverage", "layer", "twice", "share", "no experiment", "no cap", "no cap of a variant"],
)
def test_what_contradicts_itself_is_refused_with_its_place(
    changes: dict[str, Any], path: str
) -> None:
    with pytest.raises(InvalidSnapshot) as refused:
        snapshot(**changes)
    assert refused.value.path == path
