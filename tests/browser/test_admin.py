"""The admin in a real browser: no page breaks the content security policy or its own width."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection
from django.urls import reverse
from playwright.sync_api import Browser, ConsoleMessage, Page, ViewportSize

from tests.apps.studio.conftest import Shop

pytestmark = [pytest.mark.browser, pytest.mark.slow]

WIDE = ViewportSize(width=1280, height=900)
PHONE = ViewportSize(width=390, height=800)


@pytest.fixture(scope="module")
def browser(chromium: Browser) -> Iterator[Browser]:
    """Chromium beside Django: its event loop runs in this thread, which Django would refuse."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        yield chromium


@pytest.fixture
def shop(browser: Browser, transactional_db: None) -> Shop:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM events_inbox")
    return Shop()


class Visit:
    """One logged-in page; `complaints` gathers what the browser says against it."""

    def __init__(self, page: Page, origin: str) -> None:
        self.page = page
        self.origin = origin
        self.complaints: list[str] = []
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(f"{self.page.url}: {message.text}")

    def log_in(self, user: User) -> None:
        self.page.goto(f"{self.origin}/admin/login/")
        self.page.fill("#id_username", user.get_username())
        self.page.fill("#id_password", "x")
        self.page.click("input[type=submit]")
        self.page.wait_for_url(f"{self.origin}/admin/")

    def open(self, path: str) -> None:
        answer = self.page.goto(f"{self.origin}{path}")
        if answer is None or answer.status != 200:
            self.complaints.append(f"{path}: {answer and answer.status}")

    def overflow(self) -> int:
        """By how many pixels the page is wider than the window."""
        self.page.wait_for_load_state()
        return int(self.page.evaluate("document.documentElement.scrollWidth - innerWidth"))


def paths() -> list[str]:
    """Every list and every form to add something, and the pages of the studio."""
    found = ["/admin/", "/admin/publish/", "/admin/publications/", "/admin/why/?new=1"]
    for model, model_admin in admin.site._registry.items():
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        found.append(reverse(f"{name}_changelist"))
        if type(model_admin).has_add_permission is admin.ModelAdmin.has_add_permission:
            found.append(reverse(f"{name}_add"))
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_breaks_the_policy_or_its_width(
    shop: Shop, live_server: Any, browser: Browser, scheme: str
) -> None:
    shop.rule()
    shop.publish()
    user = User.objects.create_superuser("root", password="x")
    viewport = PHONE if scheme == "dark" else WIDE
    context = browser.new_context(viewport=viewport, color_scheme=scheme)
    visit = Visit(context.new_page(), live_server.url)
    visit.log_in(user)
    change = f"/admin/content/block/{shop.hero.pk}/change/"
    for path in (*paths(), change, f"/admin/access/source/{shop.source.pk}/change/"):
        visit.open(path)
        if visit.overflow() > 0:
            visit.complaints.append(f"{path}: {visit.overflow()} px too wide")
    context.close()
    assert visit.complaints == []


def test_the_menu_of_a_phone_opens_and_closes_without_a_script(
    shop: Shop, live_server: Any, browser: Browser
) -> None:
    user = User.objects.create_superuser("root", password="x")
    context = browser.new_context(viewport=PHONE)
    visit = Visit(context.new_page(), live_server.url)
    visit.log_in(user)
    menu = visit.page.locator("#menu")
    assert not menu.is_visible()
    visit.page.click(".menu-link")
    assert menu.is_visible()
    visit.page.click(".menu-close")
    assert not menu.is_visible()
    context.close()


def test_an_editor_publishes_by_clicking(shop: Shop, live_server: Any, browser: Browser) -> None:
    shop.publish()
    shop.headline("Blouses, now")
    user = User.objects.create_superuser("root", password="x")
    context = browser.new_context(viewport=WIDE)
    visit = Visit(context.new_page(), live_server.url)
    visit.log_in(user)
    visit.page.click("text=Publish >> nth=0")
    visit.page.fill("#note", "From the browser")
    visit.page.click("button:has-text('Publish what is ticked')")
    visit.page.wait_for_url(f"{live_server.url}/admin/")
    assert "Publication 2 serves now." in visit.page.inner_text(".messagelist")
    assert visit.complaints == []
    context.close()
