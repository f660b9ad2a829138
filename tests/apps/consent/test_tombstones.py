"""Who was erased does not come back by an old event, whichever way it comes."""

# ruff: noqa: F811

import base64
import json
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from apps.access.models import Site
from apps.consent import tombstones
from apps.consent.models import Tombstone
from apps.events import collect, inbox, repeats
from apps.events import services as events
from apps.events.models import Event, Quarantine
from apps.events.types import Accepted
from apps.profiles import state
from apps.profiles.holders import Subject
from apps.profiles.models import Identity, Profile
from apps.work import clock
from tests.apps.consent.burying import (
    AFTER,
    BEFORE,
    DEVICE,
    ERASED,
    USER,
    bury,
    erased_counted,
    fold_all,
    send,
    view,
)
from tests.apps.events.conftest import (  # noqa: F401
    NOW,
    Sending,
    browser,
    server,
    site,
    still,
)


def test_an_event_of_before_the_erasure_that_comes_late_is_dropped_and_counted(
    server: Sending,
) -> None:
    bury(server.site, DEVICE)
    answer = server.batch(view(BEFORE), view(anonymousId="bystander"))
    assert (answer["accepted"], answer["withoutConsent"]) == (1, 1)
    assert [event.anonymous_id for event in server.stored()] == ["bystander"]
    assert erased_counted(server.site) == 1


def test_what_comes_after_the_erasure_is_dropped_as_long_as_nobody_is_back(server: Sending) -> None:
    bury(server.site, DEVICE, USER)
    for said in (view(), view(userId="u1"), view(anonymousId="new", userId="u1")):
        assert send(server, said) == 0
    assert Profile.objects.count() == 0


def test_the_same_batch_sent_again_brings_nobody_back(server: Sending) -> None:
    batch = [view(BEFORE), view(BEFORE, userId="u1", anonymousId="a1")]
    assert send(server, *batch) == 2
    bury(server.site, DEVICE, USER)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM events_dedupekey")  # they are forgotten after 30 days
    repeats._known.younger.clear()
    assert send(server, *batch) == 0
    assert Identity.objects.count() == 0


@pytest.mark.parametrize("kind", ["anonymous_id", "user_id"])
def test_an_alias_of_an_erased_id_joins_nobody(server: Sending, kind: str) -> None:
    bury(server.site, (kind, "gone"))
    alias = {
        "type": "alias", "previousId": "gone", "userId": "u2", "messageId": "m",
        "timestamp": AFTER.isoformat(),
    }  # fmt: skip
    assert send(server, alias) == 0
    assert not Identity.objects.filter(value__in=["gone", "u2"]).exists()


def test_an_identify_does_not_carry_an_erased_device_to_a_login(server: Sending) -> None:
    bury(server.site, DEVICE)
    identify = {
        "type": "identify", "anonymousId": "a1", "userId": "u2", "traits": {"name": "Ada"},
        "messageId": "m", "timestamp": AFTER.isoformat(),
    }  # fmt: skip
    assert send(server, identify) == 0
    assert Profile.objects.count() == 0


def test_what_waits_in_the_inbox_when_somebody_is_erased_is_dropped_by_the_fold(
    server: Sending,
) -> None:
    server.batch(view(BEFORE), view(BEFORE, anonymousId="bystander"))
    bury(server.site, DEVICE)
    assert fold_all() == 1
    assert list(Identity.objects.values_list("value", flat=True)) == ["bystander"]
    assert erased_counted(server.site) == 1


def test_what_was_kept_in_a_journal_before_the_erasure_is_dropped(server: Sending) -> None:
    event = Accepted(
        type="exposure", name="Exposure", occurred_ms=clock.to_ms(BEFORE), original_ms=None,
        message_id="m", anonymous_id="a1", user_id=None, properties={}, traits=None,
        context={}, epoch=0, purposes=63, flags=0,
    )  # fmt: skip
    bury(server.site, DEVICE)
    collect.record_packed(server.source_of(), [inbox.packed(event)], now=NOW)
    assert fold_all() == 0
    assert Event.objects.count() == 0
    assert erased_counted(server.site) == 1


def test_a_quarantined_event_of_somebody_erased_is_discarded_when_it_is_replayed(
    server: Sending,
) -> None:
    server.batch({**view(BEFORE), "properties": 5})
    (waiting,) = server.waiting()
    assert "a1" in waiting.body
    bury(server.site, DEVICE)
    Quarantine.objects.filter(pk=waiting.pk).update(body=json.dumps(view(BEFORE)))
    result = events.replay([waiting.pk], None, NOW)
    assert (result.stored, result.without_consent) == (0, 1)
    assert server.waiting()[0].body == ""
    assert fold_all() == 0


def test_of_somebody_erased_a_refused_event_is_not_held_either(server: Sending) -> None:
    bury(server.site, DEVICE)
    server.batch({**view(), "properties": 5})
    assert [row.body for row in server.waiting()] == [""]


