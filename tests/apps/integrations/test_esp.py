"""E-mail providers: who may tell, what becomes an event, and that a no stays a no."""

import hmac
import json
from base64 import b64encode
from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.db import connection as database
from django.test import Client

from apps.access.models import Site
from apps.access.services import create_source
from apps.consent import services as consent
from apps.consent.models import ConsentEvent
from apps.events.models import Event, Inbox
from apps.events.services import ensure_partitions, record_told
from apps.integrations import esp_reading
from apps.integrations.models import Connection, Incoming
from apps.pipeline import fold
from apps.profiles import state
from apps.profiles.models import Identity
from apps.work import clock
from tests.apps.integrations.conftest import posted, signed_as_standard

ADDRESS = "ida@example.com"
KEY = ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def site(shop: Site) -> Site:
    now = clock.now()
    ensure_partitions([(now.year, now.month), ((now - timedelta(days=2)).year,
                                               (now - timedelta(days=2)).month)])  # fmt: skip
    return shop


def provider(site: Site, kind: str) -> Connection:
    made = Connection(site=site, name=kind.capitalize(), kind=kind, created_at=clock.now())
    if kind == "sendgrid":
        public = KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        made.secret = b64encode(public).decode()
    made.source = create_source(
        site_id=site.pk, name=f"{kind} mail", now=clock.now(), kind="server",
        consent_mode="required",
    )  # fmt: skip
    made.save()
    return made


def ida(site: Site, *, allows: bool = True) -> None:
    """Somebody whose address is known, and who has chosen."""
    source = create_source(
        site_id=site.pk, name="shop server", now=clock.now(), kind="server",
        consent_mode="assumed",
    )  # fmt: skip
    told = {"type": "identify", "userId": "u1", "traits": {"email": ADDRESS}, "messageId": "m1"}
    record_told(source, [told], now=clock.now())
    fold_all()
    consent.record_choice(
        site_id=site.pk, source_id=source.pk, identities=[("user_id", "u1")],
        purposes={"analytics": allows, "personalization": allows}, method="api",
        policy_version="", gpc=False, signals={}, client_at=None, regime=site.regime,
        now=clock.now(),
    )  # fmt: skip


def fold_all() -> None:
    while fold.fold_once(now=clock.now()) is not fold.NOTHING:
        pass


def seconds() -> str:
    return str(int(clock.now().timestamp()))


def signed(made: Connection, body: bytes, at: str | None = None) -> Mapping[str, str]:
    at = at or seconds()
    match made.kind:
        case "sendgrid":
            given = KEY.sign(at.encode() + body, ec.ECDSA(SHA256()))
            head = "X-Twilio-Email-Event-Webhook-"
            return {f"{head}Signature": b64encode(given).decode(), f"{head}Timestamp": at}
        case "postmark":
            return {"Authorization": f"Basic {b64encode(f'any:{made.secret}'.encode()).decode()}"}
        case "mailgun":
            return {}
        case _:
            return signed_as_standard(made, body, f"msg_{sha256(body).hexdigest()[:8]}")


def body_of(made: Connection, what: str, number: int = 1, **more: Any) -> bytes:
    """One event as the provider words it, of a minute ago."""
    at = clock.now() - timedelta(minutes=1)
    found: Any
    match made.kind:
        case "sendgrid":
            found = [{"email": ADDRESS, "event": what, "timestamp": int(at.timestamp()),
                      "sg_event_id": f"sg-{number}", "category": ["spring"], **more}]  # fmt: skip
        case "postmark":
            found = {"RecordType": what, "MessageID": f"pm-{number}", "Recipient": ADDRESS,
                     "Tag": "spring", "ReceivedAt": at.isoformat(), **more}  # fmt: skip
        case "mailgun":
            stamp, token = seconds(), "a" * 50
            made_by = hmac.new(made.secret.encode(), f"{stamp}{token}".encode(), sha256)
            found = {
                "signature": {
                    "timestamp": stamp, "token": token, "signature": made_by.hexdigest(),
                },
                "event-data": {"event": what, "id": f"mg-{number}", "recipient": ADDRESS,
                               "timestamp": at.timestamp(), "tags": ["spring"], **more},
            }  # fmt: skip
        case _:
            found = {"type": what, "id": f"x-{number}", "email": ADDRESS, "at": at.isoformat(),
                     "campaign": "spring", **more}  # fmt: skip
    return json.dumps(found).encode()


