"""The demo shop's pages. What is personal is added in the browser, through the public API alone."""

import json
import re
from functools import lru_cache
from typing import Final, TypedDict

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from apps.delivery.previewing.tokens import is_good
from apps.demo.selectors import shop_key, shop_site_id
from apps.work import clock

CATEGORIES: Final = {
    "trousers": "Wide, straight and cropped, with room at the waist.",
    "skirts": "Pleats, tiers and easy lines that move with you.",
    "blouses": "Wraps, shirts and tunics for soft layers.",
    "sale": "Last pieces of the season, in every shape.",
}
ROW_LENGTH: Final = 10
# Cuts in garments.svg. The data shows no picture, so a code's number picks the drawing.
DRAWINGS: Final = {"trousers": "trousers", "skirts": "skirt", "blouses": "blouse"}
CUTS: Final = 4


class ShopSettings(TypedDict):
    """What the page's script needs; also the names that it reads."""

    writeKey: str | None
    host: str


class Card(TypedDict):
    """One product as the page draws it. `price` in whole US dollars."""

    id: str
    name: str
    category: str
    colour: str
    drawing: str
    price: int
    dearer: bool
    url: str


def shop_settings(request: HttpRequest) -> ShopSettings:
    """The page's settings; `writeKey` is None until a load has finished. `host` "": this origin."""
    return {"writeKey": shop_key(), "host": ""}


@lru_cache(maxsize=1)
def cards() -> dict[str, Card]:
    """Every product by code, most clicked first."""
    path = settings.BASE_DIR / "static" / "demo" / "catalogue.json"
    products = json.loads(path.read_text(encoding="utf-8"))["products"]
    return {product["id"]: _card(product) for product in products}


def _card(product: dict[str, str | int | bool]) -> Card:
    code, category = str(product["id"]), str(product["category"])
    colour = str(product["colour"])
    number = int(re.sub(r"\D", "", code) or 0)
    kinds = list(DRAWINGS.values())
    kind = DRAWINGS.get(category) or kinds[number % len(kinds)]
    drawing = f"{kind}-{number % CUTS + 1}"
    shown_colour = "Patterned" if colour == "multicolour" else colour.capitalize()
    noun = {"blouses": "blouse", "skirts": "skirt", "sale": "sale find"}.get(category, category)
    return {
        "id": code,
        "name": f"{shown_colour} {noun}",
        "category": category,
        "colour": colour.replace(" ", "-"),
        "drawing": f"{drawing}-print" if colour == "multicolour" else drawing,
        "price": int(product["price"]),
        "dearer": bool(product["dearer"]),
        "url": reverse("demo:product", args=[code]),
    }


def _in_category(category: str) -> list[Card]:
    return [card for card in cards().values() if card["category"] == category]


def _page(request: HttpRequest, template: str, **context: object) -> HttpResponse:
    """Render a page of the shop, or what to do first while there is no shop."""
    shop = shop_settings(request)
    if shop["writeKey"] is None:
        return render(request, "demo/empty.html", {"categories": CATEGORIES})
    blank: Card = {
        "id": "", "name": "", "category": "", "colour": "", "drawing": "", "price": 0,
        "dearer": False, "url": "#",
    }  # fmt: skip
    common = {
        "shop": shop,
        "categories": CATEGORIES,
        "product_count": len(cards()),
        "blank": blank,
        # Looked up by the script when the row's items arrive: they carry codes alone.
        "catalogue": list(cards().values()),
    }
    return _framed(request, render(request, template, {**common, **context}))


def _framed(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Let the preview desk frame a page, as long as the token in its address is good."""
    token = request.GET.get("attune_preview", "")
    site_id = shop_site_id() if token else None
    if site_id is not None and is_good(site_id, token, clock.now_ms()):
        response["X-Frame-Options"] = "SAMEORIGIN"
        response["Cache-Control"] = "private, no-store"
        response["X-Robots-Tag"] = "noindex"
        response._csp_replace = {"frame-ancestors": ["'self'"]}  # type: ignore[attr-defined]
    return response


@require_safe
def shop(request: HttpRequest) -> HttpResponse:
    """GET /demo/: hero, product row, categories."""
    tiles = [
        {"key": key, "text": text, "count": len(found), "card": found[0]}
        for key, text in CATEGORIES.items()
        if (found := _in_category(key))
    ]
    popular = list(cards().values())[:ROW_LENGTH]
    return _page(request, "demo/home.html", tiles=tiles, row=popular)


@require_safe
def category(request: HttpRequest, category: str) -> HttpResponse:
    """GET /demo/{category}/: all its products, most clicked first."""
    if category not in CATEGORIES:
        raise Http404(f"The shop has no category '{category[:40]}'.")
    return _page(
        request,
        "demo/category.html",
        category=category,
        text=CATEGORIES[category],
        found=_in_category(category),
    )


@require_safe
def product(request: HttpRequest, code: str) -> HttpResponse:
    """GET /demo/products/{code}/: one product; looking at it is what the shop learns from."""
    card = cards().get(code)
    if card is None:
        raise Http404(f"The shop has no product '{code[:40]}'.")
    others = [one for one in _in_category(card["category"]) if one["id"] != code]
    return _page(
        request,
        "demo/product.html",
        product=card,
        category=card["category"],
        row=others[:ROW_LENGTH],
    )
