"""What one sender can put into a batch must not stop everybody else."""

import json
from typing import Any

import pytest
from django.db import OperationalError, connection

from apps.access.models import Site
from apps.decisions import hot_state
from apps.events import fold as event_fold
from apps.events import history
from apps.events.models import Inbox
from apps.events.types import Accepted
from apps.pipeline import bounds, fold
from apps.profiles.models import Trait
from apps.profiles.state import MAX_TRAITS
from tests.apps.pipeline.conftest import NOW, World, event, identify


@pytest.fixture(autouse=True)
def _none_set_aside_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fold, "_set_aside", 0)
    monkeypatch.setattr(fold, "_in_a_row", 0)


def test_a_trait_with_an_overlong_name_stops_nobody(world: World) -> None:
    world.receive(identify(1, None, "mallory", **{"k" * 121: "v", "plan": "pro"}))
    world.receive(event(2, anonymous_id="a1"))

    world.fold()

    assert world.state_of("anonymous_id", "a1").event_count == 1


def test_a_number_beyond_64_bits_survives_its_way_through_the_database(world: World) -> None:
    """The database writes 1e30 as thirty-one digits: an integer that msgpack does not have."""
    world.fold(identify(1, "a1", "ann", size=1e30, sizes=[1e30, {"x": -1e40}]))

    world.fold(event(2, anonymous_id="a1"))

    assert world.state_of("user_id", "ann").trait_values() == {
        "size": 1e30,
        "sizes": [1e30, {"x": -1e40}],
    }
    assert Trait.objects.count() == 2


def test_such_a_number_of_an_event_survives_too(world: World) -> None:
    world.fold(event(1, anonymous_id="a1", properties={"size": 1e30}))

    found = history.load(
        world.profile_of("anonymous_id", "a1"), frozenset({"size"}), since_ms=None, limit=None
    )

    assert found.happenings[0].properties == {"size": 1e30}
    assert history.decode(history.encode(found)).happenings == found.happenings


def test_a_decision_that_misses_reads_such_a_number(world: World) -> None:
    world.fold(identify(1, None, "ann", size=1e30))

    (hot,) = hot_state.hot_profiles_of([world.profile_of("user_id", "ann")])

    assert hot.traits == {"size": 1e30}
    assert hot_state.publish([hot])


def test_names_without_end_do_not_make_a_row_without_end(world: World) -> None:
    for batch in range(4):
        world.fold(identify(batch, None, "mallory", **{f"k{batch}.{n}": n for n in range(400)}))

    assert len(world.state_of("user_id", "mallory").traits) == MAX_TRAITS
    assert Trait.objects.count() == MAX_TRAITS


@pytest.mark.django_db(transaction=True)
def test_a_batch_that_cannot_be_folded_is_set_aside(world: World) -> None:
    gone = World()
    gone.receive(event(1, anonymous_id="a1"))
    Site.objects.filter(pk=gone.site.pk).delete()  # its batch waits still
    world.receive(event(2, anonymous_id="a1"), part=1)

    world.fold()
    world.fold(event(3, anonymous_id="a1"))

    assert world.state_of("anonymous_id", "a1").event_count == 2
    assert [row.part for row in Inbox.objects.all()] == [event_fold.ASIDE]


def test_a_batch_that_was_set_aside_can_be_put_back(world: World) -> None:
    world.receive(event(1, anonymous_id="a1", message_id="m1"))
    (batch,) = Inbox.objects.all()
    good = batch.body
    Inbox.objects.update(body='{"v": 1}')
    world.fold()
    assert Inbox.objects.get().part == event_fold.ASIDE

    Inbox.objects.update(body=good)
    assert event_fold.put_back() == 1
    world.fold()

    assert world.events_of("anonymous_id", "a1") == ["m1"]
    assert not Inbox.objects.exists()


