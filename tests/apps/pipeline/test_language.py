"""Every kind of condition through the real fold: no order of arrival, batch or timer shows."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.events.types import Accepted
from apps.pipeline import fold
from apps.segments import live, refresh
from apps.segments import services as segments
from apps.segments.stays import BINDINGS, FOLDED, LEFT, Stays, decode_stays, is_inside
from apps.work import clock
from tests.apps.pipeline.conftest import NOW, START_MS, World, event

Json = dict[str, Any]

NOW_MS = clock.to_ms(NOW)
VIEWED, ADDED, BOUGHT = "Product Viewed", "Product Added", "Order Completed"


def counted(name: str, window: object, least: int, **more: Any) -> Json:
    return {
        "kind": "event",
        "name": name,
        "aggregate": "count",
        "window": window,
        "op": "gte",
        "value": least,
        **more,
    }


def of(aggregate: str, name: str, window: object, op: str, value: object, **more: Any) -> Json:
    return {**counted(name, window, 1), "aggregate": aggregate, "op": op, "value": value, **more}


CONDITIONS: dict[str, Json] = {
    "browsing": of("last", VIEWED, "session", "eq", "a", of="category"),
    "short-session": counted(VIEWED, {"session": "5m"}, 2),
    "keen": counted(VIEWED, {"last": "20m"}, 2),
    "ever": counted(BOUGHT, "ever", 1),
    "spent": of("sum", BOUGHT, {"last": "30m"}, "gte", 20, of="value"),
    "fresh": of("recency", ADDED, "ever", "lt", "10m"),
    "today": counted(VIEWED, {"calendar": "day"}, 3),
    "since-order": counted(VIEWED, {"since": {"name": BOUGHT}}, 2),
    "second-visit": counted(VIEWED, {"visit": 2}, 1),
    "view-then-cart": {
        "kind": "sequence",
        "steps": [{"name": VIEWED}, {"name": ADDED, "within": "10m"}],
        "by": ["category"],
        "window": {"last": "40m"},
        "bind": {"category": {"step": 2, "property": "category"}},
    },
    "left-cart": {
        "kind": "absence",
        "after": {"name": ADDED},
        "without": {"name": BOUGHT},
        "for": "5m",
        "window": "session",
    },
    "never-bought": {"kind": "absence", "without": {"name": BOUGHT}, "window": "ever"},
    "score": {
        "kind": "score",
        "events": [{"name": VIEWED, "weight": 10, "half_life": "10m"}],
        "traits": [{"name": "plan", "op": "eq", "value": "pro", "weight": 5}],
        "op": "gte",
        "value": 15,
    },
    "pro": {"kind": "trait", "name": "plan", "op": "eq", "value": "pro"},
    "pro-lately": {"kind": "trait", "name": "plan", "op": "changed_within", "value": "20m"},
    "nested": {"all": [{"kind": "segment", "key": "keen"}, {"kind": "segment", "key": "pro"}]},
}
POLICIES: dict[str, tuple[Json, Json]] = {
    "sticky": (
        counted(VIEWED, {"last": "10m"}, 2),
        {"leave": {"v": 1, "where": of("recency", VIEWED, "ever", "gt", "25m")}},
    ),
    "at-least-15m": (counted(ADDED, {"last": "5m"}, 1), {"minStay": "15m"}),
    "not-again": (counted(VIEWED, {"last": "4m"}, 1), {"cooldown": "12m"}),
    "once": (counted(VIEWED, {"last": "4m"}, 1), {"once": True}),
    "pro-once": (
        {"kind": "trait", "name": "plan", "op": "eq", "value": "pro"},
        {"minStay": "20m", "once": True},
    ),
    "child": (counted(ADDED, "ever", 1), {"parent": "keen"}),
    "first": (counted(VIEWED, {"last": "10m"}, 1), {"group": "g", "priority": 2}),
    "second": (counted(ADDED, {"last": "30m"}, 1), {"group": "g", "priority": 1}),
    "stands-on-sticky": (
        {"all": [{"kind": "segment", "key": "sticky"}, counted(ADDED, {"last": "1h"}, 1)]},
        {},
    ),
}


@pytest.fixture
def language(world: World) -> dict[str, int]:
    """The site's segments, one of every kind, live: number by key."""
    numbers: dict[str, int] = {}
    all_of = {key: (where, {}) for key, where in CONDITIONS.items()} | POLICIES
    for key, (where, policy) in all_of.items():
        made = segments.create_segment(
            site_id=world.site.id,
            key=key,
            name=key,
            condition={"v": 1, "where": where},
            policy=policy,
            now=NOW,
        )
        segments.publish_segment(site_id=world.site.id, segment_id=made.pk, actor=None, now=NOW)
        numbers[key] = made.number
    refresh.refresh_site(site_id=world.site.id, read_clock=lambda: NOW)
    assert live.live_set(world.site.id).by_number.keys() == set(numbers.values())
    return numbers