def tell(client: Client, made: Connection, body: bytes) -> dict[str, int]:
    answer = posted(client, made, body, signed(made, body))
    assert answer.status_code == 202, answer.content
    return answer.json()  # type: ignore[no-any-return]


OPENED = {
    "sendgrid": "open", "postmark": "Open", "mailgun": "opened", "email": "email.opened",
}  # fmt: skip
CLICKED = {
    "sendgrid": ("click", {"url": "https://shop.example/a?u=ida"}),
    "postmark": ("Click", {"OriginalLink": "https://shop.example/a?u=ida"}),
    "mailgun": ("clicked", {"url": "https://shop.example/a?u=ida"}),
    "email": ("email.clicked", {"link": "https://shop.example/a?u=ida"}),
}
KINDS = sorted(OPENED)


@pytest.mark.parametrize("kind", KINDS)
def test_a_click_becomes_an_event_of_the_person_once_and_names_nobody(
    client: Client, site: Site, kind: str
) -> None:
    ida(site)
    made = provider(site, kind)
    what, more = CLICKED[kind]
    body = body_of(made, what, **more)
    assert tell(client, made, body)["accepted"] == 1
    assert tell(client, made, body)["duplicates"] == 1
    fold_all()
    event = Event.objects.get(name="Email Clicked")
    assert event.profile_id == Identity.objects.get(value="u1").profile_id
    assert event.properties == {"campaign": "spring", "link": "shop.example/a"}
    assert not Incoming.objects.exists(), "no copy with the address is kept"
    made.refresh_from_db()
    assert made.last_event_at is not None


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_yes_nothing_is_kept(client: Client, site: Site, kind: str) -> None:
    ida(site, allows=False)
    made = provider(site, kind)
    assert tell(client, made, body_of(made, OPENED[kind]))["withoutConsent"] == 1
    assert not Inbox.objects.exists()


def test_who_is_not_known_leaves_no_trace(client: Client, site: Site) -> None:
    made = provider(site, "email")
    assert tell(client, made, body_of(made, "email.opened")) == {
        "accepted": 0, "duplicates": 0, "withoutConsent": 0, "unknown": 1,
    }  # fmt: skip
    named = body_of(made, "email.opened", 2, userId="stranger")
    assert tell(client, made, named)["unknown"] == 1
    assert not Identity.objects.exists() and not Inbox.objects.exists()


def test_a_user_id_in_the_messages_metadata_says_who_it_is(client: Client, site: Site) -> None:
    ida(site)
    made = provider(site, "postmark")
    body = body_of(made, "Open", Recipient="other@example.com", Metadata={"user_id": "u1"})
    assert tell(client, made, body)["accepted"] == 1


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("sendgrid", {"sg_machine_open": True}),
        ("postmark", {"UserAgent": "Mozilla/5.0"}),
        ("mailgun", {"client-info": {"bot": "apple"}}),
        ("email", {"machineOpen": True}),
    ],
    ids=["sendgrid", "postmark", "mailgun", "email"],
)
def test_what_a_machine_opened_says_so(
    client: Client, site: Site, kind: str, more: dict[str, Any]
) -> None:
    ida(site)
    made = provider(site, kind)
    tell(client, made, body_of(made, OPENED[kind], **more))
    tell(client, made, body_of(made, OPENED[kind], 2))
    fold_all()
    opened = Event.objects.filter(name="Email Opened")
    found = [one.properties.get("machine_open") for one in opened]
    assert sorted(found, key=str) == [None, True]


UNSUBSCRIBED = {
    "sendgrid": ("unsubscribe", {}),
    "postmark": ("SubscriptionChange", {"SuppressSending": True}),
    "mailgun": ("unsubscribed", {}),
    "email": ("email.unsubscribed", {}),
}


