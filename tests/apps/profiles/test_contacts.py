"""People are found by an address or a number that nobody can read where it is kept."""

from hashlib import sha256
from io import StringIO

from django.core.management import call_command
from django.db import connection

from apps.access.models import Site
from apps.profiles import contacts, trait_kinds, vault
from apps.profiles.models import Contact, Identity, Trait, TraitChange, TraitKind
from apps.profiles.state import read
from apps.segments import lists
from apps.segments.encrypted_traits import findings_of
from apps.segments.lists import Origin
from apps.segments.models import ListMember
from apps.segments.refresh import refresh_site
from apps.work.models import Intent
from engine.conditions.parse import parse_condition
from tests.apps.delivery.conftest import NOW
from tests.apps.profiles.conftest import Shop, identify, track
from tests.apps.profiles.test_forgetting import places_of

ADDRESS, NUMBER = "Ada.Quill@Example.org", "+49 30 998 877"


def by(shop: Shop, kind: str, value: str) -> list[str]:
    """The logins of whoever is found by an address or a number."""
    found = contacts.profiles_by(shop.world.site.pk, kind, value)
    known = Identity.objects.filter(profile_id__in=found, kind="user_id").order_by("profile_id")
    return list(known.values_list("value", flat=True))


def test_somebody_is_found_by_address_hash_and_number(shop: Shop) -> None:
    shop.send(identify(traits={"email": ADDRESS, "phone_number": NUMBER}))

    digest = sha256(ADDRESS.lower().encode()).hexdigest()
    assert by(shop, "email", ADDRESS.upper()) == by(shop, "email_sha256", digest) == ["u1"]
    assert by(shop, "phone", "004930998877") == ["u1"]
    assert by(shop, "email", "somebody@else.example") == by(shop, "phone", digest) == []
    assert places_of(digest) == set(), "who has the table cannot try addresses"


def test_whoever_gives_another_address_is_not_found_by_the_one_of_before(shop: Shop) -> None:
    shop.send(identify(traits={"email": ADDRESS}))
    shop.send(identify(traits={"email": "new@example.org"}))
    assert (by(shop, "email", ADDRESS), by(shop, "email", "new@example.org")) == ([], ["u1"])
    shop.send(identify(traits={"email": None}))
    assert not Contact.objects.exists()


def test_a_login_that_is_an_address_is_found_too(shop: Shop) -> None:
    shop.send(identify("Grace@example.org"))
    assert by(shop, "email", "grace@example.org") == ["Grace@example.org"]


def test_an_address_of_another_site_finds_nobody(shop: Shop) -> None:
    shop.send(identify(traits={"email": ADDRESS}))
    other = Site.objects.create(key="other", name="Other", created_at=NOW)
    assert contacts.profiles_by(other.pk, "email", ADDRESS) == []


def test_what_was_stored_before_is_encrypted_by_the_command(shop: Shop) -> None:
    TraitKind.objects.create(site=shop.world.site, key="email", kind="plain")
    trait_kinds.forget_kept()
    shop.send(identify(traits={"email": ADDRESS, "plan": "pro"}))
    shop.send(track(context={"traits": {"email": ADDRESS, "beta": 1}}))
    digest = sha256(ADDRESS.lower().encode()).hexdigest()
    made = lists.create_list(
        site_id=shop.world.site.pk, key="press", name="Press", actor=None, now=NOW
    )
    lists.receive(
        site_id=shop.world.site.pk, key="press", chunks=[f"email_sha256\n{digest}\n".encode()],
        mode="append", origin=Origin("people.csv"), now=NOW,
    )  # fmt: skip
    ListMember.objects.filter(segment_list=made).update(value=digest)  # as it was once
    assert places_of(ADDRESS) >= {"profiles_trait", "profiles_traitchange", "events_event"}

    TraitKind.objects.all().delete()
    assert Intent.objects.filter(kind="privacy.encrypt_traits").exists(), "it would come by itself"
    said = StringIO()
    call_command("encrypt_traits", "--site", "shop", stdout=said)
    assert "1 people, 1 events and 1 list entries" in said.getvalue()
    assert places_of(ADDRESS) == places_of(digest) == set()
    assert shop.read("user_id:u1", "traits")["traits"] == {"email": ADDRESS, "plan": "pro"}
    assert ListMember.objects.get().value == contacts.blinded(shop.world.site.pk, digest)
    again = StringIO()
    call_command("encrypt_traits", stdout=again)
    assert "0 people, 0 events and 0 list entries" in again.getvalue()


def test_a_trait_that_is_marked_as_plain_is_opened_again(shop: Shop) -> None:
    shop.send(identify(traits={"email": ADDRESS}))
    TraitKind.objects.create(site=shop.world.site, key="email", kind="plain")
    call_command("encrypt_traits", stdout=StringIO())

    profile_id = Identity.objects.get(value="u1").profile_id
    (row,) = read([profile_id])
    assert row.traits["email"][0] == ADDRESS
    assert Trait.objects.get(key="email").value == ADDRESS
    assert TraitChange.objects.get(key="email").value == ADDRESS


def test_the_linter_says_which_questions_an_encrypted_trait_does_not_answer(shop: Shop) -> None:
    TraitKind.objects.create(site=shop.world.site, key="faith", kind="sensitive")
    trait_kinds.forget_kept()
    site_id = shop.world.site.pk

    def found(name: str, op: str, **more: object) -> list[str]:
        leaf = {"kind": "trait", "name": name, "op": op, **more}
        return [one.text for one in findings_of(site_id, parse_condition({"v": 1, "where": leaf}))]

    assert found("email", "is_set") == found("faith", "is_missing") == []
    assert found("plan", "eq", value="pro") == []
    (text,) = found("email", "ends_with", value="@shop.example")
    assert '"email" is kept encrypted because it names or reaches a person' in text
    (text,) = found("faith", "eq", value="none")
    assert "because the site has marked it as sensitive" in text


def test_whether_an_encrypted_trait_is_there_is_known_to_conditions(shop: Shop) -> None:
    has_mail = {"v": 1, "where": {"kind": "trait", "name": "email", "op": "is_set"}}
    shop.world.segment("reachable", has_mail)
    refresh_site(site_id=shop.world.site.pk)
    for device in ("a1", "a2"):
        yes = {"anonymousId": device, "purposes": {"personalization": True}}
        assert shop.world.post("/v1/consent", yes).status_code == 200
    shop.send(identify("u1", anonymousId="a1", traits={"email": ADDRESS}))
    shop.send(identify("u2", anonymousId="a2", traits={"plan": "pro"}))

    assert [row["key"] for row in shop.pages("user_id:u1", "segments")] == ["reachable"]
    assert shop.pages("user_id:u2", "segments") == []
    (told,) = shop.read("user_id:u1", "segments", explain="1")["data"]
    text = str(told)
    assert "something encrypted" in text and "enc:1:" not in text


def test_the_key_of_the_index_is_never_in_the_clear(shop: Shop) -> None:
    vault.forget_kept()
    shop.send(identify(traits={"email": ADDRESS}))
    key = vault._index_keys[shop.world.site.pk][1]
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM profiles_subjectkey WHERE position(%s in wrapped) > 0",
                       [key])  # fmt: skip
        assert cursor.fetchone() == (0,)
