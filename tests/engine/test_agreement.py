"""Properties: the evaluators agree, and a verdict holds for exactly as long as it says."""

from __future__ import annotations

import os
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.conditions import evaluate
from engine.conditions.compile import compile_condition, forecast
from engine.conditions.describe import describe, trace_json
from engine.conditions.nodes import Node, Not
from engine.conditions.parse import digest, parse_condition, to_json
from engine.conditions.scope import (
    consent_purposes,
    context_names,
    covers,
    event_names,
    event_properties,
    history_leaves,
    inline_segments,
    needs_any_event,
    reach,
    reads_request,
    split_history,
    trait_names,
)
from engine.conditions.sessions import open_session
from engine.conditions.together import compile_together
from engine.facts import NO_DEVICE, SESSION_IDLE_MS, Facts, Happening
from tests.engine import trees
from tests.engine.documents import EVERY_KIND

# `ATTUNE_PARITY=20000 pytest tests/engine/test_agreement.py` is the long, random run.
EXAMPLES = int(os.environ.get("ATTUNE_PARITY", "150"))
checks = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    derandomize="ATTUNE_PARITY" not in os.environ,
)
MAX_MOMENTS = 40


def some(data: st.DataObject, moments: list[int]) -> list[int]:
    """A bounded, random share of the instants, in order."""
    if len(moments) <= MAX_MOMENTS:
        return moments
    chosen = st.lists(st.sampled_from(moments), min_size=10, max_size=MAX_MOMENTS, unique=True)
    return sorted(data.draw(chosen))


@checks
@given(trees.conditions(), trees.facts(), st.data())
def test_the_compiled_condition_is_the_tree_walk(
    node: Node, facts: Facts, data: st.DataObject
) -> None:
    compiled = compile_condition(node)
    for now_ms in some(data, trees.moments(node, facts)):
        expected = evaluate.truth(node, facts, now_ms)
        assert compiled(facts, now_ms)[0] is expected
        assert evaluate.trace(node, facts, now_ms).verdict is expected


@checks
@given(st.lists(trees.conditions(), max_size=4), trees.facts(), st.data())
def test_conditions_asked_together_answer_as_they_do_alone(
    nodes: list[Node], facts: Facts, data: st.DataObject
) -> None:
    together = compile_together(nodes)
    instants = [moment for node in nodes for moment in trees.moments(node, facts)]
    for now_ms in some(data, sorted(set(instants)) or [trees.START_MS]):
        alone = [compile_condition(node)(facts, now_ms) for node in nodes]
        assert together(facts, now_ms) == alone


@checks
@given(trees.conditions(), trees.facts(), st.data())
def test_nothing_flips_before_it_was_said_to(node: Node, facts: Facts, data: st.DataObject) -> None:
    moments = trees.moments(node, facts)
    now_ms = data.draw(st.sampled_from(moments))
    still = facts.as_of(now_ms)  # no event follows
    verdict = evaluate.truth(node, still, now_ms)
    said = compile_condition(node)(facts, now_ms)[1], evaluate.trace(node, facts, now_ms)

    for until_ms in (said[0], said[1].valid_until_ms):
        assert until_ms is None or until_ms > now_ms
        for moment in some(data, moments):
            if now_ms < moment and (until_ms is None or moment < until_ms):
                assert evaluate.truth(node, still, moment) is verdict


@checks
@given(trees.conditions(), trees.facts(), st.data())
def test_a_forecast_is_the_future_without_events(
    node: Node, facts: Facts, data: st.DataObject
) -> None:
    moments = trees.moments(node, facts)
    now_ms = data.draw(st.sampled_from(moments))
    still = facts.as_of(now_ms)
    # All instants that could matter, so a flip that was missed shows.
    future = [now_ms, *(moment for moment in moments if moment > now_ms)]
    verdicts = [(moment, evaluate.truth(node, still, moment) is True) for moment in future]
    flips = [later for earlier, later in pairwise(verdicts) if earlier[1] is not later[1]][:2]
    first = flips[0] if flips else (None, None)
    second = flips[1][0] if len(flips) > 1 else None

    found = forecast(compile_condition(node), facts, now_ms)

    assert found == (verdicts[0][1], first[0], first[1], second)


