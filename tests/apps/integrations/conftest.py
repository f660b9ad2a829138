"""A shop in English and German whose hero takes entries of a content system, and its senders."""

import hmac
import json
from base64 import b64decode, b64encode
from collections.abc import Mapping as Map
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from apps.access.models import Site
from apps.content.domain.fields import JSON
from apps.content.models import Block
from apps.content.services import create_block, create_variant
from apps.integrations import importing
from apps.integrations.models import Connection, Incoming, Mapping
from apps.predictions import services as predictions
from apps.predictions.models import ModelSpec
from apps.work import clock

SCHEMA: list[dict[str, JSON]] = [
    {"name": "headline", "type": "string", "required": True},
    {"name": "text", "type": "rich"},
    {"name": "picture", "type": "image"},
]
FIELDS = "title = headline\nbody = text\nimage = picture"
AT = "2026-03-10T12:00:00.000Z"
LATER = "2026-03-10T13:00:00.000Z"
LATEST = "2026-03-10T14:00:00.000Z"


@pytest.fixture
def shop(db: None) -> Site:
    created_at = datetime(2026, 3, 1, tzinfo=UTC)
    return Site.objects.create(key="shop", name="Shop", locales=["en", "de"], created_at=created_at)


@pytest.fixture
def hero(shop: Site) -> Block:
    block = create_block(site_id=shop.pk, key="hero", name="Hero", schema=SCHEMA)
    create_variant(block=block, key="all", is_default=True, fields={"headline": "Welcome"})
    return block


def connected(block: Block, kind: str, content_type: str = "heroBanner") -> Connection:
    made = Connection.objects.create(
        site_id=block.site_id, name=kind.capitalize(), kind=kind, created_at=clock.now()
    )
    Mapping.objects.create(connection=made, content_type=content_type, block=block, fields=FIELDS)
    return made


@pytest.fixture
def contentful(hero: Block) -> Connection:
    return connected(hero, "contentful")


@pytest.fixture
def strapi(hero: Block) -> Connection:
    return connected(hero, "strapi", "hero-banner")


@pytest.fixture
def standard(hero: Block) -> Connection:
    return connected(hero, "standard")


def rich(text: str) -> dict[str, Any]:
    node = {"nodeType": "text", "value": text, "marks": [{"type": "bold"}], "data": {}}
    paragraph = {"nodeType": "paragraph", "data": {}, "content": [node]}
    return {"nodeType": "document", "data": {}, "content": [paragraph]}


def link(kind: str, identity: str) -> dict[str, Any]:
    return {"sys": {"type": "Link", "linkType": kind, "id": identity}}


def entry(at: str = AT, *, tags: tuple[str, ...] = (), **fields: Any) -> dict[str, Any]:
    """An entry as Contentful's webhooks hold it."""
    return {
        "metadata": {"tags": [link("Tag", tag) for tag in tags]},
        "sys": {
            "id": "5KsDBWseXY6QegucYAoacS",
            "type": "Entry",
            "contentType": link("ContentType", "heroBanner"),
            "updatedAt": at,
        },
        "fields": fields or {"title": {"en-US": "Spring", "de": "Frühling"}},
    }


def path_of(connection: Connection) -> str:
    return f"/v1/hooks/{connection.pk}"


def signed_by_contentful(
    connection: Connection, body: bytes, event: str, at_ms: int | None = None
) -> dict[str, str]:
    """Headers as the official toolkit makes them: sorted, joined by semicolons, in hex."""
    stamp = str(at_ms if at_ms is not None else int(clock.now().timestamp() * 1000))
    names = ["x-contentful-signed-headers", "x-contentful-timestamp", "x-contentful-topic"]
    headers = {names[0]: ",".join(names), names[1]: stamp, names[2]: event}
    said = ";".join(f"{name}:{headers[name]}" for name in names)
    text = "\n".join(("POST", path_of(connection), said, "")).encode() + body
    made = hmac.new(connection.secret.encode(), text, sha256).hexdigest()
    return {**headers, "x-contentful-signature": made}


def signed_as_standard(connection: Connection, body: bytes, identity: str) -> dict[str, str]:
    seconds = str(int(clock.now().timestamp()))
    key = b64decode(connection.secret.removeprefix("whsec_"))
    content = b".".join((identity.encode(), seconds.encode(), body))
    made = b64encode(hmac.new(key, content, sha256).digest()).decode()
    return {
        "webhook-id": identity,
        "webhook-timestamp": seconds,
        "webhook-signature": f"v1,AAAA v1,{made}",
    }


def posted(client: Client, connection: Connection, body: bytes, headers: Map[str, str]) -> Any:
    return client.post(
        path_of(connection), body, content_type="application/json", headers=dict(headers)
    )


def imported(client: Client, connection: Connection, document: Any, event: str = "") -> Incoming:
    """Send a call with the right signature, and let the worker import it."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    match connection.kind:
        case "contentful":
            topic = f"ContentManagement.Entry.{event or 'publish'}"
            headers = signed_by_contentful(connection, body, topic)
        case "strapi":
            headers = {"authorization": f"Bearer {connection.secret}"}
        case _:
            headers = signed_as_standard(connection, body, event or "msg_1")
    answer = posted(client, connection, body, headers)
    assert answer.status_code == 202, answer.content
    identity = answer.json()["id"].removeprefix("inc_")
    importing.run(identity, clock.now())
    return Incoming.objects.get(pk=identity)


@pytest.fixture(autouse=True)
def artifact_dir(settings: Any, tmp_path: Path) -> None:
    """Models keep their files in a directory of the test's own."""
    settings.ARTIFACT_DIR = tmp_path / "artifacts"


@pytest.fixture
def spec(shop: Site) -> ModelSpec:
    """A question that a model is to answer."""
    return predictions.create_spec(
        site_id=shop.pk, key="order", name="Will order", target_event="Order Completed",
        now=clock.now(),
    )  # fmt: skip
