"""A clock that steps back has everybody looked at again, whoever comes back or not."""

from datetime import datetime, timedelta

import pytest

from apps.pipeline.clock_steps import ClockWatch
from apps.pipeline.consumer import Consumer
from apps.segments import refresh
from apps.segments.foreseeing import CLOCKS_APART_MS
from apps.work import clock
from apps.work.models import Intent
from tests.apps.pipeline.conftest import NOW, World, event
from tests.apps.pipeline.test_timers import BROWSING_BLOUSES, is_member, publish

HOUR, APART = timedelta(hours=1), timedelta(milliseconds=CLOCKS_APART_MS)
TICK = timedelta(milliseconds=1)


def asked_for(world: World) -> int:
    return Intent.objects.filter(kind="segments.refresh", site_id=world.site.id).count()


@pytest.mark.parametrize(
    ("steps", "is_asked"),
    [
        ((NOW, NOW + HOUR), False),
        ((NOW, NOW - APART, NOW), False),
        ((NOW, NOW - APART - TICK), True),
        ((NOW, NOW - APART, NOW - 2 * APART), True),
        ((NOW, NOW + HOUR, NOW), True),
    ],
    ids=["ahead", "a little back", "back", "back bit by bit", "ahead and back"],
)
def test_a_step_back_asks_for_a_refresh(
    world: World, steps: tuple[datetime, ...], is_asked: bool
) -> None:
    publish(world, "browsing-blouses", BROWSING_BLOUSES)
    Intent.objects.all().delete()
    watch = ClockWatch()

    for now in steps:
        watch.look(now)

    assert asked_for(world) == is_asked
    Intent.objects.all().delete()
    watch.look(steps[-1] + TICK)
    assert asked_for(world) == 0, "it is asked for once"


def test_a_step_back_while_nobody_looked_is_seen_by_the_next_process(world: World) -> None:
    publish(world, "browsing-blouses", BROWSING_BLOUSES)
    Intent.objects.all().delete()
    ClockWatch().look(NOW + HOUR)
    assert asked_for(world) == 0

    ClockWatch().look(NOW)

    assert asked_for(world) == 1
    Intent.objects.all().delete()
    ClockWatch().look(NOW + TICK)
    assert asked_for(world) == 0, "it is asked for once"


@pytest.mark.django_db(transaction=True)
def test_who_never_comes_back_is_no_member_before_their_time(world: World) -> None:
    number = publish(world, "browsing-blouses", BROWSING_BLOUSES)
    Intent.objects.all().delete()
    moments = iter([NOW + HOUR, NOW + HOUR, NOW, NOW])
    view = event(0, anonymous_id="a1", properties={"category": "blouses"})
    view.occurred_ms = clock.to_ms(NOW + HOUR)
    world.receive(view)
    turns = iter([False, False, True])
    consumer = Consumer(should_stop=lambda: next(turns))
    try:
        clock.replace(lambda: next(moments, NOW))
        consumer._drain()
        assert is_member(world, number)
        turns = iter([False, True])
        moments = iter([NOW])
        consumer._drain()
    finally:
        clock.replace(None)
    assert asked_for(world) == 1

    refresh.refresh_site(site_id=world.site.id, read_clock=lambda: NOW)

    assert not is_member(world, number)
