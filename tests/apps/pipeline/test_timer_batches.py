"""Many deadlines at once: in batches, shared by consumers, in turn with the events that come in."""

import gc
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections

from apps.decisions import hot_rows, hot_state
from apps.decisions.types import HotProfile
from apps.pipeline import fold, timers
from apps.pipeline.consumer import Consumer
from apps.profiles.models import Due, Identity, ProfileState
from apps.segments.models import Membership
from tests.apps.pipeline.conftest import NOW, World, event
from tests.apps.pipeline.test_heavy_visitors import count, publish

LATER = NOW + timedelta(hours=2)


def make_due(world: World, people: int) -> None:
    """Have people in a segment that they leave two hours after their event, a second apart."""
    publish(world, "now", count("X", 1, {"last": "2h"}))
    world.fold(*(event(n, anonymous_id=f"p{n}", name="X") for n in range(people)))
    assert Due.objects.count() == people


def test_the_earliest_deadlines_are_flipped_first_and_no_more_than_asked_for(world: World) -> None:
    make_due(world, 3)

    assert fold.fold_due(now=LATER, limit=2) == 2
    left = Membership.objects.filter(left_at=None)
    assert [stay.profile_id for stay in left] == [world.profile_of("anonymous_id", "p2")]

    assert fold.fold_due(now=LATER, limit=2) == 1
    assert fold.fold_due(now=LATER, limit=2) == 0


@pytest.mark.django_db(transaction=True)
def test_a_consumer_flips_other_deadlines_than_those_another_one_works_on(world: World) -> None:
    make_due(world, 4)
    other = connections.create_connection("default")
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute(timers._CLAIM, [LATER, 2])

            assert fold.fold_due(now=LATER, limit=2) == 2
            assert fold.fold_due(now=LATER, limit=2) == 0

            members = set(Membership.objects.filter(left_at=None).values_list("profile", flat=True))
            assert members == {world.profile_of("anonymous_id", name) for name in ("p0", "p1")}
    finally:
        other.cursor().execute("ROLLBACK")  # closing alone is noticed later
        other.close()
    assert fold.fold_due(now=LATER) == 2


@pytest.mark.django_db(transaction=True)
def test_whose_row_is_being_written_keeps_the_deadline_for_later(world: World) -> None:
    make_due(world, 2)
    other = connections.create_connection("default")
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute(
                "SELECT FROM profiles_profilestate WHERE profile_id = %s FOR UPDATE",
                [world.profile_of("anonymous_id", "p0")],
            )
            assert fold.fold_due(now=LATER) == 1
    finally:
        other.cursor().execute("ROLLBACK")  # closing alone is noticed later
        other.close()
    assert fold.fold_due(now=LATER) == 1


@pytest.mark.django_db(transaction=True)
def test_an_event_does_not_wait_until_all_deadlines_are_worked_off(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timers, "BATCH", 1)
    make_due(world, 4)
    Due.objects.update(due_at=NOW)  # in the past of the consumer's clock
    rounds = 0

    def should_stop() -> bool:
        nonlocal rounds
        rounds += 1
        if rounds == 2:
            world.receive(event(9, anonymous_id="new", name="X"))
        return Identity.objects.filter(value="new").exists()

    Consumer(should_stop=should_stop)._drain()

    assert 0 < Due.objects.filter(due_at__lte=NOW).count() < 4


def test_a_flip_changes_the_stays_of_a_row_and_nothing_else(world: World) -> None:
    make_due(world, 1)
    (before,) = ProfileState.objects.values()

    assert fold.fold_due(now=LATER) == 1

    (after,) = ProfileState.objects.values()
    changed = {key for key in after if after[key] != before[key]}
    assert changed == {"version", "memberships", "inside"}
    assert after["version"] == before["version"] + 1


def test_hot_state_says_after_a_flip_what_the_row_says(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_due(world, 1)
    told: list[HotProfile] = []
    publish_ = hot_state.publish

    def listen(states: Sequence[HotProfile], **more: Any) -> bool:
        told.extend(states)
        return publish_(states, **more)

    monkeypatch.setattr(hot_state, "publish", listen)
    assert fold.fold_due(now=LATER) == 1
    assert told == hot_rows.by_profile([world.profile_of("anonymous_id", "p0")])


def test_a_fold_leaves_no_circles_of_objects_for_the_collector(world: World) -> None:
    make_due(world, 2)
    gc.collect()
    gc.disable()
    try:
        world.fold(event(60, anonymous_id="p0", name="X"))
        assert fold.fold_due(now=LATER) == 2
        assert gc.collect() == 0
    finally:
        gc.enable()
