"""A site's address is told what happened without anybody's act, and staff say which one it is."""

import socket
import ssl
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from apps.access import alerts, calls, services
from apps.access.models import Alert, AlertAddress, AuditEntry, Site
from apps.access.roles import ensure_roles
from apps.work import clock
from apps.work.ids import uuid7
from apps.work.models import Intent
from apps.work.services import Work
from tests.apps.access.conftest import NOW
from tests.apps.rules.test_webhooks import Receiver, receiver  # noqa: F401

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _clock() -> Iterator[None]:
    yield
    clock.replace(None)


@pytest.fixture
def site(db: None) -> Site:
    return services.create_site(key="shop", name="Shop", now=NOW)


@pytest.fixture
def address(site: Site, receiver: Receiver) -> AlertAddress:  # noqa: F811
    return AlertAddress.objects.create(site=site, address=receiver.address)


def as_role(role: str) -> Client:
    ensure_roles()
    user = User.objects.create_user(role, is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    return client


def told(site: Site) -> Alert:
    alert = alerts.tell(
        site_id=site.pk, kind="model.drifted", source="models/m", data={"n": 1}, now=NOW
    )
    assert alert is not None
    return alert


def deliver(alert: Alert, at: Any = NOW) -> Alert:
    """As the worker does it, who has taken up what was asked for."""
    Intent.objects.filter(kind=alerts.DELIVER).delete()
    work = Work(
        intent_id=uuid7(), kind=alerts.DELIVER, site_id=alert.site_id,
        payload={"alert": str(alert.pk)}, attempt=1, progress=lambda *_: None,
    )  # fmt: skip
    alerts.deliver(work, at)
    alert.refresh_from_db()
    return alert


def test_nobody_is_told_where_there_is_no_address_or_it_is_switched_off(site: Site) -> None:
    def tell() -> Alert | None:
        return alerts.tell(site_id=site.pk, kind="k", source="s", data={}, now=NOW)

    assert tell() is None
    AlertAddress.objects.create(site=site, address="https://example.com/", is_enabled=False)
    assert tell() is None
    assert not Intent.objects.filter(kind=alerts.DELIVER).exists()


def test_a_call_that_is_not_taken_is_made_again_under_the_same_id(
    site: Site,
    address: AlertAddress,
    receiver: Receiver,  # noqa: F811
) -> None:
    receiver.statuses = [503, 200]
    alert = deliver(told(site))
    assert (alert.state, alert.attempts) == ("waiting", 1)
    waiting = Intent.objects.filter(kind=alerts.DELIVER, run_after__gt=NOW)
    assert waiting.count() == 1
    alert = deliver(alert, NOW + timedelta(seconds=10))
    assert (alert.state, alert.attempts) == ("delivered", 2)
    assert len({headers["webhook-id"] for headers, _ in receiver.calls}) == 1
    deliver(alert)
    assert len(receiver.calls) == 2  # told already
    address.refresh_from_db()
    assert address.failures == 0


def test_an_address_that_is_gone_is_parked_and_called_again_by_its_page(
    site: Site,
    address: AlertAddress,
    receiver: Receiver,  # noqa: F811
) -> None:
    receiver.statuses = [calls.GONE, 200]
    assert deliver(told(site)).state == "parked"
    address.refresh_from_db()
    assert address.parked_at == NOW
    clock.replace(lambda: NOW + timedelta(hours=1))
    client = as_role("administrator")
    page = reverse("admin:access_alertaddress_change", args=[site.pk])
    shown = client.get(page).content.decode()
    assert "Call it again" in shown and "model.drifted" in shown
    assert client.post(reverse("admin:access_alert_again", args=[site.pk])).status_code == 302
    assert deliver(Alert.objects.get()).state == "delivered"
    assert AuditEntry.objects.filter(action="access.alerts_resumed").exists()


def test_an_address_inside_is_refused_by_the_form_and_by_the_call(
    site: Site,
    receiver: Receiver,  # noqa: F811
    settings: Any,
) -> None:
    client = as_role("administrator")
    add = reverse("admin:access_alertaddress_add")
    form = {"site": str(site.pk), "address": receiver.address, "is_enabled": "on"}
    settings.PRIVATE_TARGETS = ()
    assert "private network" in client.post(add, form).content.decode()
    AlertAddress.objects.create(site=site, address=receiver.address)
    assert deliver(told(site)).state == "parked"
    assert receiver.calls == []


@pytest.mark.parametrize("role", ["editor", "analyst", "privacy_officer", "auditor"])
def test_only_administrators_say_who_is_told(site: Site, address: AlertAddress, role: str) -> None:
    client = as_role(role)
    page = reverse("admin:access_alertaddress_change", args=[site.pk])
    assert address.secret not in client.get(page).content.decode()
    assert (
        client.post(page, {"site": str(site.pk), "address": "https://x.example/"}).status_code
        == 403
    )
    for name in ("access_alert_again", "access_alert_secret"):
        assert client.post(reverse(f"admin:{name}", args=[site.pk])).status_code == 403


def test_the_secret_is_shown_when_it_is_made_and_never_again(
    site: Site,
    receiver: Receiver,  # noqa: F811
) -> None:
    client = as_role("administrator")
    form = {"site": str(site.pk), "address": receiver.address, "is_enabled": "on"}
    made = client.post(reverse("admin:access_alertaddress_add"), form)
    address = AlertAddress.objects.get()
    first = address.secret
    assert first in made.content.decode() and "no-store" in made["Cache-Control"]
    page = reverse("admin:access_alertaddress_change", args=[site.pk])
    for shown in (client.get(page), client.post(page, form, follow=True)):
        assert shown.status_code == 200 and first not in shown.content.decode()

    new = reverse("admin:access_alert_secret", args=[site.pk])
    assert client.get(new, follow=True).redirect_chain[0][0] == page
    address.refresh_from_db()
    assert address.secret == first  # looking makes none
    again = client.post(new)
    address.refresh_from_db()
    assert address.secret != first and address.secret in again.content.decode()
    deliver(told(site))
    ((headers, body),) = receiver.calls
    message_id, seconds = headers["webhook-id"], headers["webhook-timestamp"]
    assert headers["webhook-signature"] == calls.signature(
        address.secret, message_id, seconds, body
    )
    assert AuditEntry.objects.filter(action="access.alert_secret_made").count() == 1


def test_an_address_whose_certificate_has_run_out_is_called_again_later(
    site: Site, settings: Any
) -> None:
    settings.PRIVATE_TARGETS = ("127.0.0.0/8",)
    with with_a_certificate_that_nobody_trusts() as address:
        AlertAddress.objects.create(site=site, address=address)
        alert = deliver(told(site))
    assert (alert.state, alert.attempts) == ("waiting", 1)
    assert "no certificate to be trusted" in alert.error
    assert AlertAddress.objects.get().parked_at is None


@contextmanager
def with_a_certificate_that_nobody_trusts() -> Iterator[str]:
    """A server of one call, whose certificate it has signed itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(NOW).not_valid_after(NOW + timedelta(days=1))
    pem = made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    own = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile() as file:
        file.write(pem + own)
        file.flush()
        context.load_cert_chain(file.name)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def shake_hands() -> None:
            with suppress(OSError), server.accept()[0] as call:
                context.wrap_socket(call, server_side=True)

        thread = threading.Thread(target=shake_hands, daemon=True)
        thread.start()
        yield f"https://127.0.0.1:{server.getsockname()[1]}/hook"
        thread.join()
