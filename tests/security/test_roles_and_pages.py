"""Role by page by deed: what the five roles may open and do, one by one."""

from typing import Any, Final

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from apps.access import services
from apps.access.models import Site
from apps.work import clock
from tests.browser.filled_shop import FilledShop

EDITOR, ANALYST, OFFICER, ADMINISTRATOR, AUDITOR = (
    "editor", "analyst", "privacy_officer", "administrator", "auditor",
)  # fmt: skip
ROLES: Final = (EDITOR, ANALYST, OFFICER, ADMINISTRATOR, AUDITOR)
ALL: Final = frozenset(ROLES)

# Page -> who opens it.
OPENS: Final = {
    "/admin/": ALL,
    "/admin/content/block/": ALL - {OFFICER},
    "/admin/content/block/add/": {EDITOR, ADMINISTRATOR},
    "/admin/rules/rule/": ALL - {OFFICER},
    "/admin/segments/segment/": ALL - {OFFICER},
    "/admin/segments/segment/add/": {EDITOR, ANALYST, ADMINISTRATOR},
    "/admin/segments/segmentlist/": ALL - {OFFICER},
    "/admin/segments/segmentlist/add/": {EDITOR, ADMINISTRATOR},
    "/admin/publish/": {EDITOR, ADMINISTRATOR},
    "/admin/publications/": ALL,
    "/admin/audience/": ALL - {OFFICER},
    "/admin/profiles/profile/": {OFFICER},
    "/admin/decisions/decisionrecord/": {OFFICER},
    "/admin/events/quarantine/": {OFFICER},
    "/admin/work/changefeed/": {OFFICER},
    "/admin/consent/consentevent/": {OFFICER, AUDITOR},
    "/admin/consent/noticeversion/": {OFFICER, ADMINISTRATOR, AUDITOR},
    "/admin/consent/noticeversion/add/": {OFFICER, ADMINISTRATOR},
    "/admin/privacy/request/": {OFFICER},
    "/admin/privacy/erasure/": {OFFICER},
    "/admin/privacy/message/": {OFFICER},
    "/admin/access/auditentry/": {OFFICER, ADMINISTRATOR, AUDITOR},
    "/admin/access/site/": ALL,
    "/admin/access/site/add/": {ADMINISTRATOR},
    "/admin/access/source/": ALL - {EDITOR},
    "/admin/access/source/add/": {ADMINISTRATOR},
    "/admin/access/apikey/": {OFFICER, ADMINISTRATOR, AUDITOR},
    "/admin/auth/user/": {ADMINISTRATOR, AUDITOR},
    "/admin/auth/user/add/": {ADMINISTRATOR},
    "/admin/predictions/modelspec/": ALL - {OFFICER},
    "/admin/django_celery_beat/periodictask/": {ADMINISTRATOR, AUDITOR},
}


@pytest.fixture
def site(db: None) -> Site:
    return services.create_site(key="shop", name="Shop", now=clock.now())


def as_role(role: str) -> Client:
    user = User.objects.create_user(role, is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return client


@pytest.mark.parametrize("role", ROLES)
def test_a_role_opens_this_page_or_does_not(site: Site, role: str) -> None:
    client = as_role(role)
    found = {page: client.get(page).status_code for page in OPENS}
    wanted = {page: 200 if role in who else 403 for page, who in OPENS.items()}
    assert found == wanted


def test_every_page_of_the_table_exists(site: Site) -> None:
    client = Client(raise_request_exception=False)
    client.force_login(User.objects.create_superuser("root"))
    missing = {page for page in OPENS if client.get(page).status_code != 200}
    assert not missing


# What is sent -> who may; everybody else is refused and nothing happens.
DEEDS: Final[dict[str, tuple[Any, Any]]] = {
    "publish": (lambda shop: ("/admin/publish/", {"note": "x"}), {EDITOR, ADMINISTRATOR}),
    "reveal a person": (
        lambda shop: (
            f"/admin/profiles/profile/{shop.visitor.pk}/reveal/",
            {"reason": "Ticket 4711: asks"},
        ),
        {OFFICER},
    ),
    "find a person": (lambda shop: ("/admin/profiles/profile/find/", {"who": "a1"}), {OFFICER}),
    "undo a merge": (
        lambda shop: (f"/admin/merges/{shop.known['number']}/undo/", {"reason": ""}),
        {OFFICER},
    ),
    "replay a decision": (lambda shop: (f"/admin/decisions/{shop.decision.pk}/replay/", None),
                          {OFFICER}),
    "issue a key": (
        lambda shop: (f"/admin/access/source/{shop.source.pk}/issue/", {"kind": "pk"}),
        {ADMINISTRATOR},
    ),
    "delete an audit entry": (
        lambda shop: (
            f"/admin/access/auditentry/{shop.site.audit_entries.latest('pk').pk}/delete/",
            {"post": "yes"},
        ),
        set(),
    ),
    "change an audit entry": (
        lambda shop: (
            f"/admin/access/auditentry/{shop.site.audit_entries.latest('pk').pk}/change/",
            {"action": "x"},
        ),
        set(),
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("role", ROLES)
def test_a_role_does_this_or_is_refused(db: None, role: str) -> None:
    shop = FilledShop()
    client = as_role(role)
    wrong = []
    for name, (asks, who) in DEEDS.items():
        path, data = asks(shop)
        answer = client.get(path) if data is None else client.post(path, data)
        is_refused = answer.status_code == 403
        if is_refused is (role in who):
            wrong.append(f"{name}: {answer.status_code}")
    assert wrong == []


@pytest.mark.slow
@pytest.mark.parametrize("role", [EDITOR, ANALYST, ADMINISTRATOR, AUDITOR])
def test_the_page_of_a_segment_names_no_member(db: None, role: str) -> None:
    shop = FilledShop()
    client = as_role(role)
    for page in ("change", "versions"):
        text = client.get(f"/admin/segments/segment/{shop.blouses.pk}/{page}/").content.decode()
        assert str(shop.visitor.pk) not in text and shop.visitor.pk.hex not in text, page
