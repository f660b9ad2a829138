"""What the parser refuses, and where it says the trouble is."""

from __future__ import annotations

from typing import Any

import pytest

from engine.conditions.canonical import duration_text
from engine.conditions.nodes import Window, WindowKind
from engine.conditions.parse import (
    MAX_DEPTH,
    MAX_LEAVES,
    digest,
    parse_condition,
    parse_duration,
    to_json,
)
from engine.errors import InvalidCondition

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
        (where(TRAIT | {"op": "matches"}), "op", "expected one of eq, ne, in"),
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
        (where(EVENT | {"op": "contains"}), "op", "expected one of"),
        (where(EVENT | {"op": "is_set"}), "op", "expected one of"),
        (where(EVENT | {"of": "price"}), "of", "count takes no property"),
        (where(without(SUM, "of")), "of", "expected a property name"),
        (where(EVENT | {"aggregate": "median"}), "aggregate", "expected one of"),
        (where(without(EVENT, "window")), "window", "is missing"),
        (where(EVENT | {"window": "today"}), "window", 'expected "session", "ever"'),
        (where(EVENT | {"window": {"last": "10"}}), "window.last", "a duration"),
        (where(EVENT | {"window": {"last": "0s"}}), "window.last", "more than zero"),
        (where(EVENT | {"window": {"last": "6000w"}}), "window.last", "at most 5 years"),
        (where(EVENT | {"window": {"last": "\u0661m"}}), "window.last", "a duration"),
        (where(EVENT | {"window": {"next": "1m"}}), "window.last", "is missing"),
        (where(EVENT | {"where": {}}), "where", "expected a list"),
        (where(EVENT | {"where": [{"property": "p"}]}), "where[0].op", "is missing"),
        (where(EVENT | {"where": [TRAIT]}), "where[0].property", "is missing"),
        (where(RECENCY | {"value": 10}), "value", "a duration"),
        (where(RECENCY | {"op": "in", "value": ["1m"]}), "op", "expected one of"),
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