# A score is followed through so many flips of its traits only: it may name an earlier instant.
@pytest.mark.parametrize("kind", sorted(set(EVERY_KIND) - {"score"}))
@settings(checks, max_examples=max(EXAMPLES // 3, 1))
@given(st.data())
def test_a_leaf_changes_at_the_very_instant_it_names(kind: str, data: st.DataObject) -> None:
    where, facts = data.draw(trees.leaf_documents(kind)), data.draw(trees.facts())
    node = parse_condition({"v": 1, "where": where})
    now_ms = data.draw(st.sampled_from(trees.moments(node, facts)))

    verdict, until_ms = compile_condition(node)(facts, now_ms)

    assert evaluate.trace(node, facts, now_ms).valid_until_ms == until_ms
    if until_ms is not None:
        still = facts.as_of(now_ms)
        assert evaluate.truth(node, still, until_ms - 1) is verdict
        assert evaluate.truth(node, still, until_ms) is not verdict


@checks
@given(trees.conditions(), trees.facts(), st.data())
def test_writing_and_hashing_keep_the_meaning(
    node: Node, facts: Facts, data: st.DataObject
) -> None:
    assert parse_condition(to_json(node)) == node
    twice = parse_condition({"v": 1, "where": {"all": [to_json(node)["where"]] * 2}})
    assert digest(twice) == digest(node)
    assert describe(node)
    now_ms = data.draw(st.sampled_from(trees.moments(node, facts)))
    assert evaluate.truth(twice, facts, now_ms) is evaluate.truth(node, facts, now_ms)
    assert trace_json(evaluate.trace(node, facts, now_ms))["text"] == describe(node)


@checks
@given(trees.conditions(), trees.facts(), st.data())
def test_only_what_the_scope_names_is_read(node: Node, facts: Facts, data: st.DataObject) -> None:
    names, properties = event_names(node), event_properties(node)
    now_ms = data.draw(st.sampled_from(trees.moments(node, facts)))
    needed = reach(node)
    history = [
        Happening(
            event.at_ms,
            event.name,
            event.device,
            {key: value for key, value in event.properties.items() if key in properties},
        )
        for event in facts.history
        # Sessions, say, are made of all events, whatever their name.
        if event.name in names or any(needs_any_event(leaf) for leaf in history_leaves(node))
    ]
    if needed and not needed.ever:
        start = data.draw(st.sampled_from([now_ms - needed.last_ms + 1, now_ms, trees.START_MS]))
        less = replace(facts, history=[e for e in history if e.at_ms >= start], cache={})
        less.complete_from_ms = start
        if covers(less, needed, now_ms):
            history = list(less.history)
    less = Facts(
        traits={key: facts.traits[key] for key in trait_names(node) & facts.traits.keys()},
        history=history if needed else [],
        memberships=facts.memberships,
        context={key: facts.context[key] for key in context_names(node) & facts.context.keys()},
        unit_id=facts.unit_id,
        trait_meta=facts.trait_meta,
        consents={key: facts.consents[key] for key in consent_purposes(node) & set(facts.consents)},
        site_zone=facts.site_zone,
    )

    assert evaluate.truth(node, less, now_ms) is evaluate.truth(node, facts, now_ms)


@checks
@given(trees.conditions(), trees.facts(), st.data())
def test_a_split_condition_matches_when_the_whole_one_does(
    node: Node, facts: Facts, data: st.DataObject
) -> None:
    now_ms = data.draw(st.sampled_from(trees.moments(node, facts)))

    request, hidden = split_history(node, request_segments={"new"})

    asked_then = list(history_leaves(request))
    assert all(reads_request(leaf) for leaf in asked_then)
    assert not any(reads_request(part, {"new"}) for part in hidden.values())
    kept = {key: evaluate.truth(part, facts, now_ms) is True for key, part in hidden.items()}
    # Filters that read the request look at the newest events, which the profile keeps.
    newest = facts.history if asked_then else []
    at_request = replace(facts, history=newest, memberships={**facts.memberships, **kept}, cache={})
    whole = evaluate.truth(node, facts, now_ms) is True
    assert (evaluate.truth(request, at_request, now_ms) is True) == whole


@checks
@given(trees.conditions(), trees.conditions(with_request=False), trees.facts(), st.data())
def test_an_inlined_segment_answers_like_its_membership(
    node: Node, segment: Node, facts: Facts, data: st.DataObject
) -> None:
    now_ms = data.draw(st.sampled_from(trees.moments(segment, facts)))
    everyone = parse_condition({"v": 1, "where": {"all": []}})
    segment = inline_segments(segment, {"vip": everyone, "new": Not(everyone)})
    member = evaluate.truth(segment, facts, now_ms) is True
    kept = replace(facts, memberships={**facts.memberships, "new": member}, cache={})

    inlined = inline_segments(node, {"new": segment})

    expected = evaluate.truth(node, kept, now_ms)
    assert evaluate.truth(inlined, facts, now_ms) is expected
    assert compile_condition(inlined)(facts, now_ms)[0] is expected


@checks
@given(trees.histories(), st.integers(0, 2 * SESSION_IDLE_MS))
def test_a_session_never_holds_a_gap_of_half_an_hour(
    history: list[Happening], later_ms: int
) -> None:
    now_ms = (history[-1].at_ms if history else trees.START_MS) + later_ms

    session = [history[i] for i in open_session(Facts(history=history), now_ms)]

    # An event without a device may lie within the session of one, but does not prolong it.
    chain = [event for event in session if event.device != NO_DEVICE] or session
    assert all(b.at_ms - a.at_ms < SESSION_IDLE_MS for a, b in pairwise(chain))
    assert len({event.device for event in chain}) <= 1
    assert not chain or now_ms - chain[-1].at_ms < SESSION_IDLE_MS
    is_idle = not history or now_ms - history[-1].at_ms >= SESSION_IDLE_MS
    assert not (is_idle and session)
