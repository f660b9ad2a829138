"""A site whose inbox tests fill by hand, and the people found in it afterwards."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from django.db import connection

from apps.access.models import Site, Source
from apps.events import fold as event_fold
from apps.events.types import INBOX_VERSION, Accepted, InboxBody
from apps.pipeline import fold
from apps.profiles.models import Identity
from apps.profiles.state import StateRow, read
from apps.work import clock
from apps.work.ids import uuid7

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
START_MS = clock.to_ms(NOW - timedelta(hours=1))


def event(at_s: float, *, message_id: str | None = None, **fields: Any) -> Accepted:
    """An accepted event `at_s` seconds after the start; `fields` override the defaults."""
    values: dict[str, Any] = {
        "type": "track",
        "name": "Product Viewed",
        "occurred_ms": START_MS + round(at_s * 1000),
        "original_ms": None,
        "message_id": message_id or str(uuid7()),
        "anonymous_id": None,
        "user_id": None,
        "properties": {},
        "traits": None,
        "context": {},
        "epoch": 0,
        "purposes": 63,
        "flags": 0,
    }
    return Accepted(**{**values, **fields})


def identify(at_s: float, anonymous_id: str | None, user_id: str, **traits: Any) -> Accepted:
    return event(
        at_s,
        type="identify",
        name="Identify",
        anonymous_id=anonymous_id,
        user_id=user_id,
        traits=traits,
    )


class World:
    """A site with a source, and what is known of its visitors."""

    def __init__(self) -> None:
        self.site = Site.objects.create(
            key=f"s{uuid7().hex[-12:]}", name="Shop", regime="us_opt_out", created_at=NOW
        )
        # Silence is a yes here: what tests fold is evaluated without a choice first.
        self.source = Source.objects.create(
            site=self.site, name="web", kind="server", consent_mode="assumed", created_at=NOW
        )

    def receive(self, *events: Accepted, part: int = 0) -> None:
        """Put one batch into the inbox, as intake does."""
        body = InboxBody(v=INBOX_VERSION, r=clock.to_ms(NOW), s=None, c=None, e=list(events))
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO events_inbox (part, site_id, source_id, received_at, body)"
                " VALUES (%s, %s, %s, %s, %s)",
                [part, self.site.id, self.source.id, NOW, msgspec.json.encode(body).decode()],
            )

    def fold(self, *events: Accepted, now: datetime = NOW) -> int:
        """Receive the events as one batch, if any, and fold all that waits. Events folded."""
        if events:
            self.receive(*events)
        total = 0
        while (folded := fold.fold_once(now=now)) is not fold.NOTHING:
            total += folded.events
        return total

    def profile_of(self, kind: str, value: str) -> UUID:
        return Identity.objects.get(site=self.site, kind=kind, value=value).profile_id

    def state_of(self, kind: str, value: str) -> StateRow:
        (row,) = read([self.profile_of(kind, value)])
        return row

    def events_of(self, kind: str, value: str) -> list[str]:
        """The message ids of a person's events, in their order."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT message_id FROM events_event WHERE profile_id = %s"
                " ORDER BY occurred_at, message_id",
                [self.profile_of(kind, value)],
            )
            return [message_id for (message_id,) in cursor.fetchall()]


@pytest.fixture
def world(db: None) -> World:
    event_fold._observed.clear()
    return World()


@pytest.fixture
def world_of() -> Callable[[], World]:
    return World


Batches = Sequence[Sequence[Accepted]]
