"""Sequences: hand cases; see `test_sequence_properties` for random ones."""

from __future__ import annotations

import pytest

from engine.conditions import evaluate
from engine.conditions.compile import compile_condition
from engine.conditions.nodes import Gap, Match, SequenceLeaf, Step, Window, WindowKind
from engine.conditions.sequences import sequence_bindings
from engine.facts import NO_DEVICE, SESSION_IDLE_MS, Facts, Happening
from tests.engine.paths import (
    HOUR_MS,
    MINUTE_MS,
    START_MS,
    equals,
    event,
    story,
)

EVER = Window(WindowKind.EVER)
SESSION = Window(WindowKind.SESSION, SESSION_IDLE_MS)
VIEWED, ADDED, ORDERED = (
    Match(name) for name in ("Product Viewed", "Product Added", "Order Completed")
)


def is_true(leaf: SequenceLeaf, facts: Facts, after_ms: int) -> bool:
    """Both evaluators' verdict so many ms after the start of the story."""
    now_ms = START_MS + after_ms
    verdict, _ = compile_condition(leaf)(facts, now_ms)
    assert evaluate.truth(leaf, facts, now_ms) is verdict
    return verdict is True


def until(leaf: SequenceLeaf, facts: Facts, after_ms: int) -> int | None:
    """When the verdict ends, in ms after the start of the story."""
    until_ms = compile_condition(leaf)(facts, START_MS + after_ms)[1]
    return None if until_ms is None else until_ms - START_MS


def viewed(after_ms: int, product: str = "p1", device: int = 1) -> Happening:
    return event(after_ms, "Product Viewed", device, product_id=product)


def added(after_ms: int, product: str = "p1", device: int = 1) -> Happening:
    return event(after_ms, "Product Added", device, product_id=product)


def ordered(after_ms: int, product: str = "p1", device: int = 1) -> Happening:
    return event(after_ms, "Order Completed", device, product_id=product)


def test_steps_count_in_their_order_only() -> None:
    leaf = SequenceLeaf((Step(VIEWED), Step(ADDED)), EVER)

    assert is_true(leaf, story(viewed(0), added(1)), 1)
    assert not is_true(leaf, story(added(0), viewed(1)), 1)
    assert not is_true(leaf, story(viewed(0), viewed(1)), 1)


def test_of_two_events_at_one_instant_the_order_of_the_history_decides() -> None:
    leaf = SequenceLeaf((Step(VIEWED), Step(ADDED)), EVER)

    assert is_true(leaf, story(viewed(0), added(0)), 0)
    assert not is_true(leaf, story(added(0), viewed(0)), 0)


def test_one_event_is_never_two_steps() -> None:
    leaf = SequenceLeaf((Step(VIEWED), Step(VIEWED)), EVER)

    assert not is_true(leaf, story(viewed(0)), 0)
    assert is_true(leaf, story(viewed(0), viewed(0)), 0)


@pytest.mark.parametrize(("gap_ms", "expected"), [(5000, True), (5001, False)])
def test_a_gap_limit_holds_to_the_millisecond(gap_ms: int, expected: bool) -> None:
    leaf = SequenceLeaf((Step(VIEWED), Step(ADDED, within_ms=5000)), EVER)

    assert is_true(leaf, story(viewed(0), added(gap_ms)), gap_ms) is expected


@pytest.mark.parametrize(("total_ms", "expected"), [(5000, True), (5001, False)])
def test_the_total_limit_is_from_the_first_event_to_the_last(total_ms: int, expected: bool) -> None:
    leaf = SequenceLeaf((Step(VIEWED), Step(ADDED), Step(ORDERED)), EVER, within_ms=5000)

    assert is_true(leaf, story(viewed(0), added(1), ordered(total_ms)), 9000) is expected


def test_a_later_start_may_keep_the_total_limit() -> None:
    leaf = SequenceLeaf((Step(VIEWED), Step(ADDED)), EVER, within_ms=1000)

    assert is_true(leaf, story(viewed(0), viewed(4000), added(5000)), 5000)


def test_all_events_of_a_match_are_about_one_product() -> None:
    leaf = SequenceLeaf((Step(VIEWED), Step(ADDED)), EVER, by=("product_id",))

    assert is_true(leaf, story(viewed(0), added(1)), 1)
    assert not is_true(leaf, story(viewed(0, "p1"), added(1, "p2")), 1)
    nameless = story(event(0, "Product Viewed"), event(1, "Product Added"))
    assert not is_true(leaf, nameless, 1)


def test_a_key_tells_true_from_one() -> None:
    leaf = SequenceLeaf((Step(VIEWED), Step(ADDED)), EVER, by=("k",))

    mixed = story(event(0, "Product Viewed", k=True), event(1, "Product Added", k=1))
    same = story(event(0, "Product Viewed", k=1.0), event(1, "Product Added", k=1))

    assert not is_true(leaf, mixed, 1)
    assert is_true(leaf, same, 1)


