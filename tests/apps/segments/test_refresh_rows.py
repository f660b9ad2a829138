"""What a refresh leaves in state rows is what the next event and the next timer go on from."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from apps.access.models import Site
from apps.events import fold as event_fold
from apps.pipeline import fold
from apps.profiles.models import ProfileState
from apps.segments import live, refresh, services
from apps.segments.models import Membership, Segment
from apps.segments.stay_reads import Stayed, evaluated
from apps.work import clock
from tests.apps.pipeline.conftest import NOW, START_MS, World, event
from tests.apps.segments.world import Happened, store_events

HOUR = timedelta(hours=1)


@pytest.fixture
def world(transactional_db: None) -> World:
    event_fold._observed.clear()
    return World()


def viewed(value: int = 1, window: object = "ever", **fields: object) -> dict[str, Any]:
    leaf = {
        "kind": "event", "name": "Product Viewed", "aggregate": "count", "window": window,
        "op": "gte", "value": value, **fields,
    }  # fmt: skip
    return {"v": 1, "where": leaf}


def member_of(key: str) -> dict[str, Any]:
    return {"v": 1, "where": {"kind": "segment", "key": key}}


RED = [{"property": "color", "op": "eq", "value": "red"}]


def published(world: World, key: str, condition: Any, policy: Any = None) -> Segment:
    segment = services.create_segment(
        site_id=world.site.pk, key=key, name=key, condition=condition, policy=policy or {}, now=NOW
    )
    services.publish_segment(site_id=world.site.pk, segment_id=segment.pk, actor=None, now=NOW)
    return segment


def refreshed(world: World, at: Any = NOW) -> refresh.Refreshed:
    return refresh.refresh_site(site_id=world.site.pk, read_clock=lambda: at)


def is_in(profile_id: UUID, *segments: Segment) -> list[bool]:
    open_ = Membership.objects.filter(profile_id=profile_id, left_at=None)
    inside = set(open_.values_list("segment_id", flat=True))
    return [segment.pk in inside for segment in segments]


def test_who_viewed_while_a_segment_was_published_is_not_thrown_out_by_the_next_view(
    world, monkeypatch
):
    published(world, "base", viewed())
    refreshed(world)
    world.fold(*[event(i, anonymous_id="a", properties={"color": "red"}) for i in range(2)])
    red = published(world, "red", viewed(3, where=RED))
    promote = refresh._promote

    def view_then_promote(*args):
        world.fold(event(20, anonymous_id="a", properties={"color": "red"}))
        return promote(*args)

    monkeypatch.setattr(refresh, "_promote", view_then_promote)
    refreshed(world)
    person = world.profile_of("anonymous_id", "a")
    assert is_in(person, red) == [True]
    world.fold(event(30, anonymous_id="a", properties={"color": "red"}))
    assert is_in(person, red) == [True], "four red views"


def test_a_new_version_is_followed_by_those_that_stand_on_those_that_stand_on_it(world):
    once = {"once": True}
    bottom = published(world, "bottom", viewed(5), once)
    refreshed(world)
    middle = published(world, "middle", member_of("bottom"), once)
    top = published(world, "top", member_of("middle"))
    refreshed(world)
    world.fold(*[event(i, anonymous_id="a") for i in range(2)])
    person = world.profile_of("anonymous_id", "a")
    services.change_draft(
        site_id=world.site.pk, segment_id=bottom.pk, condition=viewed(1), now=NOW, actor=None
    )
    services.publish_segment(site_id=world.site.pk, segment_id=bottom.pk, actor=None, now=NOW)

    refreshed(world)

    assert is_in(person, bottom, middle, top) == [True] * 3
    again = refreshed(world)
    assert (again.entered, again.left) == (0, 0)


def test_after_a_move_to_tokyo_todays_visitors_leave_at_midnight_in_tokyo(world):
    today = published(world, "today", viewed(window={"calendar": "day"}))
    refreshed(world)
    world.fold(event(0, anonymous_id="a"))
    person = world.profile_of("anonymous_id", "a")
    site = Site.objects.get(pk=world.site.pk)
    site.time_zone = "Asia/Tokyo"
    site.save()

    refreshed(world)

    stays = live.decode_stays(world.state_of("anonymous_id", "a").memberships)
    midnight_ms = stays[today.number][1]
    assert clock.from_ms(midnight_ms).hour == 15, "UTC"
    fold.fold_due(now=clock.from_ms(midnight_ms))
    assert is_in(person, today) == [False]


def test_a_refresh_under_way_when_the_site_moves_does_not_pass_for_one_after_it(world, monkeypatch):
    today = published(world, "today", viewed(window={"calendar": "day"}))
    refreshed(world)
    settle_all = refresh._settle_all

    def move_then_settle(*args):
        site = Site.objects.get(pk=world.site.pk)
        site.time_zone = "Asia/Tokyo"
        site.save()
        return settle_all(*args)

    monkeypatch.setattr(refresh, "_settle_all", move_then_settle)
    refreshed(world)
    assert today.versions.get().refreshed_at is None
    refreshed(world)
    assert today.versions.get().refreshed_at == NOW


@pytest.mark.parametrize("policy", [{}, {"once": True}], ids=["plain", "once"])
@pytest.mark.parametrize("is_whole", [True, False], ids=["whole", "changed"])
def test_views_that_were_written_past_the_state_row_are_found_and_stay_found(
    world, policy, is_whole
):
    viewers = published(world, "viewers", viewed(2), policy)
    outer = published(world, "outer", member_of("viewers"))
    refreshed(world)
    world.fold(event(0, anonymous_id="a"))
    person = world.profile_of("anonymous_id", "a")
    store_events(world.site, person, [Happened(START_MS + 5000, "Product Viewed")])

    if is_whole:
        refreshed(world)
    else:
        refresh.refresh_changed(
            site_id=world.site.pk, since=NOW - 900 * 24 * HOUR, read_clock=lambda: NOW
        )

    assert is_in(person, viewers, outer) == [True, True]
    world.fold(event(50, anonymous_id="a", name="Page Viewed"))
    assert is_in(person, viewers, outer) == [True, True]
    again = refreshed(world)
    assert (again.entered, again.left) == (0, 0)


def test_who_must_stay_out_for_an_hour_is_not_told_as_a_member_when_the_timer_is_late(world):
    """Three times in and out by the clock alone; a forecast follows two of the changes."""
    phases = [
        viewed(window={"between_ago": {"from": f"{start}m", "to": f"{start - 1}m"}})["where"]
        for start in (3, 6, 9)
    ]
    seen = {"v": 1, "where": {"any": phases}}
    tired = published(world, "tired", seen, {"cooldown": "1h"})
    patient = published(world, "patient", seen, {"minStay": "90s"})
    outer = published(world, "outer", member_of("patient"))
    refreshed(world)
    world.fold(event(0, anonymous_id="a"), now=NOW - HOUR + timedelta(seconds=1))
    row = world.state_of("anonymous_id", "a")
    stays = live.decode_stays(row.memberships)

    def told(segment: Segment, seconds: int) -> object:
        at_ms = START_MS + seconds * 1000
        return evaluated(world.site.pk, row.profile_id, segment.key, stays[segment.number], at_ms)

    # In from 120 s to 180 s, then out for an hour, whatever the condition says at 320 s.
    assert told(tired, 320) is False
    # In from 300 s for 90 s, although the condition held for 60 s only.
    later = told(patient, 385)
    assert isinstance(later, Stayed)
    assert told(patient, 395) is False
    assert isinstance(told(outer, 385), Stayed)
    assert told(outer, 395) is False


def test_somebody_whose_history_cannot_be_read_does_not_stop_the_refresh_and_is_read_again(world):
    viewers = published(world, "viewers", viewed())
    world.fold(*[event(i, anonymous_id=name) for i, name in enumerate("ab")])
    broken, whole = (world.profile_of("anonymous_id", name) for name in "ab")
    ProfileState.objects.filter(pk=broken).update(history=b"\xc1")

    refreshed(world)

    assert is_in(whole, viewers) == is_in(broken, viewers) == [True]
    world.fold(event(9, anonymous_id="a"))
    assert is_in(broken, viewers) == [True]


def test_stays_that_cannot_be_read_cost_one_person_and_no_other(world):
    viewers = published(world, "viewers", viewed())
    world.fold(*[event(i, anonymous_id=name) for i, name in enumerate("ab")])
    broken, whole = (world.profile_of("anonymous_id", name) for name in "ab")
    ProfileState.objects.filter(pk=broken).update(memberships=b"\xc1")
    refreshed(world)
    assert (is_in(whole, viewers), is_in(broken, viewers)) == ([True], [False])