def test_an_old_export_imported_again_brings_nobody_back(server: Sending) -> None:
    bury(server.site, DEVICE, USER)
    old = [view(BEFORE - timedelta(days=n), messageId=f"m{n}") for n in range(20)]
    old.append({**view(BEFORE), "type": "identify", "userId": "u1", "traits": {"plan": "gold"}})
    response = server.post("/v1/import", {"batch": old})
    assert response.status_code == 200, response.content
    assert fold_all() == 0
    assert Identity.objects.count() == 0


def test_a_pixel_brings_nobody_back(browser: Sending) -> None:
    bury(browser.site, DEVICE)
    said = base64.urlsafe_b64encode(json.dumps(view()).encode()).decode()
    browser.client.get("/v1/pixel/track", {"data": said, "writeKey": browser.key})
    assert fold_all() == 0


def test_another_site_knows_nothing_of_it(server: Sending, site: Site) -> None:
    other = Site.objects.create(key="other", name="Other", created_at=NOW)
    bury(other, DEVICE)
    assert send(server, view()) == 1


# Devices that others use too


def test_of_a_shared_device_only_the_times_of_the_erased_person_are_barred(
    server: Sending,
) -> None:
    begin, end = clock.to_ms(BEFORE), clock.to_ms(ERASED)
    bury(server.site, ("user_id", "gone"), intervals={DEVICE: [(begin, end)]})
    within, later = BEFORE + timedelta(minutes=1), AFTER
    earlier = BEFORE - timedelta(minutes=1)
    assert send(server, view(earlier), view(within), view(later)) == 2
    # Who names another user says whose it is.
    assert send(server, view(within, anonymousId="a1", userId="other")) == 1
    assert send(server, view(within, anonymousId="a1", userId="gone")) == 0


# Keeping


def test_a_tombstone_holds_no_identity_and_is_made_with_a_key_of_its_own(
    server: Sending, settings: Any
) -> None:
    bury(server.site, DEVICE)
    digest = Tombstone.objects.get().digest
    settings.SIGNING_KEY = "another, which signs, of thirty-two characters"
    assert tombstones.digests_of(server.site.pk, *DEVICE)[0] == digest
    settings.TOMBSTONE_KEY, old = (
        "another key, of at least thirty-two characters",
        (settings.TOMBSTONE_KEY),
    )
    assert send(server, view(), view(anonymousId="a2")) == 2
    settings.TOMBSTONE_KEYS_RETIRED = (old,)
    assert send(server, view()) == 0


def test_writing_them_again_changes_nothing_even_after_somebody_is_back(server: Sending) -> None:
    assert bury(server.site, DEVICE, USER) == 2
    tombstones.open_for(server.site.pk, [DEVICE], how="consent", now=NOW)
    assert bury(server.site, DEVICE, USER) == 0
    assert Tombstone.objects.filter(opened_at=None).count() == 1
    # A second erasure is another one.
    assert bury(server.site, DEVICE, at=NOW + timedelta(seconds=1)) == 1


@pytest.mark.parametrize(
    ("days", "retention", "left"),
    [(394, 395, 1), (396, 395, 0), (396, 800, 1), (801, 800, 0)],
)
def test_it_lives_395_days_and_as_long_as_old_events_are_taken(
    server: Sending, days: int, retention: int, left: int
) -> None:
    Site.objects.filter(pk=server.site.pk).update(retention_days=retention)
    bury(server.site, DEVICE)
    tombstones.forget_old(now=ERASED + timedelta(days=days))
    assert Tombstone.objects.count() == left


def test_whose_tombstone_is_gone_is_let_in_as_somebody_new(server: Sending) -> None:
    bury(server.site, DEVICE)
    assert send(server, view()) == 0
    Tombstone.objects.all().delete()
    assert send(server, view()) == 1


# Races


@pytest.mark.django_db(transaction=True)
def test_a_fold_that_waits_for_the_lock_of_an_erasure_sees_its_tombstones(
    transactional_db: None,
) -> None:
    site = Site.objects.create(key="racing", name="Racing", created_at=NOW)
    sender = Sending(site, kind="server")
    send(sender, view(BEFORE))
    profile_id = Profile.objects.get().pk
    sender.batch(view(BEFORE), {**view(BEFORE), "type": "identify", "userId": "u7"})
    found: list[int] = []

    def folding() -> None:
        try:
            found.append(fold_all())
        finally:
            connection.close()

    other = threading.Thread(target=folding)
    with transaction.atomic():
        (row,) = state.lock([profile_id])
        other.start()
        _wait_until(_is_waiting_for_a_lock)
        subject = Subject(site.pk, (profile_id,), (DEVICE,), lambda: iter(()))
        tombstones.write(subject, erased_at=ERASED, now=NOW)
        row.consent_epoch += 1
        state.save([row])
    other.join(30)
    assert found == [0]
    assert tombstones.wait_until_seen()
    assert Event.objects.count() == 1
    assert not Identity.objects.filter(value="u7").exists()


def _is_waiting_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
        return bool(cursor.fetchone()[0])


def _wait_until(is_so: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(500):
        if is_so():
            return
        pause.wait(0.02)
    raise AssertionError("it never came to that")
