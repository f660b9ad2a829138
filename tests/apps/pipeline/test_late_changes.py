"""When something took place that was known late only: what its line in the feed says."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from apps.events import history
from apps.segments import live, refresh, remembering
from apps.segments import services as segments
from apps.segments.past import Past
from apps.segments.stays import decode_stays
from apps.work import clock
from apps.work.models import ChangeFeed
from engine.facts import Facts, Happening
from tests.apps.pipeline.conftest import NOW, START_MS, World, event, identify

MINUTE = 60  # seconds
VIEWED, BOUGHT = "Product Viewed", "Order Completed"

Json = dict[str, Any]


def count(name: str, window: object, least: int) -> Json:
    return {
        "kind": "event",
        "name": name,
        "aggregate": "count",
        "window": window,
        "op": "gte",
        "value": least,
    }


def publish(world: World, policies: Mapping[str, Json] | None = None, **conditions: Json) -> None:
    for key, where in conditions.items():
        made = segments.create_segment(
            site_id=world.site.pk,
            key=key,
            name=key,
            condition={"v": 1, "where": where},
            policy=(policies or {}).get(key, {}),
            now=NOW,
        )
        segments.publish_segment(site_id=world.site.pk, segment_id=made.pk, actor=None, now=NOW)
    refresh.refresh_site(site_id=world.site.pk, read_clock=lambda: NOW)


def told(world: World) -> list[tuple[str, str, float, bool]]:
    """The feed: (segment, entered or left, seconds after the start, late), by segment."""
    lines = ChangeFeed.objects.filter(site_id=world.site.pk, kind__startswith="membership.")
    return sorted(
        (
            line.payload["segment"],
            line.kind.removeprefix("membership."),
            (clock.to_ms(line.at) - START_MS) / 1000,
            line.payload.get("late", False),
        )
        for line in lines
    )


def viewed(at_s: float, name: str = VIEWED) -> Any:
    return event(at_s, anonymous_id="p", name=name)


def test_a_late_event_of_one_segment_is_found_beside_another_that_looks_further_back(
    world: World,
) -> None:
    publish(world, buyer=count(BOUGHT, "ever", 300), keen=count(VIEWED, {"last": "50m"}, 2))
    world.fold(*(viewed(n, BOUGHT) for n in range(299)), now=NOW - timedelta(minutes=50))

    world.fold(viewed(20 * MINUTE), viewed(30 * MINUTE), viewed(59 * MINUTE, BOUGHT))

    assert told(world) == [
        ("buyer", "entered", 60 * MINUTE, False),
        ("keen", "entered", 30 * MINUTE, True),
    ]


def test_a_window_may_begin_before_what_is_kept_with_the_person(world: World) -> None:
    publish(world, keen=count(VIEWED, {"last": "50m"}, 4))
    # The crowd pushes the first view out of the row, and the window of now does not hold it.
    crowd = (viewed(6 * MINUTE + n / 2, "X") for n in range(history.MAX_HAPPENINGS))
    early = (viewed(5 * MINUTE), *crowd, viewed(20 * MINUTE), viewed(50 * MINUTE))
    world.fold(*early, now=NOW - timedelta(minutes=9))
    assert told(world) == []

    world.fold(viewed(39 * MINUTE), viewed(40 * MINUTE))

    assert told(world) == [("keen", "entered", 40 * MINUTE, True)]


def test_what_was_so_before_something_late_is_not_its_doing() -> None:
    definitions = live.define(1, [(1, "ever", {"v": 1, "where": count(VIEWED, "ever", 1)})])
    late_ms = START_MS + 1000
    facts = Facts(history=[Happening(START_MS, VIEWED, 1), Happening(late_ms, VIEWED, 1)])
    past = Past(facts, fresh=[(late_ms, VIEWED)])

    evaluation = definitions.evaluate(facts, {}, clock.to_ms(NOW), past=past)

    assert (evaluation.entered, evaluation.at) == ([1], {})


def test_a_late_event_meets_the_trait_as_it_was_then(world: World) -> None:
    pro = {"kind": "trait", "name": "plan", "op": "eq", "value": "pro"}
    publish(world, keen={"all": [pro, count(VIEWED, "ever", 1)]})
    world.fold(identify(1, "p", "u1", plan="free"), now=NOW - timedelta(minutes=59))
    world.fold(identify(50 * MINUTE, "p", "u1", plan="pro"), now=NOW - timedelta(minutes=10))

    world.fold(viewed(20 * MINUTE))

    assert told(world) == [("keen", "entered", 50 * MINUTE, True)]


def test_who_stands_on_a_segment_that_remembers_is_as_late_as_that(world: World) -> None:
    publish(
        world,
        policies={"sticky": {"minStay": "2h"}},
        sticky=count(VIEWED, {"last": "10m"}, 1),
        above={"kind": "segment", "key": "sticky"},
    )
    world.fold(viewed(1, "X"), now=NOW - timedelta(minutes=59))

    world.fold(viewed(20 * MINUTE))

    assert told(world) == [
        ("above", "entered", 20 * MINUTE, True),
        ("sticky", "entered", 20 * MINUTE, True),
    ]


def test_of_who_did_too_much_a_late_change_is_dated_by_the_newest(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembering, "MAX_FOLDED", 5)
    publish(world, keen=count(VIEWED, "ever", 31))
    world.fold(*(viewed(20 * MINUTE + n) for n in range(30)), now=NOW - timedelta(minutes=30))

    world.fold(viewed(10 * MINUTE))

    # It took place with the last of the thirty, which is among the five that are looked at.
    assert told(world) == [("keen", "entered", 20 * MINUTE + 29, True)]


def test_a_segment_that_remembers_knows_since_when_a_trait_was_so_at_the_time(world: World) -> None:
    moved = {"kind": "trait", "name": "plan", "op": "changed_within", "value": "5m"}
    publish(world, policies={"moved": {"minStay": "2h"}}, moved=moved)

    world.fold(identify(40 * MINUTE, "p", "u1", plan="pro"), now=NOW - timedelta(minutes=10))
    assert told(world) == [("moved", "entered", 40 * MINUTE, True)]
    world.fold(identify(20 * MINUTE, "p", "u1", plan="free"))

    # As if it had come in time.
    (stay,) = decode_stays(world.state_of("user_id", "u1").memberships).values()
    assert (stay[0], (stay[4] - START_MS) / 1000) == (True, 20 * MINUTE)
