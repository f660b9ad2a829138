"""Whoever is on a list is so from their first event on, and an undone upload takes it back."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from apps.pipeline import fold
from apps.profiles.models import Trait
from apps.segments import list_applying, lists, refresh
from apps.segments.lists import Origin
from apps.segments.models import ListMember, ListUpload, Membership, SegmentList
from apps.work import clock
from tests.apps.pipeline.conftest import NOW, World, event, identify

NOW_MS = clock.to_ms(NOW)


@pytest.fixture
def press(world: World) -> SegmentList:
    """A list whose segment is live."""
    made = lists.create_list(site_id=world.site.pk, key="press", name="P", actor=None, now=NOW)
    refresh.refresh_site(site_id=world.site.pk, read_clock=lambda: NOW)
    return made


def upload(press: SegmentList, *rows: str) -> ListUpload:
    content = "\n".join(("user_id,expires_at", *rows)).encode()
    return lists.receive(
        site_id=press.site_id, key=press.key, chunks=[content], mode="append",
        origin=Origin("people.csv"), now=NOW,
    )  # fmt: skip


def trait_of(world: World, user_id: str) -> Any:
    return world.state_of("user_id", user_id).trait_values().get("list.press")


def members(world: World) -> set[UUID]:
    open_stays = Membership.objects.filter(site=world.site, left_at=None)
    return set(open_stays.values_list("profile_id", flat=True))


def test_a_first_event_finds_the_list_that_its_user_is_on(world: World, press: SegmentList) -> None:
    upload(press, "u1,", "u9,")
    world.fold(event(1, user_id="u1"), event(2, user_id="u2"), event(3, anonymous_id="u9"))

    assert trait_of(world, "u1") is True
    assert trait_of(world, "u2") is None
    assert members(world) == {world.profile_of("user_id", "u1")}
    assert Trait.objects.get(key="list.press").source == "list"
    applied = ListMember.objects.filter(is_applied=True)
    assert [entry.profile_id for entry in applied] == [world.profile_of("user_id", "u1")]


def test_a_login_brings_the_lists_of_the_user_to_who_was_known_by_a_device(
    world: World, press: SegmentList
) -> None:
    upload(press, "u1,")
    world.fold(event(1, anonymous_id="a1"))
    assert members(world) == set()
    world.fold(identify(2, "a1", "u1"))
    assert members(world) == {world.profile_of("anonymous_id", "a1")}


def test_an_entry_that_expires_has_its_timer(world: World, press: SegmentList) -> None:
    end = NOW + timedelta(minutes=5)
    upload(press, f"u1,{end:%Y-%m-%dT%H:%M:%SZ}")
    world.fold(event(1, user_id="u1"))
    assert trait_of(world, "u1") == clock.to_ms(end)
    assert len(members(world)) == 1
    assert fold.fold_due(now=end) == 1
    assert members(world) == set()


def test_an_upload_that_is_taken_back_is_taken_from_who_came_later(
    world: World, press: SegmentList
) -> None:
    one = upload(press, "u1,")
    world.fold(event(1, user_id="u1"))
    lists.undo(site_id=world.site.pk, key="press", upload_id=one.pk, actor=None, now=NOW)
    list_applying.apply(press, [world.profile_of("user_id", "u1")], now=NOW)
    assert trait_of(world, "u1") is None
    world.fold(now=NOW)
    fold.fold_due(now=NOW)
    assert members(world) == set()


def test_a_site_without_lists_is_not_asked_for_entries(
    world: World, django_assert_num_queries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr("apps.pipeline.people.live.enlist", asked.append)
    world.fold(event(1, user_id="u1"))
    assert asked == []
