"""A site, somebody logged in, and the page of a segment: what tests of the editor begin with."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from playwright.sync_api import Browser

from apps.access.models import Site
from apps.segments import services
from apps.segments.models import Segment
from apps.work import clock
from tests.browser.editing import Editing, make_site
from tests.browser.test_admin import WIDE, Visit

EVERYONE = {"v": 1, "where": {"all": []}}


@pytest.fixture(scope="module")
def browser(chromium: Browser) -> Iterator[Browser]:
    """Chromium beside Django: its event loop runs in this thread, which Django would refuse."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        yield chromium


@pytest.fixture
def site(browser: Browser, transactional_db: None) -> Site:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM events_inbox")
    return make_site()


@pytest.fixture
def visit(browser: Browser, site: Site, live_server: Any) -> Iterator[Visit]:
    """Somebody logged in at a wide window. A complaint of the browser fails the test."""
    user = User.objects.create_superuser("root", password="x")
    context = browser.new_context(viewport=WIDE)
    visit = Visit(context.new_page(), live_server.url)
    visit.log_in(user)
    yield visit
    leave(visit)
    context.close()
    assert visit.complaints == []


def leave(visit: Visit) -> None:
    """Wait until what is kept of a form while it is written has arrived: the tables are emptied."""
    visit.page.wait_for_load_state("networkidle")
    visit.page.goto("about:blank")
    visit.page.wait_for_timeout(200)


def segment_of(site: Site, key: str = "drafted", condition: Any = EVERYONE) -> Segment:
    return services.create_segment(
        site_id=site.pk, key=key, name=key.title(), condition=condition, now=clock.now()
    )


def published(site: Site, key: str) -> Segment:
    segment = segment_of(site, key)
    services.publish_segment(site_id=site.pk, segment_id=segment.pk, actor=None, now=clock.now())
    return segment


def opened(visit: Visit, segment: Segment) -> Editing:
    visit.open(f"/admin/segments/segment/{segment.pk}/change/")
    return Editing(visit.page).settled()
