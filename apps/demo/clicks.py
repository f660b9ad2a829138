"""Reading click files: comma-separated, plain or gzip, one click a row, the columns of COLUMNS."""

import csv
import gzip
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import IO, Final, NamedTuple

from apps.demo.errors import DemoTrouble

SHIPPED: Final = Path(__file__).parent / "data" / "clicks_2008-04_06.csv.gz"

COLUMNS: Final = (
    "year", "month", "day", "order", "country", "session_id", "main_category", "clothing_model",
    "colour", "photo_location", "model_photography", "price", "price_2", "page",
)  # fmt: skip

CATEGORIES: Final = {"1": "trousers", "2": "skirts", "3": "blouses", "4": "sale"}


class Click(NamedTuple):
    """One click on a product photo. Codes that COLUMNS' description does not name stay codes.

    `order` counts from 1 within the session; `price` is in US dollars; `is_dearer` than the average
    of its category; `page` is the page of the shop's listing.
    """

    order: int
    on: date
    country: str
    category: str
    product: str
    colour: str
    position: str
    style: str
    price: float
    is_dearer: bool
    page: int


class Session(NamedTuple):
    """One visit: its clicks in order, at least one, all of one day."""

    id: str
    clicks: Sequence[Click]

    @property
    def on(self) -> date:
        """The day of the visit."""
        return self.clicks[0].on


def read_sessions(paths: Iterable[Path]) -> list[Session]:
    """Return the visits of all files together, by day and then as the files have them.

    Raises:
        DemoTrouble: a file cannot be read, lacks a column, or has a row that makes no sense.
    """
    found: dict[str, list[Click]] = {}
    for path in paths:
        for session_id, click in _read(path):
            found.setdefault(session_id, []).append(click)
    sessions = []
    for session_id, clicks in found.items():
        clicks.sort(key=lambda click: (click.on, click.order))
        sessions.append(Session(session_id, clicks))
    if not sessions:
        raise DemoTrouble("The click files hold no click.")
    sessions.sort(key=lambda session: session.on)
    return sessions


def digest_of(paths: Iterable[Path]) -> str:
    """Return what tells one set of files from another: a SHA-256 over their bytes, hex."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _read(path: Path) -> Iterator[tuple[str, Click]]:
    try:
        with path.open("rb") as raw:
            is_gzip = raw.read(2) == b"\x1f\x8b"
        opener: Callable[..., IO[str]] = gzip.open if is_gzip else open
        with opener(path, "rt", encoding="utf-8", newline="") as text:
            yield from _rows(path, csv.DictReader(text))
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise DemoTrouble(f"The click file {path} cannot be read: {error}.") from None


def _rows(path: Path, rows: "csv.DictReader[str]") -> Iterator[tuple[str, Click]]:
    missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
    if missing:
        raise DemoTrouble(f"The click file {path} lacks the column '{missing[0]}'.")
    for row in rows:
        try:
            yield row["session_id"], _click(row)
        except (TypeError, ValueError) as error:
            raise DemoTrouble(
                f"Line {rows.line_num} of the click file {path} makes no sense: {error}."
            ) from None


def _click(row: Mapping[str, str]) -> Click:
    if not row["session_id"] or not row["clothing_model"]:
        raise ValueError("session_id and clothing_model must not be empty")
    category = row["main_category"]
    return Click(
        order=int(row["order"]),
        on=date(int(row["year"]), int(row["month"]), int(row["day"])),
        country=row["country"],
        category=CATEGORIES.get(category, category),
        product=row["clothing_model"],
        colour=row["colour"],
        position=row["photo_location"],
        style=row["model_photography"],
        price=float(row["price"]),
        is_dearer=row["price_2"] == "1",
        page=int(row["page"]),
    )
