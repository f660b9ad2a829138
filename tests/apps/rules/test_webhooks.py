"""The address of a trigger is called: signed, once, again when it is silent, parked at last."""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from uuid import UUID

import pytest

from apps.access.models import Site
from apps.consent import disclosures
from apps.consent.recipients import Recipient
from apps.consent.types import Purpose
from apps.profiles.models import ProfileState
from apps.rules import webhooks
from apps.rules.errors import InvalidRule
from apps.rules.firing import DELIVER
from apps.rules.models import Firing, Trigger
from apps.rules.services import save_trigger
from apps.segments.models import Segment
from apps.work.ids import uuid7
from apps.work.models import Intent
from apps.work.services import Work
from tests.apps.rules.conftest import NOW, somebody


@dataclass
class Receiver:
    """Somebody's server: what it was sent, and the statuses that it answers, the last one on."""

    address: str = ""
    statuses: list[int] = field(default_factory=lambda: [200])
    retry_after: str = ""
    calls: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    settings.PRIVATE_TARGETS = ("127.0.0.0/8",)
    found = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.calls.append(({k.lower(): v for k, v in self.headers.items()}, body))
            status = found.statuses.pop(0) if len(found.statuses) > 1 else found.statuses[0]
            self.send_response(status)
            if found.retry_after:
                self.send_header("Retry-After", found.retry_after)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    found.address = f"http://127.0.0.1:{server.server_port}/hook?a=1"
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def trigger(shop: Site, gold: Segment, receiver: Receiver) -> Trigger:
    return save_trigger(
        Trigger(
            site=shop, key="gold-came", name="Gold came", segment=gold, is_enabled=True,
            message={"show": "thanks"}, webhook_address=receiver.address,
        )
    )  # fmt: skip


def fired(trigger: Trigger) -> Firing:
    return Firing.objects.create(
        trigger=trigger, profile_id=somebody(trigger.site), cause=f"line-{uuid7().hex[-20:]}",
        at=NOW, outcome=Firing.Outcome.FIRED, webhook=Firing.Webhook.WAITING,
    )  # fmt: skip


def deliver(firing: Firing, at: Any = NOW) -> Firing:
    """As the worker does it."""
    work = Work(
        intent_id=uuid7(), kind=DELIVER, site_id=firing.trigger.site_id,
        payload={"firing": str(firing.pk)}, attempt=1, progress=lambda *_: None,
    )  # fmt: skip
    webhooks.deliver(work, at)
    firing.refresh_from_db()
    return firing


def test_a_call_is_signed_as_standard_webhooks_describes_it(
    trigger: Trigger, receiver: Receiver
) -> None:
    firing = deliver(fired(trigger))
    assert firing.webhook == "delivered"
    ((headers, body),) = receiver.calls
    document = json.loads(body)
    assert document["type"] == "trigger.fired"
    assert document["data"] == {
        "trigger": "gold-came",
        "segment": "gold",
        "on": "entered",
        "profileId": f"prf_{firing.profile_id.hex}",
        "message": {"show": "thanks"},
    }
    # Worked out here by the published description, not by our own function.
    key = base64.b64decode(trigger.webhook_secret.removeprefix("whsec_"))
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert headers["ce-type"] == "trigger.fired"
    assert headers["ce-specversion"] == "1.0"


def test_a_call_that_was_taken_is_not_repeated(trigger: Trigger, receiver: Receiver) -> None:
    firing = fired(trigger)
    deliver(firing)
    deliver(firing)
    assert len(receiver.calls) == 1


def test_a_call_that_is_not_taken_comes_again_later_under_the_same_id(
    trigger: Trigger, receiver: Receiver
) -> None:
    receiver.statuses = [503, 200]
    firing = deliver(fired(trigger))
    assert (firing.webhook, firing.attempts) == ("waiting", 1)
    (intent,) = Intent.objects.filter(kind=DELIVER)
    assert timedelta(seconds=5) <= intent.run_after - NOW <= timedelta(seconds=6)
    deliver(firing, NOW + timedelta(seconds=6))
    assert firing.webhook == "delivered"
    first, second = (headers["webhook-id"] for headers, _ in receiver.calls)
    assert first == second


