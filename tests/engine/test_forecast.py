"""What becomes of a verdict when nothing more happens."""

from __future__ import annotations

from typing import Any

import pytest

from engine.conditions.compile import Forecast, compile_condition, forecast
from engine.conditions.parse import parse_condition
from engine.facts import Facts, Happening

MINUTE_MS = 60_000
ADDED: dict[str, Any] = {"kind": "event", "name": "Product Added"}
LATELY = ADDED | {"aggregate": "count", "window": {"last": "10m"}, "op": "gte", "value": 1}
A_MINUTE_AGO = ADDED | {"aggregate": "recency", "window": "session", "op": "gte", "value": "1m"}


def foretold(where: dict[str, Any], *events_ms: int, now_ms: int = 0) -> Forecast:
    compiled = compile_condition(parse_condition({"v": 1, "where": where}))
    history = [Happening(at_ms, "Product Added", 1) for at_ms in events_ms]
    return forecast(compiled, Facts(history=history), now_ms)


def test_a_verdict_that_time_does_not_change_has_no_end() -> None:
    assert foretold(LATELY) == Forecast(False, None, None, None)


def test_a_count_ends_when_its_window_has_passed() -> None:
    assert foretold(LATELY, 0) == Forecast(True, 10 * MINUTE_MS, False, None)


def test_an_abandoned_cart_begins_after_a_minute_and_ends_with_the_session() -> None:
    """Add, then nothing: true from one minute on, until half an hour has passed."""
    assert foretold(A_MINUTE_AGO, 0) == Forecast(False, MINUTE_MS, True, 30 * MINUTE_MS)


def test_events_after_now_are_not_foreseen() -> None:
    assert foretold(LATELY, 5 * MINUTE_MS) == Forecast(False, None, None, None)
    assert foretold(LATELY, 0, 5 * MINUTE_MS) == Forecast(True, 10 * MINUTE_MS, False, None)


def test_instants_at_which_nothing_really_flips_are_passed_over() -> None:
    """Two parts change places at one instant; the whole stays true."""
    swap = {"any": [LATELY, ADDED | {"aggregate": "recency", "window": "ever", "op": "gte"}]}
    swap["any"][1]["value"] = "10m"

    assert foretold(swap, 0) == Forecast(True, None, None, None)


@pytest.mark.parametrize("step_ms", [1, 1000])
def test_a_verdict_that_flickers_too_long_is_followed_only_so_far(step_ms: int) -> None:
    """A thousand events leave one by one, and none of it flips the whole."""
    count = ADDED | {"aggregate": "count", "window": {"last": "1d"}, "op": "in"}
    odd = count | {"value": list(range(1, 1000, 2))}
    even = count | {"value": list(range(0, 1001, 2))}

    found = foretold({"any": [odd, even]}, *(i * step_ms for i in range(1000)), now_ms=999_000)

    assert found.inside is True
    assert found.until_ms is not None
    assert (found.then, found.then_until_ms) == (None, None)
