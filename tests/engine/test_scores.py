"""Scores: weights, decay, caps, clamps, and the millisecond at which a threshold is crossed."""

from __future__ import annotations

from decimal import Decimal, getcontext
from math import inf, log2, nextafter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.conditions import evaluate
from engine.conditions.compile import compile_condition
from engine.conditions.nodes import (
    Match,
    Op,
    ScoreEvents,
    ScoreLeaf,
    ScoreTrait,
    TraitLeaf,
    Window,
    WindowKind,
)
from engine.conditions.scores import score_value
from engine.facts import Facts, Happening
from tests.engine.paths import (
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    START_MS,
    ZONE,
    check,
    checks,
    equals,
    event,
    histories,
    story,
)

ORDERED, VIEWED = Match("Order Completed"), Match("Page Viewed")
PRO = TraitLeaf("plan", Op.EQ, "pro")


def score(
    *events: ScoreEvents,
    traits: tuple[ScoreTrait, ...] = (),
    at_least: float = 0,
    floor: float | None = None,
    ceiling: float | None = None,
) -> ScoreLeaf:
    return ScoreLeaf(events, traits, Op.GTE, at_least, floor, ceiling)


def value(leaf: ScoreLeaf, facts: Facts, after_ms: int) -> float:
    """The score found; the closure compares the very same double."""
    found = score_value(leaf, facts, START_MS + after_ms)
    just_so = ScoreLeaf(
        leaf.events, leaf.traits, Op.BETWEEN, (found, found), leaf.floor, leaf.ceiling
    )
    assert compile_condition(just_so)(facts, START_MS + after_ms)[0] is True
    return found


def answer(leaf: ScoreLeaf, facts: Facts, after_ms: int) -> tuple[bool | None, int | None]:
    """(verdict, until when) so many ms after the start of the story, in such ms."""
    verdict, until_ms = compile_condition(leaf)(facts, START_MS + after_ms)
    assert evaluate.truth(leaf, facts, START_MS + after_ms) is verdict
    return verdict, None if until_ms is None else until_ms - START_MS


def test_weights_add_up() -> None:
    leaf = score(
        ScoreEvents(ORDERED, 10, of="items"),
        ScoreEvents(VIEWED, 2),
        traits=(ScoreTrait(PRO, 5), ScoreTrait(TraitLeaf("age", Op.GT, 30), 100)),
    )
    events = (event(0, "Order Completed", items=3), event(1, "Page Viewed"))

    assert value(leaf, story(*events, traits={"plan": "pro"}), 1) == 37
    assert value(leaf, story(*events), 0) == 30


def test_an_event_halves_with_each_half_life() -> None:
    leaf = score(ScoreEvents(ORDERED, 8, half_life_ms=HOUR_MS))
    facts = story(event(0, "Order Completed"))

    assert [value(leaf, facts, n * HOUR_MS) for n in range(4)] == [8, 4, 2, 1]


def test_a_cap_holds_what_one_source_can_give() -> None:
    leaf = score(ScoreEvents(VIEWED, 2, cap=5), ScoreEvents(ORDERED, -9, cap=4))
    facts = story(*(event(i, "Page Viewed") for i in range(9)), event(10, "Order Completed"))

    assert value(leaf, facts, 9) == 5
    assert value(leaf, facts, 10) == 1


def test_the_whole_is_kept_between_floor_and_ceiling() -> None:
    leaf = score(ScoreEvents(VIEWED, 60), ScoreEvents(ORDERED, -90), floor=0, ceiling=100)
    facts = story(event(0, "Page Viewed"), event(1, "Page Viewed"), event(2, "Order Completed"))

    assert value(leaf, facts, 1) == 100
    assert value(leaf, facts, 2) == 30
    assert value(leaf, story(event(0, "Order Completed")), 0) == 0


def test_what_is_no_number_counts_nothing() -> None:
    leaf = score(ScoreEvents(ORDERED, 1, of="items"))
    odd = [event(0, "Order Completed", items=item) for item in ("3", True)]

    assert value(leaf, story(event(0, "Order Completed"), *odd), 0) == 0


