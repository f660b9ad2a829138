"""Lists find people by the hash of an address that they gave, and follow who comes in later."""

from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from apps.access.models import Site
from apps.profiles import contacts, vault
from apps.profiles import services as profiles
from apps.profiles.holders import holders
from apps.profiles.models import Profile, ProfileState
from apps.profiles.services import TraitWrite
from apps.segments import list_following, lists
from apps.segments.list_following import follow
from apps.segments.models import ListMember, ListsFollowed, SegmentList
from tests.apps.segments import test_lists
from tests.apps.segments.test_lists import applied, person, trait, upload
from tests.apps.segments.world import NOW

site, press = test_lists.site, test_lists.press

ANN = sha256(b"ann@example.org").hexdigest()
BOB = sha256(b"bob@example.org").hexdigest()


def says(profile_id: UUID, email: Any, *, at: datetime = NOW) -> None:
    """The person's e-mail address is this from now on; None: forgotten."""
    write = TraitWrite(
        profile_id, "email", email, "identify", at, at, 0, f"m{at.timestamp()}", is_newest=True
    )
    profiles.write_traits([write])
    site_id = Profile.objects.get(pk=profile_id).site_id
    found = [email] if isinstance(email, str) else []
    digests = {(vault.EMAIL, UUID(bytes=vault.blind(site_id, vault.EMAIL, one))) for one in found}
    contacts.replace(site_id, {profile_id: digests})


def by_hash(site: Site, *hashes: str, mode: str = "append") -> None:
    upload(site, *hashes, head="email_sha256", mode=mode)
    applied(site)


@pytest.mark.parametrize(
    "address",
    ["ann@example.org", "  Ann@Example.ORG\n"],
    ids=["as-hashed", "as-typed"],
)
def test_a_file_of_hashes_finds_whoever_gave_that_address(site, press, address):
    ann, bob = person(site, "anonymous_id:a1"), person(site, "anonymous_id:a2")
    says(ann, address)
    says(bob, "bob@example.org")
    by_hash(site, ANN.upper())
    assert (trait(ann), trait(bob)) == (True, None)
    entry = ListMember.objects.get()
    assert (entry.profile_id, entry.is_applied) == (ann, True)


def test_a_user_id_that_is_an_address_is_known_by_its_hash(site, press):
    ann = person(site, "user_id:Ann@Example.org")
    by_hash(site, ANN)
    assert trait(ann) is True


@pytest.mark.parametrize("value", [7, ["ann@example.org"], True], ids=["number", "list", "boolean"])
def test_an_address_that_is_no_text_is_nobodys(site, press, value):
    says(person(site, "user_id:u1"), value)
    by_hash(site, ANN, sha256(b"7").hexdigest())
    assert not ListMember.objects.exclude(profile=None).exists()


def test_two_people_of_one_address_are_both_on_the_list_and_both_taken_off(site, press):
    both = [person(site, f"user_id:u{n}") for n in (1, 2)]
    for one in both:
        says(one, "ann@example.org")
    by_hash(site, ANN)
    assert [trait(one) for one in both] == [True, True]
    assert follow(now=NOW) == 0
    by_hash(site, ANN, mode="remove")
    assert [trait(one) for one in both] == [None, None]


def test_an_address_of_another_site_is_not_found(site, press):
    elsewhere = person(test_lists.make_site(), "user_id:u1")
    says(elsewhere, "ann@example.org")
    by_hash(site, ANN)
    assert trait(elsewhere) is None


def test_who_gives_an_address_later_is_found_and_who_takes_it_back_is_lost(site, press):
    by_hash(site, ANN)
    ann = person(site, "user_id:u1")
    follow(now=NOW)
    says(ann, "ann@example.org")
    assert follow(now=NOW) == 1
    assert trait(ann) is True
    says(ann, "bob@example.org", at=NOW + timedelta(seconds=1))
    assert follow(now=NOW) == 1
    assert trait(ann) is None
    assert ListMember.objects.get().profile_id is None


def test_erasing_a_person_erases_the_hash_of_their_address(site, press):
    ann = person(site, "user_id:u1")
    says(ann, "ann@example.org")
    upload(site, ANN, BOB, head="email_sha256")
    holder = next(one for one in holders() if one.name == "segments")
    assert holder.erase(ann) == 1
    left = [contacts.blinded(site.pk, BOB)]
    assert [one.value for one in ListMember.objects.all()] == left, "the hash itself is not kept"


def test_what_was_looked_at_long_enough_ago_is_not_looked_at_again(site, press):
    known = person(site, "user_id:u1")
    for minutes in (0, 2, 4):
        follow(now=NOW + timedelta(minutes=minutes))
    greatest = ListsFollowed.objects.get().seen["identity"]
    ListMember.objects.create(
        segment_list=press, kind="user_id", value="u1", upload=_upload(press)
    )  # an upload whose own applying is lost: nobody has come in
    assert follow(now=NOW + timedelta(minutes=5)) == 0
    assert trait(known) is None

    late = person(site, "user_id:u2")
    ListMember.objects.create(segment_list=press, kind="user_id", value="u2", upload=_upload(press))
    assert follow(now=NOW + timedelta(minutes=6)) == 1
    assert trait(late) is True
    assert ListsFollowed.objects.get().seen["identity"] >= greatest


def _upload(press: SegmentList) -> Any:
    origin = lists.Origin("empty.csv")
    return lists.receive(
        site_id=press.site_id,
        key=press.key,
        chunks=[b"user_id\nnobody\n"],
        mode="append",
        origin=origin,
        now=NOW,
    )


def test_an_id_that_is_seen_late_is_not_passed_over(site, press):
    """A transaction that got its id earlier may end later than one that got it after."""
    person(site, "user_id:u1")
    follow(now=NOW)
    follow(now=NOW + timedelta(minutes=1))
    assert ListsFollowed.objects.get().seen["identity"] == 0
    follow(now=NOW + list_following.SETTLED)
    follow(now=NOW + timedelta(minutes=3))
    assert ListsFollowed.objects.get().seen["identity"] > 0


def test_a_look_reads_what_has_come_in_and_not_the_lists(site, press):
    people = [person(site, f"user_id:u{n}") for n in range(3)]
    upload(site, *(f"x{n}" for n in range(3_000)))
    for minutes in (0, 2, 4):
        follow(now=NOW + timedelta(minutes=minutes))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE segments_listmember")
        cursor.execute("ANALYZE profiles_identity")
        seen = ListsFollowed.objects.get().seen
        cursor.execute(f"EXPLAIN {list_following._BEHIND}", seen)
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Seq Scan on segments_listmember" not in plan
    assert ProfileState.objects.filter(pk__in=people).count() == 3
