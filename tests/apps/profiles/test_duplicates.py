"""Profiles that may be one person: suggested by exact keys, decided by people, taken back."""

from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.urls import reverse

from apps.access.models import AuditEntry
from apps.consent.models import ConsentEvent
from apps.pipeline import merging_by_hand, splitting
from apps.profiles import duplicates
from apps.profiles.errors import CannotMerge
from apps.profiles.models import Duplicate, Identity, MergeRecord, Profile
from apps.profiles.tasks import look_for_duplicates
from tests.apps.delivery.conftest import NOW
from tests.apps.profiles.conftest import Shop, identify, track
from tests.apps.profiles.test_reads import at

MAIL, PHONE = "one@example.org", "+49301234567"


def told(shop: Shop, user_id: str, device: str | None = None, **traits: Any) -> UUID:
    """Somebody signs in, on a device of their own, and says this."""
    shop.send(identify(user_id, anonymousId=device or f"device-of-{user_id}", traits=traits))
    return Identity.objects.get(kind="user_id", value=user_id).profile_id


def two(shop: Shop) -> int:
    """Two accounts with one address, found; the number of the pair."""
    told(shop, "u1", email=MAIL, plan="old")
    told(shop, "u2", email=MAIL.upper(), plan="new", city="Kiel")
    assert duplicates.look(shop.world.site.pk, now=NOW) == 1
    (pair,) = duplicates.waiting(shop.world.site.pk)
    return pair.number


def merged(number: int, reason: str = "one customer") -> merging_by_hand.Merged:
    return merging_by_hand.merge_pair(number=number, actor=None, reason=reason, now=NOW)


def test_only_an_exact_address_or_number_makes_a_suggestion(shop: Shop) -> None:
    one = told(shop, "u1", email=MAIL, phone=PHONE, name="Ann Other", city="Kiel")
    other = told(shop, "u2", email="ONE@example.org ", phone="0049 30 1234567")
    told(shop, "u3", email="one+x@example.org", name="Ann Other", city="Kiel")
    told(shop, "u4", phone="+493012345678")

    look_for_duplicates()
    (pair,) = duplicates.waiting(shop.world.site.pk)
    assert (pair.one, pair.other, pair.why) == (one, other, ("email", "phone"))
    assert pair.reason == "the same e-mail address and the same telephone number"
    assert duplicates.look(shop.world.site.pk, now=NOW) == 0, "not twice"


def test_an_address_of_many_is_nobodys(shop: Shop) -> None:
    for number in range(duplicates.MOST_SHARING + 1):
        told(shop, f"u{number}", email="info@example.org")
    assert duplicates.look(shop.world.site.pk, now=NOW) == 0


def test_two_who_use_one_device_are_never_suggested_and_never_joined(shop: Shop) -> None:
    number = two(shop)
    shop.send(identify("u1", anonymousId="kitchen", timestamp=at(-3)))
    shop.send(identify("u2", anonymousId="kitchen", timestamp=at(-2)))
    with pytest.raises(CannotMerge, match="they are two people"):
        merged(number)
    Duplicate.objects.all().delete()
    assert duplicates.look(shop.world.site.pk, now=NOW) == 0
    assert not MergeRecord.objects.exists()


def test_a_merge_by_hand_is_what_an_event_would_have_made_of_them(shop: Shop) -> None:
    number = two(shop)
    shop.send(track(anonymousId="device-of-u2"))
    done = merged(number)

    both = {Identity.objects.get(value=name).profile_id for name in ("u1", "u2")}
    assert both == {done.winner}
    traits = shop.read("user_id:u2", "traits")["traits"]
    assert traits == {"email": MAIL.upper(), "plan": "new", "city": "Kiel"}
    assert shop.read("user_id:u1", "metadata")["eventCount"] == 3
    record = MergeRecord.objects.get()
    assert (record.winner_id, record.loser_id, record.cause) == (done.winner, done.loser, "hand")
    assert AuditEntry.objects.get(action="profiles.merged_by_hand").target_id == str(done.winner)
    assert not duplicates.waiting(shop.world.site.pk)


