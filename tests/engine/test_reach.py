"""How far back a condition looks, and when a history goes back far enough."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings

from engine.conditions import evaluate
from engine.conditions.compile import compile_condition, forecast
from engine.conditions.nodes import Node
from engine.conditions.scope import (
    Reach,
    covers,
    reach,
)
from engine.facts import NO_DEVICE, Facts, Happening
from tests.engine import trees
from tests.engine.scoped import (
    ADDS,
    COUNT,
    DAY_MS,
    MINUTE_MS,
    PAGES,
    PLAN,
    VIEWS,
    parsed,
)


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


@pytest.mark.parametrize(
    ("leaf", "expected"),
    [
        (COUNT | {"window": {"last": "2mo"}}, Reach(last_ms=62 * DAY_MS)),
        (
            COUNT | {"window": {"between_ago": {"from": "9d", "to": "1d"}}},
            Reach(last_ms=9 * DAY_MS),
        ),
        (COUNT | {"window": {"calendar": "week"}}, Reach(last_ms=9 * DAY_MS)),
        (COUNT | {"window": {"visit": -1}}, Reach(ever=True)),
        (COUNT | {"window": {"since": {"name": "A"}}}, Reach(ever=True)),
        (COUNT | {"window": {"absolute": {"from": "2026-01-01"}}}, Reach(ever=True)),
        (COUNT | {"window": "page_view"}, Reach(session=True)),
        (COUNT | {"window": {"session": "2h"}}, Reach(session=True, idle_ms=120 * MINUTE_MS)),
        (COUNT | {"window": {"session": "1m"}}, Reach(session=True)),
        (
            COUNT | {"aggregate": "trend", "window": {"last": "1d"}},
            Reach(last_ms=2 * DAY_MS),
        ),
        (PAGES, Reach(ever=True, session=True)),
        (PAGES | {"on": "element"}, Reach(session=True)),
        ({"kind": "experiment", "key": "e"}, Reach(ever=True)),
        (
            {
                "kind": "score",
                "events": [{"name": "A", "weight": 1, "window": {"last": "1d"}}],
                "op": "gt",
                "value": 1,
            },
            Reach(last_ms=DAY_MS),
        ),
    ],
)
def test_every_window_has_its_reach(leaf: dict[str, Any], expected: Reach) -> None:
    assert reach(parsed(leaf)) == expected


@pytest.mark.parametrize(
    ("events", "held_min", "expected"),
    [
        # (minutes ago, device); idle for 30 minutes ends a session.
        ([(5, NO_DEVICE)], 29, False),  # a device may have been there half a minute earlier
        ([(5, NO_DEVICE)], 36, True),
        ([(40, 1), (5, NO_DEVICE)], 41, True),  # over on the device; the lone piece is sure
        ([(40, 1), (25, NO_DEVICE), (5, NO_DEVICE)], 41, False),
        ([(33, NO_DEVICE), (20, 1), (5, NO_DEVICE)], 51, False),  # what follows it is not sure
        ([(33, NO_DEVICE), (20, 1), (2, NO_DEVICE)], 64, True),
    ],
)
def test_events_without_a_device_may_be_the_session(
    events: list[tuple[int, int]], held_min: int, expected: bool
) -> None:
    now_ms = 100 * MINUTE_MS
    history = [Happening(now_ms - ago * MINUTE_MS, "A", device) for ago, device in events]
    facts = Facts(history=history, complete_from_ms=now_ms - held_min * MINUTE_MS)

    assert covers(facts, Reach(session=True), now_ms) is expected


def test_a_longer_idle_time_asks_for_more_history() -> None:
    now_ms = 200 * MINUTE_MS
    facts = Facts(history=[Happening(now_ms, "A", 1)], complete_from_ms=now_ms - 60 * MINUTE_MS)

    assert covers(facts, Reach(session=True), now_ms)
    assert not covers(facts, Reach(session=True, idle_ms=120 * MINUTE_MS), now_ms)


@given(trees.conditions(), trees.facts())
@settings(max_examples=150, deadline=None)
def test_a_history_that_covers_a_condition_answers_it_like_the_whole(
    node: Node, facts: Facts
) -> None:
    needed, compiled = reach(node), compile_condition(node)
    for now_ms in trees.moments(node, facts)[::7]:
        for held_from_ms in {event.at_ms for event in facts.history}:
            held = with_history(
                facts, [e for e in facts.history if e.at_ms >= held_from_ms], held_from_ms
            )
            if covers(held, needed, now_ms):
                whole = with_history(facts, list(facts.history), None)
                assert evaluate.truth(node, held, now_ms) is evaluate.truth(node, whole, now_ms)
                assert forecast(compiled, held, now_ms) == forecast(compiled, whole, now_ms)


def with_history(facts: Facts, history: list[Happening], held_from_ms: int | None) -> Facts:
    return Facts(
        traits=facts.traits,
        history=history,
        complete_from_ms=held_from_ms,
        memberships=facts.memberships,
        context=facts.context,
        unit_id=facts.unit_id,
        trait_meta=facts.trait_meta,
        consents=facts.consents,
        site_zone=facts.site_zone,
    )
