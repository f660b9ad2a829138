"""What the parser refuses, and where it says the trouble is."""

from __future__ import annotations

from typing import Any

import pytest

from engine.conditions.canonical import duration_text
from engine.conditions.nodes import Window, WindowKind
from engine.conditions.parse import (
    MAX_DEPTH,
    MAX_LEAVES,
    parse_condition,
    parse_duration,
    to_json,
)
from engine.errors import InvalidCondition
from tests.engine.leaves import (
    EVENT,
    PERCENT,
    RECENCY,
    SUM,
    TRAIT,
    where,
    without,
)


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
