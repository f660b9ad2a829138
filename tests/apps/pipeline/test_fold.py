"""A batch becomes profiles, identities, events and state; nothing is lost and nothing doubled."""

from apps.consent.types import Purpose
from apps.events import history
from apps.events.models import Event
from apps.profiles import vault
from apps.profiles.models import MergeRecord, Profile, ProfileState, Trait
from tests.apps.pipeline.conftest import START_MS, World, event, identify


def test_a_first_event_makes_a_profile_with_its_history(world: World) -> None:
    folded = world.fold(event(1, anonymous_id="a1", properties={"product_id": "C5"}))

    assert folded == 1
    state = world.state_of("anonymous_id", "a1")
    assert state.event_count == 1
    assert state.version == 1
    assert state.unit_id == "a1"
    assert state.identities == ["anonymous_id:a1"]
    kept = history.decode(state.history)
    assert [h.at_ms for h in kept.happenings] == [START_MS + 1000]
    assert kept.items == [(START_MS + 1000, "C5")]
    stored = Event.objects.get(profile_id=state.profile_id)
    assert (stored.item, stored.name, stored.site_id) == ("C5", "Product Viewed", world.site.id)


def test_the_same_identifier_in_two_sites_is_two_people(world: World) -> None:
    other = World()
    world.receive(event(1, anonymous_id="a1"))
    other.receive(event(1, anonymous_id="a1"), event(2, anonymous_id="a1"))

    world.fold()

    assert world.profile_of("anonymous_id", "a1") != other.profile_of("anonymous_id", "a1")
    assert world.state_of("anonymous_id", "a1").event_count == 1
    assert other.state_of("anonymous_id", "a1").event_count == 2


def test_identify_joins_the_anonymous_past_to_a_new_user(world: World) -> None:
    world.fold(event(1, anonymous_id="a1", message_id="m1"))

    world.fold(identify(2, "a1", "ann", plan="pro"), event(3, user_id="ann", message_id="m3"))

    assert world.profile_of("anonymous_id", "a1") == world.profile_of("user_id", "ann")
    assert {"m1", "m3"} <= set(world.events_of("user_id", "ann"))
    assert world.state_of("user_id", "ann").trait_values() == {"plan": "pro"}
    assert Profile.objects.filter(site=world.site).count() == 1


def test_identify_merges_two_profiles_and_the_older_keeps_its_bucketing_key(world: World) -> None:
    world.fold(event(1, anonymous_id="a1", message_id="m1"))
    world.fold(event(2, user_id="ann", message_id="m2"))
    older = world.profile_of("anonymous_id", "a1")
    younger = world.profile_of("user_id", "ann")

    world.fold(identify(3, "a1", "ann"))

    state = world.state_of("user_id", "ann")
    assert state.profile_id == older
    assert state.unit_id == "a1"
    assert state.event_count == 3
    assert len(history.decode(state.history).happenings) == 3
    assert {"m1", "m2"} <= set(world.events_of("anonymous_id", "a1"))
    assert MergeRecord.objects.get(winner_id=older).loser_id == younger
    gone = ProfileState.objects.get(pk=younger)
    assert gone.merged_into == older
    assert bytes(gone.history) == b""


def test_identifying_twice_changes_nothing(world: World) -> None:
    world.fold(event(1, anonymous_id="a1"), identify(2, "a1", "ann"))

    world.fold(identify(3, "a1", "ann"))

    assert Profile.objects.filter(site=world.site).count() == 1
    assert MergeRecord.objects.count() == 0


def test_two_known_users_on_one_device_keep_their_own_time_at_it(world: World) -> None:
    world.fold(
        event(1, anonymous_id="tv", message_id="before"),
        identify(10, "tv", "ann"),
        event(11, anonymous_id="tv", message_id="anns"),
        identify(20, "tv", "bob"),
        event(21, anonymous_id="tv", message_id="bobs"),
    )

    assert world.profile_of("user_id", "ann") != world.profile_of("user_id", "bob")
    assert {"before", "anns"} <= set(world.events_of("user_id", "ann"))
    assert "bobs" in world.events_of("user_id", "bob")
    assert "anns" not in world.events_of("user_id", "bob")