@st.composite
def happened(draw: st.DrawFn) -> tuple[list[Json], list[list[int]]]:
    """What a person did within an hour, and batches of it in some order of arrival."""
    moments = draw(st.lists(st.integers(0, 3500), min_size=1, max_size=10, unique=True))
    made: list[Json] = []
    for at_s in sorted(moments):
        name = draw(st.sampled_from([VIEWED, VIEWED, ADDED, BOUGHT, "Identify"]))
        fields: Json = {"at_s": at_s, "name": name, "device": draw(st.sampled_from("xy"))}
        if name == "Identify":
            fields["plan"] = draw(st.sampled_from(["pro", "free", None]))
        else:
            fields["properties"] = {
                "category": draw(st.sampled_from("ab")),
                "value": draw(st.sampled_from([5, 10, 20])),
            }
        made.append(fields)
    order = draw(st.permutations(range(len(made))))
    cuts = sorted(draw(st.sets(st.integers(1, len(made)), max_size=3)))
    batches = [
        list(order[a:b]) for a, b in zip([0, *cuts], [*cuts, len(made)], strict=True) if a < b
    ]
    return made, batches


_people = count()


def events_of(made: Sequence[Json], person: str) -> list[Accepted]:
    """The events of one person, who is logged in on two devices."""
    found = []
    for place, fields in enumerate(made):
        given: Json = {
            "user_id": person,
            "anonymous_id": f"{person}-{fields['device']}",
            "message_id": f"{person}-{place}",
            "name": fields["name"],
        }
        if fields["name"] == "Identify":
            given |= {"type": "identify", "traits": {"plan": fields["plan"]}}
        else:
            given["properties"] = fields["properties"]
        found.append(event(fields["at_s"], **given))
    return found


def stays_of(world: World, person: str) -> Stays:
    return decode_stays(world.state_of("user_id", person).memberships)


def told(stays: Stays, number: int, at_ms: int) -> tuple[object, ...]:
    """What a stay says at an instant, in words that do not depend on how it was found."""
    stay = stays.get(number)
    inside = is_inside(stay, at_ms)
    if stay is None or len(stay) <= FOLDED:
        bound = stay[BINDINGS] if stay is not None and len(stay) > BINDINGS and inside else None
        return inside, bound
    return inside, stay[4], stay[LEFT]


def assert_same(language: dict[str, int], stays: Stays, others: Stays) -> None:
    """They say the same now, and while nothing happens."""
    for key, number in language.items():
        for later_ms in (0, 600_000, 1_500_000):
            at_ms = NOW_MS + later_ms
            one, other = told(stays, number, at_ms), told(others, number, at_ms)
            # Beyond what was followed a stay says nothing: it is evaluated again.
            if None not in (one[0], other[0]):
                assert one == other, (key, later_ms)


@pytest.mark.django_db
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(case=happened())
def test_any_order_of_arrival_gives_the_same_stays(
    world: World, language: dict[str, int], case: tuple[list[Json], list[list[int]]]
) -> None:
    made, batches = case
    one, other = f"p{next(_people)}", f"p{next(_people)}"
    for single in events_of(made, one):
        world.fold(single)
    theirs = events_of(made, other)
    for batch in batches:
        world.fold(*(theirs[place] for place in batch))

    in_order, shuffled = stays_of(world, one), stays_of(world, other)

    assert_same(language, shuffled, in_order)


@pytest.mark.django_db
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(case=happened())
def test_timers_that_fire_and_timers_that_do_not_give_the_same_stays(
    world: World, language: dict[str, int], case: tuple[list[Json], list[list[int]]]
) -> None:
    """One person is followed as it happens, timers and all; of the other all comes at the end."""
    made, _ = case
    one, other = f"p{next(_people)}", f"p{next(_people)}"
    for single in events_of(made, one):
        moment = clock.from_ms(single.occurred_ms)
        while fold.fold_due(now=moment):
            continue
        world.fold(single, now=moment)
    for second in range(0, 3601, 60):
        while fold.fold_due(now=clock.from_ms(START_MS) + timedelta(seconds=second)):
            continue
    world.fold(*events_of(made, other))

    followed, at_once = stays_of(world, one), stays_of(world, other)

    assert_same(language, followed, at_once)