def test_a_call_is_given_up_after_its_last_attempt(trigger: Trigger, receiver: Receiver) -> None:
    receiver.statuses = [500]
    firing = fired(trigger)
    for _ in range(len(webhooks.PAUSES_S) + 1):
        deliver(firing)
    assert (firing.webhook, firing.attempts) == ("failed", 10)
    assert "answered 500" in firing.error


def test_an_address_that_fails_again_and_again_is_parked_until_somebody_says_so(
    trigger: Trigger, receiver: Receiver
) -> None:
    receiver.statuses = [500]
    for _ in range(webhooks.PARKED_AFTER):
        deliver(fired(trigger))
    trigger.refresh_from_db()
    assert trigger.webhook_parked_at == NOW
    calls = len(receiver.calls)
    parked = deliver(fired(trigger))
    assert parked.webhook == "parked"
    assert len(receiver.calls) == calls

    receiver.statuses = [200]
    assert webhooks.take_up_again(trigger, NOW) > 0
    assert deliver(parked).webhook == "delivered"
    found = Trigger.objects.values("webhook_parked_at", "webhook_failures").get()
    assert found == {"webhook_parked_at": None, "webhook_failures": 0}


def test_an_address_that_is_gone_is_parked_at_once(trigger: Trigger, receiver: Receiver) -> None:
    receiver.statuses = [410]
    assert deliver(fired(trigger)).webhook == "parked"
    trigger.refresh_from_db()
    assert trigger.webhook_parked_at == NOW


@pytest.mark.parametrize(
    ("retry_after", "least_s"),
    [
        ("120", 120),
        ("Tue, 10 Mar 2026 12:10:00 GMT", 600),
        ("1", 5),  # our own pause is the longer one
        ("0", 5),
        ("-3", 5),
        ("soon", 5),
        ("Mon, 99 Nov 2026 99:99:99 GMT", 5),
        ("Tue, 10 Mar 2020 12:10:00 GMT", 5),
        ("Sun, 06 Nov 99999999999 08:49:37 GMT", 5),
        ("Sun, 06 Nov 1994 99999999999999999999:49:37 GMT", 5),
        ("Sun, 06 Nov 1994 08:49:37 +9999999999999999", 5),
        ("Sat, 01 Jan 0001 00:00:00 +2359", 5),
        ("9" * 90, 86_400),
        ("Tue, 10 Mar 2099 12:00:00 GMT", 86_400),
    ],
    ids=[
        "seconds", "date", "short", "none", "negative", "word", "no-date", "past", "huge-year",
        "huge-hour", "huge-zone", "first-year", "huge", "far",
    ],
)  # fmt: skip
def test_a_busy_address_is_called_again_when_it_asks_to_be(
    trigger: Trigger, receiver: Receiver, retry_after: str, least_s: int
) -> None:
    receiver.statuses, receiver.retry_after = [429, 200], retry_after
    firing = deliver(fired(trigger))
    assert (firing.webhook, firing.attempts) == ("waiting", 1)
    (intent,) = Intent.objects.filter(kind=DELIVER)
    pause = (intent.run_after - NOW).total_seconds()
    assert least_s <= pause <= least_s * 1.1
    deliver(firing, intent.run_after)
    assert firing.webhook == "delivered"


def test_an_address_that_is_busy_is_not_parked_and_its_call_is_given_up_at_last(
    trigger: Trigger, receiver: Receiver
) -> None:
    receiver.statuses, receiver.retry_after = [429], "1"
    for _ in range(webhooks.PARKED_AFTER + 1):
        deliver(fired(trigger))
    trigger.refresh_from_db()
    assert (trigger.webhook_parked_at, trigger.webhook_failures) == (None, 0)
    firing = fired(trigger)
    for _ in range(len(webhooks.PAUSES_S) + 1):
        deliver(firing)
    assert firing.webhook == "failed"