@pytest.mark.parametrize("allows", [True, False], ids=["who-allows", "who-refuses"])
@pytest.mark.parametrize("kind", KINDS)
def test_unsubscribing_is_a_choice_whatever_else_may_be_kept(
    client: Client, site: Site, kind: str, allows: bool
) -> None:
    ida(site, allows=allows)
    made = provider(site, kind)
    what, more = UNSUBSCRIBED[kind]
    tell(client, made, body_of(made, what, **more))
    said = ConsentEvent.objects.filter(method="esp").get()
    assert "triggers" in str(said.__dict__)
    fold_all()
    (row,) = state.read([Identity.objects.get(value="u1").profile_id])
    if allows:
        assert row.traits["email_subscribed"][0] is False
    else:
        assert "email_subscribed" not in row.traits


def test_telling_an_old_no_again_does_not_undo_a_later_yes(client: Client, site: Site) -> None:
    ida(site)
    made = provider(site, "sendgrid")
    body = body_of(made, "unsubscribe")
    tell(client, made, body)
    tell(client, made, body)
    assert ConsentEvent.objects.filter(method="esp").count() == 1


@pytest.mark.parametrize(
    ("kind", "what", "more", "is_hard"),
    [
        ("sendgrid", "bounce", {"type": "bounce"}, True),
        ("sendgrid", "bounce", {"type": "blocked"}, False),
        ("postmark", "Bounce", {"Type": "HardBounce"}, True),
        ("postmark", "Bounce", {"Type": "SoftBounce"}, False),
        ("mailgun", "failed", {"severity": "permanent"}, True),
        ("email", "email.bounced", {"bounce": {"type": "Permanent"}}, True),
    ],
    ids=["sendgrid", "sendgrid-soft", "postmark", "postmark-soft", "mailgun", "other"],
)
def test_an_address_that_does_not_exist_becomes_a_trait(
    client: Client, site: Site, kind: str, what: str, more: dict[str, Any], is_hard: bool
) -> None:
    ida(site)
    made = provider(site, kind)
    tell(client, made, body_of(made, what, **more))
    fold_all()
    (row,) = state.read([Identity.objects.get(value="u1").profile_id])
    assert ("email_undeliverable" in row.traits) is is_hard
    event = Event.objects.get(name="Email Bounced")
    assert event.properties["bounce"] == ("hard" if is_hard else "soft")


@pytest.mark.parametrize("change", ["body", "key", "old", "none"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_call_that_the_provider_did_not_sign_is_refused(
    client: Client, site: Site, kind: str, change: str
) -> None:
    ida(site)
    made = provider(site, kind)
    body = body_of(made, OPENED[kind])
    headers = dict(signed(made, body))
    if change == "body" and kind in ("sendgrid", "email"):
        body = body.replace(b"ida@", b"eve@")
    elif change == "old" and kind == "sendgrid":
        headers = dict(signed(made, body, str(int(seconds()) - 400)))
    elif change == "none":
        headers, body = {}, body.replace(b'"signature"', b'"unsigned"')
    else:
        Connection.objects.filter(pk=made.pk).update(secret=provider_secret(kind))
    answer = posted(client, made, body, headers)
    assert answer.status_code == 401, answer.content
    assert not Inbox.objects.exists()


def provider_secret(kind: str) -> str:
    """Somebody else's."""
    if kind != "sendgrid":
        return "whsec_" + b64encode(b"another secret of another connection").decode()
    other = ec.generate_private_key(ec.SECP256R1()).public_key()
    return b64encode(other.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b"null", b'[1]', b'{"event-data": []}', b"[" * 5_000],
    ids=["empty", "list", "object", "null", "number", "wrong", "deep"],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_or_tells_nothing(kind: str, body: bytes) -> None:
    from apps.access.errors import InvalidRequest

    try:
        assert esp_reading.read(kind, body) == []
    except InvalidRequest as refusal:
        assert refusal.code == "invalid_request"


def test_the_address_is_nowhere_in_what_is_kept(client: Client, site: Site) -> None:
    ida(site)
    made = provider(site, "sendgrid")
    tell(client, made, body_of(made, "click", url=f"https://x.example/{'a'}?mail={ADDRESS}"))
    with database.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM events_inbox WHERE body LIKE %s", [f"%{ADDRESS}%"])
        ((held,),) = cursor.fetchall()
    assert held == 0
