"""Properties: the engine's evaluators answer as the oracle does, and their promises come true.

`PARITY_EXAMPLES=20000 pytest tests/engine/test_oracle.py` makes a longer, random run; for a
million checks there is `make parity`.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.conditions.bindings import bindings_of
from engine.conditions.parse import parse_condition
from engine.facts import Facts
from tests.engine import instants, oracle, trees
from tests.engine.agreement import World, check_world
from tests.engine.documents import LEAVES
from tests.vectors import facts_of, vectors

EXAMPLES = int(os.environ.get("PARITY_EXAMPLES", "300"))
MAX_INSTANTS = 30


def checks(examples: int) -> settings:
    return settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        derandomize="PARITY_EXAMPLES" not in os.environ,
    )


def asked(data: st.DataObject, where: dict[str, Any], facts: Facts) -> World:
    """The world with some of the instants that matter, and with one shorter history."""
    every = instants.edges(where, facts)
    near = st.tuples(st.sampled_from(every), st.sampled_from([0, -1, 1]))
    chosen = data.draw(st.lists(near, min_size=1, max_size=MAX_INSTANTS))
    cut = data.draw(st.integers(1, 3))
    return World(where, facts, sorted({edge + step for edge, step in chosen}), (cut,))


@checks(EXAMPLES)
@given(trees.documents(), trees.facts(), st.data())
def test_every_evaluator_answers_as_the_oracle(
    where: dict[str, Any], facts: Facts, data: st.DataObject
) -> None:
    tally = check_world(asked(data, where, facts))
    assert tally.checks or tally.undecided


@pytest.mark.parametrize("kind", sorted(LEAVES))
@checks(max(20, EXAMPLES // 5))
@given(facts=trees.facts(), data=st.data())
def test_every_kind_of_leaf_means_what_the_oracle_says(
    kind: str, facts: Facts, data: st.DataObject
) -> None:
    where = data.draw(trees.leaf_documents(kind))
    tally = check_world(asked(data, where, facts))
    assert tally.checks or tally.undecided


@checks(EXAMPLES)
@given(trees.documents(), trees.facts(), st.data())
def test_bound_values_are_those_of_the_oracle(
    where: dict[str, Any], facts: Facts, data: st.DataObject
) -> None:
    node = parse_condition({"v": 1, "where": where})
    now_ms = data.draw(st.sampled_from(instants.edges(where, facts)))
    try:
        meant = oracle.bindings(where, facts, now_ms)
    except oracle.Undecided:
        return
    assert bindings_of(node, facts, now_ms) == meant


@pytest.mark.parametrize("case", vectors("conditions"), ids=lambda case: case["name"])
def test_the_oracle_passes_the_vectors(case: dict[str, Any]) -> None:
    facts = facts_of(case["facts"])
    assert oracle.truth(case["condition"], facts, case["now_ms"]) is case["expected"]
