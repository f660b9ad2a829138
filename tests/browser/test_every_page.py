"""Every page, every role, a desk and a phone: nothing breaks, leaks, overflows or locks people out.

The pages are found in the admin's addresses, so a new one is looked at without a word here, but for
who may open it.
"""

from typing import Final

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from playwright.sync_api import Browser

from apps.access.roles import ROLES
from tests.browser.every_page import Address, every_address
from tests.browser.filled_shop import NOT_FILLED, FilledShop
from tests.browser.visiting import PHONE, SECRET, WIDE, Visit

pytestmark = [pytest.mark.browser, pytest.mark.slow]

# With what a permission of a model's page begins.
NEEDS: Final = {"changelist": "view", "change": "view", "history": "view", "add": "add"}


@pytest.fixture
def shop(browser: Browser, transactional_db: None) -> FilledShop:
    return FilledShop()


def staff(role: str) -> User:
    """Somebody of a role."""
    user = User.objects.create_user(role, password=SECRET, is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    return user


def shown_to(user: User, addresses: list[Address]) -> tuple[list[Address], list[str]]:
    """Return the pages that somebody may see, and what went wrong on the way to others."""
    client = Client(raise_request_exception=False)
    client.force_login(user)
    shown, wrong = [], []
    for address in addresses:
        answer = client.get(address.path)
        is_page = answer.headers.get("Content-Type", "").startswith("text/html")
        if answer.status_code >= 500:
            wrong.append(f"{address.name}: {answer.status_code}")
        elif answer.status_code == 200 and is_page:
            shown.append(address)
    return shown, wrong


@pytest.mark.parametrize("role", sorted(ROLES))
def test_each_role_opens_its_pages_at_a_desk_and_on_a_phone(
    shop: FilledShop, live_server: object, browser: Browser, role: str
) -> None:
    user = staff(role)
    shown, wrong = shown_to(user, every_address(shop.known, NOT_FILLED))
    assert wrong == []
    visit = Visit(browser, str(live_server), viewport=WIDE)
    visit.come_as(user)
    for address in shown:
        visit.open(address.path)
        visit.must_fit(PHONE)
        visit.must_fit(WIDE)
    visit.close()


@pytest.mark.parametrize("role", sorted(ROLES))
def test_a_model_s_pages_open_to_those_with_the_permission_and_to_nobody_else(
    shop: FilledShop, role: str
) -> None:
    user = staff(role)
    client = Client(raise_request_exception=False)
    client.force_login(user)
    surprises = []
    for name, path in every_address(shop.known, NOT_FILLED):
        *model, page = name.split("_", 2)
        if page not in NEEDS or len(model) != 2:
            continue
        may = user.has_perm(f"{model[0]}.{NEEDS[page]}_{model[1]}") or user.has_perm(
            f"{model[0]}.change_{model[1]}"
        )
        answer = client.get(path, follow=True)  # a model may have a better page of its history
        status = answer.status_code if answer.request["PATH_INFO"] != "/admin/" else 302
        if status == 200 and not may:
            surprises.append(f"{name}: open to {role}")
        if status != 200 and may and NEEDS[page] == "view":
            surprises.append(f"{name}: {status} for {role}")
    assert surprises == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(
    shop: FilledShop, live_server: object, browser: Browser, scheme: str
) -> None:
    user = User.objects.create_superuser("root", password=SECRET)
    shown, _ = shown_to(user, every_address(shop.known, NOT_FILLED))
    viewport = PHONE if scheme == "dark" else WIDE
    visit = Visit(browser, str(live_server), viewport=viewport, scheme=scheme)
    visit.come_as(user)
    for address in shown:
        visit.open(address.path)
        visit.must_be_readable(address.name)
    visit.close()


def test_an_analyst_looks_and_changes_nothing(shop: FilledShop) -> None:
    client = Client(raise_request_exception=False)
    client.force_login(staff("analyst"))
    assert client.get("/admin/publications/").status_code == 200
    for path in ("/admin/publish/", "/admin/content/block/add/", "/admin/rules/rule/add/"):
        assert client.post(path, {"name": "x"}).status_code == 403
