"""What the shop says of its items: by file, by API, and what is not to be had."""

import json
import threading
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test import Client

from apps.access import services as access
from apps.access.models import Site, Source
from apps.recommendations import catalogue, reading, services
from apps.recommendations.errors import InvalidItems
from apps.recommendations.models import Item, Recommender
from tests.apps.recommendations.world import NOW, Seen, make_site, new_person, store

pytestmark = pytest.mark.django_db


@pytest.fixture
def site() -> Site:
    return make_site()


def imported(site: Site, path: Path, *more: str) -> str:
    said = StringIO()
    call_command("import_items", str(path), "--site", site.key, *more, stdout=said)
    return said.getvalue().strip()


def item(code: str) -> Item:
    return Item.objects.get(code=code)


def test_a_csv_describes_items_and_an_empty_cell_changes_nothing(site, tmp_path):
    path = tmp_path / "items.csv"
    path.write_text(
        "code,name,category,price,stock,is_available\n"
        'A1,"Boots, black",shoes,59.90,3,yes\nA2,Sandals,shoes,,,no\n',
        encoding="utf-8-sig",
    )
    assert imported(site, path) == "2 new, 0 changed, 0 as they were"
    assert (item("A1").name, item("A1").price, item("A1").stock) == ("Boots, black", 59.9, 3)
    assert item("A2").stock is None and not item("A2").is_available
    path.write_text("code,name,price\nA1,,49\n")
    assert imported(site, path) == "0 new, 1 changed, 0 as they were"
    assert (item("A1").name, item("A1").price, item("A1").stock) == ("Boots, black", 49.0, 3)
    assert imported(site, path) == "0 new, 0 changed, 1 as they were"


def test_a_complete_file_takes_the_others_away(site, tmp_path):
    catalogue.put(site_id=site.pk, items=[{"code": "old"}, {"code": "A1"}], now=NOW)
    path = tmp_path / "items.jsonl"
    path.write_text('{"code": "A1", "stock": 2}\n\n{"code": "A2", "stock": 0}\n')
    said = imported(site, path, "--complete")
    assert said == (
        "1 new, 1 changed, 0 as they were; 1 are not in the file and not available any more"
    )
    assert catalogue.withheld(site.pk) == {"old", "A2"}
    assert catalogue.offered(site.pk, ["A1", "A2", "never heard of"]) == {"A1", "never heard of"}


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("items.txt", "", "neither a .csv nor a .jsonl file"),
        ("items.csv", "name\nBoots\n", "it names no column “code”"),
        ("items.csv", "code,colour\nA,red\n", "there is no field “colour”"),
        ("items.csv", "code,price\nA,cheap\n", "Line 2: price is “cheap”"),
        ("items.csv", "code,price\nA,-1\n", "price is a number, not below zero"),
        ("items.csv", "code,price\nA,nan\n", "price is a number, not below zero"),
        ("items.csv", "code,stock\nA,1.5\n", "Line 2: stock is “1.5”"),
        ("items.csv", "code,is_available\nA,maybe\n", "is_available is “maybe”"),
        ("items.csv", "code,name\nA\n", "Line 2 has not as many cells"),
        ("items.csv", "code,name\nA,x\nA,y\n", "the code “A” is there twice"),
        ("items.csv", "code,name\n,x\n", "Item 1 has no code"),
        ("items.csv", f"code,name\nA,{'x' * 501}\n", "name is longer than 500 characters"),
        ("items.csv", "code\n", "holds no items"),
        ("items.jsonl", '{"code": "A"}\n{oops\n', "Line 2 is not JSON"),
        ("items.jsonl", '["A"]\n', "Line 1 is not a JSON object"),
        ("items.jsonl", '{"code": "A", "stock": true}\n', "stock is a whole number"),
        ("items.jsonl", '{"code": 7}\n', "code is a text"),
    ],
    ids=str,
)
def test_a_file_that_cannot_be_read_says_why_and_changes_nothing(site, tmp_path, name, text, why):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(CommandError) as refused:
        imported(site, path)
    assert why in str(refused.value) and "Nothing was imported." in str(refused.value)
    assert not Item.objects.exists()


