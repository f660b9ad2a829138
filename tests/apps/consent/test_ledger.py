"""The ledger is append-only in the database itself, and outlives the person as proof."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import F, ProtectedError

from apps.consent import holding, writing
from apps.consent.digests import subject_digest
from apps.consent.models import ConsentEvent
from apps.consent.selectors import proof_of
from apps.profiles import services as profiles
from apps.profiles.models import Profile
from tests.apps.consent.conftest import NOW, Chooser, ledger


@pytest.fixture
def entry(shop: Chooser) -> ConsentEvent:
    shop.say(purposes={"analytics": True}, proof={"mail": "ada@shop.example"})
    return ledger()[0]


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows.update(kind="refused"),
        lambda rows: rows.update(granted_after=F("granted_after") + 8),
        lambda rows: rows.update(at=NOW.replace(year=2020)),
        lambda rows: rows.update(signals={}),
        lambda rows: rows.update(profile_id=None, purposes={}),
        lambda rows: rows.delete(),
    ],
)
def test_no_entry_is_rewritten_or_deleted(
    entry: ConsentEvent, change: Callable[..., object]
) -> None:
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        change(ConsentEvent.objects.filter(pk=entry.pk))
    assert ledger() == [entry]


def test_a_merge_moves_entries(shop: Chooser, entry: ConsentEvent) -> None:
    name = (shop.world.site.pk, "user_id", "u1")
    with transaction.atomic():
        other = profiles.find_or_make([name], now=NOW)[name]
    assert entry.profile_id is not None
    assert holding.HOLDER.reassign(entry.profile_id, other) == 1
    assert holding.HOLDER.reassign(entry.profile_id, other) == 0
    assert ledger()[0].profile_id == other


def test_an_erasure_keeps_the_proof_under_its_pseudonym(shop: Chooser, entry: ConsentEvent) -> None:
    assert entry.profile_id is not None
    (exported,) = holding.HOLDER.export(entry.profile_id)
    assert exported["purposes"] == {"analytics": True}

    assert holding.HOLDER.erase(entry.profile_id) == 2  # and when it ends
    assert holding.HOLDER.erase(entry.profile_id) == 0
    Profile.objects.filter(pk=entry.profile_id).delete()

    digest = subject_digest(shop.world.site.pk, "anonymous_id", "a1")
    proof = ConsentEvent.objects.get(subject_digest=digest)
    assert (proof.profile_id, proof.signals) == (None, {})
    assert (proof.purposes, proof.at) == ({"analytics": True}, NOW)


def test_the_erasing_setting_ends_with_the_erasure(entry: ConsentEvent) -> None:
    assert entry.profile_id is not None
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        holding.HOLDER.erase(entry.profile_id)
        ConsentEvent.objects.all().delete()


def test_retention_may_delete_when_it_says_so(entry: ConsentEvent) -> None:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL attune.erasing = 'on'")
        ConsentEvent.objects.all().delete()
    assert ledger() == []


def test_a_site_with_proof_is_not_deleted(shop: Chooser, entry: ConsentEvent) -> None:
    with pytest.raises(ProtectedError):
        shop.world.site.delete()


def test_a_profile_that_goes_leaves_the_entry(entry: ConsentEvent) -> None:
    Profile.objects.filter(pk=entry.profile_id).delete()
    assert ledger()[0].profile_id is None


def test_pseudonyms_of_sites_and_kinds_differ(shop: Chooser) -> None:
    site = shop.world.site.pk
    digests = {
        subject_digest(site, "anonymous_id", "1"),
        subject_digest(site, "user_id", "1"),
        subject_digest(shop.source.pk, "user_id", "1"),
    }
    assert len(digests) == 3


def test_a_choice_that_fails_leaves_nothing_behind(
    shop: Chooser, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the feed is full")

    monkeypatch.setattr(writing.work, "record_change", fail)
    shop.world.client.raise_request_exception = False
    assert shop.say(purposes={"analytics": True}).status_code == 500
    assert ledger() == []
    assert shop.read().json()["epoch"] == 0


def test_proof_made_under_a_key_of_before_is_found(shop: Chooser, settings: Any) -> None:
    shop.choose(analytics=True)
    settings.SIGNING_KEYS_RETIRED = [settings.SIGNING_KEY]
    settings.SIGNING_KEY = "another-key-of-thirty-two-characters-or-more"
    shop.choose(analytics=False)
    site = shop.world.site.pk
    found = proof_of(site, "anonymous_id", "a1")
    assert [entry.kind for entry in found] == ["given", "withdrawn"]
    assert len({entry.subject_digest for entry in found}) == 2
    assert proof_of(site, "anonymous_id", "a2") == []
    settings.SIGNING_KEYS_RETIRED = []
    assert [entry.kind for entry in proof_of(site, "anonymous_id", "a1")] == ["withdrawn"]
