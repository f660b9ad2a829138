"""A site with something to show, the keys to ask it, and visitors with a past."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction
from django.test import Client

from apps.access import services as access
from apps.content import services as content
from apps.decisions import (
    generation,
    hot_state,
    hot_wire,
    record_reads,
    records,
    snapshots,
    triggers,
    visitors,
)
from apps.decisions import services as decisions
from apps.decisions.hot_state import HotKey, Remembered
from apps.decisions.models import Publication
from apps.delivery import cached, exposure_log
from apps.events import counters
from apps.predictions import online
from apps.profiles import services as profiles
from apps.profiles import state
from apps.profiles.identities import add
from apps.profiles.state import StateRow
from apps.recommendations import selectors as recommendations
from apps.segments import services as segments
from apps.segments.live import Stay, encode_stays
from apps.segments.models import Segment
from apps.work import clock

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
NOW_MS = clock.to_ms(NOW)
LAST_VIEWED = {
    "v": 1,
    "where": {
        "kind": "event",
        "name": "Product Viewed",
        "aggregate": "last",
        "of": "category",
        "window": "ever",
        "op": "eq",
        "value": "blouses",
    },
}


class World:
    """A site, its keys, and the ways in which tests change what it shows and whom it knows."""

    def __init__(self, key: str = "shop", consent_mode: str = "assumed") -> None:
        self.site = access.create_site(key=key, name="Shop", regime="us_opt_out", now=NOW)
        self.source = access.create_source(
            site_id=self.site.pk, name="web", now=NOW, consent_mode=consent_mode
        )
        self.pk = access.issue_key(source_id=self.source.pk, kind="pk", now=NOW)[1]
        self.sk = access.issue_key(source_id=self.source.pk, kind="sk", now=NOW)[1]
        self.client = Client(raise_request_exception=True)

    def segment(self, key: str, condition: Mapping[str, Any] = LAST_VIEWED) -> Segment:
        made = segments.create_segment(
            site_id=self.site.pk, key=key, name=key, condition=condition, now=NOW
        )
        segments.publish_segment(site_id=self.site.pk, segment_id=made.pk, actor=None, now=NOW)
        return made

    def hero(self) -> Segment:
        """The placement home.hero: a variant for who looks at blouses, and a default."""
        made = self.segment("blouses")
        block = content.create_block(
            site_id=self.site.pk,
            key="hero",
            schema=[{"name": "headline", "type": "string", "required": True}],
        )
        content.create_variant(
            block=block,
            key="everyone",
            is_default=True,
            fields={"headline": "Welcome"},
            template="<p>Welcome {{ traits.name }}</p>",
        )
        content.create_variant(
            block=block,
            key="blouses",
            segment_keys=["blouses"],
            fields={"headline": "Blouses"},
            template="<p>Blouses for {{ traits.name }}</p>",
        )
        content.create_placement(site_id=self.site.pk, key="home.hero", block=block)
        self.publish()
        return made

    def publish(self) -> Publication:
        return decisions.publish(site_id=self.site.pk, actor=None, now=NOW)

    def person(
        self, *identities: tuple[str, str], stays: Mapping[int, Stay] | None = None, **fields: Any
    ) -> StateRow:
        """A profile with these identities; its hot state is not written."""
        names = [(self.site.pk, kind, value) for kind, value in identities]
        with transaction.atomic():
            found = profiles.find_or_make(names[:1], now=NOW)
            profile_id = found[names[0]]
            for site_id, kind, value in names[1:]:
                add({(site_id, kind, value): profile_id}, now=NOW)
        return self.change(
            profile_id,
            identities=[f"{kind}:{value}" for kind, value in identities],
            memberships=encode_stays(dict(stays or {})),
            **fields,
        )

    def change(self, profile_id: UUID, **fields: Any) -> StateRow:
        """Write a state row as a fold does, without telling hot state anything after the commit."""
        with transaction.atomic():
            (row,) = state.lock([profile_id])
            for name, value in fields.items():
                setattr(row, name, value)
            state.save([row])
            hot_state.mark([HotKey(self.site.pk, profile_id, row.consent_epoch, row.version)])
        return row

    def tell(self, *profile_ids: UUID) -> None:
        """Publish hot states as a fold does after its commit."""
        found = hot_state.hot_profiles_of(profile_ids)
        hot_state.publish(
            found,
            [
                Remembered(self.site.pk, name, UUID(bytes=one.profile_id))
                for one in found
                for name in one.identities
            ],
        )

    def ask(
        self,
        *placements: str | dict[str, Any],
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
        status: int = 200,
        **body: Any,
    ) -> dict[str, Any]:
        """POST /v1/decide; the decoded answer."""
        response = self.post(
            "/v1/decide", {"placements": placements or ["home.hero"], **body}, key=key,
            headers=headers,
        )  # fmt: skip
        assert response.status_code == status, response.content
        return response.json()  # type: ignore[no-any-return]

    def post(
        self,
        path: str,
        body: Any,
        *,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        return self.client.post(
            path,
            body,
            content_type="application/json",
            headers={"Authorization": f"Bearer {key or self.pk}", **(headers or {})},
        )

    def hero_of(self, anonymous_id: str | None = "a1", **body: Any) -> dict[str, Any]:
        answer = self.ask("home.hero", anonymousId=anonymous_id, **body)
        return answer["placements"]["home.hero"]  # type: ignore[no-any-return]


INSIDE: Stay = (True, None, None, None, 0)


def inside(segments: Sequence[Segment]) -> dict[int, Stay]:
    return dict.fromkeys((one.number for one in segments), INSIDE)


def forget_everything() -> None:
    """As a new process: nothing in memory, nothing believed."""
    generation.forget()
    hot_wire.drop()
    hot_wire.close_circuit()
    record_reads.close_circuit()
    snapshots.forget()
    visitors.forget()
    triggers.forget()
    cached.forget()
    online.forget()


@pytest.fixture(autouse=True)
def _new_process(monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path) -> Iterator[None]:
    # What a test leaves in a journal would be moved, and folded, by the tests of consumers.
    settings.JOURNAL_DIR = tmp_path / "journal"
    # The look at the record is taken by hand: a test must not depend on when a second is over.
    monkeypatch.setattr(records, "_start", lambda: None)  # and records are flushed by hand
    monkeypatch.setattr(exposure_log, "_start", lambda: None)
    monkeypatch.setattr(decisions, "start_watching", lambda: None)
    monkeypatch.setattr(cached, "start_watching", lambda: None)
    recommendations.stop()  # the thread of an earlier test would load what this one has made up
    monkeypatch.setattr(recommendations, "_watch", lambda: None)
    monkeypatch.setattr(online, "_watch", lambda: None)
    forget_everything()
    clock.replace(lambda: NOW)
    yield
    clock.replace(None)
    records.forget()
    exposure_log.forget()
    counters.forget()
    hot_wire.drop()
    record_reads.close()


@pytest.fixture
def world(transactional_db: None) -> World:
    return World()
