"""A publication tells a site's caches what it has changed, once, when somebody is to be told."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.content import services as content
from apps.content.models import Variant
from apps.decisions import services as decisions
from apps.decisions.models import Publication
from apps.delivery.models import PurgeAddress
from apps.delivery.purging import PURGE, TAGS_AT_ONCE
from apps.work.models import Intent
from apps.work.performing import perform
from tests.apps.delivery.conftest import NOW, World


@dataclass
class Cdn:
    """A CDN's purge address: what it was told, and what it answers."""

    url: str = ""
    status: int = 200
    told: list[tuple[dict[str, str], Any]] = field(default_factory=list)

    def tags(self) -> list[str]:
        return [tag for _, body in self.told for tag in body["tags"]]


@pytest.fixture(autouse=True)
def _may_call_itself(settings: Any) -> None:
    settings.PRIVATE_TARGETS = ("127.0.0.0/8",)


@pytest.fixture
def cdn() -> Iterator[Cdn]:
    found = Cdn()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            found.told.append((dict(self.headers), body))
            self.send_response(found.status)
            if found.status == 302:
                self.send_header("Location", found.url)
            self.send_header("Content-Length", "0")
            self.end_headers()

    server = HTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_port}/purge"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield found
    server.shutdown()
    server.server_close()


def to_be_told(world: World, cdn: Cdn, **more: Any) -> PurgeAddress:
    fields = {"header": "Fastly-Key", "secret": "s3cret", **more}
    return PurgeAddress.objects.create(site=world.site, url=cdn.url, **fields)


def change(world: World, block: str, text: str) -> None:
    variant = Variant.objects.get(block__key=block, is_default=True)
    content.update_variant(variant_id=variant.pk, template=text)
    world.publish()


def carry_out() -> list[bool]:
    waiting = Intent.objects.filter(kind=PURGE, state=Intent.State.WAITING)
    return [perform(intent.pk, now=NOW) for intent in waiting]


def strip(world: World) -> None:
    block = content.create_block(site_id=world.site.pk, key="strip")
    content.create_variant(block=block, key="plain", is_default=True, template="<p>1</p>")
    content.create_placement(site_id=world.site.pk, key="strip", block=block)


def test_a_publication_tells_the_tags_that_it_changed_each_once(world: World, cdn: Cdn):
    world.hero()
    strip(world)
    world.publish()
    to_be_told(world, cdn)
    change(world, "strip", "<p>2</p>")
    assert carry_out() == [True]
    assert cdn.tags() == ["block-strip", "placement-strip"]
    [(headers, _)] = cdn.told
    assert (headers["Fastly-Key"], headers["Surrogate-Key"]) == (
        "s3cret",
        "block-strip placement-strip",
    )
    # What caches are told is what cached content carries.
    answer = world.client.get("/v1/content/strip?site=shop")
    assert set(answer.headers["Surrogate-Key"].split()) == set(cdn.tags())


def test_publications_that_come_before_the_purge_are_told_together(world: World, cdn: Cdn):
    world.hero()
    strip(world)
    world.publish()
    to_be_told(world, cdn)
    change(world, "strip", "<p>2</p>")
    change(world, "hero", "<p>Hello</p>")
    assert carry_out() == [True]
    assert cdn.tags() == ["block-hero", "block-strip", "placement-home.hero", "placement-strip"]


def test_going_back_is_a_publication_too(world: World, cdn: Cdn):
    world.hero()
    strip(world)
    first = world.publish().number
    change(world, "strip", "<p>2</p>")
    to_be_told(world, cdn)
    decisions.rollback(site_id=world.site.pk, number=first, actor=None, now=NOW)
    carry_out()
    assert cdn.tags() == ["block-strip", "placement-strip"]


def test_a_publication_that_this_version_cannot_read_is_taken_for_another_in_all(
    world: World, cdn: Cdn
):
    """As after an upgrade: the next publication tells every tag, and later ones go on."""
    world.hero()
    to_be_told(world, cdn)
    Publication.objects.update(manifest=None, document={"of": "another version"}, digest="another")
    change(world, "hero", "<p>Hello</p>")
    assert carry_out() == [True]
    assert cdn.tags() == ["block-hero", "placement-home.hero"]


def test_an_address_that_became_private_is_not_called(world: World, cdn: Cdn, settings: Any):
    """What a name leads to is judged again when it is used."""
    world.hero()
    to_be_told(world, cdn)
    settings.PRIVATE_TARGETS = ()
    change(world, "hero", "<p>Hello</p>")
    assert carry_out() == [False]
    assert cdn.told == []


@pytest.mark.parametrize("more", [None, {"is_enabled": False}], ids=["no address", "switched off"])
def test_without_an_address_nobody_is_told(world: World, cdn: Cdn, more: dict[str, Any] | None):
    world.hero()
    if more is not None:
        to_be_told(world, cdn, **more)
    change(world, "hero", "<p>Hello</p>")
    assert not Intent.objects.filter(kind=PURGE).exists()


@pytest.mark.parametrize("status", [500, 403, 302])
def test_what_is_not_taken_is_told_again_later_and_goes_nowhere_else(
    world: World, cdn: Cdn, status: int
):
    world.hero()
    to_be_told(world, cdn)
    change(world, "hero", "<p>Hello</p>")
    cdn.status = status
    assert carry_out() == [False]
    assert len(cdn.told) == 1
    intent = Intent.objects.get(kind=PURGE)
    assert (intent.state, intent.attempts) == (Intent.State.WAITING, 1)


def test_many_tags_are_told_in_several_calls(world: World, cdn: Cdn):
    to_be_told(world, cdn)
    for number in range(TAGS_AT_ONCE):
        block = content.create_block(site_id=world.site.pk, key=f"b{number}")
        content.create_variant(block=block, key="plain", is_default=True)
        content.create_placement(site_id=world.site.pk, key=f"p{number}", block=block)
    world.publish()
    carry_out()
    assert [len(body["tags"]) for _, body in cdn.told] == [TAGS_AT_ONCE, TAGS_AT_ONCE]
    assert len(set(cdn.tags())) == 2 * TAGS_AT_ONCE


def test_the_secret_is_taken_and_never_shown(world: World, cdn: Cdn, admin_client: Client):
    add = reverse("admin:delivery_purgeaddress_add")
    form = {
        "site": str(world.site.pk),
        "url": cdn.url,
        "header": "Authorization",
        "is_enabled": "on",
    }
    assert admin_client.post(add, form | {"secret": "Bearer 1"}).status_code == 302
    address = PurgeAddress.objects.get()
    page = reverse("admin:delivery_purgeaddress_change", args=[address.pk])
    assert b"Bearer 1" not in admin_client.get(page).content
    assert admin_client.post(page, form | {"secret": ""}).status_code == 302
    address.refresh_from_db()
    assert address.secret == "Bearer 1"
    for bad in (
        {"url": "ftp://cdn.example/"},
        {"url": "http://169.254.169.254/latest/meta-data/"},
        {"header": "A: b"},
        {"header": "Host"},
        {"header": "content-length"},
        {"header": "Surrogate-Key"},
    ):
        assert admin_client.post(page, form | bad).status_code == 200