def test_a_window_leaves_out_what_is_older() -> None:
    leaf = score(ScoreEvents(VIEWED, 1, window=Window(WindowKind.LAST, HOUR_MS)))
    facts = story(*(event(n * MINUTE_MS, "Page Viewed") for n in (0, 20, 40)))

    assert [value(leaf, facts, n * MINUTE_MS) for n in (40, 60, 79, 80, 100)] == [3, 2, 2, 1, 0]
    some = ScoreLeaf(leaf.events, (), Op.GTE, 1)
    assert answer(some, facts, 40 * MINUTE_MS) == (True, 100 * MINUTE_MS)


def test_events_are_added_newest_first() -> None:
    """Doubles show the order: 0.3 + 0.2 + 0.1 is not 0.1 + 0.2 + 0.3."""
    leaf = score(ScoreEvents(ORDERED, 1, of="items"))
    facts = story(*(event(i, "Order Completed", items=n / 10) for i, n in enumerate((1, 2, 3))))

    assert value(leaf, facts, 2) == 0.3 + 0.2 + 0.1 != 0.1 + 0.2 + 0.3


@pytest.mark.parametrize("sign", [1, -1], ids=["over", "under"])
def test_near_a_threshold_every_bit_counts(sign: int) -> None:
    """The least step of a double beside the threshold, where a quick estimate cannot tell."""
    leaf = score(ScoreEvents(ORDERED, 10, half_life_ms=HOUR_MS), at_least=5)
    facts = story(event(0, "Order Completed"))
    beside = nextafter(value(leaf, facts, HOUR_MS), sign * inf)

    assert answer(ScoreLeaf(leaf.events, (), Op.GTE, beside), facts, 0)[1] == (
        HOUR_MS if sign > 0 else HOUR_MS + 1
    )


def test_a_negative_number_does_not_fade_in() -> None:
    fading = score(ScoreEvents(ORDERED, 1, of="items", half_life_ms=HOUR_MS))
    lasting = score(ScoreEvents(ORDERED, 1, of="items"))
    facts = story(event(0, "Order Completed", items=-3), event(0, "Order Completed", items=-6))

    assert value(fading, facts, 0) == 0
    assert value(lasting, facts, 0) == -9


def test_recent_purchases_outweigh_demographics() -> None:
    """Engagement of this week beats a fitting age; without it the age alone is not enough."""
    leaf = score(
        ScoreEvents(ORDERED, 20, half_life_ms=7 * DAY_MS),
        ScoreEvents(VIEWED, 1, half_life_ms=DAY_MS, cap=15),
        traits=(ScoreTrait(TraitLeaf("age", Op.BETWEEN, (25, 40)), 10),),
        at_least=30,
    )
    views = [event(i, "Page Viewed") for i in range(20)]

    assert answer(leaf, story(traits={"age": 30}), 0) == (False, None)
    verdict, until_ms = answer(
        leaf, story(*views, event(30, "Order Completed"), traits={"age": 50}), 30
    )
    assert verdict is True
    assert until_ms is not None
    assert DAY_MS / 3 < until_ms < DAY_MS


@pytest.mark.parametrize("half_life_ms", [1000, HOUR_MS, 7 * DAY_MS, 365 * DAY_MS])
def test_the_crossing_is_where_the_logarithm_says(half_life_ms: int) -> None:
    leaf = score(ScoreEvents(ORDERED, 100, half_life_ms=half_life_ms), at_least=30)
    facts = story(event(0, "Order Completed"))

    until_ms = answer(leaf, facts, 0)[1]

    assert until_ms == int(half_life_ms * log2(100 / 30)) + 1
    assert answer(leaf, facts, until_ms - 1) == (True, until_ms)
    assert answer(leaf, facts, until_ms) == (False, None)


