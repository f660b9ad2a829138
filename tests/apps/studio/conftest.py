"""A site with drafts, publications and visitors, and one staff member per role."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client

from apps.access import services as access
from apps.access.models import Site
from apps.content import services as content
from apps.decisions import generation, hot_wire, record_reads, records, snapshots, visitors
from apps.decisions import services as decisions
from apps.decisions.models import DecisionRecord
from apps.rules import services as rules
from apps.segments import services as segments
from apps.segments.models import Segment
from apps.work import clock

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
VIEWED_BLOUSES = {
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


class Shop:
    """A published site: home.hero with a default and a variant for who looks at blouses."""

    def __init__(self) -> None:
        self.site: Site = access.create_site(key="shop", name="Shop", regime="us_opt_out", now=NOW)
        self.source = access.create_source(
            site_id=self.site.pk, name="web", now=NOW, consent_mode="assumed"
        )
        access.issue_key(source_id=self.source.pk, kind="sk", now=NOW)
        self.blouses = self.segment("blouses", "Browsing blouses")
        hero = content.create_block(
            site_id=self.site.pk,
            key="hero",
            name="Hero",
            schema=[{"name": "headline", "type": "string", "required": True}],
        )
        content.create_variant(
            block=hero, key="all", is_default=True, fields={"headline": "Welcome"}
        )
        self.tagged = content.create_variant(
            block=hero, key="blouses", segment_keys=["blouses"], fields={"headline": "Blouses"}
        )
        self.hero = hero
        content.create_placement(site_id=self.site.pk, key="home.hero", block=hero)

    def segment(self, key: str, name: str) -> Segment:
        made = segments.create_segment(
            site_id=self.site.pk, key=key, name=name, condition=VIEWED_BLOUSES, now=NOW
        )
        segments.publish_segment(site_id=self.site.pk, segment_id=made.pk, actor=None, now=NOW)
        return made

    def rule(self, key: str = "phones") -> None:
        rules.create_rule(
            site_id=self.site.pk,
            key=key,
            placement_key="home.hero",
            variant_key="blouses",
            condition={
                "v": 1,
                "where": {"kind": "context", "name": "device", "op": "eq", "value": "mobile"},
            },
        )

    def publish(self, note: str = "", days_ago: int = 0) -> int:
        moment = NOW - timedelta(days=days_ago)
        return decisions.publish(site_id=self.site.pk, actor=None, note=note, now=moment).number

    def headline(self, text: str) -> None:
        self.tagged.fields = {"headline": text}
        self.tagged.save(update_fields=["fields"])


@pytest.fixture(autouse=True)
def _fixed_time_and_a_fresh_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(records, "_start", lambda: None)
    clock.replace(lambda: NOW)
    for module in (generation, snapshots, visitors):
        module.forget()
    hot_wire.drop()
    hot_wire.close_circuit()
    record_reads.close_circuit()
    yield
    clock.replace(None)
    hot_wire.drop()
    record_reads.close()


@pytest.fixture
def shop(transactional_db: None) -> Shop:
    with connection.cursor() as cursor:
        # No table of a model: nothing empties it between tests.
        cursor.execute("DELETE FROM events_inbox")
    return Shop()


@pytest.fixture
def as_role(transactional_db: None) -> Callable[[str], Client]:
    """Log somebody of a role in and return their browser."""

    def log_in(role: str) -> Client:
        client = Client()
        user = User.objects.create_user(role, password="x", is_staff=True)
        user.groups.add(Group.objects.get(name=role))
        client.force_login(user)
        return client

    return log_in


def seen_by(shop: Shop, profile_id: UUID) -> DecisionRecord:
    """A decision that was recorded for a profile."""
    return DecisionRecord.objects.create(
        site_id=shop.site.pk,
        request_id="req_1",
        profile_id=profile_id,
        source_id=shop.source.pk,
        snapshot=1,
        at=NOW,
        placements=[
            {
                "placement": "home.hero",
                "block": "hero",
                "variant": "blouses",
                "version": 1,
                "reason": "TARGETING_MATCH",
                "rule": None,
            }
        ],
        facts={"segments": [shop.blouses.number], "context": {"device": "mobile"}},
        took_us=180,
    )
