"""A device that several people use: each keeps their own events, choices and content."""

from apps.consent.types import Purpose
from apps.profiles.models import IdentityLink, ProfileState
from tests.apps.pipeline.conftest import World, event, identify


def test_whoever_had_a_device_before_is_no_longer_found_by_it(world: World) -> None:
    world.fold(identify(10, "tv", "ann"), event(11, anonymous_id="tv"))
    assert "anonymous_id:tv" in world.state_of("user_id", "ann").identities

    world.fold(identify(20, "tv", "bob"))

    assert "anonymous_id:tv" in world.state_of("user_id", "bob").identities
    # Decisions believe a state that names the visitor: the device must not lead to Ann's.
    assert "anonymous_id:tv" not in world.state_of("user_id", "ann").identities


def test_two_people_identify_in_the_same_millisecond(world: World) -> None:
    one, other = identify(10, "tv", "ann"), identify(10, "tv", "bob")
    one.message_id, other.message_id = "m1", "m2"

    world.fold(one, other)

    ann, bob = (world.profile_of("user_id", name) for name in ("ann", "bob"))
    assert ann != bob
    assert [link.profile_id for link in IdentityLink.objects.all()] == [bob]  # the later message
    assert world.profile_of("anonymous_id", "tv") == bob


def test_an_identify_that_may_not_be_stored_does_not_stop_the_fold(world: World) -> None:
    """Ann came to the device by alias, so no identify event says who had it."""
    world.fold(event(1, type="alias", name="Alias", previous_id="tv", user_id="ann"))
    world.fold(event(2, user_id="bob"))
    ProfileState.objects.filter(pk=world.profile_of("user_id", "bob")).update(
        denied=int(Purpose.ANALYTICS), consent_epoch=1
    )

    world.fold(identify(20, "tv", "bob"), event(21, user_id="ann", message_id="anns"))

    assert "anns" in world.events_of("user_id", "ann")


def test_who_came_by_alias_keeps_the_past_of_the_device(world: World) -> None:
    world.fold(event(1, anonymous_id="tv", message_id="anns"))
    world.fold(event(2, type="alias", name="Alias", previous_id="tv", user_id="ann"))

    world.fold(identify(20, "tv", "bob"), event(21, anonymous_id="tv", message_id="bobs"))

    assert "anns" in world.events_of("user_id", "ann")
    assert "anns" not in world.events_of("user_id", "bob")
    assert "bobs" in world.events_of("user_id", "bob")


def test_a_late_event_is_not_kept_for_an_owner_who_said_no(world: World) -> None:
    """The device belongs to Bob now, whose choice intake asked; the event is from Ann's time."""
    world.fold(identify(10, "tv", "ann"), identify(20, "tv", "bob"))
    for name, bits in (("ann", Purpose.ANALYTICS), ("bob", Purpose.ADVERTISING)):
        ProfileState.objects.filter(pk=world.profile_of("user_id", name)).update(
            denied=int(bits), consent_epoch=1
        )

    folded = world.fold(event(11, anonymous_id="tv", epoch=1, message_id="late"))

    assert folded == 0
    assert "late" not in world.events_of("user_id", "ann")
