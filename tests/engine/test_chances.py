"""The chance that a decision carries is how often it comes: dealt anew, by chi-square."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from engine.capping import CapDoc
from engine.chances import is_same_for_all, propensity, width
from engine.compiling import compile_snapshot
from engine.decide import Decision, Reason, decide_in_turn, decide_placement
from engine.errors import InvalidSnapshot
from engine.members import Visitor
from engine.snapshot import (
    ArmDoc,
    BlockDoc,
    CompiledSnapshot,
    ContextDoc,
    ExperimentDoc,
    HoldoutDoc,
    PlacementDoc,
    RuleDoc,
    SegmentDoc,
    SnapshotDoc,
    VariantDoc,
)

NOW_MS = 1_700_000_000_000
PLACE = "home.hero"
EVERYBODY: dict[str, Any] = {"v": 1, "where": {"all": []}}
VIP, NEW = 1, 2
IN = (True, None, None, None)
SHOWN: dict[str, Any] = {"shown": {1: [NOW_MS - 1]}}
ONCE, OTHER = CapDoc(1, "once", most=1), CapDoc(2, "other", most=1)


def publication(
    *experiments: ExperimentDoc,
    rules: Sequence[RuleDoc] = (),
    holdouts: Sequence[HoldoutDoc] = (),
    caps: Mapping[str, list[int]] | None = None,
    later: str = "",
) -> CompiledSnapshot:
    """A placement with four variants: `plain` is its default, `gold` is for VIPs."""
    drawn = caps or {}
    variants = [
        VariantDoc(
            key, 1, segments=[VIP] if key == "gold" else [], caps=drawn.get(key, []),
            starts_at_ms=NOW_MS + 1 if key == later else None,
        )
        for key in ("plain", "red", "blue", "gold")
    ]  # fmt: skip
    document = SnapshotDoc(
        "site", 1, 0,
        placements=[PlacementDoc(PLACE, "hero")],
        blocks=[BlockDoc("hero", "content", variants, "plain")],
        segments=[SegmentDoc(VIP, "vip"), SegmentDoc(NEW, "new")],
        rules=list(rules), caps=[ONCE, OTHER], experiments=list(experiments),
        holdouts=list(holdouts),
    )  # fmt: skip
    return compile_snapshot(document)


def split(
    *arms: tuple[str, float], key: str = "words", seed: str = "words.1", **more: Any
) -> ExperimentDoc:
    made = [ArmDoc(f"arm{n}", variant, weight) for n, (variant, weight) in enumerate(arms)]
    return ExperimentDoc(key, PLACE, seed, made, **more)


def ruled(experiment: str = "", variant: str = "", key: str = "r", **more: Any) -> RuleDoc:
    return RuleDoc(key, PLACE, variant, EVERYBODY, experiment=experiment, **more)


class Case(NamedTuple):
    snapshot: CompiledSnapshot
    visitor: dict[str, Any] = {}


HALVES = (("plain", 0.5), ("red", 0.5))
THIRDS = (("plain", 0.2), ("red", 0.3), ("blue", 0.5))
CASES: dict[str, Case] = {
    "plain A/B": Case(publication(split(*HALVES))),
    "unequal shares": Case(publication(split(*THIRDS))),
    "shares that are no ten-thousandths": Case(
        publication(split(("plain", 1 / 3), ("red", 1 / 3), ("blue", 1 / 3), coverage=0.77))
    ),
    "coverage": Case(publication(split(("blue", 0.5), ("red", 0.5), coverage=0.4))),
    "coverage, and a segment behind it": Case(
        publication(split(*THIRDS, coverage=0.35)), {"memberships": {VIP: IN}}
    ),
    "a layer": Case(publication(split(*THIRDS, layer=("shop", 0.25, 0.85), coverage=0.8))),
    "two of one layer": Case(
        publication(
            split(("red", 1.0), key="one", seed="one.1", by_rule=True, layer=("shop", 0.0, 0.3)),
            split(("plain", 0.5), ("blue", 0.5), layer=("shop", 0.3, 1.0)),
            rules=[ruled("one")],
        )
    ),
    "two of several layers": Case(
        publication(
            split(
                ("red", 0.5), ("gold", 0.5), key="one", seed="one.1", by_rule=True,
                layer=("shop", 0.0, 0.6),
            ),
            split(("plain", 0.5), ("blue", 0.5), layer=("page", 0.3, 0.7)),
            rules=[ruled("one")],
        )
    ),
    "a stopped arm shows the control": Case(
        publication(split(("red", 0.25), ("red", 0.25), ("blue", 0.5), coverage=0.9))
    ),
    "held out": Case(
        publication(
            split(*THIRDS), holdouts=[HoldoutDoc("all", "h.1", 0.1), HoldoutDoc("b", "h.2", 0.2)]
        )
    ),
    "held out of a segment": Case(
        publication(holdouts=[HoldoutDoc("all", "h.1", 0.1)]), {"memberships": {VIP: IN}}
    ),
    "held out of nothing": Case(publication(holdouts=[HoldoutDoc("all", "h.1", 0.1)])),
    "an arm whose cap is used up": Case(
        publication(split(*THIRDS), caps={"red": [1]}), SHOWN
    ),
    "an arm whose cap is used up, and a segment": Case(
        publication(split(*THIRDS, coverage=0.7), caps={"red": [1]}),
        {**SHOWN, "memberships": {VIP: IN}},
    ),
    "an arm that has not begun": Case(publication(split(*THIRDS), later="blue")),
    "contexts, the first that fits": Case(
        publication(
            split(
                *THIRDS,
                contexts=[
                    ContextDoc("new", [0.1, 0.1, 0.8]), ContextDoc("vip", [0.6, 0.05, 0.35]),
                ],
            )
        ),
        {"memberships": {VIP: IN}},
    ),
    "contexts, none that fits": Case(
        publication(split(*THIRDS, contexts=[ContextDoc("vip", [0.6, 0.05, 0.35])]))
    ),
    "run by a rule": Case(
        publication(split(*THIRDS, by_rule=True, coverage=0.6), rules=[ruled("words")])
    ),
    "run by a rule, with its cap": Case(
        publication(
            split(*THIRDS, by_rule=True), rules=[ruled("words", caps=[1])], caps={"blue": [2]}
        ),
        SHOWN,
    ),
    "run by two rules, the first with a cap": Case(
        publication(
            split(*THIRDS, by_rule=True, coverage=0.8),
            split(("blue", 1.0), key="own", seed="own.1", coverage=0.5),
            rules=[ruled("words", caps=[1], priority=1), ruled("words", key="s")],
        ),
        SHOWN,
    ),
    "run by a rule, another in the placement": Case(
        publication(
            split(("red", 0.5), ("plain", 0.5), key="one", seed="one.1", by_rule=True,
                  coverage=0.5),
            split(("plain", 0.1), ("blue", 0.9), coverage=0.9),
            rules=[ruled("one")], holdouts=[HoldoutDoc("all", "h.1", 0.05)],
        )
    ),
    "no consent to experiments": Case(publication(split(*THIRDS)), {"may_split": False}),
}  # fmt: skip


def with_chance(case: Case, unit: str) -> Decision:
    visitor = Visitor(unit, **case.visitor)
    found = decide_placement(case.snapshot, PLACE, visitor, {}, NOW_MS)
    chance = propensity(case.snapshot, found, visitor, {}, NOW_MS)
    return msgspec.structs.replace(found, propensity=chance)


def logged(case: Case, units: int) -> tuple[Counter[str], dict[str, float]]:
    """How often each variant was served, and the one chance that was logged with it."""
    seen: Counter[str] = Counter()
    chances: dict[str, float] = {}
    for number in range(units):
        one = with_chance(case, f"visitor-{number}")
        assert one.variant is not None and one.propensity is not None
        seen[one.variant] += 1
        assert chances.setdefault(one.variant, one.propensity) == one.propensity
    return seen, chances


@pytest.mark.parametrize("name", CASES)
def test_what_is_served_comes_as_often_as_was_logged(name: str) -> None:
    seen, chances = logged(CASES[name], 20_000)
    assert sum(chances.values()) == pytest.approx(1.0, abs=1e-9)
    if len(seen) > 1:
        expected = [chances[key] * seen.total() for key in seen]
        assert stats.chisquare(list(seen.values()), expected).pvalue > 0.001, (seen, chances)


def test_chances_by_hand() -> None:
    held = publication(
        split(("plain", 0.2), ("red", 0.3), ("red", 0.5), coverage=0.5, layer=("shop", 0.0, 0.5)),
        holdouts=[HoldoutDoc("all", "h.1", 0.1)],
    )
    _, chances = logged(Case(held), 2_000)
    # Held out, or not in the layer, not covered, or the first arm.
    red = 0.9 * 0.5 * 0.5 * 0.8
    assert chances == {"red": pytest.approx(red), "plain": pytest.approx(1 - red)}


def test_the_probability_stays_that_of_the_arm_among_those_who_take_part() -> None:
    case = Case(
        publication(split(*THIRDS, coverage=0.5, contexts=[ContextDoc("vip", [0.6, 0.05, 0.35])])),
        {"memberships": {VIP: IN}},
    )
    found = [with_chance(case, f"u{n}") for n in range(2_000)]
    told = {one.arm: one.probability for one in found if one.arm}
    assert told == {"arm0": 0.6, "arm1": 0.05, "arm2": 0.35}
    assert {one.probability for one in found if not one.arm} == {1.0}


def test_what_is_fixed_is_certain() -> None:
    nobody = publication(split(*HALVES))
    for visitor in (Visitor("u1", allowed=False),):
        found = decide_placement(nobody, PLACE, visitor, {}, NOW_MS)
        assert found.reason is Reason.NO_CONSENT
        assert propensity(nobody, found, visitor, {}, NOW_MS) == 1.0
    lost = decide_placement(nobody, "nowhere", Visitor("u1"), {}, NOW_MS)
    assert propensity(nobody, lost, Visitor("u1"), {}, NOW_MS) is None


def test_after_a_refusal_of_a_store_others_who_draw_on_the_same_are_refused_too() -> None:
    compiled = publication(split(*THIRDS), caps={"red": [1], "blue": [1]})
    chances = {}
    for number in range(500):
        visitor = Visitor(f"u{number}")
        turn = list(decide_in_turn(compiled, PLACE, visitor, {}, NOW_MS))
        refused = [one.caps for one in turn[:-1]]
        chance = propensity(compiled, turn[-1], visitor, {}, NOW_MS, refused)
        chances[len(turn)] = chance
    assert chances[2] == pytest.approx(1.0)  # red and blue are both refused
    assert chances[1] == pytest.approx(0.2)  # the control asks no store
    both = publication(split(*THIRDS), caps={"red": [1, 2], "blue": [2]})
    for number in range(500):
        visitor = Visitor(f"u{number}")
        turn = list(decide_in_turn(both, PLACE, visitor, {}, NOW_MS))
        if turn[0].variant == "red":
            # Whether the first or the second was used up, nobody said: blue may be there or not.
            refused = [turn[0].caps]
            assert propensity(both, turn[1], visitor, {}, NOW_MS, refused) is None


def test_a_context_needs_its_segment_and_a_share_for_each_arm() -> None:
    with pytest.raises(InvalidSnapshot, match="gone"):
        publication(split(*HALVES, contexts=[ContextDoc("gone", [0.5, 0.5])]))
    with pytest.raises(InvalidSnapshot, match="a weight for each arm"):
        publication(split(*HALVES, contexts=[ContextDoc("vip", [1.0])]))
    with pytest.raises(InvalidSnapshot, match="whose sum is 1"):
        publication(split(*HALVES, contexts=[ContextDoc("vip", [0.5, 0.6])]))


@given(st.floats(0, 1), st.floats(0, 1), st.sampled_from([1000, 10_000]))
def test_the_width_counts_positions(one: float, other: float, steps: int) -> None:
    start, end = sorted((one, other))
    count = sum(start <= k / steps < end for k in range(steps))
    assert width((start, end), steps) == pytest.approx(count / steps, abs=1e-12)


SHARES = st.sampled_from([(0.5, 0.5, 0.0), (0.2, 0.3, 0.5), (0.05, 0.9, 0.05), (1.0, 0.0, 0.0)])
VARIANTS = st.permutations(["plain", "red", "blue", "gold"])


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Two experiments in whatever order, layer, coverage, context and cap."""
    made = []
    for number, by_rule in enumerate((True, False)):
        start, end = sorted(draw(st.lists(st.sampled_from([0.0, 0.3, 0.5, 1.0]), min_size=2,
                                          max_size=2, unique=True)))  # fmt: skip
        contexts = [ContextDoc("vip", list(draw(SHARES)))] if draw(st.booleans()) else []
        layer = (f"layer{draw(st.integers(0, 1))}", start, end) if draw(st.booleans()) else None
        arms = zip(draw(VARIANTS), draw(SHARES), strict=False)
        made.append(
            split(*arms, key=f"e{number}", seed=f"e{number}.1", by_rule=by_rule, layer=layer,
                  coverage=draw(st.sampled_from([1.0, 0.6, 0.1])), contexts=contexts)
        )  # fmt: skip
    caps = {"red": [1]} if draw(st.booleans()) else {}
    compiled = publication(
        *made,
        rules=[ruled("e0", caps=[2] if draw(st.booleans()) else [])],
        holdouts=[HoldoutDoc("all", "h.1", draw(st.sampled_from([0.0, 0.2])))],
        caps=caps,
        later=draw(st.sampled_from(["", "blue"])),
    )
    visitor: dict[str, Any] = {"shown": {draw(st.sampled_from([1, 2, 3])): [NOW_MS - 1]}}
    if draw(st.booleans()):
        visitor["memberships"] = {VIP: IN}
    return Case(compiled, visitor)


