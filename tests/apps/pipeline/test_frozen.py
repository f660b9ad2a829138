"""A segment whose evaluation fails stops nobody's events, and the feed tells of it."""

from dataclasses import replace
from typing import Any

from apps.segments import live
from apps.work.models import ChangeFeed
from engine.facts import Facts
from tests.apps.pipeline.conftest import World, event
from tests.apps.pipeline.test_timers import BROWSING_BLOUSES, is_member, publish


def test_a_poisonous_segment_is_frozen_told_and_passed_by(world: World) -> None:
    def raises(facts: Facts, now_ms: int) -> Any:
        raise ZeroDivisionError

    bad = publish(world, "bad", BROWSING_BLOUSES)
    good = publish(world, "good", BROWSING_BLOUSES)
    found = live.live_set(world.site.id)
    spoilt = tuple(replace(d, compiled=raises) if d.number == bad else d for d in found.definitions)
    live._cached[world.site.id] = replace(found, definitions=spoilt)

    views = [
        event(3500, anonymous_id=who, properties={"category": "blouses"}) for who in ("a1", "a2")
    ]
    assert world.fold(*views) == 2

    assert (is_member(world, bad), is_member(world, good)) == (False, True)
    told = ChangeFeed.objects.filter(kind="segment.frozen").values_list("payload", flat=True)
    assert list(told) == [{"segment": "bad", "why": "raises"}]
