"""A page costs no more for three hundred blocks than for ten, and never lists everything."""

import re
from typing import Any, NamedTuple

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.access.models import Site
from apps.content.models import Block, BlockType, Cap, Placement, Theme, Translation, Variant
from apps.decisions.models import Release
from apps.decisions.services import refresh_parts
from apps.events.models import Quarantine
from apps.integrations.models import Connection, Incoming, Mapping
from apps.rules.models import Rule, Trigger
from apps.segments.models import ComputedTrait, Persona, Segment
from tests.apps.studio.conftest import NOW, VIEWED_BLOUSES
from tests.browser.every_page import Address, every_address
from tests.browser.filled_shop import GIVEN, NOT_FILLED, FilledShop

FEW = 10
# Choices that a list may gain all the same: the newest releases, the first personas.
OFFERED = 60
MANY = 300
# Tables that hold millions: none of their rows is counted for a list.
HUGE = ("profiles_profile", "decisions_decisionrecord", "consent_consentevent", "events_event")
COUNTED = re.compile(rf'SELECT COUNT\(\*\) AS "__count" FROM "(?:{"|".join(HUGE)})"(?! WHERE)')


class Cost(NamedTuple):
    """What a page takes: statements, and choices that it offers in its lists."""

    queries: int
    options: int


def fill(shop: FilledShop, first: int, last: int) -> None:
    """Make blocks `first` to `last`, each with a placement, a segment and a rule of its own.

    As many rules, triggers, segments and releases; what sites have by the dozen (themes, types of
    blocks, caps, personas) is made once.
    """
    site, numbers = shop.site, range(first, last)
    blocks = Block.objects.bulk_create(
        Block(site=site, key=f"b{n}", name=f"Block {n}", schema=shop.hero.schema) for n in numbers
    )
    variants = Variant.objects.bulk_create(
        Variant(block=block, key="all", is_default=True, fields={"headline": "x"})
        for block in blocks
    )
    places = Placement.objects.bulk_create(
        Placement(site=site, key=f"p{n}", name=f"P {n}", block=block)
        for n, block in zip(numbers, blocks, strict=True)
    )
    segments = Segment.objects.bulk_create(
        Segment(
            site=site, key=f"g{n}", name=f"G {n}", number=1000 + n, created_at=NOW,
            draft=VIEWED_BLOUSES,
        )
        for n in numbers
    )  # fmt: skip
    Rule.objects.bulk_create(
        Rule(site=site, key=f"r{n}", name=f"R {n}", placement=place, variant=variant)
        for n, place, variant in zip(numbers, places, variants, strict=True)
    )
    tagged = _tagged(site, blocks, segments)
    Trigger.objects.bulk_create(
        Trigger(
            site=site, number=1000 + n, key=f"t{n}", name=f"T {n}", segment=segment,
            placement=place, variant=variant, is_enabled=True,
        )
        for n, segment, place, variant in zip(numbers, segments, places, tagged, strict=True)
    )  # fmt: skip
    _connect(numbers, blocks, variants)
    if first == 0:
        for model in (BlockType, Persona, ComputedTrait):
            made: list[Any] = [_named(model, shop, n) for n in numbers]
            model._default_manager.bulk_create(made)
    refused = Quarantine.objects.latest("pk")
    Quarantine.objects.bulk_create(
        Quarantine(site=site, source=refused.source, received_at=NOW, code="odd", body="{}")
        for _ in numbers
    )
    Release.objects.bulk_create(
        Release(site=site, number=1000 + n, name=f"R {n}", created_at=NOW) for n in numbers
    )


def _tagged(site: Site, blocks: list[Block], segments: list[Segment]) -> list[Variant]:
    """A variant of each block with all that a variant can have."""
    theme, _ = Theme.objects.get_or_create(
        site=site, key="t", defaults={"name": "T", "messages": {"cta": {"en": "Go"}}}
    )
    cap, _ = Cap.objects.get_or_create(
        site=site, key="c", defaults={"number": 1000, "name": "C", "most": 2}
    )
    tagged = Variant.objects.bulk_create(
        Variant(block=block, key="own", theme=theme, fields={"headline": "{{ theme.cta }}"})
        for block in blocks
    )
    for variant, segment in zip(tagged, segments, strict=True):
        variant.segments.add(segment)
        variant.caps.add(cap)
    Translation.objects.bulk_create(
        Translation(variant=one, locale="de", fields={"headline": "Los"}) for one in tagged
    )
    return tagged


def _connect(numbers: range, blocks: list[Block], variants: list[Variant]) -> None:
    """An entry of a content system for each block, and what came of it."""
    connected = Connection.objects.latest("pk")
    Mapping.objects.bulk_create(
        Mapping(connection=connected, content_type=f"type{n}", block=block)
        for n, block in zip(numbers, blocks, strict=True)
    )
    Incoming.objects.bulk_create(
        Incoming(
            connection=connected, delivery=f"call{n}", body=b"{}", variant=variant, received_at=NOW
        )
        for n, variant in zip(numbers, variants, strict=True)
    )


def _named(model: type[Model], shop: FilledShop, n: int) -> Model:
    own: dict[str, Any] = {"created_at": NOW} if model is not BlockType else {}
    if model is ComputedTrait:
        own["definition"] = GIVEN["segments.computedtrait"]["definition"]
    return model(site=shop.site, key=f"k{n}", name=f"K {n}", **own)


def costs(client: Client, addresses: list[Address]) -> tuple[dict[str, Cost], list[str]]:
    """Return what each page takes, and the pages that count a huge table."""
    found, counting = {}, []
    for name, path in addresses:
        with CaptureQueriesContext(connection) as queries:
            answer = client.get(path)
        if not answer.headers.get("Content-Type", "").startswith("text/html"):
            continue
        if any(COUNTED.search(query["sql"]) for query in queries.captured_queries):
            counting.append(name)
        found[name] = Cost(len(queries), answer.content.count(b"<option"))
    return found, counting


@pytest.mark.slow
def test_no_page_costs_more_for_three_hundred_blocks_than_for_ten(
    transactional_db: None,
) -> None:
    shop = FilledShop()
    fill(shop, 0, FEW)  # drafts, all of them: the pages of what waits list many, too
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    addresses = every_address(shop.known, NOT_FILLED)
    refresh_parts(shop.site.pk)
    costs(client, addresses)  # what a process reads once is none of a page's
    few, _ = costs(client, addresses)
    fill(shop, FEW, MANY)
    refresh_parts(shop.site.pk)
    many, counting = costs(client, addresses)
    grown = [
        f"{name}: {before} -> {many[name]}"
        for name, before in few.items()
        if many[name].queries > before.queries or many[name].options > before.options + OFFERED
    ]
    assert "\n".join(grown) == ""
    assert counting == []
