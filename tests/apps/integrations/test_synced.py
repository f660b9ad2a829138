"""Which variant each entry became: as JSON, as a table, and on the page of the block."""

import csv
import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from apps.access import services as access
from apps.access.models import Site
from apps.content.models import Block, Variant
from apps.content.services import create_variant
from apps.integrations import importing
from apps.integrations.models import Connection, EntryLink, Incoming
from apps.work import clock
from tests.apps.integrations.conftest import entry, imported, link
from tests.apps.integrations.test_admin import change_url, editor  # noqa: F401

# ruff: noqa: F811  # the editor is a fixture


@pytest.fixture
def key(shop: Site) -> str:
    """A secret key of the shop."""
    source = access.create_source(site_id=shop.pk, name="server", now=clock.now())
    return access.issue_key(source_id=source.pk, kind="sk", now=clock.now())[1]


def linked(connection: Connection, block: Block, count: int, before: str = "entry") -> None:
    """Entries that became variants, as importing links them."""
    for number in range(count):
        variant = create_variant(
            block=block,
            key=f"{before.strip('=')}-{number:03}",
            name=f"No {number}",
            fields={"headline": "Hats"},
        )
        EntryLink.objects.create(
            connection=connection, entry=f"{before}-{number:03}", variant=variant, at=clock.now()
        )


def variants(client: Client, connection: Connection, key: str, **asked: Any) -> Any:
    return client.get(
        f"/v1/hooks/{connection.pk}/variants", asked, headers={"Authorization": f"Bearer {key}"}
    )


def test_a_server_reads_the_variant_of_each_entry_page_by_page(
    client: Client, contentful: Connection, hero: Block, key: str
) -> None:
    linked(contentful, hero, 5)
    first = variants(client, contentful, key, limit=3).json()
    assert [one["entry"] for one in first["data"]] == ["entry-000", "entry-001", "entry-002"]
    assert first["cursor"] == {"has_more": True, "next": "entry-002", "limit": 3}
    last = variants(client, contentful, key, limit=3, next="entry-002").json()
    assert [one["variant"] for one in last["data"]] == ["entry-003", "entry-004"]
    assert last["cursor"]["has_more"] is False
    row = last["data"][0]
    assert Variant.objects.get(pk=row["variantId"]).key == "entry-003"
    assert (row["block"], row["name"], row["archived"]) == ("hero", "No 3", False)


