"""What the shop offers: items put by its own catalogue, and what may not be recommended now."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction

from apps.recommendations.errors import InvalidItems
from apps.recommendations.models import Item, Recommender

MOST_AT_ONCE: Final = 500
_LENGTHS: Final = {
    "code": 500, "category": 500, "name": 500, "url": 2000, "image": 2000, "words": 1000,
}  # fmt: skip
FIELDS: Final = (*_LENGTHS, "price", "stock", "is_available")
_EMPTIED: Final = frozenset({"price", "stock"})
_MOST_STOCK: Final = 2_147_483_647

_WITHHELD = """
SELECT code FROM recommendations_item
WHERE site_id = %s AND (NOT is_available OR stock = 0)
"""


@dataclass(frozen=True, slots=True)
class Put:
    """What a put did: items that were new, changed, or as they were."""

    created: int
    changed: int
    unchanged: int


def withheld(site_id: UUID) -> frozenset[str]:
    """Return the codes that may not be recommended: not available, or none left. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(_WITHHELD, [str(site_id)])
        return frozenset(code for (code,) in cursor.fetchall())


def offered(site_id: UUID, codes: Collection[str]) -> frozenset[str]:
    """Return those of the codes that may be recommended; what no catalogue names is among them.

    One statement. Decisions hold `withheld` in memory instead.
    """
    return frozenset(codes) - withheld(site_id)


def checked(rows: Sequence[Mapping[str, Any]], *, first: int = 0) -> list[dict[str, Any]]:
    """Return the items with their fields, of the right types.

    Args:
        rows: each with `code`, and any of FIELDS; a missing one stays as it is, None empties a
            price or a stock.
        first: the number of the first row, for the words of a refusal.

    Raises:
        InvalidItems: a row without a code, a field that does not exist or of another type, a text
            that is too long, or one code twice. It names the row and the field.
    """
    found: dict[str, dict[str, Any]] = {}
    for number, row in enumerate(rows, start=first):
        item = _checked(row, number)
        if item["code"] in found:
            raise InvalidItems(f"Item {number}: the code “{item['code']}” is there twice.")
        found[item["code"]] = item
    return list(found.values())


def _checked(row: Mapping[str, Any], number: int) -> dict[str, Any]:
    if not isinstance(row, Mapping):
        raise InvalidItems(f"Item {number} is not an object.")
    unknown = sorted(str(key) for key in row if key not in FIELDS)
    if unknown:
        raise InvalidItems(
            f"Item {number}: there is no field “{unknown[0]}”. Fields: {', '.join(FIELDS)}."
        )
    item = {key: value for key, value in row.items() if value is not None or key in _EMPTIED}
    for name, most in _LENGTHS.items():
        value = item.get(name, "")
        if not isinstance(value, str) or "\x00" in value:
            raise InvalidItems(f"Item {number}: {name} is a text.")
        if len(value) > most:
            raise InvalidItems(f"Item {number}: {name} is longer than {most} characters.")
    if not item.get("code"):
        raise InvalidItems(f"Item {number} has no code: what events call the item.")
    _check_numbers(item, number)
    return item


def _check_numbers(item: Mapping[str, Any], number: int) -> None:
    price, stock = (0 if item.get(name) is None else item[name] for name in ("price", "stock"))
    if isinstance(price, bool) or not isinstance(price, int | float) or not 0 <= price < 1e12:
        raise InvalidItems(f"Item {number}: price is a number, not below zero.")
    if isinstance(stock, bool) or not isinstance(stock, int) or not 0 <= stock <= _MOST_STOCK:
        raise InvalidItems(f"Item {number}: stock is a whole number, not below zero.")
    if not isinstance(item.get("is_available", True), bool):
        raise InvalidItems(f"Item {number}: is_available is true or false.")


def put(*, site_id: UUID, items: Sequence[Mapping[str, Any]], now: datetime) -> Put:
    """Describe items as the shop's catalogue does; what events say of them no longer counts.

    Fields that are not given stay as they are. Decisions know within seconds what is withheld.

    Raises:
        InvalidItems: as `checked`; nothing is written then.
    """
    rows = {row["code"]: row for row in checked(items)}
    with transaction.atomic():
        own = Item.objects.filter(site_id=site_id, code__in=rows)
        new = sorted(rows.keys() - set(own.values_list("code", flat=True)))
        # A training that runs beside may note one of them meanwhile: this waits for it and leaves
        # that row as it is. The lock below finds what it says, so the shop's word is the last.
        # Nothing that a training may wait for is locked before that.
        Item.objects.bulk_create(
            [
                Item(site_id=site_id, seen_at=now, first_seen_at=now, source="import", **rows[code])
                for code in new
            ],
            batch_size=500,
            ignore_conflicts=True,
        )
        known = own.select_for_update().order_by("code")
        changed = [one for one in known if _changes(one, rows[one.code])]
        written = [name for name in FIELDS if name != "code"]
        Item.objects.bulk_update(changed, [*written, "source"], batch_size=500)
        if new or changed:
            note_change(site_id, now)
    created = len(set(new) - {one.code for one in changed})
    return Put(created, len(changed), len(rows) - created - len(changed))


def _changes(item: Item, row: Mapping[str, Any]) -> bool:
    """Write the fields of a row to an item; whether anything was different."""
    is_other = item.source != Item.Source.IMPORT
    item.source = Item.Source.IMPORT
    for name, value in row.items():
        if getattr(item, name) != value:
            setattr(item, name, value)
            is_other = True
    return is_other


def withhold_others(*, site_id: UUID, codes: Collection[str], now: datetime) -> int:
    """Mark every item that is not among the codes as not available; return how many were."""
    named = frozenset(codes)
    others = Item.objects.filter(site_id=site_id, is_available=True)
    gone = [pk for pk, code in others.values_list("pk", "code") if code not in named]
    with transaction.atomic():
        count = Item.objects.filter(pk__in=gone).update(is_available=False)
        if count:
            note_change(site_id, now)
    return count


def note_change(site_id: UUID, now: datetime) -> None:
    """Let every process that serves lists of the site read anew what is withheld."""
    Recommender.objects.filter(site_id=site_id).update(catalogue_at=now)
