"""The edge answers every case as the engine does, and says what it cannot answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.bucketing import bucket_of
from engine.conditions.parse import parse_condition
from engine.conditions.scope import history_leaves
from engine.errors import InvalidCondition
from tests.sdk.node import BUILT, SOURCES, Question, ask
from tests.vectors import make_conditions, vectors

TRAIT = {"kind": "trait", "name": "x", "op": "is_set"}
EVENT = {
    "kind": "event",
    "name": "A",
    "aggregate": "count",
    "window": "ever",
    "op": "gt",
    "value": 1,
}
# A leaf that looks at events, of each kind that does.
WITH_HISTORY: tuple[dict[str, Any], ...] = (
    EVENT,
    {"kind": "sequence", "steps": [{"name": "A"}, {"name": "B"}]},
    {"kind": "absence", "without": {"name": "A"}, "window": "session"},
    {"kind": "dwell", "on": "site", "window": "session", "op": "gt", "value": "1m"},
    {"kind": "score", "events": [{"name": "A", "weight": 1}], "op": "gt", "value": 1},
    {"kind": "exposure", "placement": "home", "window": "ever", "op": "lt", "value": 2},
    {"kind": "experiment", "key": "hero"},
)
# where, the place of the trouble
REFUSED: tuple[tuple[Any, str], ...] = (
    (None, "where"),
    ({"all": [TRAIT, TRAIT | {"op": "exists"}]}, "all[1].op"),
    ({"any": []}, "any"),
    ({"some": [TRAIT]}, "some"),
    ({"not": [TRAIT]}, "not"),
    ({"not": TRAIT, "all": []}, "where"),
    ({"at_least": {"k": 2, "of": [TRAIT]}}, "at_least.k"),
    ({"kind": "weather"}, "kind"),
    (TRAIT | {"value": 1}, "value"),
    (TRAIT | {"colour": 1}, "colour"),
    (TRAIT | {"name": ""}, "name"),
    (TRAIT | {"from": {}}, "from"),
    (TRAIT | {"from": {"min_confidence": 2}}, "from.min_confidence"),
    (TRAIT | {"op": "eq"}, "value"),
    (TRAIT | {"op": "eq", "value": None}, "value"),
    (TRAIT | {"op": "in", "value": []}, "value"),
    (TRAIT | {"op": "in", "value": [1, {}]}, "value[1]"),
    (TRAIT | {"op": "gt", "value": True}, "value"),
    (TRAIT | {"op": "between", "value": [2, 1]}, "value"),
    (TRAIT | {"op": "between", "value": ["\U0001f600", "\uffff"]}, "value"),
    (TRAIT | {"op": "contains", "value": ""}, "value"),
    (TRAIT | {"op": "eq", "value": "a\x00"}, "value"),
    (TRAIT | {"op": "eq", "value": "\ud83d"}, "value"),
    (TRAIT | {"op": "eq", "value": "\U0001f600" * 1025}, "value"),
    (TRAIT | {"op": "within_last", "value": "0s"}, "value"),
    (TRAIT | {"op": "within_last", "value": "300w"}, "value"),
    (TRAIT | {"op": "within_last", "value": "1mo"}, "value"),
    (TRAIT | {"op": "before", "value": "2023-02-29"}, "value"),
    (TRAIT | {"op": "version_gt", "value": "1.2.3.4.5"}, "value"),
    (TRAIT | {"op": "within_km", "value": [0, 0, 1]}, "op"),
    ({"kind": "context", "name": "x", "op": "within_km", "value": [0, 181, 1]}, "value[1]"),
    ({"kind": "context", "name": "x", "op": "changed_within", "value": "1d"}, "op"),
    ({"kind": "percent", "seed": "s", "from": 50, "to": 50}, "to"),
    ({"kind": "consent", "purpose": "fun"}, "purpose"),
    ({"kind": "model", "name": "m", "op": "gt", "value": "a"}, "value"),
    ({"kind": "model", "name": "m", "op": "is_set", "fallback": True}, "fallback"),
    ({"kind": "relation", "type": "member_of", "to": ""}, "to"),
)
# One wrong pattern of each kind.
PATTERNS: tuple[str, ...] = (
    "(",
    ")",
    "[",
    "[]",
    "[z-a]",
    "[a-\\d]",
    "[a-b-c]",
    "[[]",
    "*",
    "a**",
    "a+?",
    "a++",
    "{",
)
PATTERNS += ("a{", "a{2,1}", "a{101}", "^*", "$+", "\\", "\\1", "\\n", "(?=a)", "(?<n>a)", "(?i)a")
PATTERNS += ("[\\d\\D]{9}[^\\d\\D]", "(" * 21 + ")" * 21, "((a{50}){50})", "a" * 257)


@pytest.mark.parametrize("module", [SOURCES, BUILT], ids=["sources", "built"])
def test_the_edge_answers_every_case_or_says_that_it_needs_history(module: Path) -> None:
    cases = vectors("conditions")
    asked = [Question(case["condition"], case["facts"], [case["now_ms"]]) for case in cases]

    wrong = []
    for case, reply in zip(cases, ask(asked, module), strict=True):
        if any(True for _ in history_leaves(parse_condition(case["condition"]))):
            is_right = "needs history" in (reply.problem or "")
        else:
            is_right = reply.verdicts == [(case["expected"], case["valid_until_ms"])]
        if not is_right:
            wrong.append((case["name"], case["expected"], case["valid_until_ms"], reply))

    assert not wrong
    assert len(cases) > 500


def test_the_file_of_cases_is_what_its_sources_give() -> None:
    assert make_conditions.written(make_conditions.made()) == make_conditions.TARGET.read_text()


def test_every_leaf_that_looks_at_events_is_refused_by_its_name() -> None:
    computed = {"kind": "trait", "name": "computed.orders", "op": "gt", "value": 1}
    leaves = (*WITH_HISTORY, computed)
    asked = [Question({"v": 1, "where": {"all": [leaf]}}, {}, []) for leaf in leaves]

    for leaf, reply in zip(leaves, ask(asked), strict=True):
        parse_condition({"v": 1, "where": leaf})  # the engine does take it
        name = "computed.orders" if leaf is computed else leaf["kind"]
        assert reply.problem == f'"{name}" needs history: answered as a hidden segment'


def test_the_edge_refuses_what_the_engine_refuses_at_the_same_place() -> None:
    replies = ask(Question({"v": 1, "where": where}, {}, []) for where, _ in REFUSED)

    assert [reply.refused_at for reply in replies] == [place for _, place in REFUSED]
    assert [refusal(where)[0] for where, _ in REFUSED] == [place for _, place in REFUSED]


def test_the_edge_refuses_wrong_patterns_mostly_in_the_same_words() -> None:
    wheres = [TRAIT | {"op": "matches", "value": pattern} for pattern in PATTERNS]
    replies = ask(Question({"v": 1, "where": where}, {}, []) for where in wheres)

    same = 0
    for pattern, where, reply in zip(PATTERNS, wheres, replies, strict=True):
        assert reply.refused_at == "value", pattern
        same += reply.problem == refusal(where)[1]
    assert same >= len(PATTERNS) - 5


def test_the_edge_searches_in_linear_time_where_a_backtracker_would_not_end() -> None:
    where = TRAIT | {"op": "matches", "value": "^(a|a|a*)*b"}

    (reply,) = ask([Question({"v": 1, "where": where}, {"traits": {"x": "a" * 20_000}}, [0])])

    assert reply.verdicts == [(False, None)]


def test_limits_of_a_tree_hold_at_the_edge_too() -> None:
    deep: dict[str, Any] = TRAIT
    for _ in range(12):
        deep = {"not": deep}
    wide = {"all": [TRAIT] * 201}
    allowed = [{"all": [TRAIT] * 200}, deep["not"]]

    replies = ask(Question({"v": 1, "where": where}, {}, [0]) for where in (deep, wide, *allowed))

    assert [reply.refused_at for reply in replies] == [refusal(deep)[0], "all[200]", None, None]


@pytest.mark.parametrize("document", [{}, {"v": 2, "where": TRAIT}, {"v": 1}, [], "where", None])
def test_what_is_no_document_of_version_one_is_refused(document: object) -> None:
    (reply,) = ask([Question(document, {}, [])])

    assert reply.refused_at is not None


def test_buckets_of_the_public_table_are_the_same_at_the_edge() -> None:
    cases = vectors("buckets")
    asked = []
    for case in cases:
        start = case["bucket"] / 100
        where = {"kind": "percent", "seed": case["seed"], "from": start, "to": start + 0.01}
        asked.append(Question({"v": 1, "where": where}, {"unit_id": case["unit_id"]}, [0]))

    assert [reply.verdicts for reply in ask(asked)] == [[(True, None)]] * len(cases)
    assert all(bucket_of(case["unit_id"], seed=case["seed"]) == case["bucket"] for case in cases)


def refusal(where: object) -> tuple[str, str]:
    """Where and why the engine refuses."""
    with pytest.raises(InvalidCondition) as refused:
        parse_condition({"v": 1, "where": where})
    return refused.value.path, refused.value.problem
