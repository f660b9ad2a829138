"""The condition that says the same as a feature, for segments that are made of what was learned.

A condition counts up to the moment it is asked, exposures among all events, so it may differ a
little from a feature: whoever uses one measures how well it fits.
"""

from collections.abc import Callable
from typing import Any

from apps.predictions.domain.feature_parts import BOUGHT

JSON = dict[str, Any]
Condition = Callable[[str, float | None, float | None], JSON]


def count_of(event: str = "*", *, days: int | None = None) -> Condition:
    """So many events of a name; `days`: in a window of their own."""

    def condition(window: str, low: float | None, high: float | None) -> JSON:
        last = window if days is None else f"{days}d"
        return _between(_leaf(event, [], "count", last), low, high)

    return condition


def count_in(category: str) -> Condition:
    """So many events of a category."""
    where = [{"property": "category", "op": "eq", "value": category}]
    return lambda window, low, high: _between(_leaf("*", where, "count", window), low, high)


def recency_of(event: str = "*") -> Condition:
    """So many hours since the last event of a name."""

    def condition(window: str, low: float | None, high: float | None) -> JSON:
        return _between(_leaf(event, [], "recency", window), _hours(low), _hours(high))

    return condition


def days_active(window: str, low: float | None, high: float | None) -> JSON:
    """So many different days."""
    return _between(_leaf("*", [], "days_active", window), low, high)


def orders(window: str, low: float | None, high: float | None) -> JSON:
    """So many orders, of the name that most sites use."""
    return _between(_leaf(BOUGHT[0], [], "count", window), low, high)


def _leaf(event: str, where: list[JSON], aggregate: str, window: str) -> JSON:
    return {
        "kind": "event",
        "name": event,
        "where": where,
        "aggregate": aggregate,
        "window": {"last": window},
    }


def _hours(value: float | None) -> str | None:
    return None if value is None else f"{max(round(value * 3_600_000), 0)}ms"


def _between(leaf: JSON, low: float | str | None, high: float | str | None) -> JSON:
    tests = [
        leaf | {"op": op, "value": value}
        for op, value in (("gte", low), ("lt", high))
        if value is not None
    ]
    return tests[0] if len(tests) == 1 else {"all": tests}
