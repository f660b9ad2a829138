"""What a condition reads, and where each part of it is answered."""

from __future__ import annotations

from typing import Any

import pytest

from engine.conditions import evaluate
from engine.conditions.compile import compile_condition
from engine.conditions.nodes import All, Nested, Node, Not, SegmentLeaf
from engine.conditions.parse import digest, parse_condition, to_json
from engine.conditions.scope import (
    Reach,
    context_names,
    covers,
    event_names,
    event_properties,
    inline_segments,
    reach,
    segment_keys,
    split_history,
    trait_names,
)
from engine.errors import InvalidCondition
from engine.facts import Facts, Happening

MINUTE_MS = 60_000
VIEWS = {
    "kind": "event",
    "name": "Product Viewed",
    "where": [{"property": "category", "op": "eq", "value": "blouses"}],
    "aggregate": "sum",
    "of": "price",
    "window": {"last": "10m"},
    "op": "gte",
    "value": 3,
}
ADDS = {
    "kind": "event",
    "name": "Product Added",
    "aggregate": "recency",
    "window": "ever",
    "op": "lte",
    "value": "5m",
}
MOBILE = {"kind": "context", "name": "device", "op": "eq", "value": "mobile"}
PLAN = {"kind": "trait", "name": "plan", "op": "eq", "value": "pro"}
VIP = {"kind": "segment", "key": "vip"}


def parsed(where: dict[str, Any]) -> Node:
    return parse_condition({"v": 1, "where": where})


def test_a_condition_names_what_it_reads() -> None:
    node = parsed({"all": [VIEWS, {"not": {"any": [ADDS, MOBILE, PLAN, VIP]}}]})

    assert event_names(node) == {"Product Viewed", "Product Added"}
    assert event_properties(node) == {"category", "price"}
    assert trait_names(node) == {"plan"}
    assert context_names(node) == {"device"}
    assert segment_keys(node) == {"vip"}


def test_reach_is_the_widest_of_the_leaves() -> None:
    week = VIEWS | {"window": {"last": "1w"}}

    assert reach(parsed(PLAN)) == Reach()
    assert not reach(parsed(PLAN))
    assert reach(parsed({"any": [VIEWS, week]})) == Reach(last_ms=7 * 24 * 60 * MINUTE_MS)
    assert reach(parsed({"any": [VIEWS, ADDS]})) == Reach(ever=True, last_ms=10 * MINUTE_MS)
    assert reach(parsed(VIEWS | {"window": "session"})) == Reach(session=True)


@pytest.mark.parametrize(
    ("needed", "held_from_ms", "expected"),
    [
        (Reach(), 10**9, True),
        (Reach(ever=True), None, True),
        (Reach(ever=True), 0, False),
        (Reach(last_ms=1000), 9001, True),
        (Reach(last_ms=1000), 9002, False),
    ],
)
def test_a_window_is_covered_when_all_its_events_are_held(
    needed: Reach, held_from_ms: int | None, expected: bool
) -> None:
    assert covers(Facts(complete_from_ms=held_from_ms), needed, 10_000) is expected


@pytest.mark.parametrize(
    ("ago_min", "held_min", "expected"),
    [
        ([], 31, True),  # an event before the held part would be idle for too long
        ([], 29, False),
        ([31], 32, True),  # over, whatever came before
        ([5], 36, True),
        ([5], 34, False),  # an event 34.5 minutes ago would belong to it
        ([40, 20, 5], 60, False),
        ([40, 5], 41, True),  # the gap lies inside the held part
    ],
)
def test_a_session_is_covered_when_its_start_is_certain(
    ago_min: list[int], held_min: int, expected: bool
) -> None:
    now_ms = 100 * MINUTE_MS
    history = [Happening(now_ms - ago * MINUTE_MS, "Page Viewed", 1) for ago in ago_min]
    facts = Facts(history=history, complete_from_ms=now_ms - held_min * MINUTE_MS)

    assert covers(facts, Reach(session=True), now_ms) is expected


def test_history_becomes_one_hidden_segment_and_the_request_keeps_the_rest() -> None:
    request, hidden = split_history(parsed({"all": [MOBILE, {"any": [VIEWS, PLAN]}, VIP]}))

    ((key, kept),) = hidden.items()
    assert kept == parsed({"any": [VIEWS, PLAN]})
    assert key == f"auto:{digest(kept)[:12]}"
    assert to_json(request)["where"] == {
        "all": [MOBILE, {"kind": "segment", "key": key}, VIP],
    }


def test_a_condition_of_history_alone_becomes_one_segment_leaf() -> None:
    request, hidden = split_history(parsed({"all": [VIEWS, PLAN]}))

    assert request == SegmentLeaf(next(iter(hidden)))
    assert len(hidden) == 1


def test_a_condition_without_history_stays_as_it_is() -> None:
    node = parsed({"all": [MOBILE, PLAN]})

    assert split_history(node) == (node, {})


def test_below_a_negation_the_hidden_segment_keeps_the_negated_part() -> None:
    """Never added: the recency is unknown, so "not added lately" must not match either."""
    node = parsed({"none": [MOBILE, ADDS]})

    request, hidden = split_history(node)

    ((key, kept),) = hidden.items()
    assert kept == Not(parsed(ADDS))
    assert compile_condition(kept)(Facts(), 0)[0] is None
    assert to_json(request)["where"] == {"none": [MOBILE, {"not": {"kind": "segment", "key": key}}]}


def test_a_segment_that_depends_on_the_request_is_not_hidden_with_history() -> None:
    request, hidden = split_history(parsed({"all": [VIEWS, VIP]}), request_segments={"vip"})

    assert segment_keys(request) == {"vip", *hidden}
    assert list(hidden.values()) == [parsed(VIEWS)]


def test_inlined_segments_carry_their_own_end_into_the_answer() -> None:
    lately = parsed(ADDS)
    node = inline_segments(parsed({"all": [VIP]}), {"vip": lately})
    facts = Facts(history=[Happening(0, "Product Added", 1)])

    assert node == All((Nested("vip", lately),))
    assert compile_condition(node)(facts, 0) == (True, 5 * MINUTE_MS + 1)
    assert to_json(node)["where"] == {"all": [VIP]}


def test_an_inlined_membership_is_known_even_where_its_condition_is_not() -> None:
    """Without a profile's plan nobody is in "pro", so "not in pro" holds, as for a kept stay."""
    node = inline_segments(parsed({"not": VIP}), {"vip": parsed(PLAN)})

    assert evaluate.truth(node, Facts(), 0) is True
    assert compile_condition(node)(Facts(), 0) == (True, None)
    assert evaluate.truth(parsed({"not": PLAN}), Facts(), 0) is None


def test_a_segment_inside_itself_is_refused_with_the_chain() -> None:
    segments = {"vip": parsed({"any": [PLAN, {"kind": "segment", "key": "gold"}]})}
    segments["gold"] = parsed({"not": VIP})

    with pytest.raises(InvalidCondition) as refused:
        inline_segments(parsed(VIP), segments)

    assert refused.value.path == "vip > gold > vip"
