"""Every form of the language is read, and written back as it was."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings

from engine.conditions.nodes import CalendarUnit, EventLeaf, FactOf, Match, Window, WindowKind
from engine.conditions.parse import (
    digest,
    parse_condition,
    to_json,
)
from engine.facts import SESSION_IDLE_MS
from tests.engine import trees
from tests.engine.leaves import (
    ABSENCE,
    CONTEXT,
    DWELL,
    EVENT,
    EXPOSURE,
    MATCH,
    MODEL,
    RATE,
    RATIO,
    SAME,
    SCORE,
    SEQUENCE,
    TRAIT,
    trait,
    where,
    without,
)


@pytest.mark.parametrize(
    "leaf",
    [
        TRAIT | {"from": {"source": "model", "min_confidence": 0.8}},
        trait("matches", "^a[b-d]+(?:x|y){2,3}$"),
        trait("has_any", ["a", 1, True]),
        trait("version_gte", "2.10"),
        trait("before", "2026-02-28T10:00:00.250+01:00"),
        trait("within_next", "1w"),
        trait("anniversary_within", "0ms"),
        CONTEXT,
        EVENT | {"name": "*", "where": [SAME], "bind": {"category": "category"}},
        EVENT | {"aggregate": "streak"},
        EVENT | {"aggregate": "avg", "of": "price", "op": "is_set"} | {"value": 0},
        RATIO,
        RATE,
        EVENT | {"aggregate": "trend"},
        EVENT | {"aggregate": "most_frequent", "of": "sku", "op": "starts_with", "value": "a"},
        SEQUENCE,
        {"kind": "sequence", "steps": [{"name": "a"}], "window": "ever"},
        ABSENCE,
        {"kind": "absence", "without": MATCH, "window": "session"},
        DWELL,
        DWELL | {"on": "session", "op": "between", "value": ["1m", "2m"]},
        SCORE,
        {"kind": "score", "traits": SCORE["traits"], "op": "lt", "value": 0},
        {"kind": "list", "key": "press"},
        MODEL | {"fallback": False},
        MODEL | {"op": "in", "value": ["hot", "warm"]},
        {"kind": "consent", "purpose": "sale"},
        EXPOSURE,
        {"kind": "exposure", "window": "ever", "op": "eq", "value": 0},
        {"kind": "experiment", "key": "hero-test", "arm": "b"},
        {"kind": "relation", "type": "member_of", "to": "acme"},
        {"kind": "relation", "type": "member_of"},
    ],
)
def test_every_form_is_written_back_as_it_was(leaf: dict[str, Any]) -> None:
    if leaf.get("op") == "is_set":
        leaf = without(leaf, "value")
    assert to_json(parse_condition(where(leaf))) == where(leaf)


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        ("ever", Window(WindowKind.EVER)),
        ("session", Window(WindowKind.SESSION, SESSION_IDLE_MS)),
        ({"session": "10m"}, Window(WindowKind.SESSION, 600_000)),
        ("page_view", Window(WindowKind.PAGE_VIEW)),
        ({"last": "1d"}, Window(WindowKind.LAST, 86_400_000)),
        ({"last": "3mo"}, Window(WindowKind.LAST_MONTHS, months=3)),
        ({"last": "5y"}, Window(WindowKind.LAST_MONTHS, months=60)),
        (
            {"between_ago": {"from": "1w", "to": "1d"}},
            Window(WindowKind.BETWEEN_AGO, 604_800_000, 86_400_000),
        ),
        ({"calendar": "day"}, Window(WindowKind.CALENDAR, unit=CalendarUnit.DAY)),
        (
            {"calendar": "month", "tz": "visitor"},
            Window(WindowKind.CALENDAR, unit=CalendarUnit.MONTH, is_visitor_zone=True),
        ),
        ({"visit": -1}, Window(WindowKind.VISIT, visit=-1)),
        ({"since": {"name": "a"}}, Window(WindowKind.SINCE, since=Match("a"))),
        ({"absolute": {"from": "1970-01-01T00:00:01Z"}}, Window(WindowKind.ABSOLUTE, from_ms=1000)),
        (
            {"absolute": {"from": "1970-01-01T00:00:00Z", "to": "1970-01-01T00:00:00.001Z"}},
            Window(WindowKind.ABSOLUTE, from_ms=0, to_ms=1),
        ),
    ],
)
def test_every_window_is_read_and_written_back(window: object, expected: Window) -> None:
    node = parse_condition(where(EVENT | {"window": window}))

    assert isinstance(node, EventLeaf)
    assert node.window == expected
    assert to_json(node)["where"]["window"] == window


def test_one_thing_said_in_two_ways_is_written_in_one() -> None:
    def written(window: object) -> object:
        return to_json(parse_condition(where(EVENT | {"window": window})))["where"]["window"]

    assert written({"session": "30m"}) == "session"
    assert written({"last": "24mo"}) == {"last": "2y"}
    assert written({"calendar": "week", "tz": "site"}) == {"calendar": "week"}
    assert written({"absolute": {"to": "2026-01-01"}}) == {
        "absolute": {"to": "2026-01-01T00:00:00Z"}
    }


def test_a_filter_may_ask_for_a_fact_of_the_request() -> None:
    node = parse_condition(where(EVENT | {"where": [SAME]}))

    assert isinstance(node, EventLeaf)
    assert node.where[0].value == FactOf("page.product_id")


@given(trees.documents())
@settings(max_examples=200, deadline=None)
def test_any_tree_survives_being_written_and_read(document: dict[str, Any]) -> None:
    node = parse_condition(where(document))
    written = to_json(node)

    assert parse_condition(written) == node
    assert to_json(parse_condition(written)) == written
    assert digest(parse_condition(written)) == digest(node)
