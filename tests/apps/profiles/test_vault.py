"""What names a person lies encrypted wherever it is kept, and is read by whoever may."""

import secrets
import threading
from io import StringIO
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.test import override_settings

from apps.decisions import records
from apps.pipeline import splitting
from apps.profiles import contacts, trait_kinds, vault
from apps.profiles.holders import holders
from apps.profiles.models import (
    Contact,
    Identity,
    MergeRecord,
    SubjectKey,
    Trait,
    TraitChange,
    TraitKind,
)
from apps.profiles.state import read
from tests.apps.delivery.conftest import NOW, forget_everything
from tests.apps.delivery.test_replay import replayed
from tests.apps.profiles.conftest import Shop, identify, track
from tests.apps.profiles.test_forgetting import hot_values, places_of
from tests.apps.profiles.test_reads import at

EMAIL, NAME, ILLNESS = "quillfeather@example.org", "Quillfeather", "hay-fever-7731"
ANOTHER = ("other", secrets.token_bytes(32))


@pytest.fixture(autouse=True)
def _fresh() -> None:
    vault.forget_kept()
    trait_kinds.forget_kept()


def known(shop: Shop, **traits: Any) -> UUID:
    """Somebody who said who they are."""
    shop.world.hero()
    shop.send(identify(traits={"email": EMAIL, "name": NAME, "plan": "pro", **traits}))
    return Identity.objects.get(kind="user_id", value="u1").profile_id


def test_an_identifier_is_in_no_table_and_in_no_copy_in_clear(shop: Shop) -> None:
    known(shop)
    shop.send(track(context={"traits": {"email": EMAIL, "beta": True}}))
    assert NAME in shop.world.hero_of("a1")["html"]
    records.flush()

    assert places_of(EMAIL, NAME, EMAIL.upper()) == set()
    copies = hot_values()
    assert NAME.encode() not in copies and EMAIL.encode() not in copies
    assert "profiles_trait" in places_of("pro"), "what names nobody stays readable"


def test_a_sensitive_trait_is_encrypted_where_the_site_says_it_is_one(shop: Shop) -> None:
    TraitKind.objects.create(site=shop.world.site, key="diagnosis", kind="sensitive")
    TraitKind.objects.create(site=shop.world.site, key="name", kind="plain")
    known(shop, diagnosis=ILLNESS)

    assert places_of(ILLNESS) == set()
    assert "profiles_trait" in places_of(NAME), "the site says that a name is none"


def test_whoever_may_read_a_person_reads_clear_values(shop: Shop) -> None:
    profile_id = known(shop)

    assert shop.read("user_id:u1", "traits")["traits"]["email"] == EMAIL
    exported = [row for holder in holders() for row in holder.export(profile_id)]
    assert {row["value"] for row in exported if row.get("trait") == "name"} == {NAME}


def test_a_template_shows_the_name_from_hot_state_and_from_the_record(shop: Shop) -> None:
    profile_id = known(shop)

    assert shop.world.hero_of("a1")["html"] == f"<p>Welcome {NAME}</p>"
    shop.world.change(profile_id)  # marks the copy: the next one comes from Postgres
    assert shop.world.hero_of("a1")["html"] == f"<p>Welcome {NAME}</p>"


def test_a_decision_that_showed_a_name_is_made_again_without_a_difference(shop: Shop) -> None:
    known(shop)
    shop.world.hero_of("a1")
    records.flush()

    found = replayed("--site", "shop")
    assert (found["same"], found["different"]) == (1, 0)


def test_without_its_key_a_value_is_missing_and_its_token_is_not_shown(shop: Shop) -> None:
    profile_id = known(shop)
    assert vault.destroy([profile_id]) == 1
    vault.forget_kept()
    shop.world.change(profile_id)

    assert shop.world.hero_of("a1")["html"] == "<p>Welcome </p>"
    assert shop.read("user_id:u1", "traits")["traits"] == {"plan": "pro"}
    assert not Contact.objects.filter(profile_id=profile_id).exists()


def test_a_token_opens_only_for_its_own_person_and_trait(shop: Shop) -> None:
    site_id = shop.world.site.pk
    one = shop.world.person(("user_id", "u1")).profile_id
    other = shop.world.person(("user_id", "u2")).profile_id
    token = vault.seal_value(site_id, one, "email", EMAIL)
    vault.seal_value(site_id, other, "email", EMAIL)

    assert vault.open_value(site_id, one, "email", token) == EMAIL
    assert vault.open_value(site_id, other, "email", token) is None
    assert vault.open_value(site_id, one, "phone", token) is None
    assert vault.open_value(uuid4(), one, "email", token) is None
    assert vault.open_value(site_id, one, "email", token[:-4] + "AAAA") is None
    assert vault.open_value(site_id, one, "email", vault.PREFIX + "not base64!") is None


@pytest.mark.parametrize(
    "value", ["", "x" * 2_000, 7, 1.5, True, ["a", "b"], {"street": "Main"}, "\u4e2d"], ids=repr
)
def test_every_value_comes_back_as_it_was(shop: Shop, value: Any) -> None:
    site_id = shop.world.site.pk
    profile_id = shop.world.person(("user_id", "u1")).profile_id
    token = vault.seal_value(site_id, profile_id, "address", value)
    assert vault.open_value(site_id, profile_id, "address", token) == value


def test_lengths_of_short_answers_are_the_same(shop: Shop) -> None:
    site_id = shop.world.site.pk
    profile_id = shop.world.person(("user_id", "u1")).profile_id
    tokens = [vault.seal_value(site_id, profile_id, "ill", value) for value in (True, False, "no")]
    assert len({len(token) for token in tokens}) == 1
    assert len(set(tokens)) == 3