def test_a_merge_by_hand_is_undone_exactly_and_never_suggested_again(shop: Shop) -> None:
    number = two(shop)
    before = [shop.read(f"user_id:{name}", "traits") for name in ("u1", "u2")]
    merged(number)
    splitting.split_profile(
        merge_id=MergeRecord.objects.get().pk, actor=None, reason="two after all", now=NOW
    )

    assert [shop.read(f"user_id:{name}", "traits") for name in ("u1", "u2")] == before
    assert duplicates.look(shop.world.site.pk, now=NOW) == 0
    with pytest.raises(CannotMerge):
        merged(number)
    shop.send({"type": "alias", "previousId": "u2", "userId": "u1", "messageId": "alias"})
    assert Profile.objects.filter(merged_into=None).count() == 2, "no event joins them either"


def test_consent_after_a_merge_is_the_stricter(shop: Shop) -> None:
    number = two(shop)
    for name, says in (("u1", True), ("u2", False)):
        choice = {"userId": name, "purposes": {"personalization": says}}
        response = shop.world.post("/v1/consent", choice, key=shop.world.sk)
        assert response.status_code == 200, response.content
    assert ConsentEvent.objects.count() == 2
    merged(number)
    shop.world.hero()
    assert shop.world.ask(userId="u1")["placements"]["home.hero"]["reason"] == "NO_CONSENT"


def test_kept_apart_they_are_not_asked_about_again(shop: Shop) -> None:
    number = two(shop)
    duplicates.keep_apart(number, actor=None, now=NOW)
    assert not duplicates.waiting(shop.world.site.pk)
    assert duplicates.look(shop.world.site.pk, now=NOW) == 0
    with pytest.raises(CannotMerge):
        merged(number)


@pytest.mark.parametrize("reason", ["", "  ", "x" * 201], ids=["empty", "blank", "long"])
def test_a_merge_wants_a_reason(shop: Shop, reason: str) -> None:
    number = two(shop)
    with pytest.raises(CannotMerge, match="Say why"):
        merged(number, reason)


def test_who_says_another_address_is_no_suggestion_any_more(shop: Shop) -> None:
    number = two(shop)
    told(shop, "u2", email="else@example.org")
    with pytest.raises(CannotMerge, match="no address or number"):
        merged(number)
    duplicates.look(shop.world.site.pk, now=NOW)
    assert not duplicates.waiting(shop.world.site.pk)


def test_the_page_shows_no_value_and_merges(shop: Shop) -> None:
    number = two(shop)
    admin = User.objects.create_superuser("root", password="x")
    client = shop.world.client
    client.force_login(admin)
    queue = client.get(reverse("admin:duplicates")).content.decode()
    page = client.get(reverse("admin:duplicate", args=[number])).content.decode()
    assert "The same e-mail address" in queue and "the same e-mail address" in page
    for text in (queue, page):
        assert MAIL not in text.lower() and "Kiel" not in text
    refused = client.post(reverse("admin:duplicate", args=[number]), {"decision": "merge"})
    assert "Say why" in refused.content.decode()
    done = client.post(
        reverse("admin:duplicate", args=[number]), {"decision": "merge", "reason": "one customer"}
    )
    assert done.status_code == 302 and MergeRecord.objects.count() == 1
    assert "Nothing to look at" in client.get(reverse("admin:duplicates")).content.decode()


def test_who_may_not_see_people_sees_no_duplicates(shop: Shop) -> None:
    number = two(shop)
    clerk = User.objects.create_user("clerk", password="x", is_staff=True)
    client = shop.world.client
    client.force_login(clerk)
    for address in (reverse("admin:duplicates"), reverse("admin:duplicate", args=[number])):
        assert client.get(address).status_code == 403
