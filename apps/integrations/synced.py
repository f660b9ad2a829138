"""Which variant each entry became, for who reads from here and for who looks where it came from."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from urllib.parse import quote
from uuid import UUID

from apps.integrations.models import Connection, EntryLink, Incoming
from apps.work.cells import guarded

MOST_ROWS: Final = 1_000  # of one page
PIECE: Final = 500  # entries that are in memory together
COLUMNS: Final = (
    "entry",
    "locales",
    "block",
    "variant",
    "variantId",
    "name",
    "archived",
    "changedAt",
)
_THERE: Final = "https://app.contentful.com/spaces/{}/environments/{}/entries/{}"
# What a spreadsheet would work out instead of showing.


class Synced(NamedTuple):
    """An entry and the variant that it became.

    Attributes:
        locales: in which it came by itself; empty: all at once.
        changed_at: when the entry was what is written here, by the clock of its system.
    """

    entry: str
    locales: list[str]
    block: str
    variant: str
    variant_id: UUID
    name: str
    is_archived: bool
    changed_at: datetime


class CameFrom(NamedTuple):
    """Where a variant came from; `address` is of the page there, "" where it is not known."""

    entry: str
    system: str
    connection_id: UUID
    address: str


def synced_page(connection: Connection, after: str, limit: int) -> tuple[list[Synced], str]:
    """Return entries by id after one, and the last one where there are more. Two queries."""
    links = EntryLink.objects.filter(connection=connection)
    names = list(
        links.filter(entry__gt=after)
        .order_by("entry")
        .values_list("entry", flat=True)
        .distinct()[: limit + 1]
    )
    rows: dict[str, Synced] = {}
    some = links.filter(entry__in=names[:limit]).select_related("variant__block")
    for link in some.order_by("entry", "locale"):
        known = rows.get(link.entry)
        locales = [] if known is None else known.locales
        at = link.at if known is None else max(link.at, known.changed_at)
        variant = link.variant
        rows[link.entry] = Synced(
            link.entry,
            [*locales, link.locale] if link.locale else locales,
            variant.block.key,
            variant.key,
            variant.pk,
            variant.name,
            variant.archived_at is not None,
            at,
        )
    return list(rows.values()), names[limit - 1] if len(names) > limit else ""


def rows_of(connection: Connection) -> Iterator[Synced]:
    """Yield all entries of a connection by id, some at a time."""
    after = ""
    while True:
        rows, after = synced_page(connection, after, PIECE)
        yield from rows
        if not after:
            return


def as_json(row: Synced) -> dict[str, Any]:
    """Return a row as the API tells it."""
    return dict(
        zip(
            COLUMNS,
            (
                row.entry,
                row.locales,
                row.block,
                row.variant,
                str(row.variant_id),
                row.name,
                row.is_archived,
                row.changed_at.isoformat(),
            ),
            strict=True,
        )
    )


def json_lines(rows: Iterable[Synced]) -> Iterator[str]:
    """Yield the same rows as one JSON list, a row a line."""
    yield "["
    for place, row in enumerate(rows):
        yield f"{',' if place else ''}\n{json.dumps(as_json(row), ensure_ascii=False)}"
    yield "\n]\n"


def csv_lines(rows: Iterable[Synced]) -> Iterator[str]:
    """Yield a table that spreadsheets open as it stands, its head first."""
    yield "\ufeff" + _line(COLUMNS)
    for row in rows:
        said = as_json(row)
        cells = [" ".join(row.locales) if one == "locales" else str(said[one]) for one in COLUMNS]
        yield _line([guarded(cell) for cell in cells])


def came_from(variant_ids: Sequence[UUID]) -> dict[UUID, CameFrom]:
    """Return where variants came from. One query, and one for each Contentful they came from."""
    links = EntryLink.objects.filter(variant_id__in=variant_ids).select_related("connection")
    found: dict[UUID, CameFrom] = {}
    spaces: dict[UUID, tuple[str, str] | None] = {}
    for link in links.order_by("connection__name", "entry"):
        connection = link.connection
        if connection.pk not in spaces:
            spaces[connection.pk] = space_of(connection)
        address = _address(spaces[connection.pk], link.entry)
        one = CameFrom(link.entry, connection.name, connection.pk, address)
        found.setdefault(link.variant_id, one)
    return found


def space_of(connection: Connection) -> tuple[str, str] | None:
    """Return (space, environment) of a Contentful, as its last imported call says. One query.

    Other systems do not say where their pages are: None.
    """
    if connection.kind != Connection.Kind.CONTENTFUL:
        return None
    rows = Incoming.objects.filter(connection=connection, state=Incoming.State.DONE)
    body = rows.order_by("-received_at").values_list("body", flat=True).first()
    try:
        sys = json.loads(bytes(body or b""))["sys"]
        space = sys["space"]["sys"]["id"]
        environment = (sys.get("environment") or {}).get("sys", {}).get("id", "master")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    if not (isinstance(space, str) and isinstance(environment, str)):
        return None
    return space, environment


def _address(space: tuple[str, str] | None, entry: str) -> str:
    if space is None:
        return ""
    return _THERE.format(*(quote(part, safe="") for part in (*space, entry)))


def _line(cells: Sequence[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow(cells)
    return out.getvalue()
