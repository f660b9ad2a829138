"""Paths over a history that is sorted by name: they ask for the names they need, no others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, SupportsIndex

import pytest

from engine.conditions.compile import compile_condition
from engine.conditions.parse import parse_condition
from engine.facts import Facts, Happening
from tests.engine.paths import MINUTE_MS, START_MS, event


class Asked(dict[str, list[Any]]):
    """Remembers what it was asked for."""

    def __init__(self, content: dict[str, list[Any]]) -> None:
        super().__init__(content)
        self.names: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.names.add(name)
        return super().get(name, default)


class ByName(Sequence[Happening]):
    """A history whose events are dear: who walks over all of them fails."""

    def __init__(self, events: list[Happening]) -> None:
        self.events = events
        names = {event.name for event in events}
        numbered = list(enumerate(events))
        self.by_name = Asked({name: [e for e in events if e.name == name] for name in names})
        self.places = Asked({name: [i for i, e in numbered if e.name == name] for name in names})

    def __len__(self) -> int:
        return len(self.events)

    def __getitem__(self, index: SupportsIndex | slice) -> Any:
        assert index == -1, "only the latest event is at hand"
        return self.events[-1]

    def __iter__(self) -> Iterator[Happening]:
        raise AssertionError("walked over the whole history")

    def __reversed__(self) -> Iterator[Happening]:
        return reversed(self.events)


HISTORY = [
    event(0, "Page Viewed", page_view_id="v1", page_type="product"),
    event(0, "Product Viewed", product_id="p1"),
    event(5000, "Product Added", product_id="p1", value=3),
    event(10_000, "Page Heartbeat", page_view_id="v1", active_ms=10_000),
    event(10_000, "Scrolled"),
]
PATHS = [
    (
        "sequence",
        {
            "kind": "sequence",
            "steps": [{"name": "Product Viewed"}, {"name": "Product Added", "within": "1m"}],
            "by": ["product_id"],
            "without": [{"after": 1, "name": "Order Completed"}],
            "window": "session",
        },
        {"Product Viewed", "Product Added", "Order Completed"},
    ),
    (
        "absence",
        {
            "kind": "absence",
            "after": {"name": "Product Added"},
            "without": {"name": "Order Completed"},
            "for": "10s",
            "window": {"last": "1h"},
        },
        {"Product Added", "Order Completed"},
    ),
    (
        "dwell",
        {
            "kind": "dwell",
            "on": "page",
            "where": [{"property": "page_type", "op": "eq", "value": "product"}],
            "window": "page_view",
            "op": "gte",
            "value": "15s",
        },
        {"Page Viewed", "Page Heartbeat", "Page Left"},
    ),
    (
        "score",
        {
            "kind": "score",
            "events": [{"name": "Product Added", "of": "value", "weight": 2, "half_life": "1d"}],
            "op": "gte",
            "value": 5,
        },
        {"Product Added"},
    ),
]


@pytest.mark.parametrize(
    ("where", "names"),
    [(where, names) for _, where, names in PATHS],
    ids=[name for name, _, _ in PATHS],
)
def test_a_path_reads_the_events_of_its_names_only(where: dict[str, Any], names: set[str]) -> None:
    compiled = compile_condition(parse_condition({"v": 1, "where": where}))
    history = ByName(HISTORY)

    for after_ms in (10_000, 15_000, MINUTE_MS):
        found = compiled(Facts(history=history), START_MS + after_ms)
        assert found == compiled(Facts(history=HISTORY), START_MS + after_ms)

    assert history.by_name.names | history.places.names == names
