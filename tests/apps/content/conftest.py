"""A shop with two segments, and editors' drafts made through the services."""

from datetime import UTC, datetime

import pytest

from apps.access.models import Site
from apps.content import rendering
from apps.segments.models import Segment

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _nothing_rendered_before() -> None:
    rendering.forget()


def new_site(key: str) -> Site:
    return Site.objects.create(key=key, name=key.capitalize(), created_at=NOW)


def new_segment(site: Site, number: int, key: str, name: str = "") -> Segment:
    return Segment.objects.create(
        site=site, number=number, key=key, name=name or key.capitalize(), created_at=NOW
    )


@pytest.fixture
def shop(db: None) -> Site:
    return new_site("shop")


@pytest.fixture
def vip(shop: Site) -> Segment:
    return new_segment(shop, 1, "vip", "Very important")


@pytest.fixture
def browsing(shop: Site) -> Segment:
    return new_segment(shop, 2, "browsing")
