"""Hostile and spoiled documents: a refusal that can be shown, or a condition with a meaning."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.conditions import evaluate
from engine.conditions.describe import trace_json
from engine.conditions.parse import (
    parse_condition,
    to_json,
)
from engine.errors import InvalidCondition
from engine.facts import Facts
from tests.engine import trees
from tests.engine.leaves import (
    CONTEXT,
    EVENT,
    SCORE,
    SEQUENCE,
    TRAIT,
    trait,
    where,
)


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
