"""The shop's products, read off the click data: what was clicked is what was sold.

    python -m apps.demo.catalogue        writes static/demo/catalogue.json

The data names no garment and shows no picture: a product here has its code, category, colour and
price, and its rank by clicks. Names and drawings are made on the page.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Final

from apps.demo.clicks import SHIPPED, Session, read_sessions
from apps.demo.convert import COLOURS

CATALOGUE: Final = Path(__file__).resolve().parents[2] / "static" / "demo" / "catalogue.json"
# What is replayed must not decide what was popular before it.
COUNTED_UNTIL: Final = date(2008, 6, 1)
SOURCE: Final = (
    "Clickstream Data for Online Shopping, M. Łapczyński and S. Białowąs, UCI Machine Learning "
    "Repository 553, doi:10.24432/C5QK7X, CC BY 4.0"
)


@dataclass(frozen=True, slots=True)
class Product:
    """One product code. `price` is in whole US dollars; `dearer`: than its category's average."""

    id: str
    category: str
    colour: str
    price: int
    dearer: bool


def catalogue_of(sessions: Iterable[Session]) -> list[Product]:
    """Return the products by clicks before COUNTED_UNTIL, most clicked first, ties by code.

    A code's attributes are those of most of its clicks: one in the data carries a wrong category.

    Raises:
        ValueError, IndexError: a colour code that the data's key does not have.
    """
    attributes: dict[str, Counter[Product]] = {}
    clicked: Counter[str] = Counter()
    for session in sessions:
        for click in session.clicks:
            product = Product(
                id=click.product,
                category=click.category,
                colour=COLOURS[int(click.colour) - 1],
                price=round(click.price),
                dearer=click.is_dearer,
            )
            attributes.setdefault(click.product, Counter())[product] += 1
            clicked[click.product] += click.on < COUNTED_UNTIL
    ranked = sorted(attributes, key=lambda code: (-clicked[code], code))
    return [attributes[code].most_common(1)[0][0] for code in ranked]


def as_json(products: Sequence[Product]) -> str:
    """Return the catalogue file's text: the data's attribution, then one product a line."""
    lines = ",\n".join("  " + json.dumps(asdict(product)) for product in products)
    source = json.dumps(SOURCE, ensure_ascii=False)
    return f'{{"source": {source},\n "products": [\n{lines}\n]}}\n'


if __name__ == "__main__":
    CATALOGUE.write_text(as_json(catalogue_of(read_sessions([SHIPPED]))), encoding="utf-8")
