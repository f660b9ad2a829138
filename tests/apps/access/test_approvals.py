"""Four eyes are switched off with a reason, by somebody who may, and it is told."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from apps.access import approvals
from apps.access.models import AuditEntry, Site
from tests.apps.access.conftest import Access

REASON = "Cora is away until Monday"


@pytest.fixture
def ada(access: Access) -> Client:
    """An administrator, at a site that needs approval."""
    Site.objects.filter(pk=access.site.pk).update(needs_approval=True)
    user = User.objects.create_user("ada", password="x", is_staff=True)
    user.groups.add(Group.objects.get(name="administrator"))
    client = Client()
    client.force_login(user)
    return client


def saved(client: Client, site: Site, **changes: str | None) -> str:
    """Send the site's form as it stands, with changes; None leaves a box out."""
    address = f"/admin/access/site/{site.pk}/change/"
    page = client.get(address)
    form: Any = page.context["adminform"].form
    data = {name: form[name].value() for name in form.fields}
    sent = {
        name: "on" if value is True else str(value)
        for name, value in data.items()
        if value not in (None, False)
    }
    sent |= {name: value for name, value in changes.items() if value is not None}
    for name, value in changes.items():
        if value is None:
            sent.pop(name, None)
    return client.post(address, sent, follow=True).content.decode()


def needs(site: Site) -> bool:
    return Site.objects.get(pk=site.pk).needs_approval


def test_who_switches_four_eyes_off_says_why(access: Access, ada: Client) -> None:
    assert approvals.SAY_WHY in saved(ada, access.site, needs_approval=None)
    assert needs(access.site)
    saved(ada, access.site, needs_approval=None, approval_reason=REASON)
    assert not needs(access.site)
    entry = AuditEntry.objects.get(action=approvals.OFF)
    assert (entry.actor_label, entry.detail) == ("ada", {"reason": REASON})
    saved(ada, access.site, needs_approval="on")
    changes = approvals.approval_changes(access.site.pk)
    assert [(one.is_on, one.by, one.reason) for one in changes] == [
        (True, "ada", ""), (False, "ada", REASON)
    ]  # fmt: skip


def test_whose_own_work_waits_does_not(
    access: Access, ada: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = User.objects.get(username="ada").pk
    monkeypatch.setitem(
        approvals._objections, "test", lambda _, user: "Yours waits." if user == ours else ""
    )
    page = saved(ada, access.site, needs_approval=None, approval_reason=REASON)
    assert "Yours waits." in page
    assert needs(access.site)
    assert not AuditEntry.objects.filter(action=approvals.OFF).exists()


def test_other_fields_of_a_site_ask_for_no_reason(access: Access, ada: Client) -> None:
    saved(ada, access.site, name="Renamed")
    assert Site.objects.get(pk=access.site.pk).name == "Renamed"
    assert not AuditEntry.objects.filter(action__in=(approvals.ON, approvals.OFF)).exists()


def test_the_reason_is_asked_for_where_four_eyes_are_on(access: Access, ada: Client) -> None:
    address = f"/admin/access/site/{access.site.pk}/change/"
    asks = re.compile('name="approval_reason"')
    assert asks.search(ada.get(address).content.decode())
    Site.objects.update(needs_approval=False)
    assert not asks.search(ada.get(address).content.decode())
    Site.objects.update(needs_approval=True)
    olga = User.objects.create_user("olga", password="x", is_staff=True)
    olga.groups.add(Group.objects.get(name="auditor"))
    ada.force_login(olga)
    page = ada.get(address)
    assert page.status_code == 200 and not asks.search(page.content.decode())