@settings(max_examples=60, deadline=None)
@given(cases())
def test_whatever_is_published_the_chances_add_up_and_come_true(case: Case) -> None:
    units = 1_500
    seen, chances = logged(case, units)
    assert sum(chances.values()) <= 1 + 1e-9
    for key, count in seen.items():
        chance = chances[key]
        assert 0 < chance <= 1
        spread = (units * chance * (1 - chance)) ** 0.5
        assert abs(count - units * chance) <= 5.5 * spread + 1e-6, (key, count, chance)
    # What was never seen is rare: whatever else there is has the rest.
    assert sum(chances.values()) > 1 - 0.02


def test_what_is_the_same_for_all_does_not_depend_on_the_visitor() -> None:
    """What delivery works out once for everybody."""
    visitors = [
        Visitor("u", memberships={VIP: IN, NEW: IN}, shown={1: [NOW_MS], 2: [NOW_MS]}),
        Visitor("u", known=False),
    ]
    is_same = 0
    for name, case in CASES.items():
        placement = case.snapshot.placements[PLACE]
        if not is_same_for_all(placement):
            continue
        is_same += 1
        for variant in ("plain", "red", "blue", "gold"):
            asked = Decision(PLACE, "hero", variant, 1, Reason.SPLIT)
            found = {propensity(case.snapshot, asked, one, {}, NOW_MS) for one in visitors}
            assert len(found) == 1, (name, variant)
    assert is_same >= 4
