"""The publish page in a browser: counted anew by what is ticked, and going on by itself."""

import os
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from playwright.sync_api import Browser, expect

from apps.decisions import parts
from apps.work import clock
from apps.work.models import Intent
from apps.work.performing import perform
from tests.apps.studio.conftest import Shop
from tests.apps.studio.crowd import people
from tests.browser.visiting import PHONE, WIDE, Visit

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def shop(browser: Browser, transactional_db: None) -> Shop:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM events_inbox")
    made = Shop()
    made.publish("The first")
    people(made.site, 15, [made.blouses.number])
    made.headline("Blouses, half price")
    made.rule()
    return made


@pytest.fixture
def visit(shop: Shop, live_server: Any, browser: Browser) -> Visit:
    user = User.objects.create_user("eva", is_staff=True)
    user.groups.add(Group.objects.get(name="editor"))
    visit = Visit(browser, live_server.url, viewport=WIDE)
    visit.come_as(user)
    return visit


def shot(visit: Visit, name: str) -> None:
    folder = os.environ.get("ATTUNE_SCREENSHOTS")
    if folder:
        visit.page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def test_who_would_see_something_else_follows_the_ticks(visit: Visit) -> None:
    visit.open("/admin/publish/")
    panel = visit.page.locator("section.effect")
    expect(panel).to_contain_text("15 people would see changed content in home.hero: blouses")
    expect(panel).to_contain_text("The rule “phones” of home.hero")
    shot(visit, "publish-effect")
    visit.page.get_by_role("checkbox", name="hero block").uncheck()
    expect(panel).not_to_contain_text("15 people would see")
    expect(panel).to_contain_text("The rule “phones” of home.hero")
    visit.page.get_by_role("checkbox", name="phones rule").uncheck()
    expect(panel).to_contain_text("Nothing is ticked: then nobody sees anything else.")
    visit.page.get_by_role("checkbox", name="hero block").check()
    expect(panel).to_contain_text("15 people would see changed content in home.hero: blouses")
    visit.must_fit(PHONE)
    shot(visit, "publish-effect-phone")
    visit.close()


def test_it_opens_by_itself_once_the_drafts_are_looked_through(
    shop: Shop, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "AT_ONCE", 1)
    visit.open("/admin/publish/")
    expect(visit.page.get_by_role("progressbar")).to_be_visible()
    expect(visit.page.get_by_role("link", name="Look again")).to_be_visible()
    shot(visit, "publish-waits")
    visit.must_fit(PHONE)
    shot(visit, "publish-waits-phone")
    assert perform(Intent.objects.get(kind="decisions.parts").pk, now=clock.now())
    expect(visit.page.locator("#publish-form")).to_be_visible()
    visit.close()
