"""A shop in two languages that is read as Contentful is: a hero of entries, a story, a flag."""

import json
from collections.abc import Mapping
from typing import Any

from apps.content import services as content
from apps.content.domain.fields import JSON
from apps.decisions import services as decisions
from apps.decisions.models import DecisionRecord
from apps.integrations.models import Connection, EntryLink
from apps.integrations.models import Mapping as Mapped
from apps.segments.models import Segment
from tests.apps.delivery.conftest import NOW, World

THERE = "/spaces/cfexampleapi/environments/master"
ENTRY = "5KsDBWseXY6QegucYAoacS"
PICTURE: dict[str, JSON] = {"url": "https://example.org/hats/a%20hat.png?w=10", "alt": "A hat"}
STORY = "<p>Hats <strong>now</strong></p>"


def shop(world: World) -> Segment:
    """What the world shows: the hero of `World.hero`, and beside it a story and a flag."""
    site = world.site
    site.locales = ["en", "de"]
    site.save(update_fields=["locales"])
    made = world.hero()
    block = content.create_block(
        site_id=site.pk,
        key="story",
        schema=[
            {"name": "headline", "type": "string"},
            {"name": "body", "type": "rich"},
            {"name": "picture", "type": "image"},
            {"name": "points", "type": "list"},
            {"name": "link", "type": "link"},
        ],
    )
    told = content.create_variant(
        block=block,
        key="all",
        is_default=True,
        fields={
            "headline": "Hats",
            "body": STORY,
            "picture": PICTURE,
            "points": ["warm", "dry"],
            "link": {"url": "/hats", "text": "All hats"},
        },
    )
    content.set_translation(variant_id=told.pk, locale="de", fields={"headline": "Hüte"})
    content.create_placement(site_id=site.pk, key="home.story", block=block)
    flag = content.create_block(
        site_id=site.pk, key="on", kind="flag", value_type="boolean", is_client_visible=True
    )
    content.create_variant(block=flag, key="default", is_default=True, value=True)
    connection = Connection.objects.create(
        site=site, name="Contentful", kind="contentful", created_at=NOW
    )
    hero = world_variant(world, "hero", "blouses")
    Mapped.objects.create(
        connection=connection,
        content_type="heroBanner",
        block=hero.block,
        fields="title = headline",
    )
    EntryLink.objects.create(connection=connection, entry=ENTRY, variant=hero, at=NOW)
    world.publish()
    return made


def world_variant(world: World, block: str, key: str) -> Any:
    """A variant of the world's site."""
    variants = EntryLink._meta.get_field("variant").related_model
    return variants._default_manager.get(block__site=world.site, block__key=block, key=key)


def read(
    world: World,
    path: str,
    asked: Mapping[str, Any] | None = None,
    *,
    key: str | None = None,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Any:
    """GET below the space; the decoded answer."""
    answer = world.client.get(
        f"{THERE}{path}",
        asked or {},
        headers={"Authorization": f"Bearer {key or world.pk}", **(headers or {})},
    )
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/vnd.contentful.delivery.v1+json"
    return json.loads(answer.content)


def entries(world: World, asked: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """The entries that were read, by id."""
    return {one["sys"]["id"]: one for one in read(world, "/entries", asked, **more)["items"]}


def records() -> list[Any]:
    """What the decision log holds once it is written."""
    decisions.flush()
    return list(DecisionRecord.objects.order_by("at", "pk"))
