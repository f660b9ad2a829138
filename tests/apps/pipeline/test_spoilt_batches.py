"""What one sender can put into a batch must not stop everybody else."""

import pytest

from apps.access.models import Site
from apps.decisions import hot_state
from apps.events import fold as event_fold
from apps.events import history
from apps.events.models import Inbox
from apps.pipeline import bounds, fold
from apps.profiles.models import Trait
from apps.profiles.state import MAX_TRAITS
from tests.apps.pipeline.conftest import World, event, identify


@pytest.fixture(autouse=True)
def _none_set_aside_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fold, "_set_aside", 0)


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


def test_when_nothing_can_be_folded_it_is_not_the_batches(world: World) -> None:
    for _ in range(bounds.MAX_SET_ASIDE + 2):
        world.receive(event(1, anonymous_id="a1"))
    Inbox.objects.update(body="[]")

    with pytest.raises(event_fold.Spoilt):
        world.fold()

    assert Inbox.objects.filter(part=event_fold.ASIDE).count() == bounds.MAX_SET_ASIDE
