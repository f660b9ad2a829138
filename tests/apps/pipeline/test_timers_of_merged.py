"""A deadline of a profile that is merged away must not stay: it would be claimed for ever."""

from datetime import timedelta

import pytest

from apps.pipeline import fold
from apps.profiles import services as profiles
from apps.profiles.models import Due
from apps.segments import request_reads
from tests.apps.pipeline.conftest import NOW, World, event, identify
from tests.apps.pipeline.test_heavy_visitors import count, publish
from tests.apps.pipeline.test_timer_batches import LATER


def test_who_is_merged_while_everybody_is_looked_at_gets_no_deadline_that_stays(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_reads, "_BATCH", 1)
    world.fold(event(20, user_id="u1"))
    world.fold(event(10, anonymous_id="a1"))  # younger, seen less lately: looked at last
    loser = world.profile_of("anonymous_id", "a1")

    def joins(done: int, total: int, note: str = "") -> None:
        if done == 1:
            world.fold(identify(30, "a1", "u1"))

    request_reads.look_at_everybody(world.site.id, now=NOW, progress=joins)
    fold.fold_due(now=NOW + timedelta(seconds=5))
    assert not Due.objects.filter(pk=loser).exists()


def test_deadlines_of_merged_profiles_do_not_stop_those_of_others(world: World) -> None:
    publish(world, "now", count("X", 1, {"last": "2h"}))
    world.fold(event(20, user_id="u1"))
    world.fold(event(10, anonymous_id="a1"))
    loser = world.profile_of("anonymous_id", "a1")
    world.fold(identify(30, "a1", "u1"))
    world.fold(event(31, user_id="u2", name="X"))
    Due.objects.exclude(pk=world.profile_of("user_id", "u2")).delete()
    profiles.look_at([loser], now=NOW)  # as the job above does
    flipped = sum(fold.fold_due(now=LATER, limit=1) for _ in range(5))
    assert flipped == 1
