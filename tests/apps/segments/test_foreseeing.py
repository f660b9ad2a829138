"""What is dated after now counts from its time on, and is a deadline until then."""

from typing import Any

import pytest

from apps.segments import computed_state, live
from apps.segments.foreseeing import CLOCKS_APART_MS, as_of, is_of_the_future, no_further
from apps.segments.live import LiveDefinitions
from apps.segments.past import Past
from engine.facts import Facts, Happening
from tests.apps.segments.world import NOW_MS

MINUTE_MS = 60_000
VIEWS = {"kind": "event", "name": "Viewed", "aggregate": "count", "op": "gte", "value": 1}


def live_set(where: dict[str, Any], **policy: Any) -> LiveDefinitions:
    return live.define(1, [(1, "one", {"v": 1, "where": where}, policy)])


def facts(*minutes: float, name: str = "Viewed") -> Facts:
    """Events so many minutes from now."""
    return Facts(
        history=[Happening(NOW_MS + int(at * MINUTE_MS), name, 1) for at in sorted(minutes)]
    )


def stay_of(definitions: LiveDefinitions, known: Facts, now_ms: int = NOW_MS) -> Any:
    return definitions.evaluate(known, {}, now_ms).stays.get(1)


def test_an_event_of_the_future_is_a_deadline() -> None:
    lately = live_set(VIEWS | {"window": {"last": "10m"}})
    ten = NOW_MS + 10 * MINUTE_MS
    assert stay_of(lately, facts(10, 15)) == (False, ten, None, None, None)
    # What is over before it comes is followed that far.
    assert stay_of(lately, facts(-8, 10)) == (True, NOW_MS + 2 * MINUTE_MS, False, ten, NOW_MS)
    assert stay_of(lately, facts(-8, 1)) == (True, NOW_MS + MINUTE_MS, None, None, NOW_MS)


def test_an_event_that_is_not_read_is_no_deadline() -> None:
    lately = live_set(VIEWS | {"window": {"last": "10m"}})
    assert stay_of(lately, facts(10, name="Something Else")) is None


def test_a_session_is_prolonged_by_any_event_when_it_comes() -> None:
    here = live_set(VIEWS | {"window": "session"})
    known = facts(-5)
    known.history = [*known.history, *facts(20, name="Something Else").history]
    assert stay_of(here, known)[:3] == (True, NOW_MS + 20 * MINUTE_MS, None)


def test_a_stay_that_remembers_is_foretold_up_to_the_next_event_that_it_reads() -> None:
    once = live_set(VIEWS | {"window": {"last": "4m"}}, once=True)
    first = once.evaluate(facts(10, 20), {}, NOW_MS)
    assert first.stays[1][:4] == (False, NOW_MS + 10 * MINUTE_MS, None, None)

    # A timer that is late: both have come meanwhile, and the first stay is over.
    late_ms = NOW_MS + 21 * MINUTE_MS
    known = facts(10, 20)
    then = once.evaluate(known, first.stays, late_ms, past=Past(known))
    assert then.stays[1][0] is False
    assert then.stays[1][6] == NOW_MS + 14 * MINUTE_MS


@pytest.mark.parametrize(
    ("ahead_ms", "counts"),
    [(0, True), (1, True), (CLOCKS_APART_MS, True), (CLOCKS_APART_MS + 1, False)],
    ids=["now", "at once", "just", "clock ahead"],
)
def test_two_clocks_that_are_right_may_differ_a_little(ahead_ms: int, counts: bool) -> None:
    last_ms = NOW_MS + ahead_ms
    assert as_of(NOW_MS, last_ms) == (last_ms if counts else NOW_MS)
    assert is_of_the_future(last_ms, NOW_MS) is not counts


def test_who_has_done_nothing_or_long_ago_is_asked_as_of_now() -> None:
    assert as_of(NOW_MS, None) == as_of(NOW_MS, NOW_MS - 1) == NOW_MS


@pytest.mark.parametrize(
    ("as_of_ms", "is_behind"),
    [(0, False), (59 * MINUTE_MS, False), (60 * MINUTE_MS, True), (-MINUTE_MS, True)],
    ids=["now", "fresh", "old", "of the future"],
)
def test_computed_traits_of_a_clock_that_was_ahead_are_worked_out_again(
    as_of_ms: int, is_behind: bool
) -> None:
    definition = {"name": "Viewed", "aggregate": "count", "window": {"last": "1d"}}
    kept = computed_state.kept_traits({"views": definition})
    assert kept is not None
    at_ms = NOW_MS - as_of_ms
    known = ({"views": 1}, at_ms, kept.mark, at_ms, computed_state.TRAIT, None)

    assert list(kept.behind(known, (), NOW_MS)) == (["views"] if is_behind else [])


@pytest.mark.parametrize(
    ("stay", "cut"),
    [
        ((True, None, None, None, 1), (True, 9, None, None, 1)),
        ((True, 9, False, 12, 1), (True, 9, None, None, 1)),
        ((True, 8, False, 12, 1), (True, 8, False, 9, 1)),
        ((True, 8, False, None, 1), (True, 8, False, 9, 1)),
        ((True, 4, False, 8, 1), (True, 4, False, 8, 1)),
        ((True, 4, None, None, 1), (True, 4, None, None, 1)),
    ],
    ids=["for good", "ends then", "goes on past it", "ends for good", "is over", "not followed"],
)
def test_a_stay_says_nothing_beyond_what_is_known(stay: Any, cut: Any) -> None:
    assert no_further(stay, 9) == cut
    assert no_further(stay, None) == stay
