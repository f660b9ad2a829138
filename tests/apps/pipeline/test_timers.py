"""Memberships that change by the passage of time alone flip at their instant, with no event."""

from datetime import timedelta

from apps.pipeline import fold
from apps.profiles.models import Due
from apps.segments import live, refresh
from apps.segments import services as segments
from apps.segments.models import Membership
from apps.work import clock
from tests.apps.pipeline.conftest import NOW, World, event

BROWSING_BLOUSES = {
    "v": 1,
    "where": {
        "kind": "event",
        "name": "Product Viewed",
        "aggregate": "last",
        "of": "category",
        "window": "session",
        "op": "eq",
        "value": "blouses",
    },
}
IDLE = timedelta(minutes=30)


def publish(world: World, key: str, condition: dict[str, object]) -> int:
    """Publish a segment and have it live; its number."""
    segment = segments.create_segment(
        site_id=world.site.id, key=key, name=key, condition=condition, now=NOW
    )
    segments.publish_segment(site_id=world.site.id, segment_id=segment.pk, actor=None, now=NOW)
    refresh.refresh_site(site_id=world.site.id, read_clock=lambda: NOW)
    return segment.number


def is_member(world: World, number: int) -> bool:
    stays = live.decode_stays(world.state_of("anonymous_id", "a1").memberships)
    return number in stays and stays[number][0]


def test_a_session_segment_ends_by_itself_when_the_visitor_is_idle(world: World) -> None:
    number = publish(world, "browsing-blouses", BROWSING_BLOUSES)
    seen_at = NOW - timedelta(minutes=1)
    view = event(0, anonymous_id="a1", properties={"category": "blouses"})
    view.occurred_ms = clock.to_ms(seen_at)
    world.fold(view)
    assert is_member(world, number)
    assert Due.objects.get().due_at == seen_at + IDLE

    assert fold.fold_due(now=seen_at + IDLE - timedelta(milliseconds=1)) == 0
    assert is_member(world, number)

    assert fold.fold_due(now=seen_at + IDLE) == 1
    assert not is_member(world, number)
    stay = Membership.objects.get()
    assert stay.left_at == seen_at + IDLE
    assert not Due.objects.exists()


def test_the_next_view_moves_the_deadline(world: World) -> None:
    number = publish(world, "browsing-blouses", BROWSING_BLOUSES)
    for minute in (0, 10):
        view = event(60 * minute, anonymous_id="a1", properties={"category": "blouses"})
        world.fold(view, now=clock.from_ms(view.occurred_ms))

    due = Due.objects.get().due_at
    assert due == NOW - timedelta(hours=1) + timedelta(minutes=10) + IDLE
    assert is_member(world, number)


def test_another_category_changes_the_segment_at_the_next_event(world: World) -> None:
    number = publish(world, "browsing-blouses", BROWSING_BLOUSES)
    moment = NOW - timedelta(minutes=59)
    world.fold(event(1, anonymous_id="a1", properties={"category": "blouses"}), now=moment)
    assert is_member(world, number)

    world.fold(event(2, anonymous_id="a1", properties={"category": "sale"}), now=moment)

    assert not is_member(world, number)


def test_a_new_segment_counts_what_happened_before_it(world: World) -> None:
    world.fold(*(event(n, anonymous_id="a1", properties={"colour": "red"}) for n in range(3)))
    condition = {
        "v": 1,
        "where": {
            "kind": "event",
            "name": "Product Viewed",
            "where": [{"property": "colour", "op": "eq", "value": "red"}],
            "aggregate": "count",
            "window": {"last": "2h"},
            "op": "gte",
            "value": 3,
        },
    }

    number = publish(world, "likes-red", condition)

    assert is_member(world, number)
    left = clock.from_ms(clock.to_ms(NOW - timedelta(hours=1))) + timedelta(hours=2)
    assert fold.fold_due(now=left) == 1
    assert not is_member(world, number)