def test_what_must_not_happen_between_two_steps() -> None:
    leaf = SequenceLeaf((Step(VIEWED), Step(ADDED)), EVER, without=(Gap(1, ORDERED),))

    assert not is_true(leaf, story(viewed(0), ordered(1, "p9"), added(2)), 2)
    assert is_true(leaf, story(ordered(0), viewed(1), added(2), ordered(3)), 3)
    # A view after the order begins anew.
    assert is_true(leaf, story(viewed(0), ordered(1), viewed(2), added(3)), 3)


def test_the_steps_themselves_are_not_between_them() -> None:
    """The first time it is put in the cart after the view: not the second."""
    leaf = SequenceLeaf((Step(VIEWED), Step(ADDED)), EVER, without=(Gap(1, ADDED),), times=2)

    assert not is_true(leaf, story(viewed(0), added(1), added(2)), 2)
    assert is_true(leaf, story(viewed(0), added(1), viewed(2), added(3)), 3)


@pytest.mark.parametrize(
    ("first_ms", "last_ms", "expected"),
    [(1000, 1999, True), (999, 1999, False), (1000, 2000, False)],
)
def test_an_absolute_window_holds_its_first_instant_and_not_its_last(
    first_ms: int, last_ms: int, expected: bool
) -> None:
    window = Window(WindowKind.ABSOLUTE, from_ms=START_MS + 1000, to_ms=START_MS + 2000)
    leaf = SequenceLeaf((Step(VIEWED), Step(ADDED)), window)

    assert is_true(leaf, story(viewed(first_ms), added(last_ms)), 5000) is expected


def test_a_gap_forbids_only_between_its_own_steps() -> None:
    leaf = SequenceLeaf((Step(VIEWED), Step(ADDED), Step(VIEWED)), EVER, without=(Gap(2, ORDERED),))

    assert is_true(leaf, story(viewed(0), ordered(1), added(2), viewed(3)), 3)
    assert not is_true(leaf, story(viewed(0), added(1), ordered(2), viewed(3)), 3)


def test_a_strict_sequence_has_no_event_of_any_name_between() -> None:
    leaf = SequenceLeaf((Step(VIEWED), Step(ADDED)), EVER, is_strict=True)

    assert is_true(leaf, story(viewed(0), added(1)), 1)
    assert not is_true(leaf, story(viewed(0), event(1, "Scrolled", 2), added(2)), 2)


def test_in_session_cuts_where_the_device_was_idle() -> None:
    leaf = SequenceLeaf((Step(VIEWED), Step(ADDED)), EVER, in_session=True)
    idle = SESSION_IDLE_MS

    assert is_true(leaf, story(viewed(0), added(idle - 1)), idle)
    assert not is_true(leaf, story(viewed(0), added(idle)), idle)
    assert not is_true(leaf, story(viewed(0, device=1), added(1, device=2)), 1)
    # Another device does not keep the session going; this one's own events do.
    other = story(viewed(0), event(MINUTE_MS, "Scrolled", 2), added(idle))
    own = story(viewed(0), event(MINUTE_MS, "Scrolled", 1), added(idle))
    assert not is_true(leaf, other, idle)
    assert is_true(leaf, own, idle)


def test_events_without_a_device_are_a_chain_of_their_own() -> None:
    leaf = SequenceLeaf((Step(VIEWED), Step(ADDED)), EVER, in_session=True)

    assert is_true(leaf, story(viewed(0, device=NO_DEVICE), added(1, device=NO_DEVICE)), 1)
    assert not is_true(leaf, story(viewed(0, device=1), added(1, device=NO_DEVICE)), 1)


def test_a_rolling_window_ends_when_the_latest_start_leaves_it() -> None:
    leaf = SequenceLeaf((Step(VIEWED), Step(ADDED)), Window(WindowKind.LAST, 10_000))
    facts = story(viewed(0), viewed(3000), added(5000))

    assert until(leaf, facts, 5000) == 13_000
    assert is_true(leaf, facts, 12_999)
    assert not is_true(leaf, facts, 13_000)
    assert until(leaf, facts, 13_000) is None


def test_completions_are_counted_not_pairs() -> None:
    leaf = SequenceLeaf((Step(VIEWED), Step(ADDED)), EVER, times=2)

    assert not is_true(leaf, story(viewed(0), viewed(1), added(2)), 2)
    assert is_true(leaf, story(viewed(0), added(1), added(2)), 2)


def test_with_times_the_window_ends_with_the_start_that_makes_it_enough() -> None:
    leaf = SequenceLeaf((Step(VIEWED), Step(ADDED)), Window(WindowKind.LAST, 10_000), times=2)
    facts = story(viewed(0), added(1000), viewed(2000), added(3000), viewed(4000), added(5000))

    assert until(leaf, facts, 5000) == 12_000


