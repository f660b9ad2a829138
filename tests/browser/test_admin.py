"""The admin in a real browser: no page breaks the content security policy or its own width."""

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection
from django.urls import reverse
from playwright.sync_api import Browser, expect

from tests.apps.studio.conftest import Shop
from tests.browser.visiting import PHONE, WIDE, Visit

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def shop(browser: Browser, transactional_db: None) -> Shop:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM events_inbox")
    return Shop()


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
    visit = Visit(browser, live_server.url, viewport=viewport, scheme=scheme)
    visit.log_in(user)
    change = f"/admin/content/block/{shop.hero.pk}/change/"
    for path in (*paths(), change, f"/admin/access/source/{shop.source.pk}/change/"):
        visit.open(path)
        visit.must_fit(viewport)
    visit.close()


def test_the_menu_of_a_phone_opens_and_closes_without_a_script(
    shop: Shop, live_server: Any, browser: Browser
) -> None:
    user = User.objects.create_superuser("root", password="x")
    visit = Visit(browser, live_server.url, viewport=PHONE, java_script_enabled=False)
    visit.log_in(user)
    menu = visit.page.locator("#menu")
    expect(menu).to_be_hidden()
    visit.page.click(".menu-link")
    expect(menu).to_be_visible()
    visit.page.click(".menu-close")
    expect(menu).to_be_hidden()
    visit.close()


def test_an_editor_publishes_by_clicking(shop: Shop, live_server: Any, browser: Browser) -> None:
    shop.publish()
    shop.headline("Blouses, now")
    user = User.objects.create_superuser("root", password="x")
    visit = Visit(browser, live_server.url)
    visit.log_in(user)
    visit.leads("text=Publish >> nth=0")
    visit.page.fill("#note", "From the browser")
    visit.leads("button:has-text('Publish what is ticked')")
    expect(visit.page).to_have_url(f"{live_server.url}/admin/")
    expect(visit.page.locator(".messagelist")).to_contain_text("Publication 2 serves now.")
    visit.close()