def test_what_the_shop_says_is_not_overwritten_by_events(site):
    recommender = services.create_recommender(site_id=site.pk, key="next", name="Next")
    catalogue.put(site_id=site.pk, items=[{"code": "A", "category": "hats", "price": 5}], now=NOW)
    start = NOW + timedelta(minutes=1)
    store(site, [Seen(new_person(), start, code, category="c", value=9.0) for code in "AB"])
    services.train_now(recommenders=[recommender], now=NOW + timedelta(hours=1))
    assert (item("A").category, item("A").price, item("A").seen_at) == ("hats", 5.0, start)
    assert (item("B").category, item("B").price, item("B").source) == ("c", 9.0, "events")


def test_servers_put_items_and_tables_hear_of_it(site, client: Client):
    recommender = services.create_recommender(site_id=site.pk, key="next", name="Next")
    source = Source.objects.get(site=site)
    _, key = access.issue_key(source_id=source.pk, kind="sk", now=NOW)

    def put(document: object, token: str = key) -> tuple[int, dict[str, object]]:
        answer = client.put(
            "/v1/items", json.dumps(document), content_type="application/json",
            headers={"Authorization": f"Bearer {token}"},
        )  # fmt: skip
        return answer.status_code, answer.json()

    items = [{"code": "A", "isAvailable": False}, {"code": "B", "price": 3.5, "stock": 4}]
    assert put({"items": items}) == (200, {"created": 2, "changed": 0, "unchanged": 0})
    assert put({"items": items}) == (200, {"created": 0, "changed": 0, "unchanged": 2})
    told = Recommender.objects.get(pk=recommender.pk).catalogue_at
    assert told is not None
    assert put({"items": [{"code": "B", "stock": None}]})[1]["changed"] == 1
    assert item("B").stock is None and item("B").price == 3.5
    assert catalogue.withheld(site.pk) == {"A"}

    status, refused = put({"items": [{"code": "C"}, {"code": "C"}]})
    assert (status, refused["code"]) == (400, "invalid_request")
    assert "twice" in str(refused["detail"]) and not Item.objects.filter(code="C").exists()
    assert put({"items": [{"code": "C", "colour": "red"}]})[0] == 400
    assert put({"items": [{"code": str(n)} for n in range(501)]})[0] == 400
    assert put({"items": []}, token="sk_nobody")[0] == 401


def test_a_row_names_its_place_in_a_refusal():
    with pytest.raises(InvalidItems, match="Item 8 has no code"):
        catalogue.checked([{"code": "A"}, {"name": "B"}], first=7)


@pytest.mark.django_db(transaction=True)
def test_what_is_not_available_stays_so_though_a_training_notes_the_item_at_that_moment():
    site = make_site()
    store(site, [Seen(new_person(), NOW - timedelta(days=1), "A1", category="shoes", value=10.0)])
    one = Recommender.objects.create(site=site, key="r", name="R")
    noted, may_end = threading.Event(), threading.Event()

    def train() -> None:
        try:
            with transaction.atomic():
                reading.read(one, NOW)  # notes the item, and goes on reading what was met
                noted.set()
                may_end.wait(10)
        finally:
            connection.close()

    beside = threading.Thread(target=train)
    beside.start()
    assert noted.wait(10)
    threading.Timer(0.3, may_end.set).start()
    row = {"code": "A1", "is_available": False, "stock": 4}
    put = catalogue.put(site_id=site.pk, items=[row], now=NOW)
    beside.join()
    assert (item("A1").is_available, item("A1").stock) == (False, 4)
    assert item("A1").source == Item.Source.IMPORT
    assert put == catalogue.Put(0, 1, 0)
    assert catalogue.put(site_id=site.pk, items=[row], now=NOW) == catalogue.Put(0, 0, 1)
