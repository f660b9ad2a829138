"""Whoever writes a person's stays, the words beside them say which memberships are open."""

from datetime import timedelta
from importlib import import_module

import pytest
from django.db import connection

from apps.pipeline import fold, splitting
from apps.profiles.models import MergeRecord, ProfileState
from apps.profiles.state import WORD_BITS, words_of
from apps.segments import services
from apps.segments.auditing import audit_memberships
from apps.segments.models import Membership, Segment
from tests.apps.pipeline.conftest import NOW, World, event, identify
from tests.apps.segments.test_refresh_rows import published, refreshed, viewed, world

__all__ = ["world"]

HOUR = timedelta(hours=1)


@pytest.fixture
def segments(world: World) -> list[Segment]:
    """Two with little between them, and one beyond the first word."""
    found = [
        published(world, "today", viewed(window={"last": "2h"})),
        published(world, "two", viewed(2)),
    ]
    for n in range(WORD_BITS):
        services.create_segment(
            site_id=world.site.pk, key=f"draft-{n}", name=f"draft {n}", condition=viewed(), now=NOW
        )
    found.append(published(world, "far", viewed()))
    refreshed(world)
    return found


def open_stays(world: World) -> int:
    return Membership.objects.filter(site_id=world.site.pk, left_at=None).count()


def test_events_deadlines_merges_and_their_undoing_leave_the_words_true(
    world: World, segments: list[Segment]
) -> None:
    def are_true() -> bool:
        return audit_memberships(world.site.pk) == 0

    world.fold(event(0, anonymous_id="a"), event(1, anonymous_id="b", user_id="u"))
    assert (open_stays(world), are_true()) == (4, True)
    fold.fold_due(now=NOW + 2 * HOUR)
    assert (open_stays(world), are_true()) == (2, True), "today is over"
    world.fold(identify(7500, "a", "u"), now=NOW + 3 * HOUR)
    assert (open_stays(world), are_true()) == (2, True), "one person, who is far and has viewed two"
    merged = MergeRecord.objects.get(site=world.site)
    splitting.split_profile(
        merge_id=merged.pk, actor=None, reason="a shared tablet", now=NOW + 4 * HOUR
    )
    assert (open_stays(world), are_true()) == (2, True), "two persons, who are far"
    services.archive_segment(
        site_id=world.site.pk, segment_id=segments[2].pk, actor=None, now=NOW + 4 * HOUR
    )
    refreshed(world, NOW + 4 * HOUR)
    assert (open_stays(world), are_true()) == (0, True)
    assert not ProfileState.objects.exclude(inside=[]).exists()


def test_the_words_of_a_site_that_had_none_are_filled_from_its_open_memberships(
    world: World, segments: list[Segment]
) -> None:
    world.fold(event(0, anonymous_id="a"), event(1, anonymous_id="b"))
    ProfileState.objects.update(inside=[])
    migration = import_module("apps.segments.migrations.0007_inside_words")
    with connection.cursor() as cursor:
        cursor.execute(migration.FORWARD)
    assert audit_memberships(world.site.pk) == 0
    assert {len(row.inside) for row in ProfileState.objects.all()} == {2}


def test_segments_are_bits_of_words_and_no_word_is_left_empty_at_the_end() -> None:
    assert words_of([]) == []
    assert words_of([1, 2]) == [0b110]
    assert words_of([WORD_BITS - 1, WORD_BITS]) == [1 << (WORD_BITS - 1), 1]
    assert words_of([2 * WORD_BITS + 3]) == [0, 0, 0b1000]
