"""One visitor with very many events must not stop the consumer, nor take a segment from others."""

from datetime import timedelta

import pytest
from django.db import connections

from apps.events import fold as event_fold
from apps.events import history
from apps.events.models import Inbox
from apps.pipeline import bounds, fold, timers
from apps.profiles.models import Due, ProfileState
from apps.segments import live, refresh
from apps.segments import services as segments
from apps.segments.models import Membership, Segment
from engine.facts import Happening
from tests.apps.pipeline.conftest import NOW, START_MS, World, event, identify
from tests.apps.segments.world import Happened, store_events

LATER = NOW + timedelta(days=1)


@pytest.fixture(autouse=True)
def _none_set_aside_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fold, "_set_aside", 0)


def count(
    name: str, value: int = 1, window: object = "ever", **fields: object
) -> dict[str, object]:
    where = {"kind": "event", "name": name, "aggregate": "count", "window": window}
    return {"v": 1, "where": {**where, "op": "gte", "value": value, **fields}}


def publish(
    world: World, key: str, condition: dict[str, object], policy: dict[str, object] | None = None
) -> Segment:
    segment = segments.create_segment(
        site_id=world.site.pk, key=key, name=key, condition=condition, policy=policy or {}, now=NOW
    )
    segments.publish_segment(site_id=world.site.pk, segment_id=segment.pk, actor=None, now=NOW)
    refresh.refresh_site(site_id=world.site.pk, read_clock=lambda: NOW)
    return segment


def members(segment: Segment) -> set[object]:
    found = Membership.objects.filter(segment=segment, left_at=None)
    return set(found.values_list("profile_id", flat=True))


def with_a_life_behind(world: World, name: str, events: int) -> None:
    """Give the visitor `p` so many events, ten milliseconds apart, as folds would have."""
    world.fold(event(0, anonymous_id="p", name=name))
    profile_id = world.profile_of("anonymous_id", "p")
    past = (Happened(START_MS + 1000 + n * 10, name) for n in range(events))
    store_events(world.site, profile_id, past)
    properties = live.live_set(world.site.pk).properties
    kept = history.load(profile_id, properties, since_ms=None, limit=history.MAX_HAPPENINGS + 1)
    kept.trim()
    ProfileState.objects.filter(pk=profile_id).update(history=history.encode(kept))


