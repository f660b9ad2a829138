"""Two clocks never agree: what has come in has happened, whatever the consumer's clock says."""

from datetime import timedelta

from apps.work import clock
from tests.apps.pipeline.conftest import NOW, World, event
from tests.apps.pipeline.test_timers import BROWSING_BLOUSES, is_member, publish


def test_an_event_that_came_in_after_the_clock_was_read_counts_at_once(world: World) -> None:
    number = publish(world, "browsing-blouses", BROWSING_BLOUSES)
    view = event(0, anonymous_id="a1", properties={"category": "blouses"})
    view.occurred_ms = clock.to_ms(NOW)

    world.fold(view, now=NOW - timedelta(milliseconds=3))

    assert is_member(world, number)
