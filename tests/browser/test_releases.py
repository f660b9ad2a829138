"""A release from the tick boxes to the visitors, by clicking: wide and on a phone."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from playwright.sync_api import Browser

from apps.access.models import Site
from apps.decisions.models import Publication
from tests.apps.studio.conftest import Shop
from tests.browser.test_admin import PHONE, WIDE, Visit

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def browser(chromium: Browser) -> Iterator[Browser]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        yield chromium


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
        user = User.objects.create_user(name, password="x", is_staff=True)
        user.groups.add(Group.objects.get(name=role))
        context = browser.new_context(viewport=WIDE if screen == "wide" else PHONE)
        visit = Visit(context.new_page(), live_server.url)
        visit.log_in(user)
        visits.append(visit)
    anna, ben = visits

    anna.open("/admin/publish/")
    anna.page.wait_for_load_state("networkidle")
    seen(anna, "publish", screen)
    anna.page.uncheck("input[name=change] >> nth=1")
    anna.page.fill("#name", "Half price")
    anna.page.click("text=Make a release of what is ticked")
    seen(anna, "release-open", screen)
    anna.page.click("button:has-text('Send for approval')")
    address = anna.page.url.removeprefix(live_server.url)

    ben.open("/admin/releases/")
    seen(ben, "releases", screen)
    ben.page.click("text=Half price")
    seen(ben, "release-to-approve", screen)
    ben.page.fill("#reason", "Say until when.")
    ben.page.click("button:has-text('Refuse')")
    assert "Say until when." in ben.page.inner_text("main")

    shop.headline("Blouses, half price until Sunday")
    anna.open(address)
    seen(anna, "release-refused", screen)
    anna.page.click("button:has-text('Take the drafts in')")
    anna.page.click("button:has-text('Send for approval')")
    ben.open(address)
    ben.page.click("button:has-text('Approve')")
    anna.open(address)
    seen(anna, "release-approved", screen)
    anna.page.click("button:has-text('Publish now')")
    assert "Publication 2 serves now." in anna.page.inner_text(".messagelist")
    assert Publication.objects.latest("number").release is not None

    anna.open("/admin/publications/")
    seen(anna, "publications", screen)
    anna.open("/admin/publications/2/")
    seen(anna, "publication", screen)
    assert "half price until Sunday" in anna.page.inner_text("main ins >> nth=0")
    assert anna.complaints == [] and ben.complaints == []
    for visit in visits:
        visit.page.context.close()


def test_times_are_written_in_the_sites_zone(
    shop: Shop, live_server: Any, browser: Browser
) -> None:
    Site.objects.update(time_zone="Europe/Berlin")
    user = User.objects.create_superuser("root", password="x")
    context = browser.new_context(viewport=WIDE)
    visit = Visit(context.new_page(), live_server.url)
    visit.log_in(user)
    visit.open("/admin/publish/")
    seen(visit, "publish-at-once", "wide")
    visit.page.click("text=Make a release of what is ticked")
    visit.page.fill("input[name=starts_at]", "2099-10-25T02:30")
    visit.page.click("button:has-text('Keep these times')")
    assert "comes twice in Europe/Berlin" in visit.page.inner_text("main")
    visit.page.fill("input[name=starts_at]", "2099-10-25T08:00")
    visit.page.click("button:has-text('Keep these times')")
    assert "25 Oct 2099 08:00 (Europe/Berlin)" in visit.page.inner_text("main")
    seen(visit, "release-scheduled", "wide")
    assert visit.complaints == []
    context.close()