def test_an_address_in_trouble_that_names_a_time_is_waited_for_and_counted(
    trigger: Trigger, receiver: Receiver
) -> None:
    receiver.statuses, receiver.retry_after = [503], "3600"
    deliver(fired(trigger))
    (intent,) = Intent.objects.filter(kind=DELIVER)
    assert (intent.run_after - NOW).total_seconds() >= 3600
    trigger.refresh_from_db()
    assert trigger.webhook_failures == 1


def test_a_private_address_is_refused_when_it_is_saved_and_when_it_is_called(
    trigger: Trigger, receiver: Receiver, settings: Any
) -> None:
    settings.PRIVATE_TARGETS = ()
    with pytest.raises(InvalidRule, match="private network"):
        save_trigger(trigger)
    firing = deliver(fired(trigger))
    assert firing.webhook == "parked"
    assert "private network" in firing.error
    assert receiver.calls == []


def test_a_person_who_was_erased_meanwhile_is_not_told_of(
    trigger: Trigger, receiver: Receiver
) -> None:
    firing = fired(trigger)
    work = Work(
        intent_id=uuid7(), kind=DELIVER, site_id=trigger.site_id,
        payload={"firing": str(firing.pk)}, attempt=1, progress=lambda *_: None,
    )  # fmt: skip
    firing.delete()
    webhooks.deliver(work, NOW)
    assert receiver.calls == []


# Who is told


@pytest.fixture
def broker(trigger: Trigger) -> Recipient:
    """Somebody who acts for themselves is behind the address."""
    made = Recipient.objects.create(
        site=trigger.site, key="ads", name="Ads Ltd", purposes=["audiences"]
    )
    trigger.recipient = made
    trigger.save(update_fields=["recipient"])
    return made


def says(profile_id: UUID, **bits: int) -> None:
    ProfileState.objects.filter(pk=profile_id).update(**bits)


def test_a_recipient_that_was_told_is_noted_once(trigger: Trigger, broker: Recipient) -> None:
    firing = fired(trigger)
    says(firing.profile_id, granted=int(Purpose.PERSONALIZATION | Purpose.ADVERTISING))
    assert deliver(firing).webhook == "delivered"
    deliver(firing)
    (told,) = disclosures.recipients_of([firing.profile_id], NOW - timedelta(days=365))
    assert (told.name, told.what) == ("Ads Ltd", ("trigger:gold-came",))


def test_nobody_else_is_noted_as_a_recipient(trigger: Trigger) -> None:
    firing = deliver(fired(trigger))
    assert disclosures.recipients_of([firing.profile_id], NOW - timedelta(days=365)) == []


@pytest.mark.parametrize(
    "refused",
    [Purpose.ADVERTISING, Purpose.AUDIENCES, Purpose.PERSONALIZATION, Purpose.TRIGGERS],
    ids=lambda purpose: purpose.name.lower(),
)
def test_a_call_that_waits_is_not_made_once_they_have_refused(
    trigger: Trigger, broker: Recipient, receiver: Receiver, refused: Purpose
) -> None:
    firing = fired(trigger)
    says(firing.profile_id, denied=int(refused))
    ended = deliver(firing)
    assert (ended.webhook, receiver.calls) == ("", [])
    assert "does not allow it" in ended.error


def test_a_processor_needs_no_advertising(
    trigger: Trigger, broker: Recipient, receiver: Receiver
) -> None:
    Recipient.objects.update(is_third_party=False)
    firing = fired(trigger)
    says(firing.profile_id, denied=int(Purpose.ADVERTISING))
    assert deliver(firing).webhook == "delivered"


def test_a_recipient_that_does_not_say_what_for_is_told_of_nobody(
    trigger: Trigger, broker: Recipient, receiver: Receiver
) -> None:
    Recipient.objects.update(purposes=[])
    assert deliver(fired(trigger)).webhook == ""
    trigger.refresh_from_db()
    with pytest.raises(InvalidRule, match="give it purposes first"):
        save_trigger(trigger)


def test_a_trigger_that_does_not_say_what_for_is_not_switched_on(trigger: Trigger) -> None:
    trigger.purpose = ""
    with pytest.raises(InvalidRule, match="may not be activated"):
        save_trigger(trigger)
    trigger.is_enabled = False
    save_trigger(trigger)
