"""A device of two people: one is erased, the other keeps the device and everything of theirs."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from apps.consent import tombstones_again
from apps.consent.tombstone_models import Tombstone
from apps.events.models import Event
from apps.privacy import erasing, ledger_file, subjects
from apps.profiles.models import Identity, Profile
from apps.work import clock
from tests.apps.delivery.conftest import _new_process, world  # noqa: F401
from tests.apps.profiles.conftest import (  # noqa: F401
    Shop,
    identify,
    shop,
    track,
)

DEVICE, ANNA, BEN = "kitchen-tablet-77", "anna-004711", "ben-004712"


@pytest.fixture(autouse=True)
def _ledger(settings: Any, tmp_path: Path) -> None:
    settings.LEDGER_DIR = tmp_path / "ledger"


def ago(minutes: int) -> str:
    return (clock.now() - timedelta(minutes=minutes)).isoformat()


@pytest.fixture
def tablet(shop: Shop) -> Shop:  # noqa: F811
    """Anna signed in an hour ago, Ben half an hour ago; each looked at something then."""
    shop.send(identify(ANNA, anonymousId=DEVICE, timestamp=ago(60)))
    shop.send(track("Anna looked", anonymousId=DEVICE, timestamp=ago(50)))
    shop.send(identify(BEN, anonymousId=DEVICE, timestamp=ago(30)))
    shop.send(track("Ben looked", anonymousId=DEVICE, timestamp=ago(20)))
    assert Identity.objects.get(value=DEVICE).is_shared
    return shop


def erase(shop: Shop, user: str) -> None:  # noqa: F811
    names = [("user_id", user)]
    erasing.run(erasing.begin(site_id=shop.world.site.pk, names=names, now=clock.now()))


def names_of_events() -> set[str]:
    return set(Event.objects.values_list("name", flat=True))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("erased", "stays"), [(ANNA, BEN), (BEN, ANNA)], ids=["first", "last"])
def test_the_other_keeps_the_device_and_their_events(tablet: Shop, erased: str, stays: str) -> None:
    erase(tablet, erased)

    assert not Identity.objects.filter(value=erased).exists()
    other = Identity.objects.get(value=stays).profile_id
    assert Identity.objects.get(value=DEVICE).profile_id == other
    assert Profile.objects.count() == 1
    looked = {ANNA: "Anna looked", BEN: "Ben looked"}
    assert looked[stays] in names_of_events()
    assert looked[erased] not in names_of_events()
    assert not Event.objects.exclude(profile_id=other).exists()


@pytest.mark.django_db(transaction=True)
def test_a_late_event_of_the_erased_ones_time_is_given_to_nobody(tablet: Shop) -> None:
    erase(tablet, ANNA)

    tablet.send(track("Anna, late", anonymousId=DEVICE, timestamp=ago(45)))
    tablet.send(track("Ben, late", anonymousId=DEVICE, timestamp=ago(10)))

    assert "Anna, late" not in names_of_events()
    assert "Ben, late" in names_of_events()


@pytest.mark.django_db(transaction=True)
def test_the_other_goes_on_with_the_device_after_the_last_user_was_erased(tablet: Shop) -> None:
    erase(tablet, BEN)

    tablet.send(track("Anna again", anonymousId=DEVICE))

    anna = Identity.objects.get(value=ANNA).profile_id
    assert Event.objects.get(name="Anna again").profile_id == anna


@pytest.mark.django_db(transaction=True)
def test_a_device_of_several_leads_to_none_of_them_when_it_is_named(tablet: Shop) -> None:
    site_id = tablet.world.site.pk
    erase_it = [("user_id", "carla-004713"), ("anonymous_id", DEVICE)]

    assert subjects.profiles_of(site_id, erase_it, with_shared=False) == {}
    erasing.run(erasing.begin(site_id=site_id, names=erase_it, now=clock.now()))

    assert set(Identity.objects.values_list("value", flat=True)) == {DEVICE, ANNA, BEN}
    tablet.send(track("Ben goes on", anonymousId=DEVICE))
    assert "Ben goes on" in names_of_events()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("erased", [ANNA, BEN], ids=["first", "last"])
def test_a_replayed_erasure_bars_the_same_times_of_a_device(tablet: Shop, erased: str) -> None:
    erase(tablet, erased)
    columns = ("digest", "since_ms", "until_ms", "erased_at")
    written = set(Tombstone.objects.values_list(*columns))
    [entry] = ledger_file.entries()
    Tombstone.objects.all().delete()

    tombstones_again.put_back(
        entry.site_id, entry.digests, entry.intervals, erased_at=entry.erased_at
    )

    assert set(Tombstone.objects.values_list(*columns)) == written
