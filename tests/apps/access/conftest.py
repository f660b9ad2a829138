"""A site with a browser source and its keys, and requests against a small hot view."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from django.test import RequestFactory

from apps.access import services
from apps.access.keys import KEYS
from apps.access.models import ApiKey, Site, Source
from apps.work import redis as redis_door

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@dataclass
class Access:
    """What a site's owner has set up."""

    site: Site
    source: Source
    publishable: str
    secret: str
    edge: str
    secret_key: ApiKey


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    KEYS.forget()
    redis_door.reset()
    yield
    KEYS.forget()


@pytest.fixture
def access(db: None) -> Access:
    site = services.create_site(key="shop", name="Shop", now=NOW)
    source = services.create_source(
        site_id=site.pk,
        name="web",
        allowed_origins=["https://shop.example", "http://localhost:*"],
        now=NOW,
    )
    _, publishable = services.issue_key(source_id=source.pk, kind="pk", now=NOW)
    secret_key, secret = services.issue_key(source_id=source.pk, kind="sk", now=NOW)
    _, edge = services.issue_key(source_id=source.pk, kind="ek", now=NOW)
    return Access(site, source, publishable, secret, edge, secret_key)


@pytest.fixture
def factory() -> RequestFactory:
    return RequestFactory()