def read_of(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many events each reading of the events table brings from now on."""
    found: list[int] = []
    load = history.load

    def counted(*args: object, **options: object) -> history.History:
        loaded = load(*args, **options)  # type: ignore[arg-type]  # passed on as they came
        found.append(len(loaded.times))
        return loaded

    monkeypatch.setattr(history, "load", counted)
    return found


def test_columns_appended_to_are_those_that_were_decoded_and_appended_to() -> None:
    rows = [
        Happening(n, "abc"[n % 3], n % 5, {} if n % 4 else {"colour": f"c{n}"}) for n in range(400)
    ]
    whole = history.History(history.Wanted(frozenset({"colour"})))
    pieces = history.History(history.Wanted(frozenset({"colour"})))
    assert whole.add(rows)
    for start in range(0, len(rows), 7):
        pieces = history.decode(history.encode(pieces))
        pieces.want(frozenset({"colour"}))
        assert pieces.add(rows[start : start + 7])
    for one in (whole, pieces):
        one.trim()
        assert one.add([Happening(1000, "b", 77, {"colour": "late"})])
    assert history.encode(whole) == history.encode(pieces)
    assert list(whole.happenings) == [*rows[-208:], Happening(1000, "b", 77, {"colour": "late"})]


def test_of_an_endless_past_only_the_newest_is_read(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    segment = publish(world, "keen", count("X", 3))
    with_a_life_behind(world, "X", 600)
    monkeypatch.setattr(history, "MAX_FAR", 400)
    read = read_of(monkeypatch)

    world.fold(event(60, anonymous_id="p", name="X"))

    assert max(read) <= 400
    assert members(segment) == {world.profile_of("anonymous_id", "p")}


def test_an_event_in_its_order_does_not_have_a_whole_life_read_for_a_policy(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    segment = publish(world, "keen", count("X", 3, {"last": "1s"}), {"minStay": "1m"})
    with_a_life_behind(world, "X", 600)
    start = NOW - timedelta(hours=1)
    world.fold(event(60, anonymous_id="p", name="X"), now=start + timedelta(seconds=60))
    read = read_of(monkeypatch)

    next_ones = (event(61 + n / 10, anonymous_id="p", name="X") for n in range(3))
    world.fold(*next_ones, now=start + timedelta(seconds=62))

    assert read == []
    assert members(segment) == {world.profile_of("anonymous_id", "p")}


@pytest.mark.django_db(transaction=True)
def test_a_batch_that_takes_too_long_is_set_aside_and_the_others_are_folded(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "TRANSACTION_TIMEOUT_MS", 400)
    world.fold(event(0, anonymous_id="slow"))
    world.receive(event(1, anonymous_id="slow"))
    world.receive(event(2, anonymous_id="innocent"), part=1)
    holder = connections.create_connection("default")
    try:
        with holder.cursor() as cursor:
            # Whatever keeps the transaction from its end: here, it waits for a row for ever.
            cursor.execute("BEGIN")
            profile_id = world.profile_of("anonymous_id", "slow")
            cursor.execute(
                "SELECT 1 FROM profiles_profilestate WHERE profile_id = %s FOR UPDATE",
                [str(profile_id)],
            )
            world.fold()
            assert world.state_of("anonymous_id", "innocent").event_count == 1
            assert [row.part for row in Inbox.objects.all()] == [event_fold.ASIDE]
    finally:
        holder.close()

    assert event_fold.put_back() == 1
    world.fold()
    assert world.state_of("anonymous_id", "slow").event_count == 2


def test_who_logs_in_on_another_device_stays_in_the_segments_of_both(world: World) -> None:
    publish(world, "base", count("Other", 100))
    world.fold(event(0, anonymous_id="w", name="Other"))
    world.fold(*(event(n, user_id="u", properties={"colour": "red"}) for n in range(1, 4)))
    # What the user did was folded before anybody asked for colours.
    colour = [{"property": "colour", "op": "eq", "value": "red"}]
    red = publish(world, "red", count("Product Viewed", 3, where=colour))
    assert members(red) == {world.profile_of("user_id", "u")}
    world.fold(event(10, anonymous_id="w", name="Other"))

    world.fold(identify(11, "w", "u"))

    assert members(red) == {world.profile_of("anonymous_id", "w")}


def test_who_cannot_be_read_does_not_hold_up_the_deadlines_of_others(world: World) -> None:
    segment = publish(world, "now", count("X", 1, {"last": "2h"}))
    world.fold(event(0, anonymous_id="bad", name="X"), event(1, anonymous_id="good", name="X"))
    bad = world.profile_of("anonymous_id", "bad")
    ProfileState.objects.filter(pk=bad).update(memberships=b"\xc1 no such thing")

    assert fold.fold_due(now=LATER) == 1

    assert members(segment) == {bad}
    assert Due.objects.get().due_at == LATER + timers.POSTPONED
    assert fold.fold_due(now=LATER) == 0


def test_a_history_that_cannot_be_read_is_read_again_from_the_events(world: World) -> None:
    segment = publish(world, "keen", count("X", 3))
    world.fold(event(0, anonymous_id="p", name="X"), event(1, anonymous_id="p", name="X"))
    ProfileState.objects.update(history=b"\xc1 no such thing")

    world.fold(event(2, anonymous_id="p", name="X"))

    assert members(segment) == {world.profile_of("anonymous_id", "p")}
    assert len(history.decode(world.state_of("anonymous_id", "p").history).times) == 3


def test_a_late_event_of_a_busy_visitor_is_folded_again_as_it_happened(world: World) -> None:
    """As the same events in their order give it, whatever the order of arrival."""
    segment = publish(world, "keen", count("X", 3, {"last": "10m"}), {"cooldown": "1m"})
    now = NOW - timedelta(minutes=45)
    for name, order in (("p", [0, *range(2, 300), 1]), ("q", range(300))):
        for start in range(0, 300, 100):
            batch = order[start : start + 100]
            world.fold(*(event(n * 3, anonymous_id=name, name="X") for n in batch), now=now)

    (late, in_order) = (
        live.decode_stays(world.state_of("anonymous_id", name).memberships)[segment.number]
        for name in "pq"
    )
    assert late == in_order
    assert late[4] == START_MS + 6_000
