"""Whose address a merge has replaced is no longer on the list for the address of before."""

from datetime import timedelta
from hashlib import sha256

from apps.profiles import vault
from apps.segments import lists
from apps.segments.list_following import follow
from apps.segments.lists import Origin
from apps.segments.models import ListMember
from tests.apps.pipeline.conftest import NOW, World, event, identify
from tests.apps.segments.test_lists import applied

X = sha256(b"x@example.org").hexdigest()


def _listed(world: World) -> None:
    lists.create_list(site_id=world.site.id, key="press", name="Press", actor=None, now=NOW)
    lists.receive(
        site_id=world.site.id, key="press", chunks=[f"email_sha256\n{X}\n".encode()],
        mode="append", origin=Origin("people.csv"), now=NOW,
    )  # fmt: skip
    applied(world.site)


def test_of_two_with_one_address_the_one_who_was_joined_under_another_is_off(world: World) -> None:
    world.fold(identify(590, None, "y", email="y@example.org"))
    world.fold(identify(2, None, "u1", email="x@example.org"))
    world.fold(identify(2, None, "u2", email="x@example.org"))
    _listed(world)
    for minutes in (0, 3, 6):
        follow(now=NOW + timedelta(minutes=minutes))
    entry = ListMember.objects.get()
    holder = "u1" if entry.profile_id == world.profile_of("user_id", "u1") else "u2"
    other = "u2" if holder == "u1" else "u1"
    assert world.state_of("user_id", other).traits["list.press"][0] is True

    # The one of the two to whom the entry does not lead is found to be one with `y`.
    world.fold(event(600, type="alias", name="Alias", previous_id=other, user_id="y"))
    for minutes in (9, 12, 15):
        follow(now=NOW + timedelta(minutes=minutes))
    row = world.state_of("user_id", "y")
    assert row.profile_id == world.profile_of("user_id", other)
    token = row.trait_values()["email"]
    assert vault.open_value(row.site_id, row.profile_id, "email", token) == "y@example.org"
    assert row.trait_values().get("list.press") is None
