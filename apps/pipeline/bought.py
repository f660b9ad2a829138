"""What somebody has bought and not given back: the trait edge.bought, for lists that leave it out.

Kept only on sites with a recommender that filters it. The order in which events arrive does not
show: of each item the latest word counts. Beyond the latest MOST items the others are kept as a few
bits each (`older_items`): the filter holds for any number of them, and the row stays small.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from django.db import connection

from apps.events.fold import Placed, items_of
from apps.profiles.state import StateRow, TraitEntry
from apps.recommendations.selectors import (
    EVERYTHING,
    OLDER,
    Wanted,
    joined,
    noted,
    purchases_wanted,
)
from apps.work import clock, numbers

TRAIT: Final = "edge.bought"
MOST: Final = 200  # items of one person by name, those of the latest word
MOST_READ: Final = 20_000  # orders: who has more of them is shown nothing that may be bought
RETURNED: Final = frozenset({"Order Refunded", "Order Cancelled", "Product Returned"})
_SOURCE: Final = "bought"

# item -> when it was bought last, Unix s; below zero: when it was given back. OLDER -> [when the
# latest of those beyond MOST was bought, their bits].
Bought = dict[str, Any]
Older = list[Any]

_OF_ONE = """
SELECT name, occurred_at, properties FROM events_personal
WHERE profile_id = %s AND name = ANY(%s) ORDER BY occurred_at DESC LIMIT %s
"""


def take(row: StateRow, placed: Iterable[Placed]) -> bool:
    """Note what events say of purchases in the traits of a row; whether anything is new."""
    wanted = purchases_wanted(row.site_id)
    if not wanted.names:
        return row.traits.pop(TRAIT, None) is not None
    told = [
        (one.event.name, one.event.occurred_ms, one.event.properties)
        for one in placed
        if one.event.name in wanted.names or one.event.name in RETURNED
    ]
    return bool(told) and _put(row, merged(_known(row), _said(told, wanted.names)), wanted)


def reload(row: StateRow) -> None:
    """Tell the trait anew from all stored events. One statement where the site asks for it."""
    wanted = purchases_wanted(row.site_id)
    row.traits.pop(TRAIT, None)
    if wanted.names:
        stored = _stored(row.profile_id, wanted.names)
        found = _said(stored, wanted.names)
        if len(stored) == MOST_READ:
            found[OLDER] = [stored[0][1] // 1000, EVERYTHING]
        _put(row, found, wanted)


def merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> Bought:
    """Return what two accounts say together: of each item the later one, a return before a buy."""
    both = {code: at_s for code, at_s in one.items() if code != OLDER}
    for code, at_s in other.items():
        if code != OLDER:
            both[code] = max(both.get(code, at_s), at_s, key=_lateness)
    older = _joined(one.get(OLDER), other.get(OLDER))
    if len(both) > MOST:
        latest = sorted(both, key=lambda code: (*_lateness(both[code]), code), reverse=True)
        beyond = {code: both[code] for code in latest[MOST:] if both[code] > 0}
        both = {code: both[code] for code in latest[:MOST]}
        if beyond:
            older = _joined(older, [max(beyond.values()), noted("", beyond)])
    return both if older is None else both | {OLDER: older}


def _joined(one: Older | None, other: Older | None) -> Older | None:
    if one is None or other is None:
        return one or other
    return [max(one[0], other[0]), joined(one[1], other[1])]


def merged_entry(one: TraitEntry, other: TraitEntry) -> TraitEntry:
    """Return the trait of two people who were found to be one."""
    newest = max(one, other, key=lambda entry: entry[1])
    return (merged(one[0], other[0]), *newest[1:])


def _lateness(at_s: int) -> tuple[int, bool]:
    return abs(at_s), at_s < 0


def _known(row: StateRow) -> Mapping[str, Any]:
    entry = row.traits.get(TRAIT)
    return entry[0] if entry is not None and isinstance(entry[0], dict) else {}


def _put(row: StateRow, found: Bought, wanted: Wanted) -> bool:
    if not found:
        return False
    newest_s = max(abs(at_s) for code, at_s in found.items() if code != OLDER)
    # Nothing is kept longer than any filter looks back.
    since_s = newest_s - wanted.days * 86_400
    found = {
        code: at_s
        for code, at_s in found.items()
        if (at_s[0] if code == OLDER else abs(at_s)) >= since_s
    }
    if found == _known(row):
        return False
    at_ms = newest_s * 1000
    row.traits[TRAIT] = (found, at_ms, _SOURCE, at_ms, _SOURCE)
    return True


def _said(told: Iterable[tuple[str, int, Mapping[str, Any]]], names: frozenset[str]) -> Bought:
    """What events say, each (name, Unix ms, properties)."""
    found: Bought = {}
    for name, at_ms, properties in told:
        at_s = at_ms // 1000 if name in names else -(at_ms // 1000)
        for code in items_of(properties):
            found[code] = max(found.get(code, at_s), at_s, key=_lateness)
    return merged(found, {})


def _stored(profile_id: UUID, names: frozenset[str]) -> Sequence[tuple[str, int, dict[str, Any]]]:
    with connection.cursor() as cursor:
        cursor.execute(_OF_ONE, [str(profile_id), sorted(names | RETURNED), MOST_READ])
        return [
            (name, clock.to_ms(at), raw if isinstance(raw, dict) else numbers.loads(raw))
            for name, at, raw in cursor.fetchall()
        ]
