"""Ways in which somebody erased could come back, one by one: none of them leads anywhere."""

import json
from pathlib import Path
from typing import Any

import pytest

from apps.events.models import Quarantine
from apps.events.services import replay
from apps.privacy import erasing, tasks_erasing
from apps.profiles.models import Identity, Profile
from apps.recommendations import services as recommendations
from apps.recommendations.models import Item
from apps.rules import webhooks
from apps.rules.firing import DELIVER
from apps.rules.models import Firing
from apps.segments.refresh import refresh_site
from apps.work import clock, performing
from apps.work import services as work
from apps.work.ids import uuid7
from apps.work.models import Intent
from tests.apps.delivery.conftest import World, _new_process, world  # noqa: F401
from tests.journeys import canaries
from tests.journeys.canaries import Canary, Shop

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def shop(world: World, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: F811
    settings.PRIVATE_TARGETS = ("127.0.0.0/8",)
    settings.LEDGER_DIR = tmp_path / "ledger"
    settings.ARTIFACT_DIR = tmp_path / "artifacts"
    settings.EMAIL_FILE_PATH = str(tmp_path / "outbox")
    monkeypatch.setattr(canaries, "PEOPLE", 3)
    with canaries.listening() as (address, _):
        made = Shop(world, address)
        made.live_an_hour()
        yield made


@pytest.fixture
def gone(shop: Shop) -> Canary:
    """Who is erased."""
    return shop.people[1]


def erase(shop: Shop, one: Canary) -> None:
    names = [("user_id", one.user)]
    erasing.run(erasing.begin(site_id=shop.site_id, names=names, now=clock.now()))
    assert not is_back(one)


def is_back(one: Canary) -> bool:
    return Identity.objects.filter(value__contains=one.mark).exists()


def test_by_events_that_were_late(shop: Shop, gone: Canary) -> None:
    erase(shop, gone)
    late = "2026-03-10T11:00:00Z"
    shop.send([{**one, "messageId": f"late-{one['messageId']}", "timestamp": late}
               for one in gone.events()])  # fmt: skip
    assert not is_back(gone)


def test_by_the_same_batch_sent_again(shop: Shop, gone: Canary) -> None:
    erase(shop, gone)
    shop.send(gone.events())
    assert not is_back(gone)


def test_by_an_import_of_an_old_export(shop: Shop, gone: Canary) -> None:
    erase(shop, gone)
    lines = [
        {**one, "messageId": f"import-{one['messageId']}", "timestamp": "2026-03-01T11:00:00Z"}
        for one in gone.events()
    ]
    answer = shop.world.post("/v1/import", {"batch": lines}, key=shop.world.sk)
    assert answer.status_code in (200, 202), answer.content
    shop.fold()
    assert not is_back(gone)


def test_by_an_alias_of_an_identity_that_was_merged(shop: Shop, gone: Canary) -> None:
    erase(shop, gone)
    stranger = {
        "type": "alias", "messageId": "alias-late", "userId": gone.user,
        "previousId": gone.device, "timestamp": "2026-03-10T11:30:00Z",
    }  # fmt: skip
    shop.send([stranger])
    assert not is_back(gone)


def test_by_a_task_that_was_queued(shop: Shop, gone: Canary) -> None:
    profile_id = Identity.objects.get(value=gone.user).profile_id
    before = {one.pk for one in Intent.objects.all()}
    work.ask("consent.clear", key=profile_id.hex, site_id=shop.site_id, now=clock.now(),
             payload={"profile_id": profile_id.hex, "purposes": 8})  # fmt: skip
    erase(shop, gone)
    for intent in Intent.objects.exclude(pk__in=before).exclude(kind=erasing.ERASE):
        performing.perform(intent.pk, now=clock.now())
    shop.work()
    assert not Profile.objects.filter(pk=profile_id).exists() and not is_back(gone)


def test_by_a_webhook_that_is_called_again(shop: Shop, gone: Canary) -> None:
    profile_id = Identity.objects.get(value=gone.user).profile_id
    firing = Firing.objects.filter(profile_id=profile_id).first()
    assert firing is not None
    Firing.objects.filter(pk=firing.pk).update(webhook=Firing.Webhook.WAITING)
    erase(shop, gone)
    task = work.Work(
        intent_id=uuid7(), kind=DELIVER, site_id=shop.site_id, payload={"firing": str(firing.pk)},
        attempt=2, progress=lambda *_: None,
    )  # fmt: skip
    webhooks.deliver(task, clock.now())
    assert not Firing.objects.filter(profile_id=profile_id).exists()


def test_by_a_refused_event_that_is_repaired(shop: Shop, gone: Canary) -> None:
    ids = list(Quarantine.objects.values_list("pk", flat=True))
    erase(shop, gone)
    for row in Quarantine.objects.filter(state="waiting"):
        body = {**json.loads(row.body), "event": "Repaired"}
        Quarantine.objects.filter(pk=row.pk).update(body=json.dumps(body))
    replay(ids, None, clock.now())
    shop.fold()
    assert not is_back(gone)
    assert Identity.objects.filter(value=shop.people[0].user).exists()


def test_by_a_decision_or_a_choice_made_in_their_name(shop: Shop, gone: Canary) -> None:
    erase(shop, gone)
    shop.look(gone)
    body = {"anonymousId": gone.device, "purposes": {"personalization": False}}
    assert shop.world.post("/v1/consent", body).status_code == 200
    shop.work()
    assert not is_back(gone)


def test_by_training_and_counting_anew(shop: Shop, gone: Canary) -> None:
    assert Item.objects.filter(code__contains=gone.mark).exists()
    erase(shop, gone)
    assert tasks_erasing.search_waiting(now=clock.now()) is not None
    recommendations.train_now(recommenders=[shop.recommender], now=clock.now())
    refresh_site(site_id=shop.site_id)
    assert not Item.objects.filter(code__contains=gone.mark).exists()
    for table, lines in canaries.lines_of_tables().items():
        assert not [line for line in lines if gone.mark in line], table
