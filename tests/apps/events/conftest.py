"""A site with a browser, a server and a strict source of consent, and calls to them over HTTP."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client

from apps.access import services as access
from apps.access.models import Site, Source
from apps.events import counters, plan
from apps.events.models import IntakeMinute, Quarantine
from apps.events.types import Accepted, InboxBody
from apps.work import clock
from apps.work.ids import uuid7

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
NOW_MS = clock.to_ms(NOW)

_bodies = msgspec.json.Decoder(InboxBody)


class Owner(NamedTuple):
    site_id: UUID
    source_id: UUID


class Sending:
    """One source with a key, and what its calls left behind."""

    def __init__(self, site: Site, *, kind: str, consent_mode: str = "assumed", **options: Any):
        self.site = site
        self.source: Source = access.create_source(
            site_id=site.pk,
            name=f"{kind} {uuid7().hex[-6:]}",
            kind=kind,
            consent_mode=consent_mode,
            now=NOW,
            **options,
        )
        key_kind = "pk" if kind == "browser" else "sk"
        _, self.key = access.issue_key(source_id=self.source.pk, kind=key_kind, now=NOW)
        self.client = Client()

    def source_of(self) -> Owner:
        """The site and the source, as other parts name whose events they record."""
        return Owner(self.site.pk, self.source.pk)

    def post(self, path: str, body: Any, **headers: Any) -> HttpResponse:
        """POST a body (bytes as they are, anything else as JSON) with this source's key."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        options = {"content_type": "application/json", "HTTP_AUTHORIZATION": f"Bearer {self.key}"}
        return self.client.post(path, raw, **{**options, **headers})

    def batch(self, *events: Any, **more: Any) -> dict[str, Any]:
        """POST a batch and return its 200 answer."""
        response = self.post("/v1/batch", {"batch": list(events), **more})
        assert response.status_code == 200, response.content
        return response.json()  # type: ignore[no-any-return]

    def bodies(self) -> list[InboxBody]:
        """What lies in the inbox, oldest call first."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT body FROM events_inbox WHERE source_id = %s ORDER BY id", [self.source.pk]
            )
            return [_bodies.decode(body) for (body,) in cursor.fetchall()]

    def stored(self) -> list[Accepted]:
        """Every event in the inbox, in order."""
        return [event for body in self.bodies() for event in body.e]

    def waiting(self) -> list[Quarantine]:
        """What lies in quarantine, in order."""
        return list(Quarantine.objects.filter(source=self.source).order_by("id"))

    def counted(self) -> dict[str, int]:
        """The counts of the site's only minute, written now."""
        counters.flush()
        minute = IntakeMinute.objects.get(site=self.site)
        return {
            name: getattr(minute, name)
            for name in ("accepted", "duplicates", "rejected", "without_consent")
        }


@pytest.fixture(autouse=True)
def still(settings: Any) -> Iterator[None]:
    """The clock stands at NOW, and counts are written when a test asks for them."""
    settings.EVENTS_IN_BACKGROUND = False
    clock.replace(lambda: NOW)
    plan.forget()
    counters.forget()
    yield
    counters.forget()
    clock.replace(None)


@pytest.fixture
def site(db: None) -> Site:
    return access.create_site(
        key=f"s{uuid7().hex[-12:]}", name="Shop", regime="us_opt_out", now=NOW
    )


@pytest.fixture
def server(site: Site) -> Sending:
    return Sending(site, kind="server")


@pytest.fixture
def browser(site: Site) -> Sending:
    return Sending(site, kind="browser", allowed_origins=["https://shop.example"])


@pytest.fixture
def sending(site: Site) -> Callable[..., Sending]:
    def make(**options: Any) -> Sending:
        return Sending(site, **options)

    return make


def track(name: str = "Product Viewed", **fields: Any) -> dict[str, Any]:
    """A track event as a client sends it; None removes a field."""
    event = {"type": "track", "event": name, "anonymousId": "a1", "messageId": str(uuid7())}
    return {key: value for key, value in {**event, **fields}.items() if value is not None}
