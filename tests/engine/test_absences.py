"""Absences: hand cases (an abandoned cart and its kin), then agreement and honest instants."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.conditions import evaluate
from engine.conditions.compile import compile_condition, forecast
from engine.conditions.nodes import AbsenceLeaf, Match, Window, WindowKind
from engine.facts import NO_DEVICE, SESSION_IDLE_MS, Facts, Happening
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
    windows,
)

EVER = Window(WindowKind.EVER)
SESSION = Window(WindowKind.SESSION, SESSION_IDLE_MS)
ADDED, CHECKOUT = Match("Product Added"), Match("Checkout Started")

ABANDONED = AbsenceLeaf(CHECKOUT, SESSION, ADDED, MINUTE_MS)


def answer(leaf: AbsenceLeaf, facts: Facts, after_ms: int) -> tuple[bool | None, int | None]:
    """(verdict, until when) so many ms after the start of the story, in such ms."""
    verdict, until_ms = compile_condition(leaf)(facts, START_MS + after_ms)
    assert evaluate.truth(leaf, facts, START_MS + after_ms) is verdict
    return verdict, None if until_ms is None else until_ms - START_MS


def added(after_ms: int, cart: str = "c1", device: int = 1) -> Happening:
    return event(after_ms, "Product Added", device, cart_id=cart)


def checkout(after_ms: int, cart: str = "c1", device: int = 1) -> Happening:
    return event(after_ms, "Checkout Started", device, cart_id=cart)


def test_a_cart_is_abandoned_a_minute_after_the_last_thing_put_in() -> None:
    facts = story(added(0), added(10_000))

    assert answer(ABANDONED, facts, 10_000) == (False, 10_000 + MINUTE_MS)
    assert answer(ABANDONED, facts, 10_000 + MINUTE_MS - 1)[0] is False
    assert answer(ABANDONED, facts, 10_000 + MINUTE_MS) == (True, 10_000 + SESSION_IDLE_MS)
    assert answer(ABANDONED, facts, 10_000 + SESSION_IDLE_MS) == (False, None)


def test_the_forecast_of_an_abandoned_cart_is_its_whole_story() -> None:
    facts = story(added(0))

    found = forecast(compile_condition(ABANDONED), facts, START_MS)

    assert found == (False, START_MS + MINUTE_MS, True, START_MS + SESSION_IDLE_MS)


def test_who_goes_to_the_checkout_has_abandoned_nothing() -> None:
    facts = story(added(0), checkout(MINUTE_MS - 1))

    assert answer(ABANDONED, facts, MINUTE_MS) == (False, None)


def test_a_checkout_after_the_minute_ends_it() -> None:
    facts = story(added(0), checkout(90_000))

    assert answer(ABANDONED, facts, 89_999)[0] is True
    assert answer(ABANDONED, facts, 90_000) == (False, None)


def test_a_checkout_before_the_cart_answers_nothing() -> None:
    assert answer(ABANDONED, story(checkout(0), added(1)), 1 + MINUTE_MS)[0] is True


def test_at_one_instant_the_order_of_the_history_decides() -> None:
    assert answer(ABANDONED, story(added(0), checkout(0)), MINUTE_MS)[0] is False
    assert answer(ABANDONED, story(checkout(0), added(0)), MINUTE_MS)[0] is True


def test_a_checkout_on_another_device_answers_too() -> None:
    facts = story(added(0), checkout(10, device=2), event(20, "Scrolled", 1))

    assert answer(ABANDONED, facts, MINUTE_MS)[0] is False


def test_three_minutes_on_the_checkout_then_gone() -> None:
    """True only while the session is still open: three minutes after the checkout began."""
    leaf = AbsenceLeaf(Match("Order Completed"), SESSION, CHECKOUT, 3 * MINUTE_MS)
    facts = story(checkout(0), event(MINUTE_MS, "Page Heartbeat"))

    assert answer(leaf, facts, MINUTE_MS) == (False, 3 * MINUTE_MS)
    assert answer(leaf, facts, 3 * MINUTE_MS) == (True, MINUTE_MS + SESSION_IDLE_MS)


def test_without_a_time_it_is_true_at_once() -> None:
    leaf = AbsenceLeaf(CHECKOUT, EVER, ADDED)

    assert answer(leaf, story(added(0)), 0) == (True, None)
    assert answer(leaf, story(), 0) == (False, None)


@pytest.mark.parametrize("window", [EVER, SESSION], ids=["ever", "session"])
def test_an_event_does_not_follow_itself(window: Window) -> None:
    """Nothing more was put in the cart for a minute."""
    leaf = AbsenceLeaf(ADDED, window, ADDED, MINUTE_MS)

    assert answer(leaf, story(added(0)), MINUTE_MS)[0] is True
    assert answer(leaf, story(added(0), added(1)), MINUTE_MS)[0] is False
    assert answer(leaf, story(added(0), added(1)), MINUTE_MS + 1)[0] is True


def test_each_cart_is_asked_for_by_itself() -> None:
    leaf = AbsenceLeaf(CHECKOUT, EVER, ADDED, MINUTE_MS, by=("cart_id",))
    facts = story(added(0, "c1"), added(1, "c2"), checkout(2, "c2"))

    assert answer(leaf, facts, 2) == (False, MINUTE_MS)
    assert answer(leaf, facts, MINUTE_MS) == (True, None)
    both = story(added(0, "c1"), added(1, "c2"), checkout(2, "c2"), checkout(3, "c1"))
    assert answer(leaf, both, MINUTE_MS) == (False, None)


def test_an_event_without_the_key_neither_begins_nor_answers() -> None:
    leaf = AbsenceLeaf(CHECKOUT, EVER, ADDED, by=("cart_id",))

    assert answer(leaf, story(event(0, "Product Added")), 1) == (False, None)
    assert answer(leaf, story(added(0), event(1, "Checkout Started")), 1) == (True, None)


def test_one_cart_takes_over_from_another_without_a_gap() -> None:
    """c1 leaves the window when c2 has waited already: one stay, not two."""
    leaf = AbsenceLeaf(CHECKOUT, Window(WindowKind.LAST, HOUR_MS), ADDED, 0, by=("cart_id",))
    facts = story(added(0, "c1"), added(MINUTE_MS, "c2"))

    assert answer(leaf, facts, MINUTE_MS) == (True, HOUR_MS + MINUTE_MS)


def test_between_two_carts_there_may_be_a_gap() -> None:
    window = Window(WindowKind.LAST, HOUR_MS)
    leaf = AbsenceLeaf(CHECKOUT, window, ADDED, 50 * MINUTE_MS, by=("cart_id",))
    facts = story(added(0, "c1"), added(30 * MINUTE_MS, "c2"))

    assert answer(leaf, facts, 30 * MINUTE_MS) == (False, 50 * MINUTE_MS)
    assert answer(leaf, facts, 50 * MINUTE_MS) == (True, HOUR_MS)
    assert answer(leaf, facts, HOUR_MS) == (False, 80 * MINUTE_MS)
    assert answer(leaf, facts, 80 * MINUTE_MS) == (True, 90 * MINUTE_MS)


def test_a_window_some_time_ago_is_entered_late() -> None:
    window = Window(WindowKind.BETWEEN_AGO, 2 * DAY_MS, near_ms=DAY_MS)
    leaf = AbsenceLeaf(CHECKOUT, window, ADDED, MINUTE_MS)

    assert answer(leaf, story(added(0)), MINUTE_MS) == (False, DAY_MS)
    assert answer(leaf, story(added(0)), DAY_MS) == (True, 2 * DAY_MS)


def test_of_a_window_some_time_ago_the_latest_that_has_entered_is_asked_for() -> None:
    window = Window(WindowKind.BETWEEN_AGO, HOUR_MS, near_ms=1000)
    leaf = AbsenceLeaf(CHECKOUT, window, ADDED, 10 * MINUTE_MS)
    facts = story(added(0), added(10 * MINUTE_MS - 500))

    # The second is not in the window yet, so the first counts; then it has to wait itself.
    assert answer(leaf, facts, 10 * MINUTE_MS) == (True, 10 * MINUTE_MS + 500)
    assert answer(leaf, facts, 10 * MINUTE_MS + 500) == (False, 20 * MINUTE_MS - 500)


def test_what_was_before_the_session_waits_for_the_session_that_holds_it() -> None:
    """The server's events began before the browser's, whose session is open first."""
    leaf = AbsenceLeaf(CHECKOUT, SESSION, ADDED, 1000)
    facts = story(
        added(0, device=NO_DEVICE),
        event(1, "Scrolled", 1),
        event(MINUTE_MS, "Scrolled", NO_DEVICE),
    )

    assert answer(leaf, facts, MINUTE_MS) == (False, 1 + SESSION_IDLE_MS)
    assert answer(leaf, facts, 1 + SESSION_IDLE_MS) == (True, MINUTE_MS + SESSION_IDLE_MS)


def test_an_absolute_window_ends_before_its_last_instant() -> None:
    window = Window(WindowKind.ABSOLUTE, from_ms=START_MS + 1000, to_ms=START_MS + 2000)
    leaf = AbsenceLeaf(CHECKOUT, window, ADDED)

    assert answer(leaf, story(added(999), added(2000)), 2000) == (False, None)
    assert answer(leaf, story(added(1000), added(2000)), 2000) == (True, None)
    assert answer(leaf, story(added(1999), added(2000)), 2000) == (True, None)
    # The checkout answers it though it comes after the end.
    assert answer(leaf, story(added(1999), checkout(9000)), 9000) == (False, None)


@pytest.mark.parametrize(("after_ms", "expected"), [(299_999, False), (300_000, True)])
def test_a_viewed_product_that_is_not_put_in_the_cart(after_ms: int, expected: bool) -> None:
    """Of each product: the one that was put in is not the one that was left."""
    viewed = Match("Product Viewed", (equals("currency", "EUR"),))
    leaf = AbsenceLeaf(ADDED, SESSION, viewed, 5 * MINUTE_MS, by=("product_id",))
    facts = story(
        event(0, "Product Viewed", currency="EUR", product_id="p1"),
        event(0, "Product Viewed", currency="EUR", product_id="p2"),
        event(1, "Product Added", product_id="p2"),
    )

    assert answer(leaf, facts, after_ms)[0] is expected


# Properties

NAMES = ("A", "B", "C")
KEYS = st.dictionaries(
    st.sampled_from(["k", "j", "page_view_id"]), st.sampled_from(["x", "y", 1, True]), max_size=3
)
matches = st.one_of(
    st.sampled_from([*NAMES, "*"]).map(Match),
    st.sampled_from(NAMES).map(lambda name: Match(name, (equals("k", "x"),))),
)
leaves = st.builds(
    AbsenceLeaf,
    matches,
    windows(names=NAMES),
    matches,
    st.sampled_from([0, 1, 1000, 5000, MINUTE_MS, SESSION_IDLE_MS, HOUR_MS]),
    st.sampled_from([(), (), ("k",), ("k", "j")]),
)


@checks
@given(leaves, histories(NAMES, KEYS))
def test_an_absence_answers_alike_and_honestly(leaf: AbsenceLeaf, history: list[Happening]) -> None:
    check(leaf, Facts(history=history, site_zone=ZONE, traits={"timezone": "America/New_York"}))