def test_a_crossing_at_a_whole_half_life_is_met_to_the_millisecond() -> None:
    at_least = score(ScoreEvents(ORDERED, 8, half_life_ms=HOUR_MS), at_least=1)
    above = ScoreLeaf(at_least.events, (), Op.GT, 1)
    facts = story(event(0, "Order Completed"))

    assert answer(at_least, facts, 0) == (True, 3 * HOUR_MS + 1)
    assert answer(above, facts, 0) == (True, 3 * HOUR_MS)


def test_a_score_falls_into_a_range_and_out_of_it() -> None:
    leaf = ScoreLeaf((ScoreEvents(ORDERED, 8, half_life_ms=HOUR_MS),), (), Op.BETWEEN, (1, 4))
    facts = story(event(0, "Order Completed"))

    assert answer(leaf, facts, 0) == (False, HOUR_MS)
    assert answer(leaf, facts, HOUR_MS) == (True, 3 * HOUR_MS + 1)


def test_a_range_that_is_jumped_over_is_no_change() -> None:
    window = Window(WindowKind.LAST, HOUR_MS)
    leaf = ScoreLeaf((ScoreEvents(ORDERED, 8, window=window),), (), Op.BETWEEN, (1, 4))

    assert answer(leaf, story(event(0, "Order Completed")), 0) == (False, None)


def test_a_cap_delays_the_crossing() -> None:
    """Ten orders are worth 5 by the cap; they fade below 5 only when ten are worth less."""
    leaf = score(ScoreEvents(ORDERED, 1, half_life_ms=HOUR_MS, cap=5), at_least=5)
    facts = story(*(event(0, "Order Completed") for _ in range(10)))

    assert answer(leaf, facts, 0) == (True, HOUR_MS + 1)


def test_what_counts_against_may_leave_and_let_the_score_rise() -> None:
    """A complaint of the last hour holds down a score that fades meanwhile."""
    leaf = score(
        ScoreEvents(ORDERED, 10, half_life_ms=DAY_MS),
        ScoreEvents(Match("Complained"), -5, window=Window(WindowKind.LAST, HOUR_MS)),
        at_least=8,
    )
    facts = story(event(0, "Order Completed"), event(1, "Complained"))

    assert answer(leaf, facts, 1) == (False, HOUR_MS + 1)
    fades_ms = int(DAY_MS * log2(10 / 8)) + 1
    assert answer(leaf, facts, HOUR_MS + 1) == (True, fades_ms)


def test_a_trait_test_that_depends_on_the_day_moves_the_score() -> None:
    renewed = TraitLeaf("renewed_at", Op.WITHIN_LAST, DAY_MS)
    leaf = score(ScoreEvents(ORDERED, 1), traits=(ScoreTrait(renewed, 5),), at_least=5)
    facts = story(event(0, "Order Completed"), traits={"renewed_at": "2025-10-25T22:30:00Z"})

    verdict, until_ms = answer(leaf, facts, 0)

    assert verdict is True
    assert until_ms is not None
    check(leaf, facts)


def test_thousands_of_events_are_added_to_the_last_bit() -> None:
    """Against 50 digits: the doubles may differ in the last places only."""
    getcontext().prec = 50
    leaf = score(ScoreEvents(VIEWED, 0.1, half_life_ms=HOUR_MS), at_least=20)
    history = [event(i * 997, "Page Viewed") for i in range(2000)]
    now_ms = 2000 * 997
    exact = sum(
        Decimal("0.1") * Decimal(2) ** (-Decimal(now_ms - i * 997) / Decimal(HOUR_MS))
        for i in range(2000)
    )

    found = value(leaf, Facts(history=history), now_ms)
    verdict, until_ms = answer(leaf, Facts(history=history), now_ms)

    assert found == pytest.approx(float(exact), rel=1e-12)
    assert verdict is True
    assert until_ms is not None
    crossing_ms = now_ms + HOUR_MS * log2(float(exact) / 20)
    assert abs(until_ms - crossing_ms) <= 2


