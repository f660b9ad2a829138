"""Erasures while others write: a fold, a second erasure, a recipient that is told at last."""

import json
import threading
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.core import mail
from django.db import connection

from apps.access import targets
from apps.consent import disclosures
from apps.consent.models import Recipient
from apps.decisions import signing
from apps.privacy import erasing, telling
from apps.privacy.certificates import is_genuine
from apps.privacy.models.erasures import Erasure, RecipientTelling
from apps.profiles.models import Identity, Profile
from apps.work import clock, performing
from apps.work.models import Intent
from tests.apps.delivery.conftest import _new_process, world  # noqa: F401
from tests.apps.profiles.conftest import Shop, identify, shop, track  # noqa: F401

USER, DEVICE = "person-77f0aa", "device-5d1c77"

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _ledger(settings: Any, tmp_path: Path) -> None:
    settings.LEDGER_DIR = tmp_path / "ledger"


def begin(shop: Shop) -> UUID:  # noqa: F811
    names = [("user_id", USER)]
    return erasing.begin(site_id=shop.world.site.pk, names=names, now=clock.now())


def test_events_that_come_at_any_moment_of_it_bring_nobody_back(shop: Shop) -> None:  # noqa: F811
    shop.send(identify(USER, anonymousId=DEVICE), track(anonymousId=DEVICE))
    sent = 0

    def send(step: str, moment: str, store: str) -> None:
        nonlocal sent
        if moment in ("begun", "committed", "done"):
            sent += 1
            early = "2026-03-10T11:59:00Z"
            shop.send(track(anonymousId=DEVICE, timestamp=early))
            shop.send(track(anonymousId=None, userId=USER, timestamp=early))

    erasing.run(begin(shop), between=send)

    assert sent > 20
    assert not Identity.objects.filter(value__in=[USER, DEVICE]).exists()
    assert Profile.objects.count() == 0


def test_an_erasure_that_names_somebody_more_is_one_of_its_own(shop: Shop) -> None:  # noqa: F811
    shop.send(identify(USER, anonymousId=DEVICE), identify("second-4711", anonymousId="tablet-2"))
    first = begin(shop)

    names = [("user_id", USER), ("user_id", "second-4711")]
    second = erasing.begin(site_id=shop.world.site.pk, names=names, now=clock.now())

    assert second != first
    erasing.run(second)
    erasing.run(first)
    assert Profile.objects.count() == 0


def test_erasures_that_share_somebody_run_side_by_side(shop: Shop) -> None:  # noqa: F811
    people = [f"person-{n}-77f0aa" for n in range(6)]
    for person in people:
        shop.send(identify(person), *(track(userId=person, anonymousId=None) for _ in range(20)))
    site_id, now = shop.world.site.pk, clock.now()
    begun = [
        erasing.begin(site_id=site_id, names=[("user_id", one) for one in some], now=now)
        for some in (people[:4], people[:1:-1], [people[3], people[0], people[5]])
    ]
    assert len(set(begun)) == 3
    together = threading.Barrier(len(begun))
    failed: list[str] = []

    def run(erasure_id: UUID) -> None:
        # A worker takes up again what another one's locks broke off.
        together.wait()
        for _ in range(10):
            try:
                erasing.run(erasure_id)
                break
            except Exception as error:
                failed.append(type(error).__name__)
        connection.close()

    threads = [threading.Thread(target=run, args=(one,)) for one in begun]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    states = Erasure.objects.values_list("state", flat=True)
    assert set(states) == {Erasure.State.COMPLETED}, failed
    assert Profile.objects.count() == 0
    assert not Identity.objects.filter(value__in=people).exists()


def test_two_erasures_at_once_are_one(shop: Shop) -> None:  # noqa: F811
    shop.send(identify(USER, anonymousId=DEVICE))
    found: list[UUID] = []

    def run() -> None:
        try:
            found.append(begin(shop))
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 4 and len(set(found)) == 1
    assert Erasure.objects.count() == 1
    assert Intent.objects.filter(kind=erasing.ERASE).count() == 1


def test_a_recipient_is_told_until_it_takes_it(
    shop: Shop,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shop.send(identify(USER))
    profile_id = Identity.objects.get(value=USER).profile_id
    crm = Recipient.objects.create(
        site_id=shop.world.site.pk, key="crm", name="CRM", endpoint="https://crm.example/erased"
    )
    disclosures.note([profile_id], crm.pk, "trigger:welcome", clock.now())
    erasing.run(begin(shop))
    calls: list[tuple[bytes, str]] = []

    def silent(url: str, body: bytes, headers: Any, *, timeout_s: float) -> None:
        raise TimeoutError("crm.example takes too long to answer")

    def takes(url: str, body: bytes, headers: Any, *, timeout_s: float) -> None:
        calls.append((body, headers["X-Attune-Signature"]))

    (intent,) = Intent.objects.filter(kind=telling.TELL)
    monkeypatch.setattr(targets, "post", silent)  # the network, not ours
    assert not performing.perform(intent.pk, now=clock.now())
    assert RecipientTelling.objects.get().state == "failed"

    monkeypatch.setattr(targets, "post", takes)
    assert telling.ask_untold(now=clock.now()) == 1
    waiting = Intent.objects.filter(kind=telling.TELL, state="waiting")
    waiting.update(run_after=clock.now())
    for one in waiting:
        assert performing.perform(one.pk, now=clock.now())

    told = RecipientTelling.objects.get()
    assert told.state == "told" and bytes(told.body) == b""
    ((body, signature),) = calls
    assert is_genuine(body, signature, signing.key_set())
    assert json.loads(body)["data"]["profileIds"] == [f"prf_{profile_id.hex}"]


def test_a_recipient_without_an_address_for_machines_gets_a_letter(shop: Shop) -> None:  # noqa: F811
    shop.send(identify(USER))
    profile_id = Identity.objects.get(value=USER).profile_id
    paper = Recipient.objects.create(
        site_id=shop.world.site.pk, key="paper", name="Paper Ltd", contact="dpo@paper.example"
    )
    disclosures.note([profile_id], paper.pk, "list:newsletter", clock.now())
    erasing.run(begin(shop))
    for _ in range(3):
        for intent in Intent.objects.filter(state="waiting", kind__startswith="privacy."):
            performing.perform(intent.pk, now=clock.now())

    assert RecipientTelling.objects.get().state == "told"
    (letter,) = mail.outbox
    assert letter.to == ["dpo@paper.example"]
    assert f"prf_{profile_id.hex}" in letter.body and "erase what you have" in letter.subject
