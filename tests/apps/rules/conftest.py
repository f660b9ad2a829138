"""A shop whose hero has three variants, and one published segment."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from apps.access.models import Site, Source
from apps.content.models import Block
from apps.content.services import create_block, create_placement, create_variant
from apps.profiles.models import Profile, ProfileState
from apps.segments.models import Segment
from apps.segments.services import create_segment, publish_segment
from apps.work.ids import uuid7

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)

PHONE = {"kind": "context", "name": "device", "op": "eq", "value": "phone"}
VIEWED = {
    "kind": "event",
    "name": "Product Viewed",
    "aggregate": "count",
    "window": {"last": "10m"},
    "op": "gte",
    "value": 3,
}


def where(node: dict[str, Any]) -> dict[str, Any]:
    return {"v": 1, "where": node}


def new_shop(key: str) -> Site:
    """A site with a hero: everyone, vip and phone."""
    site = Site.objects.create(key=key, name=key, created_at=NOW)
    # Its server vouches for whoever has not been asked.
    Source.objects.create(
        site=site, name="server", kind="server", consent_mode="assumed", created_at=NOW
    )
    block = create_block(site_id=site.pk, key="hero", name=f"Hero of {key}")
    create_variant(block=block, key="all", is_default=True, template="<p>all</p>")
    create_variant(block=block, key="vip", template="<p>vip</p>")
    create_variant(block=block, key="phone", template="<p>phone</p>")
    create_placement(site_id=site.pk, key="home.hero", block=block)
    return site


def somebody(site: Site) -> UUID:
    """A profile that nobody has asked anything."""
    profile = Profile.objects.create(id=uuid7(), site=site, bucketing_key="u", created_at=NOW)
    ProfileState.objects.create(profile=profile, site_id=site.pk, unit_id="u", version=1)
    return profile.pk


@pytest.fixture
def shop(db: None) -> Site:
    return new_shop("shop")


@pytest.fixture
def hero(shop: Site) -> Block:
    return Block.objects.get(site=shop)


@pytest.fixture
def gold(shop: Site) -> Segment:
    """The people whose plan is gold, published."""
    plan = {"kind": "trait", "name": "plan", "op": "eq", "value": "gold"}
    segment = create_segment(
        site_id=shop.pk, key="gold", name="Gold", condition=where(plan), now=NOW
    )
    publish_segment(site_id=shop.pk, segment_id=segment.pk, actor=None, now=NOW)
    return segment
