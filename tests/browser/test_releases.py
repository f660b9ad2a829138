"""A release from the tick boxes to the visitors, by clicking: wide and on a phone."""

import os
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from playwright.sync_api import Browser, expect

from apps.access.models import Site
from apps.decisions.models import Publication
from tests.apps.studio.conftest import Shop
from tests.browser.visiting import PHONE, WIDE, Visit

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def shop(browser: Browser, transactional_db: None) -> Shop:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM events_inbox")
    made = Shop()
    made.publish("The first")
    made.headline("Blouses, half price")
    made.rule()
    return made


def seen(visit: Visit, name: str, screen: str) -> None:
    """No complaint, no overflow; a picture where somebody asks for pictures."""
    expect(visit.page.locator("[aria-busy=true]")).to_have_count(0)
    assert visit.overflow() <= 0, name
    folder = os.environ.get("ATTUNE_SCREENSHOTS")
    if folder:
        visit.page.screenshot(path=Path(folder) / f"{name}-{screen}.png", full_page=True)


@pytest.mark.parametrize("screen", ["wide", "phone"])
def test_a_release_is_made_refused_mended_approved_and_published(
    shop: Shop, live_server: Any, browser: Browser, screen: str
) -> None:
    Site.objects.update(needs_approval=True)
    visits = []
    for name, role in (("anna", "editor"), ("ben", "administrator")):
        user = User.objects.create_user(name, is_staff=True)
        user.groups.add(Group.objects.get(name=role))
        visit = Visit(browser, live_server.url, viewport=WIDE if screen == "wide" else PHONE)
        visit.come_as(user)
        visits.append(visit)
    anna, ben = visits

    anna.open("/admin/publish/")
    seen(anna, "publish", screen)
    anna.page.uncheck("input[name=change] >> nth=1")
    anna.page.fill("#name", "Half price")
    anna.leads("text=Make a release of what is ticked")
    seen(anna, "release-open", screen)
    anna.leads("button:has-text('Send for approval')")
    address = anna.page.url.removeprefix(live_server.url)

    ben.open("/admin/releases/")
    seen(ben, "releases", screen)
    ben.leads("text=Half price")
    seen(ben, "release-to-approve", screen)
    ben.page.fill("#reason", "Say until when.")
    ben.leads("button:has-text('Refuse')")
    expect(ben.page.locator("main")).to_contain_text("Say until when.")

    shop.headline("Blouses, half price until Sunday")
    anna.open(address)
    seen(anna, "release-refused", screen)
    anna.leads("button:has-text('Take the drafts in')")
    anna.leads("button:has-text('Send for approval')")
    ben.open(address)
    ben.leads("button:has-text('Approve')")
    anna.open(address)
    seen(anna, "release-approved", screen)
    anna.leads("button:has-text('Publish now')")
    expect(anna.page.locator(".messagelist")).to_contain_text("Publication 2 serves now.")
    assert Publication.objects.latest("number").release is not None

    anna.open("/admin/publications/")
    seen(anna, "publications", screen)
    anna.open("/admin/publications/2/")
    seen(anna, "publication", screen)
    expect(anna.page.locator("main ins").first).to_contain_text("half price until Sunday")
    for visit in visits:
        visit.close()


def test_times_are_written_in_the_sites_zone(
    shop: Shop, live_server: Any, browser: Browser
) -> None:
    Site.objects.update(time_zone="Europe/Berlin")
    visit = Visit(browser, live_server.url)
    visit.come_as(User.objects.create_superuser("root"))
    visit.open("/admin/publish/")
    seen(visit, "publish-at-once", "wide")
    visit.leads("text=Make a release of what is ticked")
    visit.page.fill("input[name=starts_at]", "2099-10-25T02:30")
    visit.leads("button:has-text('Keep these times')")
    expect(visit.page.locator("main")).to_contain_text("comes twice in Europe/Berlin")
    visit.page.fill("input[name=starts_at]", "2099-10-25T08:00")
    visit.leads("button:has-text('Keep these times')")
    expect(visit.page.locator("main")).to_contain_text("25 Oct 2099 08:00 (Europe/Berlin)")
    seen(visit, "release-scheduled", "wide")
    visit.close()