def test_a_full_disk_is_no_fault_of_the_events(world: World) -> None:
    world.receive(event(1, anonymous_id="a1", message_id="m1"))
    with connection.cursor() as cursor:
        cursor.execute(_FULL_DISK)

    with pytest.raises(OperationalError):
        world.fold()
    assert [row.part for row in Inbox.objects.all()] != [event_fold.ASIDE]

    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER full_disk ON events_event")
    world.fold()
    assert world.events_of("anonymous_id", "a1") == ["m1"]


# 53100 is what Postgres says when it cannot make a file longer.
_FULL_DISK = """
CREATE FUNCTION pg_temp.full_disk() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'No space left on device' USING ERRCODE = '53100'; END $$;
CREATE TRIGGER full_disk BEFORE INSERT ON events_event
    FOR EACH ROW EXECUTE FUNCTION pg_temp.full_disk();
"""


def spoilt(at_s: float, **fields: Any) -> Accepted:
    """An event of a kind that nobody knows: it can be read, and not be folded."""
    return event(at_s, type="nonsense", **fields)


def events_aside() -> list[int]:
    """How many events each batch has that was set aside."""
    kept = Inbox.objects.filter(part=event_fold.ASIDE).order_by("id")
    return [len(json.loads(batch.body)["e"]) for batch in kept]


def test_of_a_spoilt_batch_only_the_event_at_fault_is_set_aside(world: World) -> None:
    events = [event(n, anonymous_id=f"a{n % 3}", message_id=f"m{n}") for n in range(20)]
    events[13] = spoilt(13, anonymous_id="a1", message_id="m13")

    assert world.fold(*events) == 19

    assert world.state_of("anonymous_id", "a1").event_count == 6
    assert "m13" not in world.events_of("anonymous_id", "a1")
    assert events_aside() == [1]
    assert "m13" in Inbox.objects.get().body


def test_batches_beside_a_spoilt_one_are_folded_at_once(world: World) -> None:
    for number in range(30):
        kind = spoilt if number in (7, 8, 29) else event
        world.receive(kind(number, anonymous_id=f"a{number}"), part=number)
    world.receive(event(31, anonymous_id="a0"))
    Inbox.objects.filter(part=3).update(body="{")

    assert fold.fold_once(now=NOW).events + fold.fold_once(now=NOW).events == 27

    assert world.state_of("anonymous_id", "a0").event_count == 2
    assert Inbox.objects.filter(part=event_fold.ASIDE).count() == 4
    assert Inbox.objects.count() == 4


def test_a_batch_of_nothing_but_spoilt_events_is_not_searched_to_its_end(world: World) -> None:
    world.receive(*(spoilt(n, anonymous_id="mallory") for n in range(300)))
    world.receive(event(1, anonymous_id="a1"), part=1)

    world.fold()

    assert world.state_of("anonymous_id", "a1").event_count == 1
    assert sum(events_aside()) == 300
    assert len(events_aside()) < 20


def test_spoilt_batches_with_others_between_them_never_stop_the_consumer(world: World) -> None:
    for number in range(2 * bounds.MAX_SET_ASIDE):
        world.receive(spoilt(number, anonymous_id="mallory"))
        world.receive(event(number, anonymous_id="a1"))
        world.fold()

    assert world.state_of("anonymous_id", "a1").event_count == 2 * bounds.MAX_SET_ASIDE
    assert len(events_aside()) == 2 * bounds.MAX_SET_ASIDE


def test_when_nothing_can_be_folded_it_is_not_the_batches(world: World) -> None:
    for _ in range(bounds.MAX_SET_ASIDE + 2):
        world.receive(event(1, anonymous_id="a1"))
    Inbox.objects.update(body="[]")

    with pytest.raises(event_fold.Spoilt):
        world.fold()

    assert Inbox.objects.filter(part=event_fold.ASIDE).count() == bounds.MAX_SET_ASIDE


def test_a_batch_that_another_consumer_has_folded_is_blamed_for_nothing(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    gone = event_fold.Spoilt([4711])
    assert not event_fold.set_aside(4711)
    assert not fold._blame(4711, gone, is_first=True)
    assert (fold._set_aside, fold._in_a_row) == (0, 0)
    assert "pipeline.batch_set_aside" not in caplog.text
