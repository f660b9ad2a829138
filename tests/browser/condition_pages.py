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
from tests.browser.visiting import Visit

EVERYONE = {"v": 1, "where": {"all": []}}


@pytest.fixture
def site(browser: Browser, transactional_db: None) -> Site:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM events_inbox")
    return make_site()


@pytest.fixture
def visit(browser: Browser, site: Site, live_server: Any) -> Iterator[Visit]:
    """Somebody logged in at a wide window. A complaint of the browser fails the test."""
    visit = Visit(browser, live_server.url)
    visit.come_as(User.objects.create_superuser("root"))
    yield visit
    visit.close()


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