def test_what_is_said_again_is_no_change(shop: Shop) -> None:
    shop.send(identify(traits={"email": EMAIL}, timestamp=at(-5)))
    profile_id = Identity.objects.get(kind="user_id", value="u1").profile_id
    first = Trait.objects.get(profile_id=profile_id, key="email").value
    shop.send(identify(traits={"email": EMAIL}, timestamp=at(-1)))

    assert Trait.objects.get(profile_id=profile_id, key="email").value == first
    (row,) = read([profile_id])
    said_ms, since_ms = row.traits["email"][1], row.traits["email"][3]
    assert said_ms - since_ms == 4 * 60_000, "since when it is so, and when last said"


def test_a_text_that_looks_like_a_token_is_a_text(shop: Shop) -> None:
    known(shop)
    forged = vault.PREFIX + "AAAA"
    shop.send(identify(traits={"motto": forged}))
    assert shop.read("user_id:u1", "traits")["traits"]["motto"] == forged


def test_a_merge_brings_the_keys_and_its_undoing_gives_them_back(shop: Shop) -> None:
    shop.world.hero()
    shop.send(track(anonymousId="a1"), identify("u1", anonymousId=None, traits={"email": EMAIL}))
    shop.send(identify("u2", anonymousId=None, traits={"email": "two@example.org", "name": NAME}))
    shop.send({"type": "alias", "previousId": "u2", "userId": "u1", "messageId": "alias-1"})
    winner = Identity.objects.get(value="u1").profile_id
    assert Identity.objects.get(value="u2").profile_id == winner
    assert shop.read("user_id:u1", "traits")["traits"]["name"] == NAME
    assert SubjectKey.objects.filter(profile_id=winner).count() == 2
    shop.send(identify("u2", anonymousId=None, traits={"phone": "+49 30 1234567"}))
    shop.send(identify("u1", anonymousId=None, traits={"name": "Una"}))

    splitting.split_profile(
        merge_id=MergeRecord.objects.get().pk, actor=None, reason="two people", now=NOW
    )
    one, two = (Identity.objects.get(value=name).profile_id for name in ("u1", "u2"))
    assert SubjectKey.objects.filter(profile_id=one).count() == 1
    assert shop.read("user_id:u1", "traits")["traits"] == {"email": EMAIL, "name": "Una"}
    assert shop.read("user_id:u2", "traits")["traits"] == {
        "email": "two@example.org", "name": NAME, "phone": "+49 30 1234567",
    }  # fmt: skip
    site_id = shop.world.site.pk
    assert contacts.profiles_by(site_id, "email", EMAIL) == [one]
    assert contacts.profiles_by(site_id, "phone", "0049 30 123 45 67") == [two]
    vault.destroy([one])
    vault.forget_kept()
    assert shop.read("user_id:u2", "traits")["traits"]["phone"] == "+49 30 1234567"
    tokens = TraitChange.objects.filter(profile_id=two).values_list("value", flat=True)
    assert all(map(vault.is_sealed, tokens))


def test_keys_are_wrapped_anew_while_decisions_go_on(shop: Shop) -> None:
    profile_id = known(shop)
    site_id = shop.world.site.pk
    with transaction.atomic():
        for _ in range(60):
            vault.keys_of(site_id, [], made_for=[uuid4()])
    shown: list[str] = []
    ended = threading.Event()

    def decide() -> None:
        while not ended.is_set():
            shown.append(shop.world.hero_of("a1")["html"])
            shop.world.change(profile_id)
        connection.close()

    asking = threading.Thread(target=decide)
    with override_settings(MASTER_KEYS=(ANOTHER,)):
        asking.start()
        total = 0
        while done := vault.rewrap(7):
            total += done
            vault.forget_kept()
        ended.set()
        asking.join()
    assert total >= 61
    assert len(shown) > 0 and set(shown) == {f"<p>Welcome {NAME}</p>"}
    assert set(SubjectKey.objects.values_list("master", flat=True)) == {"other"}
    with override_settings(MASTER_KEYS=(("third", secrets.token_bytes(32)),)):
        vault.forget_kept()
        with pytest.raises(LookupError, match="MASTER_KEYS"):
            vault.seal_value(site_id, profile_id, "email", EMAIL)


def test_after_a_rotation_the_old_master_key_is_not_needed(shop: Shop) -> None:
    old = ("old", secrets.token_bytes(32))
    with override_settings(MASTER_KEYS=(old,)):
        known(shop)
        assert NAME in shop.world.hero_of("a1")["html"]
    said = StringIO()
    with override_settings(MASTER_KEYS=(ANOTHER, old)):
        call_command("rotate_keys", "--batch", "1", stdout=said)
    assert said.getvalue().startswith("2 keys wrapped anew"), "the person's and the site's"
    vault.forget_kept()
    forget_everything()
    with override_settings(MASTER_KEYS=(ANOTHER,)):
        assert NAME in shop.world.hero_of("a1")["html"]
        assert shop.read("user_id:u1", "traits")["traits"]["email"] == EMAIL
        assert contacts.profiles_by(shop.world.site.pk, "email", EMAIL)


def test_a_number_is_found_in_every_way_of_writing_it(shop: Shop) -> None:
    site_id = shop.world.site.pk
    forms = ["+49 (30) 123-4567", "0049301234567", " +49301234567"]
    assert len({vault.blind(site_id, "phone", form) for form in forms}) == 1
    addresses = ["Ann@Example.org", " ann@example.org\n"]
    assert len({vault.blind(site_id, "email", one) for one in addresses}) == 1
    assert vault.blind(site_id, "email", "x") != vault.blind(site_id, "phone", "x")
    other = uuid4()
    assert vault.blind(site_id, "email", "x") == vault.blind(site_id, "email", "x")
    assert other not in vault._index_keys