# Properties

NAMES = ("A", "B", "C")
PROPERTIES = st.fixed_dictionaries(
    {},
    optional={
        "k": st.sampled_from(["x", "y"]),
        "n": st.sampled_from([0, 1, 2, 0.1, 0.2, 0.3, 0.7, 7.5, -1, -0.7, "x", True, 1000]),
    },
)
HALF_LIVES = st.sampled_from([0, 0, 1, 700, MINUTE_MS, HOUR_MS, 7 * DAY_MS])
WIDTHS = st.sampled_from([0, 0, 1000, MINUTE_MS, HOUR_MS, 40 * DAY_MS])
TESTS = st.sampled_from(
    [
        PRO,
        TraitLeaf("renewed_at", Op.WITHIN_LAST, DAY_MS),
        TraitLeaf("renewed_at", Op.WITHIN_NEXT, HOUR_MS),
        TraitLeaf("absent", Op.IS_MISSING, None),
    ]
)
RENEWALS = st.sampled_from(
    ["2025-10-25T23:30:00Z", "2025-10-26T00:00:00.500Z", "2025-11-10", "never"]
)


@st.composite
def leaves(draw: st.DrawFn) -> ScoreLeaf:
    sign = draw(st.sampled_from([1, -1]))
    sources = []
    for _ in range(draw(st.integers(0, 3))):
        half_life_ms, width_ms = draw(HALF_LIVES), draw(WIDTHS)
        weight = draw(st.sampled_from([1, 2, 0.1, 3.7, 10]))
        direction = sign if half_life_ms else draw(st.sampled_from([1, -1]))
        sources.append(
            ScoreEvents(
                draw(st.sampled_from([Match("A"), Match("B"), Match("*")])),
                weight * direction,
                draw(st.sampled_from([None, "n"])),
                half_life_ms,
                draw(st.sampled_from([None, None, 1, 2.5])),
                Window(WindowKind.LAST, width_ms) if width_ms else Window(WindowKind.EVER),
            )
        )
    traits = st.builds(ScoreTrait, TESTS, st.sampled_from([1, -2, 0.5]))
    op = draw(st.sampled_from([Op.GT, Op.GTE, Op.LT, Op.LTE, Op.BETWEEN]))
    limits = st.sampled_from([-3, -1, 0, 0.5, 1, 2, 2.5, 4, 7.4, 10, 1000])
    pair = sorted((draw(limits), draw(limits)))
    return ScoreLeaf(
        tuple(sources),
        tuple(draw(st.lists(traits, max_size=2))),
        op,
        tuple(pair) if op is Op.BETWEEN else pair[0],
        draw(st.sampled_from([None, None, 0, -1])),
        draw(st.sampled_from([None, None, 4, 100])),
    )


@checks
@given(leaves(), histories(NAMES, PROPERTIES, max_size=6), RENEWALS)
def test_a_score_answers_alike_and_honestly(
    leaf: ScoreLeaf, history: list[Happening], renewed_at: str
) -> None:
    traits = {"plan": "pro", "renewed_at": renewed_at}
    check(leaf, Facts(history=history, site_zone=ZONE, traits=traits))


@checks
@given(leaves(), histories(NAMES, PROPERTIES))
def test_the_closure_compares_the_very_double_of_the_walk(
    leaf: ScoreLeaf, history: list[Happening]
) -> None:
    unbound = ScoreLeaf(leaf.events, leaf.traits, leaf.op, leaf.value)
    for at_ms in {happening.at_ms - START_MS for happening in history}:
        for after_ms in (at_ms, at_ms + 999, at_ms + HOUR_MS):
            value(leaf, Facts(history=history), after_ms)
            value(unbound, Facts(history=history), after_ms)


def test_filters_choose_the_events() -> None:
    leaf = score(ScoreEvents(Match("A", (equals("k", "x"),)), 1))

    assert value(leaf, story(event(0, "A", k="x"), event(0, "A", k="y")), 0) == 1
