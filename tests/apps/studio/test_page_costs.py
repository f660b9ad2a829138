"""A page costs no more for three hundred blocks than for thirty, and never lists everything."""

import re
from typing import NamedTuple

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.content.models import Block, Placement, Variant
from apps.decisions.services import refresh_parts
from apps.rules.models import Rule
from apps.segments.models import Segment
from tests.apps.studio.conftest import NOW, VIEWED_BLOUSES
from tests.browser.every_page import Address, every_address
from tests.browser.filled_shop import NOT_FILLED, FilledShop

FEW = 30  # more than any page looks at one by one (the report of the rules: 20 placements)
MANY = 300
# Tables that hold millions: none of their rows is counted for a list.
HUGE = ("profiles_profile", "decisions_decisionrecord", "consent_consentevent", "events_event")
COUNTED = re.compile(rf'SELECT COUNT\(\*\) AS "__count" FROM "(?:{"|".join(HUGE)})"(?! WHERE)')


class Cost(NamedTuple):
    """What a page takes: statements, and choices that it offers in its lists."""

    queries: int
    options: int


def fill(shop: FilledShop, first: int, last: int) -> None:
    """Make blocks `first` to `last`, each with a placement, a segment and a rule of its own."""
    site = shop.site
    numbers = range(first, last)
    blocks = Block.objects.bulk_create(
        Block(
            site=site, key=f"b{n}", name=f"Block {n}", schema=shop.hero.schema,
        )
        for n in numbers
    )  # fmt: skip
    variants = Variant.objects.bulk_create(
        Variant(block=block, key="all", is_default=True, fields={"headline": "x"})
        for block in blocks
    )
    places = Placement.objects.bulk_create(
        Placement(site=site, key=f"p{n}", name=f"P {n}", block=block)
        for n, block in zip(numbers, blocks, strict=True)
    )
    Segment.objects.bulk_create(
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
def test_no_page_costs_more_for_three_hundred_blocks_than_for_thirty(
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
        if many[name].queries > before.queries or many[name].options > before.options
    ]
    assert "\n".join(grown) == ""
    assert counting == []
