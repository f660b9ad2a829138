"""The shop's products, read off the click data: what was clicked is what was sold.

    python -m apps.demo.catalogue        writes static/demo/catalogue.json

The data names no garment and shows no picture: a product here has its code, category, colour and price,
and its rank by clicks. Names and drawings are made on the page.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
CLICKS = HERE / "data" / "clicks_2008-04_06.csv.gz"
CATALOGUE = HERE.parents[1] / "static" / "demo" / "catalogue.json"

CATEGORIES = {"1": "trousers", "2": "skirts", "3": "blouses", "4": "sale"}
COLOURS = dict(
    enumerate(
        "beige,black,blue,brown,burgundy,gray,green,navy blue,multicolour,olive,pink,red,violet,"
        "white".split(","),
        start=1,
    )
)
# June is what the demo replays: its clicks must not decide what is called popular before it.
MONTHS_COUNTED = frozenset({"4", "5"})


@dataclass(frozen=True, slots=True)
class Product:
    """One product code. `price` is in whole US dollars; `dearer`: than its category's average."""

    id: str
    category: str
    colour: str
    price: int
    dearer: bool


def catalogue_of(rows: Iterable[Mapping[str, str]]) -> list[Product]:
    """Products in order of clicks in April and May, most clicked first, ties by code.

    A code's attributes are those of most of its rows: one click in the data carries a wrong category.

    Raises:
        KeyError: a row lacks a column, or names a category or colour that the data's key does not.
    """
    attributes: dict[str, Counter[Product]] = {}
    clicks: Counter[str] = Counter()
    for row in rows:
        code = row["clothing_model"]
        product = Product(
            id=code,
            category=CATEGORIES[row["main_category"]],
            colour=COLOURS[int(row["colour"])],
            price=int(row["price"]),
            dearer=row["price_2"] == "1",
        )
        attributes.setdefault(code, Counter())[product] += 1
        clicks[code] += row["month"] in MONTHS_COUNTED
    ranked = sorted(attributes, key=lambda code: (-clicks[code], code))
    return [attributes[code].most_common(1)[0][0] for code in ranked]


def rows_of(path: Path) -> Iterable[Mapping[str, str]]:
    """The rows of a gzipped click file, as dictionaries by column name."""
    with gzip.open(path, "rb") as raw:
        yield from csv.DictReader(io.TextIOWrapper(raw, encoding="utf-8", newline=""))


def as_json(products: list[Product]) -> str:
    """The catalogue file's text: one product a line, with the data's attribution."""
    lines = ",\n".join("  " + json.dumps(asdict(product)) for product in products)
    source = json.dumps(
        "Clickstream Data for Online Shopping, M. Łapczyński and S. Białowąs, UCI Machine Learning "
        "Repository 553, doi:10.24432/C5QK7X, CC BY 4.0",
        ensure_ascii=False,
    )
    return f'{{"source": {source},\n "products": [\n{lines}\n]}}\n'


if __name__ == "__main__":
    CATALOGUE.write_text(as_json(catalogue_of(rows_of(CLICKS))), encoding="utf-8")