def test_the_same_page_comes_as_a_table_without_formulas(
    client: Client, contentful: Connection, hero: Block, key: str
) -> None:
    linked(contentful, hero, 1, "=1")
    answer = variants(client, contentful, key, format="csv")
    assert answer["Content-Type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [row["entry"] for row in rows] == ["'=1-000"]
    assert list(rows[0]) == [
        "entry", "locales", "block", "variant", "variantId", "name", "archived", "changedAt",
    ]  # fmt: skip


def test_languages_that_came_by_themselves_are_one_row(
    client: Client, contentful: Connection, hero: Block, key: str
) -> None:
    variant = create_variant(block=hero, key="v", fields={"headline": "Hats"})
    for locale, hours in (("", 1), ("de", 2), ("fr", 0)):
        EntryLink.objects.create(
            connection=contentful, entry="e", locale=locale, variant=variant,
            at=clock.now() - timedelta(hours=hours),
        )  # fmt: skip
    (row,) = variants(client, contentful, key).json()["data"]
    assert row["locales"] == ["de", "fr"]
    newest = EntryLink.objects.get(locale="fr").at
    assert row["changedAt"] == newest.isoformat()


@pytest.mark.parametrize(
    "asked",
    [{"limit": "0"}, {"limit": "1001"}, {"limit": "9" * 5000}, {"format": "xml"}, {"next": "\0"}],
    ids=["none", "many", "huge", "format", "nul"],
)
def test_odd_questions_are_refused(
    client: Client, contentful: Connection, key: str, asked: dict[str, str]
) -> None:
    answer = variants(client, contentful, key, **asked)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


def test_another_sites_connection_is_not_there(client: Client, contentful: Connection) -> None:
    other = access.create_site(key="other", name="Other", now=clock.now())
    source = access.create_source(site_id=other.pk, name="s", now=clock.now())
    key = access.issue_key(source_id=source.pk, kind="sk", now=clock.now())[1]
    assert variants(client, contentful, key).status_code == 404


def test_the_page_of_a_block_says_which_entry_a_variant_is(
    editor: Client, client: Client, contentful: Connection, hero: Block
) -> None:
    document = entry()
    document["sys"] |= {
        "space": link("Space", "cfexampleapi"),
        "environment": link("Environment", "staging"),
    }
    assert imported(client, contentful, document).state == "done"
    page = editor.get(reverse("admin:content_block_change", args=[hero.pk])).content.decode()
    there = (
        "https://app.contentful.com/spaces/cfexampleapi/environments/staging/entries/"
        "5KsDBWseXY6QegucYAoacS"
    )
    assert page.count(f'href="{there}"') == 1 and "Entry <code>5KsDBWseXY6QegucYAoacS" in page
    connection_page = editor.get(change_url(contentful)).content.decode()
    assert there in connection_page


def test_without_its_space_the_entry_is_named_and_not_linked(
    editor: Client, contentful: Connection, strapi: Connection, hero: Block
) -> None:
    linked(contentful, hero, 1)
    linked(strapi, hero, 1, "hat")
    page = editor.get(reverse("admin:content_block_change", args=[hero.pk])).content.decode()
    assert "Entry <code>entry-000</code>" in page and "Entry <code>hat-000</code>" in page
    assert "app.contentful.com" not in page


def test_a_block_asks_once_where_its_variants_came_from(
    editor: Client, contentful: Connection, hero: Block
) -> None:
    def counted() -> int:
        with CaptureQueriesContext(connection) as found:
            editor.get(reverse("admin:content_block_change", args=[hero.pk]))
        return sum("integrations_entrylink" in one["sql"] for one in found)

    linked(contentful, hero, 6)
    assert counted() == 1


def test_the_pages_table_and_json_hold_all_entries(
    editor: Client, contentful: Connection, hero: Block
) -> None:
    linked(contentful, hero, 25)
    page = editor.get(change_url(contentful)).content.decode()
    assert "These are the first 20." in page
    table = editor.get(change_url(contentful), {"entries": "csv"})
    rows = b"".join(table.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    assert len(list(csv.DictReader(io.StringIO(rows)))) == 25
    told = editor.get(change_url(contentful), {"entries": "json"})
    whole = b"".join(told.streaming_content)  # type: ignore[attr-defined]
    assert len(json.loads(whole)) == 25
    assert editor.get(change_url(contentful), {"entries": "xml"}).status_code == 404


def test_the_last_call_that_was_imported_outlives_the_others(
    client: Client, contentful: Connection
) -> None:
    for number, at in enumerate(("2026-03-10T12:00:00Z", "2026-03-10T13:00:00Z")):
        imported(client, contentful, entry(at, title={"en": f"No {number}"}))
    old = clock.now() - timedelta(days=31)
    Incoming.objects.update(ended_at=old)
    newest = Incoming.objects.order_by("-received_at")[0].pk
    assert importing.prune(clock.now()) == 1
    assert Incoming.objects.get().pk == newest


def test_lists_ask_as_much_with_many_rows_as_with_few(
    editor: Client,
    contentful: Connection,
    hero: Block,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    pages = [
        reverse("admin:integrations_connection_changelist"),
        reverse("admin:integrations_incoming_changelist"),
    ]

    def counted() -> list[int]:
        found = []
        for page in pages:
            with django_assert_max_num_queries(20) as queries:
                assert editor.get(page).status_code == 200
            found.append(len(queries))
        return found

    def grow(count: int, before: str) -> None:
        for number in range(count):
            made = Connection.objects.create(
                site=contentful.site,
                name=f"{before} {number}",
                kind="strapi",
                created_at=clock.now(),
            )
            Incoming.objects.create(
                connection=made, delivery="d", body=b"{}", received_at=clock.now()
            )

    grow(2, "few")
    counted()
    few = counted()
    grow(60, "many")
    assert counted() == few
