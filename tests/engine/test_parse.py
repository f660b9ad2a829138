"""What the parser refuses, and where it says the trouble is."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.conditions import evaluate
from engine.conditions.canonical import duration_text
from engine.conditions.describe import trace_json
from engine.conditions.nodes import CalendarUnit, EventLeaf, FactOf, Match, Window, WindowKind
from engine.conditions.parse import (
    MAX_DEPTH,
    MAX_LEAVES,
    digest,
    parse_condition,
    parse_duration,
    to_json,
)
from engine.errors import InvalidCondition
from engine.facts import SESSION_IDLE_MS, Facts
from tests.engine import trees

TRAIT = {"kind": "trait", "name": "plan", "op": "eq", "value": "pro"}
EVENT = {
    "kind": "event",
    "name": "Product Viewed",
    "aggregate": "count",
    "window": {"last": "10m"},
    "op": "gte",
    "value": 3,
}
SUM = EVENT | {"aggregate": "sum", "of": "price"}
RECENCY = EVENT | {"aggregate": "recency", "op": "lte", "value": "10m"}
PERCENT = {"kind": "percent", "seed": "s", "from": 0, "to": 50}


def without(leaf: dict[str, Any], *names: str) -> dict[str, Any]:
    return {key: value for key, value in leaf.items() if key not in names}


def where(node: object) -> dict[str, Any]:
    return {"v": 1, "where": node}


@pytest.mark.parametrize("leaf", [TRAIT, EVENT, SUM, RECENCY, PERCENT])
def test_the_leaves_that_are_spoiled_below_are_fine_as_they_are(leaf: dict[str, Any]) -> None:
    assert to_json(parse_condition(where(leaf))) == where(leaf)


@pytest.mark.parametrize(
    ("document", "path", "problem"),
    [
        ([], "where", "expected an object"),
        ({"where": TRAIT}, "v", "is missing"),
        ({"v": 2, "where": TRAIT}, "v", "expected 1"),
        ({"v": True, "where": TRAIT}, "v", "expected 1"),
        ({"v": 1}, "where", "is missing"),
        ({"v": 1, "where": TRAIT, "name": "x"}, "name", "unknown field"),
        (where("x"), "where", "expected an object"),
        (where({}), "where", "expected one group, or a leaf with a kind"),
        (where({"all": [TRAIT], "any": [TRAIT]}), "where", "expected one group"),
        (where({"every": [TRAIT]}), "every", "unknown group"),
        (where({"all": TRAIT}), "all", "expected a list"),
        (where({"any": []}), "any", "expected at least one condition"),
        (where({"none": []}), "none", "expected at least one condition"),
        (where({"all": [TRAIT, 3]}), "all[1]", "expected an object"),
        (where({"not": {"any": [{"kind": "x"}]}}), "not.any[0].kind", "unknown kind"),
        (where({"not": {"kind": ["trait"]}}), "not.kind", "unknown kind"),
        (where({"at_least": {"k": 3, "of": [TRAIT]}}), "at_least.k", "from 1 to 1"),
        (where({"at_least": {"k": True, "of": [TRAIT]}}), "at_least.k", "from 1 to 1"),
        (where({"at_least": {"k": 1, "of": [{}]}}), "at_least.of[0]", "expected one group"),
        (where(TRAIT | {"op": "sounds"}), "op", 'unknown operator "sounds" (one of eq, ne'),
        (where(TRAIT | {"op": 3}), "op", "expected one of"),
        (where(TRAIT | {"name": ""}), "name", "not empty"),
        (where(TRAIT | {"name": "x" * 1025}), "name", "at most 1024"),
        (where(TRAIT | {"value": "a\x00"}), "value", "NUL"),
        (where(TRAIT | {"value": "\ud800"}), "value", "lone surrogates"),
        (where(TRAIT | {"value": None}), "value", "expected a text, a number"),
        (where(TRAIT | {"value": {}}), "value", "expected a text, a number"),
        (where(TRAIT | {"value": float("nan")}), "value", "finite"),
        (where(TRAIT | {"value": 2**53 + 1}), "value", "a double holds exactly"),
        (where(TRAIT | {"colour": 1}), "colour", "unknown field"),
        (where(without(TRAIT, "value")), "value", "expected a value"),
        (where(TRAIT | {"op": "is_set"}), "value", "is_set takes no value"),
        (where(TRAIT | {"op": "gt", "value": True}), "value", "a number or a text"),
        (where(TRAIT | {"op": "in", "value": "pro"}), "value", "expected a list"),
        (where(TRAIT | {"op": "in", "value": []}), "value", "at least one value"),
        (where(TRAIT | {"op": "in", "value": ["a", []]}), "value[1]", "expected a text, a"),
        (where(TRAIT | {"op": "in", "value": [1] * 1001}), "value", "at most 1000"),
        (where(TRAIT | {"op": "contains", "value": ""}), "value", "not empty"),
        (where(TRAIT | {"op": "starts_with", "value": 3}), "value", "expected a text"),
        (where(TRAIT | {"op": "between", "value": [1]}), "value", "two values"),
        (where(TRAIT | {"op": "between", "value": [1, "b"]}), "value", "two numbers or"),
        (where(TRAIT | {"op": "between", "value": [2, 1]}), "value", "smaller value first"),
        (where(EVENT | {"value": "3"}), "value", "expected a number"),
        (where({"all": [TRAIT, EVENT | {"value": "3"}]}), "all[1].value", "expected a number"),
        (where(EVENT | {"op": "contains"}), "op", '"contains" is not for this: one of eq, ne'),
        (where(EVENT | {"op": "is_set"}), "op", '"is_set" is not for this'),
        (where(EVENT | {"of": "price"}), "of", "count takes no property"),
        (where(without(SUM, "of")), "of", "expected a property name"),
        (where(EVENT | {"aggregate": "median"}), "aggregate", 'unknown aggregate "median"'),
        (where(without(EVENT, "window")), "window", "is missing"),
        (where(EVENT | {"window": "today"}), "window", 'did you mean "calendar"'),
        (where(EVENT | {"window": {"last": "10"}}), "window.last", "a duration"),
        (where(EVENT | {"window": {"last": "0s"}}), "window.last", "more than zero"),
        (where(EVENT | {"window": {"last": "6000w"}}), "window.last", "at most 5 years"),
        (where(EVENT | {"window": {"last": "\u0661m"}}), "window.last", "a duration"),
        (where(EVENT | {"window": {"next": "1m"}}), "window.next", "unknown window"),
        (where(EVENT | {"where": {}}), "where", "expected a list"),
        (where(EVENT | {"where": [{"property": "p"}]}), "where[0].op", "is missing"),
        (where(EVENT | {"where": [TRAIT]}), "where[0].property", "is missing"),
        (where(RECENCY | {"value": 10}), "value", "a duration"),
        (where(RECENCY | {"op": "in", "value": ["1m"]}), "op", '"in" is not for this'),
        (where({"kind": "segment", "key": 3}), "key", "expected a text"),
        (where(PERCENT | {"from": -1}), "from", "0 to 100"),
        (where(PERCENT | {"to": 101}), "to", "at most 100"),
        (where(PERCENT | {"from": 50}), "to", "more than `from`"),
    ],
)
def test_a_broken_condition_is_refused_with_the_place(
    document: object, path: str, problem: str
) -> None:
    with pytest.raises(InvalidCondition) as refused:
        parse_condition(document)

    assert refused.value.path == path
    assert problem in refused.value.problem
    assert str(refused.value) == f"{path}: {refused.value.problem}"


def test_twelve_levels_pass_and_thirteen_do_not() -> None:
    deep: dict[str, Any] = TRAIT
    for _ in range(MAX_DEPTH - 1):
        deep = {"not": deep}
    assert parse_condition(where(deep))

    with pytest.raises(InvalidCondition, match="at most 12 levels"):
        parse_condition(where({"not": deep}))


def test_two_hundred_leaves_pass_and_one_more_does_not() -> None:
    assert parse_condition(where({"all": [TRAIT] * MAX_LEAVES}))

    with pytest.raises(InvalidCondition, match="at most 200 leaves"):
        parse_condition(where({"all": [{"all": [TRAIT] * MAX_LEAVES}, TRAIT]}))


@pytest.mark.parametrize(
    ("text", "ms"), [("1ms", 1), ("90s", 90_000), ("10m", 600_000), ("2w", 1_209_600_000)]
)
def test_durations_are_exact_milliseconds(text: str, ms: int) -> None:
    assert parse_duration(text, "x") == ms
    assert parse_duration(duration_text(ms), "x") == ms


def test_a_window_is_written_in_its_largest_whole_unit() -> None:
    node = parse_condition(where(EVENT | {"window": {"last": "120m"}}))

    assert node.window == Window(WindowKind.LAST, 7_200_000)  # type: ignore[union-attr]  # a leaf
    assert to_json(node)["where"]["window"] == {"last": "2h"}


def digest_of(node: object) -> str:
    return digest(parse_condition(where(node)))


@pytest.mark.parametrize(
    ("one", "same"),
    [
        ({"all": [TRAIT, EVENT]}, {"all": [EVENT, TRAIT, TRAIT]}),
        ({"all": [TRAIT]}, TRAIT),
        ({"any": [TRAIT, {"any": [EVENT, PERCENT]}]}, {"any": [PERCENT, TRAIT, EVENT]}),
        ({"none": [TRAIT, EVENT]}, {"not": {"any": [EVENT, TRAIT]}}),
        ({"not": {"not": TRAIT}}, TRAIT),
        (EVENT, EVENT | {"value": 3.0, "window": {"last": "600s"}, "where": []}),
        (TRAIT | {"op": "in", "value": [1, "a"]}, TRAIT | {"op": "in", "value": ["a", 1.0, 1]}),
        (
            {"at_least": {"k": 1, "of": [TRAIT, EVENT]}},
            {"at_least": {"k": 1, "of": [EVENT, TRAIT]}},
        ),
    ],
)
def test_conditions_that_plainly_mean_the_same_hash_alike(one: object, same: object) -> None:
    assert digest_of(one) == digest_of(same)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (TRAIT | {"value": 1}, TRAIT | {"value": True}),
        (TRAIT | {"value": 1}, TRAIT | {"value": "1"}),
        (TRAIT, {"not": TRAIT}),
        ({"all": [TRAIT, EVENT]}, {"any": [TRAIT, EVENT]}),
        (EVENT, EVENT | {"window": {"last": "11m"}}),
        (EVENT, EVENT | {"window": "session"}),
        (TRAIT, TRAIT | {"kind": "context"}),
        (
            {"at_least": {"k": 1, "of": [TRAIT, TRAIT]}},
            {"at_least": {"k": 2, "of": [TRAIT, TRAIT]}},
        ),
    ],
)
def test_conditions_that_differ_do_not(one: object, other: object) -> None:
    assert digest_of(one) != digest_of(other)


def test_the_digest_is_the_same_in_every_process_and_release() -> None:
    pinned = "f5accc584037b4b3fa61b9436d5f900ae72d25e6f601bb234b953bdf3db16df6"
    assert digest_of({"all": [TRAIT, EVENT]}) == pinned


# The whole language

MATCH = {"name": "Product Added", "where": [{"property": "a", "op": "eq", "value": 1}]}
SEQUENCE: dict[str, Any] = {
    "kind": "sequence",
    "steps": [{"name": "Product Viewed"}, {"name": "Product Added", "within": "5m"}],
    "within": "1h",
    "by": ["product_id"],
    "without": [{"after": 1, "name": "Order Completed"}],
    "strict": True,
    "in_session": True,
    "times": 2,
    "window": {"last": "7w"},
    "bind": {"product": {"step": 2, "property": "product_id"}},
}
ABSENCE = {
    "kind": "absence",
    "after": MATCH,
    "for": "1m",
    "without": {"name": "Order Completed"},
    "window": "session",
    "by": ["cart_id"],
}
DWELL = {"kind": "dwell", "on": "page", "window": "session", "op": "gt", "value": "3m"}
SCORE: dict[str, Any] = {
    "kind": "score",
    "events": [
        {"name": "Order Completed", "of": "value", "weight": 2, "half_life": "1w", "cap": 20},
        {"name": "Product Viewed", "weight": 1, "window": {"last": "90d"}},
    ],
    "traits": [{"name": "plan", "op": "eq", "value": "pro", "weight": -10}],
    "floor": 0,
    "ceiling": 100,
    "op": "gte",
    "value": 50,
}
MODEL = {"kind": "model", "name": "buys", "op": "gte", "value": 0.75, "max_age": "1w"}
RATIO = EVENT | {"aggregate": "ratio", "over": MATCH}
RATE = EVENT | {"aggregate": "rate", "per": "1h"}
CONTEXT = {"kind": "context", "name": "geo", "op": "within_km", "value": [48.85, 2.35, 10]}
EXPOSURE = {"kind": "exposure", "placement": "hero", "window": "session", "op": "lt", "value": 2}
SAME = {"property": "product_id", "op": "eq", "fact": "page.product_id"}


def trait(op: str, value: object) -> dict[str, Any]:
    return TRAIT | {"op": op, "value": value}


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


@pytest.mark.parametrize(
    ("leaf", "path", "problem"),
    [
        # Suggestions
        (trait("gretaer", 1), "op", 'unknown operator "gretaer" (did you mean "gt"?)'),
        (trait("equals", 1), "op", 'did you mean "eq"?'),
        (trait("==", 1), "op", 'did you mean "eq"?'),
        (trait("starts_wiht", "a"), "op", 'did you mean "starts_with"?'),
        ({"kind": "evnt"}, "kind", 'unknown kind "evnt" (did you mean "event"?)'),
        ({"kind": "x" * 500}, "kind", "unknown kind"),
        ({"al": [TRAIT]}, "al", 'unknown group (did you mean "all"?)'),
        ({"or": [TRAIT]}, "or", 'unknown group (did you mean "any"?)'),
        (without(TRAIT, "name") | {"nmae": "plan"}, "nmae", 'unknown field (did you mean "name"?)'),
        (EVENT | {"aggregat": "sum"}, "aggregat", 'did you mean "aggregate"?'),
        (
            EVENT | {"aggregate": "cuont"},
            "aggregate",
            'unknown aggregate "cuont" (did you mean "co',
        ),
        (EVENT | {"window": "sesion"}, "window", 'unknown window "sesion" (did you mean "session'),
        (EVENT | {"window": {"lats": "1d"}}, "window.lats", 'did you mean "last"?'),
        (EVENT | {"window": {}}, "window", "unknown window"),
        (EVENT | {"window": 5}, "window", 'expected "ever", "session"'),
        ({"kind": "consent", "purpose": "analytic"}, "purpose", 'did you mean "analytics"?'),
        ({"kind": "consent", "purpose": 3}, "purpose", "unknown purpose"),
        # Values by operator
        (trait("before", "2025-02-29"), "value", "that exists"),
        (trait("before", "2026-02-28 10:00"), "value", "expected a date"),
        (trait("after", 1_700_000_000), "value", "expected a date"),
        (trait("after", ["2026-01-01"]), "value", "expected a date"),
        (trait("version_gt", "2.x"), "value", "expected a version"),
        (trait("version_gt", 2.1), "value", "expected a text"),
        (trait("version_gt", "1.2.3.4.5"), "value", "expected a version"),
        (trait("within_last", 7), "value", "expected a duration"),
        (trait("within_last", "7"), "value", "expected a duration"),
        (trait("within_last", "-7d"), "value", "expected a duration"),
        (trait("within_last", "0d"), "value", "more than zero"),
        (trait("within_next", "1mo"), "value", "expected a duration"),
        (trait("changed_within", "6000w"), "value", "at most 5 years"),
        (trait("anniversary_within", True), "value", "expected a duration"),
        (trait("has_any", "a"), "value", "expected a list"),
        (trait("has_all", []), "value", "at least one value"),
        (trait("has_none", [None]), "value[0]", "expected a text, a number or true/false"),
        (trait("matches", "(a"), "value", "at character 1 of the pattern: this ( is never closed"),
        (trait("matches", "a*?"), "value", "lazy quantifiers are not supported"),
        (trait("matches", "(a)\\1"), "value", "back-references are not supported"),
        (trait("matches", "a" * 257), "value", "at most 256 characters"),
        (trait("matches", "((a{100}){100}){100}"), "value", "more than 1000 states"),
        (trait("matches", ""), "value", "not empty"),
        (trait("matches", 5), "value", "expected a text"),
        (trait("gt", [1, 2]), "value", "a number or a text"),
        (trait("between", [1, "2"]), "value", "two numbers or two texts"),
        (trait("between", ["b", "a"]), "value", "smaller value first"),
        (trait("eq", float("inf")), "value", "finite"),
        (trait("eq", 10**400), "value", "a double holds exactly"),
        (trait("within_km", [0, 0, 1]), "op", '"within_km" is not for this'),
        (CONTEXT | {"op": "within_last", "value": "1d"}, "op", '"within_last" is not for this'),
        (CONTEXT | {"value": [91, 0, 1]}, "value[0]", "a latitude from -90 to 90"),
        (CONTEXT | {"value": [0, -181, 1]}, "value[1]", "a longitude from -180 to 180"),
        (CONTEXT | {"value": [0, 0, 0]}, "value[2]", "more than zero"),
        (CONTEXT | {"value": [0, 0]}, "value", "[latitude, longitude, km]"),
        (CONTEXT | {"value": [True, 0, 1]}, "value[0]", "expected a number"),
        (TRAIT | {"from": {}}, "from", "`source`, `min_confidence` or both"),
        (TRAIT | {"from": {"source": ""}}, "from.source", "not empty"),
        (TRAIT | {"from": {"min_confidence": 1.1}}, "from.min_confidence", "0 to 1"),
        # Filters
        (EVENT | {"where": [SAME | {"op": "ne"}]}, "where[0].op", 'expected "eq" beside a fact'),
        (EVENT | {"where": [SAME | {"value": 1}]}, "where[0].fact", "either a value or a fact"),
        (EVENT | {"where": [SAME | {"fact": ""}]}, "where[0].fact", "not empty"),
        (
            EVENT | {"where": [{"property": "p", "op": "has_any", "value": ["a"]}]},
            "where[0].op",
            '"has_any" is not for this',
        ),
        (EVENT | {"where": [SAME] * 21}, "where", "at most 20 filters"),
        # Windows
        (EVENT | {"window": {"last": "-1d"}}, "window.last", "a duration"),
        (EVENT | {"window": {"last": "0mo"}}, "window.last", "more than zero"),
        (EVENT | {"window": {"last": "61mo"}}, "window.last", "at most 5 years"),
        (EVENT | {"window": {"last": "6y"}}, "window.last", "at most 5 years"),
        (EVENT | {"window": {"last": "1.5mo"}}, "window.last", "a duration"),
        (EVENT | {"window": {"last": 5}}, "window.last", "a duration"),
        (EVENT | {"window": {"last": "9" * 5000 + "mo"}}, "window.last", "a duration"),
        (EVENT | {"window": {"last": "1d", "tz": "site"}}, "window.tz", "unknown field"),
        (EVENT | {"window": {"session": "999ms"}}, "window.session", "from 1s to 24h"),
        (EVENT | {"window": {"session": "25h"}}, "window.session", "from 1s to 24h"),
        (EVENT | {"window": {"visit": 0}}, "window.visit", "not 0"),
        (EVENT | {"window": {"visit": 1.0}}, "window.visit", "a whole number"),
        (EVENT | {"window": {"visit": True}}, "window.visit", "a whole number"),
        (EVENT | {"window": {"visit": 10**30}}, "window.visit", "from -1000 to 1000"),
        (EVENT | {"window": {"calendar": "year"}}, "window.calendar", "unknown calendar unit"),
        (EVENT | {"window": {"calendar": "day", "tz": "Mars"}}, "window.tz", '"site" or "visitor"'),
        (EVENT | {"window": {"since": "a"}}, "window.since", "expected an object"),
        (EVENT | {"window": {"since": {}}}, "window.since.name", "is missing"),
        (EVENT | {"window": {"absolute": {}}}, "window.absolute", "`from`, `to` or both"),
        (
            EVENT | {"window": {"absolute": {"from": "2025-02-29"}}},
            "window.absolute.from",
            "that exists",
        ),
        (
            EVENT | {"window": {"absolute": {"from": "2026-01-02", "to": "2026-01-02"}}},
            "window.absolute.to",
            "an instant after `from`",
        ),
        (
            EVENT | {"window": {"between_ago": {"from": "1d", "to": "1d"}}},
            "window.between_ago.to",
            "less than `from`",
        ),
        (
            EVENT | {"window": {"between_ago": {"from": "1mo", "to": "1d"}}},
            "window.between_ago.from",
            "a duration",
        ),
        # Aggregates
        (without(RATIO, "over"), "over", "is missing"),
        (EVENT | {"over": MATCH}, "over", "ratio is"),
        (without(RATE, "per"), "per", "is missing"),
        (RATE | {"per": "0s"}, "per", "more than zero"),
        (EVENT | {"per": "1h"}, "per", "rate is"),
        (RATE | {"window": "session"}, "window", "rate has no window session (one of last, bet"),
        (RATE | {"window": {"last": "1mo"}}, "window", "rate has no window last with months"),
        (
            EVENT | {"aggregate": "trend", "window": {"between_ago": {"from": "2d", "to": "1d"}}},
            "window",
            "trend has no window between_ago",
        ),
        (EVENT | {"aggregate": "streak", "of": "a"}, "of", "streak takes no property"),
        (EVENT | {"bind": {"1a": "p"}}, "bind.1a", "letters, digits and _"),
        (EVENT | {"bind": {"a": 5}}, "bind.a", "expected a text"),
        (EVENT | {"bind": ["a"]}, "bind", "an object of names"),
        # Sequences
        (SEQUENCE | {"steps": []}, "steps", "at least one step"),
        (SEQUENCE | {"steps": [{"name": "a"}] * 11}, "steps", "at most 10 entries"),
        (SEQUENCE | {"steps": [{"name": "a", "within": "1m"}]}, "steps[0].within", "follows no"),
        (SEQUENCE | {"steps": [{"nam": "a"}]}, "steps[0].nam", 'did you mean "name"?'),
        (SEQUENCE | {"without": [{"after": 2, "name": "a"}]}, "without[0].after", "from 1 to 1"),
        (SEQUENCE | {"without": [{"after": 0, "name": "a"}]}, "without[0].after", "from 1 to 1"),
        (
            without(SEQUENCE, "bind") | {"steps": [{"name": "a"}]},
            "without[0].after",
            "nothing between steps",
        ),
        (SEQUENCE | {"by": ["a", "a"]}, "by[1]", "is there twice"),
        (SEQUENCE | {"times": 0}, "times", "from 1 to 1000"),
        (SEQUENCE | {"strict": 1}, "strict", "true or false"),
        (SEQUENCE | {"within": "0s"}, "within", "more than zero"),
        (SEQUENCE | {"window": {"visit": 1}}, "window", "a sequence has no window visit"),
        (
            SEQUENCE | {"bind": {"p": {"step": 3, "property": "a"}}},
            "bind.p.step",
            "from 1 to 2",
        ),
        # Absences, times, scores
        (without(ABSENCE, "for"), "for", "is missing beside `after`"),
        (without(ABSENCE, "after"), "for", "needs `after`"),
        (without(ABSENCE, "after", "for"), "by", "needs `after`"),
        (DWELL | {"on": "moon"}, "on", 'unknown subject "moon"'),
        (DWELL | {"on": "site", "where": []}, "where", "takes no filters"),
        (DWELL | {"on": "session", "window": "ever"}, "window", "has no window ever"),
        (DWELL | {"window": {"visit": 1}}, "window", "has no window visit"),
        (DWELL | {"op": "eq"}, "op", '"eq" is not for this'),
        (DWELL | {"value": 180}, "value", "a duration"),
        (without(SCORE, "events", "traits"), "events", "at least one source"),
        (SCORE | {"ceiling": -1}, "ceiling", "at least the floor"),
        (SCORE | {"op": "in", "value": [1]}, "op", '"in" is not for this'),
        (
            SCORE
            | {
                "events": [
                    {"name": "a", "weight": 1, "half_life": "1d"},
                    {"name": "b", "weight": -2},
                    {"name": "c", "weight": -1, "half_life": "1d"},
                ]
            },
            "events[2].weight",
            "the sign of the other weights that decay",
        ),
        (SCORE | {"events": [{"name": "a", "weight": 1, "cap": 0}]}, "events[0].cap", "more than"),
        (
            SCORE | {"events": [{"name": "a", "weight": 1, "window": "session"}]},
            "events[0].window",
            "a score has no window session",
        ),
        (SCORE | {"events": [{"name": "a"}]}, "events[0].weight", "is missing"),
        (SCORE | {"traits": [TRAIT | {"weight": 1}]}, "traits[0].kind", "unknown field"),
        (SCORE | {"events": [{"name": "a", "weight": 1}] * 51}, "events", "at most 50 entries"),
        # The rest
        (MODEL | {"value": True}, "value", "expected a number"),
        (MODEL | {"value": "high"}, "value", "expected a number"),
        (MODEL | {"max_age": "0d"}, "max_age", "more than zero"),
        (MODEL | {"fallback": 1}, "fallback", "true or false"),
        (without(MODEL, "value") | {"op": "is_set", "fallback": True}, "fallback", "known without"),
        (EXPOSURE | {"op": "is_set"}, "op", '"is_set" is not for this'),
        (EXPOSURE | {"placement": 3}, "placement", "expected a text"),
        ({"kind": "relation", "type": "a", "to": ""}, "to", "not empty"),
        ({"kind": "list"}, "key", "is missing"),
    ],
)
def test_what_the_language_does_not_have_is_refused_in_words(
    leaf: dict[str, Any], path: str, problem: str
) -> None:
    with pytest.raises(InvalidCondition) as refused:
        parse_condition(where({"all": [TRAIT, leaf]}))

    assert refused.value.path == f"all[1].{path}"
    assert problem in refused.value.problem


# Hostile documents


def nested(depth: int) -> object:
    document: object = TRAIT
    for _ in range(depth):
        document = {"not": document}
    return document


@pytest.mark.parametrize(
    "document",
    [
        None,
        float("nan"),
        10**5000,
        "\ud800",
        {"v": 1, "where": {"\ud800\x00": 1}},
        where({"\u202e" * 10_000: []}),
        where({1: [TRAIT]}),
        where({"kind": "\ud800"}),
        where({"kind": None}),
        where(TRAIT | {"\ud800" * 3: 1}),
        where(TRAIT | {"op": "\x00" * 5000}),
        where(TRAIT | {"op": float("nan")}),
        where(TRAIT | {"name": "a\ud800"}),
        where(TRAIT | {"value": [[[]]]}),
        where(EVENT | {"bind": {"\ud800": "a"}}),
        where(EVENT | {"bind": {"a" * 2000: "a"}}),
        where(EVENT | {"bind": {1: "a"}}),
        where(EVENT | {"window": {"\ud800": 1}}),
        where(EVENT | {"window": {None: 1}}),
        where({"at_least": {"k": 10**400, "of": [TRAIT]}}),
        where({"at_least": {"k": float("nan"), "of": [TRAIT]}}),
        where(nested(100_000)),
        where({"all": [TRAIT] * 100_000}),
        where({"any": [{"all": [TRAIT] * 1000}] * 100}),
        where({"all": [{"kind": "trait"}] * 100_000}),
        where(trait("matches", "(" * 256)),
        where(trait("matches", "(" * 128 + "{" * 128)),
        where(trait("matches", "[" + "a-" * 100)),
        where(trait("in", [float("nan")] * 1000)),
        where(SCORE | {"value": float("-inf")}),
        where(CONTEXT | {"value": [10**400, 0, 1]}),
        where(SEQUENCE | {"times": 10**400}),
    ],
    ids=lambda document: "",
)
def test_a_hostile_document_is_refused_and_the_refusal_can_be_shown(document: object) -> None:
    with pytest.raises(InvalidCondition) as refused:
        parse_condition(document)

    assert len(str(refused.value)) < 800
    str(refused.value).encode()


@pytest.mark.parametrize(
    ("one", "same"),
    [
        (SEQUENCE | {"by": ["a", "b"]}, SEQUENCE | {"by": ["b", "a"]}),
        (trait("has_any", ["a", 1]), trait("has_any", [1.0, "a", "a"])),
        (trait("before", "2026-01-01"), trait("before", "2026-01-01T01:00:00+01:00")),
        (trait("version_gt", "2.0"), trait("version_gt", "02")),
        (trait("within_last", "7d"), trait("within_last", "1w")),
        (RATIO | {"over": MATCH | {"where": MATCH["where"] * 2}}, RATIO),  # type: ignore[operator]  # a list
        (EVENT | {"window": "session"}, EVENT | {"window": {"session": "1800s"}}),
    ],
)
def test_new_forms_that_plainly_mean_the_same_hash_alike(one: object, same: object) -> None:
    assert digest_of(one) == digest_of(same)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (SEQUENCE, SEQUENCE | {"steps": SEQUENCE["steps"] + [{"name": "c"}]}),
        (
            {"kind": "sequence", "steps": [{"name": "a"}, {"name": "b"}]},
            {"kind": "sequence", "steps": [{"name": "b"}, {"name": "a"}]},
        ),
        (TRAIT, TRAIT | {"from": {"source": "crm"}}),
        (trait("before", "2026-01-01"), trait("before", "2026-01-01T00:00:00.001Z")),
        (EVENT | {"where": [SAME]}, EVENT | {"where": [SAME | {"fact": "page.other"}]}),
        (EVENT | {"window": "session"}, EVENT | {"window": {"session": "31m"}}),
        (EVENT | {"window": {"visit": 1}}, EVENT | {"window": {"visit": -1}}),
        (trait("within_last", "1d"), trait("within_next", "1d")),
    ],
)
def test_new_forms_that_differ_do_not(one: object, other: object) -> None:
    assert digest_of(one) != digest_of(other)


# One place of a good document spoiled

HOSTILE: list[object] = [
    None, True, 0, -1, 1.5, 10**400, float("nan"), float("inf"), "", "a", "\ud800", "\x00", "0d",
    "5m", "2025-02-29", "2.10", "(", "ever", "eq", "kind", [], [[]], [None], {}, {"a": 1},
    {"kind": "trait"}, {"last": "1d"}, {"name": "a"}, {1: 2}, {"\ud800": 1},
]  # fmt: skip


@st.composite
def spoiled(draw: st.DrawFn) -> object:
    """A good document with one value, name or entry replaced, left out or added."""
    document: Any = where(draw(trees.documents()))
    places = list(places_of(document, ()))
    *above, last = draw(st.sampled_from(places))
    holder = document = copy.deepcopy(document)
    for step in above:
        holder = holder[step]
    bad = draw(st.sampled_from(HOSTILE))
    match draw(st.sampled_from(["replace", "remove", "add", "rename"])):
        case "replace":
            holder[last] = bad
        case "remove":
            del holder[last]
        case "add" if isinstance(holder, list):
            holder.append(bad)
        case "add":
            holder[draw(st.sampled_from(["of", "value", "where", "by", "tz", "x", "kind"]))] = bad
        case "rename" if isinstance(holder, dict):
            holder[draw(st.sampled_from(["valeu", "\ud800", "at_least", "not"]))] = holder.pop(last)
    return document


def places_of(document: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    items = (
        list(document.items())
        if isinstance(document, dict)
        else list(enumerate(document))
        if isinstance(document, list)
        else []
    )
    for step, content in items:
        yield (*path, step)
        yield from places_of(content, (*path, step))


@given(spoiled())
@settings(max_examples=300, deadline=None)
def test_a_spoiled_document_is_refused_with_a_place_or_still_has_a_meaning(document: Any) -> None:
    try:
        node = parse_condition(document)
    except InvalidCondition as refused:
        assert refused.path
        str(refused).encode()
        return
    assert parse_condition(to_json(node)) == node
    assert evaluate.truth(node, Facts(), 0) in (True, False, None)
    json.dumps(trace_json(evaluate.trace(node, Facts(), 0)), allow_nan=False).encode()
