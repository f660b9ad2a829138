"""Who does a lot is not read anew with each of his events, and is answered as if he were."""

import pytest
from django.db import OperationalError

from apps.decisions import hot_state
from apps.pipeline import far_histories
from apps.profiles.models import ProfileState
from apps.segments import refresh
from tests.apps.pipeline.conftest import NOW, World, event
from tests.apps.pipeline.test_heavy_visitors import (
    count,
    members,
    publish,
    read_of,
    with_a_life_behind,
)

pytestmark = pytest.mark.django_db(transaction=True)

LIFE = 600  # events before the test; the visitor himself sends one more at first


@pytest.fixture(autouse=True)
def _nobody_known() -> None:
    far_histories.forget()


def test_his_past_is_read_once_for_many_events(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    segment = publish(world, "keen", count("X", LIFE + 5))
    with_a_life_behind(world, "X", LIFE)
    read = read_of(monkeypatch)
    was_in = []
    for number in range(6):
        world.fold(event(60 + number, anonymous_id="p", name="X"))
        was_in.append(bool(members(segment)))
    assert was_in == [False, False, False, True, True, True]
    assert len(read) == 1


def test_what_others_write_has_it_read_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    segment = publish(world, "keen", count("X", LIFE + 3))
    with_a_life_behind(world, "X", LIFE)
    world.fold(event(60, anonymous_id="p", name="X"))
    ProfileState.objects.update(version=1_000)
    read = read_of(monkeypatch)
    world.fold(event(61, anonymous_id="p", name="X"))
    assert len(read) == 1
    assert members(segment) == {world.profile_of("anonymous_id", "p")}


def test_a_late_event_takes_its_place(world: World) -> None:
    segment = publish(world, "keen", count("X", LIFE + 3))
    with_a_life_behind(world, "X", LIFE)
    world.fold(event(60, anonymous_id="p", name="X"))
    world.fold(event(0.5, anonymous_id="p", name="X"))
    assert members(segment) == {world.profile_of("anonymous_id", "p")}
    assert refresh.refresh_site(site_id=world.site.pk, read_clock=lambda: NOW).left == 0


def test_a_fold_that_fails_leaves_nothing_of_itself_behind(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    segment = publish(world, "keen", count("X", LIFE + 4))
    with_a_life_behind(world, "X", LIFE)
    world.fold(event(60, anonymous_id="p", name="X"))
    with monkeypatch.context() as patch, pytest.raises(OperationalError):
        patch.setattr(hot_state, "mark", _away)
        world.fold(event(61, anonymous_id="p", name="X"))
    world.fold()
    assert not members(segment)
    world.fold(event(62, anonymous_id="p", name="X"))
    assert members(segment) == {world.profile_of("anonymous_id", "p")}


def _away(*_: object) -> None:
    raise OperationalError("The server is away.")


def test_no_more_events_are_kept_than_there_is_room_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(world, "keen", count("X", LIFE + 3))
    with_a_life_behind(world, "X", LIFE)
    monkeypatch.setattr(far_histories, "MOST_EVENTS", LIFE)
    read = read_of(monkeypatch)
    for number in range(3):
        world.fold(event(60 + number, anonymous_id="p", name="X"))
    assert len(read) == 3
