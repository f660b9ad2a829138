"""A site's address is told what happened without anybody's act, and staff say which one it is."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
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
    assert "Call it again" in shown and address.secret in shown and "model.drifted" in shown
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
    assert client.post(reverse("admin:access_alert_again", args=[site.pk])).status_code == 403
