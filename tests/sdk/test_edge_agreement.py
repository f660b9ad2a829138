"""Properties: the edge answers random conditions about random people as the engine does.

`EDGE_EXAMPLES=20000 pytest tests/sdk/test_edge_agreement.py` makes a longer run.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator
from typing import Any

import pytest

from engine.conditions import evaluate
from engine.conditions.nodes import Node
from engine.conditions.parse import parse_condition
from engine.errors import InvalidCondition
from engine.facts import Facts, TraitMeta
from tests.engine import alphabets, documents, instants, people
from tests.engine.choices import Seeded, once_in, some
from tests.sdk.node import Question, Reply, ask, facts_json

EXAMPLES = int(os.environ.get("EDGE_EXAMPLES", "1000"))
INSTANTS = 12  # most of one example
KINDS = ("trait", "trait", "context", "segment", "list", "percent", "model", "consent", "relation")

LETTERS = (
    "a",
    "b",
    "-",
    " ",
    "\n",
    "\u00e9",
    "e\u0301",
    "\ue000",
    "\U0001f6d2",
    "\U0001f601",
    "\ud83d",
)
PIECES: tuple[str, ...] = (
    "a",
    "b",
    "ab",
    ".",
    "[ab]",
    "[^a]",
    r"\w",
    r"\D",
    r"\s",
    "^",
    "$",
    "(a|b)",
    "(?:ab?)",
    "()",
)
PIECES += (
    "|",
    "\u00e9",
    "\U0001f6d2",
    "[\u00e9-\U0001f6d2]",
    "[a-]",
    "-",
    r"\.",
    "(",
    ")",
    "[",
    "]",
)
COUNTS = ("", "", "", "*", "+", "?", "{2}", "{1,2}", "{0,}", "{0}", "{", "*?")
# What is put into a document in the place of something.
ODD: tuple[Any, ...] = (
    None,
    True,
    -1,
    0.5,
    "",
    "a",
    "1d",
    "2.1",
    "2024-02-29",
    [],
    {},
    [1, "a"],
    [1, 2],
)
ODD += (
    "is_set",
    "between",
    "eq",
    "within_next",
    "matches",
    "list",
    "trait",
    [2, 1],
    ["a", "b"],
    "(",
)


def meant(node: Node, facts: Facts, moments: list[int]) -> list[tuple[bool | None, int | None]]:
    found = (evaluate.trace(node, facts, now_ms) for now_ms in moments)
    return [(each.verdict, each.valid_until_ms) for each in found]


def world(seed: int) -> tuple[dict[str, Any], Facts, list[int]]:
    choices = Seeded(seed)
    where = documents.tree(choices, KINDS)
    facts = people.person(choices, most=0, wanted={})
    moments = [edge + step for edge in instants.edges(where, facts) for step in (-1, 0, 1)]
    return where, facts, sorted(set(some(choices, moments, INSTANTS, least=1)))


def test_random_conditions_are_answered_alike() -> None:
    worlds = [world(seed) for seed in range(EXAMPLES)]
    asked = [Question(doc(where), facts_json(facts), at) for where, facts, at in worlds]

    verdicts = []
    for (where, facts, moments), reply in zip(worlds, ask(asked), strict=True):
        expected = meant(parse_condition(doc(where)), facts, moments)
        assert reply.verdicts == expected, (where, facts, moments)
        verdicts += expected

    # It is about something: each verdict is frequent, and many of them end.
    for verdict in (True, False, None):
        assert sum(each is verdict for each, _ in verdicts) > len(verdicts) / 20
    assert sum(until_ms is not None for _, until_ms in verdicts) > len(verdicts) / 20


def test_random_texts_are_compared_and_searched_alike() -> None:
    asked, nodes = [], []
    for seed in range(EXAMPLES):
        choices = Seeded(seed)
        facts = Facts(traits={"x": word(choices, LETTERS)})
        op = choices.pick(("matches", "matches", "gt", "lte", "contains", "starts_with", "between"))
        wanted: Any = word(choices, LETTERS[:-1]) or "a"
        if op == "matches":
            wanted = "".join(
                choices.pick(PIECES) + choices.pick(COUNTS) for _ in range(choices.whole(1, 4))
            )
        if op == "between":
            wanted = sorted([wanted, word(choices, LETTERS[:-1])])
        where = {"kind": "trait", "name": "x", "op": op, "value": wanted}
        asked.append(Question(doc(where), facts_json(facts), [0]))
        nodes.append((parsed(doc(where)), facts))

    taken = 0
    for question, (node, facts), reply in zip(asked, nodes, ask(asked), strict=True):
        agree(question, node, facts, reply)
        taken += node is not None
    assert taken > EXAMPLES / 2


def test_random_mistakes_in_a_document_are_refused_alike() -> None:
    asked, nodes = [], []
    for seed in range(EXAMPLES):
        choices = Seeded(seed)
        where = spoilt(choices, documents.tree(choices, KINDS, leaves=3))
        facts = people.person(choices, most=0)
        asked.append(Question(doc(where), facts_json(facts), [alphabets.START_MS]))
        nodes.append((parsed(doc(where)), facts))

    refused = 0
    for question, (node, facts), reply in zip(asked, nodes, ask(asked), strict=True):
        agree(question, node, facts, reply)
        refused += node is None
    assert EXAMPLES / 4 < refused < EXAMPLES


@pytest.mark.parametrize("born", ["1984-02-29", "1990-01-01", "1990-12-31"])
def test_anniversaries_are_the_same_for_centuries(born: str) -> None:
    facts = Facts(traits={"x": born}, trait_meta={"x": TraitMeta()})
    year_ms = 31_556_952_000
    moments = [(year - 1970) * year_ms for year in range(1890, 2110)]
    for width in ("0d", "1d", "364d", "365d", "366d", "200w"):
        where = {"kind": "trait", "name": "x", "op": "anniversary_within", "value": width}
        (reply,) = ask([Question(doc(where), facts_json(facts), moments)])
        assert reply.verdicts == meant(parse_condition(doc(where)), facts, moments)


def agree(question: Question, node: Node | None, facts: Facts, reply: Reply) -> None:
    """Both refuse, or both answer, and the same."""
    if node is None:
        assert reply.refused_at is not None, question
    else:
        assert reply.verdicts == meant(node, facts, question.instants), (question, reply)


def doc(where: Any) -> dict[str, Any]:
    return {"v": 1, "where": where}


def parsed(document: dict[str, Any]) -> Node | None:
    try:
        return parse_condition(document)
    except InvalidCondition:
        return None


def word(choices: Seeded, letters: tuple[str, ...]) -> str:
    return "".join(some(choices, letters, 6))


def spoilt(choices: Seeded, where: dict[str, Any]) -> Any:
    """A copy of a document with something replaced, left out or added somewhere."""
    document = copy.deepcopy({"where": where})
    holder, key = choices.pick(list(places(document)))
    if isinstance(holder, dict) and once_in(choices, 4):
        holder[choices.pick(("value", "from", "op", "max_age", "to"))] = choices.pick(ODD)
    elif isinstance(holder, dict) and holder is not document and once_in(choices, 4):
        del holder[key]
    else:
        holder[key] = choices.pick(ODD)
    return document["where"]


def places(holder: Any) -> Iterator[tuple[Any, Any]]:
    """Every (object or list, key or index) of a document."""
    keys = list(holder) if isinstance(holder, dict) else range(len(holder))
    for key in keys:
        yield holder, key
        if isinstance(holder[key], dict | list):
            yield from places(holder[key])