def test_a_late_identify_on_a_shared_device_gives_the_events_back(world: World) -> None:
    world.fold(
        identify(20, "tv", "bob"),
        event(11, anonymous_id="tv", message_id="anns"),
        event(21, anonymous_id="tv", message_id="bobs"),
    )

    world.fold(identify(10, "tv", "ann"))

    assert "anns" in world.events_of("user_id", "ann")
    assert "bobs" in world.events_of("user_id", "bob")
    kept = history.decode(world.state_of("user_id", "bob").history).happenings
    assert [h.at_ms for h in kept] == [START_MS + 20_000, START_MS + 21_000]


def test_alias_joins_a_previous_id(world: World) -> None:
    world.fold(event(1, anonymous_id="old"), event(2, user_id="ann"))

    world.fold(event(3, type="alias", name="Alias", previous_id="old", user_id="ann"))

    assert world.profile_of("anonymous_id", "old") == world.profile_of("user_id", "ann")


def test_the_newest_observation_of_a_trait_wins_whatever_arrives_last(world: World) -> None:
    world.fold(identify(20, None, "ann", plan="pro"))

    world.fold(identify(10, None, "ann", plan="free", city="Bern"))

    assert world.state_of("user_id", "ann").trait_values() == {"plan": "pro", "city": "Bern"}
    assert Trait.objects.get(key="plan").value == "pro"


def test_a_null_trait_is_forgotten(world: World) -> None:
    world.fold(identify(10, None, "ann", plan="pro"))

    world.fold(identify(20, None, "ann", plan=None))

    assert world.state_of("user_id", "ann").trait_values() == {}
    assert not Trait.objects.filter(key="plan").exists()


def test_what_was_withdrawn_while_it_waited_is_dropped(world: World) -> None:
    world.fold(event(1, anonymous_id="a1"))
    ProfileState.objects.filter(pk=world.profile_of("anonymous_id", "a1")).update(
        denied=int(Purpose.ANALYTICS), consent_epoch=1
    )

    folded = world.fold(event(2, anonymous_id="a1"), event(3, anonymous_id="a2"))

    assert folded == 1
    assert world.state_of("anonymous_id", "a1").event_count == 1


def test_a_very_long_history_keeps_its_newest_part_and_says_so(world: World) -> None:
    world.fold(*(event(n, anonymous_id="a1") for n in range(history.MAX_HAPPENINGS + 30)))

    kept = history.decode(world.state_of("anonymous_id", "a1").history)

    assert len(kept.happenings) == history.MAX_HAPPENINGS - history.CUT
    assert kept.complete_from_ms == START_MS + 77_001


def test_a_page_cannot_claim_a_score(world: World) -> None:
    world.fold(identify(1, None, "ann", **{"score.buys": 1.0, "plan": "pro"}))

    assert world.state_of("user_id", "ann").trait_values() == {"plan": "pro"}


def test_a_late_observation_does_not_revive_a_forgotten_trait(world: World) -> None:
    world.fold(identify(10, None, "ann", plan="pro"))
    world.fold(identify(20, None, "ann", plan=None))

    world.fold(identify(15, None, "ann", plan="free"))

    assert world.state_of("user_id", "ann").trait_values() == {}
    assert not Trait.objects.filter(key="plan").exists()


def test_a_merge_does_not_revive_a_forgotten_trait(world: World) -> None:
    world.fold(identify(10, None, "old", plan="pro"))
    world.fold(identify(5, None, "ann", plan="free"), identify(20, None, "ann", plan=None))

    world.fold(event(30, type="alias", name="Alias", previous_id="old", user_id="ann"))

    assert world.state_of("user_id", "ann").trait_values() == {}
    assert not Trait.objects.filter(key="plan").exists()


def test_what_is_said_of_a_group_is_not_said_of_the_person(world: World) -> None:
    world.fold(identify(1, None, "ann", name="Ann"))

    world.fold(
        event(
            2, type="group", name="Group", user_id="ann", group_id="acme", traits={"name": "Acme"}
        )
    )

    row = world.state_of("user_id", "ann")
    keys = vault.keys_of(world.site.pk, [row.profile_id])[row.profile_id]
    assert {key: keys.open(key, value) for key, value in row.trait_values().items()} == {
        "name": "Ann",
        "group.name": "Acme",
        "group.id": "acme",
        "edge.member_of": ["acme"],
    }
