"""The shop's pages without a browser: its catalogue, and what it shows before a load."""

import json

import pytest
from django.test import Client

from apps.demo.catalogue import CATALOGUE, as_json, catalogue_of
from apps.demo.clicks import SHIPPED, read_sessions
from apps.demo.views import cards


def test_the_catalogue_is_what_the_clicks_give():
    products = catalogue_of(read_sessions([SHIPPED]))
    assert CATALOGUE.read_text(encoding="utf-8") == as_json(products)
    assert len(products) == 217
    # One click on it carries the category skirts.
    assert {one.category for one in products if one.id == "A18"} == {"trousers"}
    assert products[0].id == "B4"


def test_a_catalogue_ranks_by_clicks_then_by_code():
    sessions = read_sessions([SHIPPED])[:400]
    products = catalogue_of(sessions)
    counts: dict[str, int] = {}
    for session in sessions:
        for click in session.clicks:
            counts[click.product] = counts.get(click.product, 0) + 1
    assert [one.id for one in products] == sorted(counts, key=lambda code: (-counts[code], code))


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/demo/", "/demo", "/demo/sale/", "/demo/products/A1/"])
def test_before_a_load_the_shop_says_what_to_do(client: Client, path: str):
    answer = client.get(path)
    assert answer.status_code == 200
    text = answer.content.decode()
    assert "make demo" in text
    assert "attune.js" not in text
    assert not answer.cookies


def test_every_drawing_that_a_card_names_exists():
    sprite = (CATALOGUE.parent / "garments.svg").read_text(encoding="utf-8")
    drawings = {card["drawing"] for card in cards().values()}
    assert drawings and all(f'<symbol id="{name}"' in sprite for name in drawings)
    assert json.loads(CATALOGUE.read_text(encoding="utf-8"))["products"][0]["id"] in cards()
