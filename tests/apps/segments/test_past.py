"""A past that is walked event by event answers as one that is looked at anew each time."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import HealthCheck, given, settings

from apps.segments.past import Past
from engine.conditions.compile import compile_condition, forecast
from engine.conditions.nodes import Node
from engine.facts import Facts, Happening
from tests.engine import test_sequence_properties as sequences
from tests.engine import trees
from tests.engine.paths import event, histories

checks = settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def walk_both(node: Node, facts: Facts) -> None:
    compiled, past = compile_condition(node), Past(facts)
    history = list(facts.history)
    for moment in sorted({one.at_ms for one in history}):
        so_far = [one for one in history if one.at_ms <= moment]
        anew = replace(facts, history=so_far, cache={}, context={})
        assert forecast(compiled, past.at(moment), moment) == forecast(compiled, anew, moment)


@checks
@given(sequences.leaves(), histories(sequences.NAMES, sequences.KEYS))
def test_a_sequence_goes_on_where_it_left_off(leaf: Node, history: list[Happening]) -> None:
    walk_both(leaf, Facts(history=history))


@checks
@given(trees.conditions(with_request=False), trees.facts())
def test_any_condition_goes_on_where_it_left_off(node: Node, facts: Facts) -> None:
    walk_both(node, replace(facts, memberships={}, complete_from_ms=None))


def test_a_past_that_is_walked_again_begins_anew() -> None:
    """As it is for one segment after the other."""
    history = [event(n * 1000, "AB"[n % 2], k="x") for n in range(6)]
    where = {"kind": "sequence", "steps": [{"name": "A"}, {"name": "B"}], "times": 2}
    node = trees.parse_condition({"v": 1, "where": where})
    compiled, past = compile_condition(node), Past(Facts(history=history))
    walks = [[compiled(past.at(e.at_ms), e.at_ms)[0] for e in history] for _ in range(2)]
    assert walks == [[False, False, False, True, True, True]] * 2