def test_a_session_window_starts_over_with_the_next_session() -> None:
    leaf = SequenceLeaf((Step(VIEWED), Step(ADDED)), SESSION)
    facts = story(viewed(0), added(HOUR_MS), viewed(HOUR_MS + 1), added(HOUR_MS + 2))

    assert not is_true(leaf, facts, HOUR_MS)
    assert is_true(leaf, facts, HOUR_MS + 2)
    assert until(leaf, facts, HOUR_MS + 2) == HOUR_MS + 2 + SESSION_IDLE_MS
    assert is_true(leaf, facts, HOUR_MS + 1 + SESSION_IDLE_MS)
    assert not is_true(leaf, facts, HOUR_MS + 2 + SESSION_IDLE_MS)


def test_when_the_session_is_over_that_of_the_events_without_a_device_is_open() -> None:
    """A server sent two events without a device while the browser was still there, then later."""
    leaf = SequenceLeaf((Step(VIEWED), Step(ADDED)), SESSION)
    late = MINUTE_MS + SESSION_IDLE_MS
    facts = story(viewed(0), viewed(1, device=NO_DEVICE), added(MINUTE_MS, device=NO_DEVICE))
    alone = story(viewed(0), added(MINUTE_MS, device=NO_DEVICE))

    assert until(leaf, facts, MINUTE_MS) == late
    assert until(leaf, alone, MINUTE_MS) == SESSION_IDLE_MS


def test_the_page_view_is_that_of_the_session_not_of_another_device() -> None:
    leaf = SequenceLeaf((Step(Match("Page Viewed")),), Window(WindowKind.PAGE_VIEW))
    facts = story(
        event(0, "Page Viewed", 1, page_view_id="v1"),
        event(1000, "Page Viewed", 2, page_view_id="v2"),
        event(2000, "Scrolled", 1),
    )

    assert is_true(leaf, facts, 1000)
    assert is_true(leaf, facts, 2000)
    assert until(leaf, facts, 2000) == 2000 + SESSION_IDLE_MS


def test_an_order_on_another_device_counts_as_between() -> None:
    leaf = SequenceLeaf((Step(VIEWED), Step(ADDED)), SESSION, without=(Gap(1, ORDERED),))

    assert not is_true(leaf, story(viewed(0), ordered(1, device=2), added(2)), 2)


def test_the_template_gets_the_products_of_the_latest_completion() -> None:
    leaf = SequenceLeaf(
        (Step(VIEWED), Step(ADDED)),
        EVER,
        by=("category",),
        bind=(("product", 2, "product_id"), ("seen", 1, "product_id"), ("none", 1, "absent")),
    )
    facts = story(
        event(0, "Product Viewed", category="a", product_id="p1"),
        event(1, "Product Viewed", category="b", product_id="p2"),
        event(2, "Product Added", category="b", product_id="p3"),
        event(3, "Product Added", category="a", product_id="p4"),
    )

    at_first = sequence_bindings(leaf, facts, START_MS + 2)
    at_last = sequence_bindings(leaf, facts, START_MS + 3)

    assert at_first == {"product": "p3", "seen": "p2"}
    assert at_last == {"product": "p4", "seen": "p1"}
    assert sequence_bindings(leaf, facts, START_MS + 1) == {}


def test_of_matches_with_one_start_the_later_steps_are_bound() -> None:
    leaf = SequenceLeaf(
        (Step(VIEWED), Step(ADDED), Step(ORDERED)), EVER, bind=(("added", 2, "product_id"),)
    )
    facts = story(viewed(0), added(1, "early"), added(2, "late"), ordered(3))

    assert sequence_bindings(leaf, facts, START_MS + 3) == {"added": "late"}


def test_two_hovers_within_five_minutes_and_then_the_click() -> None:
    hover = Match("Element Hovered", (equals("element", "buy"),))
    click = Match("Element Clicked", (equals("element", "buy"),))
    leaf = SequenceLeaf(
        (Step(hover), Step(hover, within_ms=5 * MINUTE_MS), Step(click, within_ms=MINUTE_MS)),
        SESSION,
    )
    facts = story(
        event(0, "Element Hovered", element="buy"),
        event(200_000, "Element Hovered", element="buy"),
        event(203_000, "Element Clicked", element="buy"),
    )

    assert is_true(leaf, facts, 203_000)
    assert until(leaf, facts, 203_000) == 203_000 + SESSION_IDLE_MS


def test_a_long_history_is_searched_in_one_pass() -> None:
    """Ten steps over thousands of events: plain search would never end, so this is the proof."""
    steps = tuple(Step(Match("*")) for _ in range(10))
    history = [event(i, "A", k=str(i % 7)) for i in range(2000)]
    leaf = SequenceLeaf(steps, EVER, by=("k",), times=1000)

    assert is_true(leaf, Facts(history=history), 2000)
