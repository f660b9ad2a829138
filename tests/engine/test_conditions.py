"""The meaning of the condition language, case by case, for both evaluators."""

from __future__ import annotations

from operator import itemgetter
from typing import Any

import pytest

from engine.conditions import evaluate
from engine.conditions.compile import compile_condition
from engine.conditions.parse import parse_condition, to_json
from engine.facts import Facts, Happening, flatten
from tests.vectors import facts_of, vectors

CASES = vectors("conditions")


@pytest.mark.parametrize("case", CASES, ids=itemgetter("name"))
def test_a_condition_means_what_its_case_says(case: dict[str, Any]) -> None:
    node = parse_condition(case["condition"])
    facts = facts_of(case["facts"])

    assert evaluate.truth(node, facts, case["now_ms"]) is case["expected"]

    verdict, until_ms = compile_condition(node)(facts, case["now_ms"])
    assert verdict is case["expected"]
    assert until_ms == case["valid_until_ms"]

    trace = evaluate.trace(node, facts, case["now_ms"])
    assert (trace.verdict, trace.valid_until_ms) == (case["expected"], case["valid_until_ms"])


@pytest.mark.parametrize("case", CASES, ids=itemgetter("name"))
def test_a_condition_survives_being_written_and_read(case: dict[str, Any]) -> None:
    node = parse_condition(case["condition"])

    assert parse_condition(to_json(node)) == node


def test_no_two_cases_have_one_name() -> None:
    names = [case["name"] for case in CASES]

    assert len(names) == len(set(names))


def test_a_trace_names_what_was_found_and_the_newest_events_used() -> None:
    leaf = {
        "kind": "event",
        "name": "Product Viewed",
        "aggregate": "count",
        "window": {"last": "1m"},
        "op": "gte",
        "value": 8,
    }
    history = [Happening(i * 1000, "Product Viewed", 1) for i in range(7)]

    trace = evaluate.trace(parse_condition({"v": 1, "where": leaf}), Facts(history=history), 6000)

    assert (trace.value, trace.threshold, trace.verdict) == (7, 8, False)
    assert trace.evidence == ((2, 2000), (3, 3000), (4, 4000), (5, 5000), (6, 6000))


def test_a_trace_keeps_the_group_and_each_of_its_parts() -> None:
    plan = {"kind": "trait", "name": "plan", "op": "eq", "value": "pro"}
    land = {"kind": "trait", "name": "country", "op": "eq", "value": "CH"}
    node = parse_condition({"v": 1, "where": {"all": [plan, land]}})

    trace = evaluate.trace(node, Facts(traits={"plan": "pro"}), 0)

    assert trace.verdict is None
    assert [(part.value, part.verdict) for part in trace.parts] == [("pro", True), (None, None)]


def test_a_trace_holds_as_long_as_any_part_that_settles_it() -> None:
    views = {"kind": "event", "name": "Product Viewed", "aggregate": "count", "op": "gte"}
    minute, hour = ({"window": {"last": last}, "value": 1} | views for last in ("1m", "1h"))
    node = parse_condition({"v": 1, "where": {"any": [minute, hour]}})
    facts = Facts(history=[Happening(0, "Product Viewed", 1)])

    assert evaluate.trace(node, facts, 0).valid_until_ms == 3_600_000


def test_nested_request_facts_get_dotted_names_and_nulls_go() -> None:
    nested = {"page": {"url": "/a", "title": None, "query": {"utm": "x"}}, "tags": ["a"]}

    assert flatten(nested) == {"page.url": "/a", "page.query.utm": "x", "tags": ["a"]}
