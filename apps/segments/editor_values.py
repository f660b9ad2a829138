"""Values that a property or a trait has really had, for the editor to choose among.

A bounded look at what is recent: newest events first, over more days only while there are too few.
Whatever may say who somebody is, and what fewer than ten people share, is not offered.
"""

import json
import logging
from collections.abc import Mapping
from time import monotonic
from typing import Any, Final
from uuid import UUID

from django.core.cache import cache
from django.db import OperationalError, connection, transaction

from apps.segments.domain.identifying import names_person, says_who
from apps.segments.studies.boxed import FEWEST

logger = logging.getLogger(__name__)

LIMIT_S: Final = 1.0
OFFERED: Final = 20
KEPT: Final = 500  # values of one name, the most frequent; prefixes are looked for among these
KEEP_S: Final = 600
MAX_NAME: Final = 200
MAX_VALUE: Final = 200

_DAYS: Final = (1, 7, 60)
_ENOUGH: Final = 2_000  # events: beyond that, older days are not asked
_EVENTS: Final = """
SELECT value, count(DISTINCT profile_id) AS people, sum(count(*)) OVER () FROM (
  SELECT profile_id, properties -> %(name)s AS value FROM events_personal
  WHERE site_id = %(site)s AND occurred_at > now() - %(days)s * interval '1 day'
    AND (%(event)s = '' OR name = %(event)s) AND properties ? %(name)s
  LIMIT 20000
) recent
WHERE jsonb_typeof(value) IN ('string', 'number', 'boolean')
GROUP BY value HAVING count(DISTINCT profile_id) >= %(fewest)s
ORDER BY people DESC, value LIMIT %(kept)s
"""
_TRAITS: Final = """
SELECT value, count(*) AS people FROM (
  SELECT traits -> %(name)s -> 0 AS held FROM profiles_profilestate
  WHERE site_id = %(site)s AND merged_into IS NULL AND traits ? %(name)s
  LIMIT 20000
) sampled, LATERAL jsonb_path_query(held, '$[*]') AS value
WHERE jsonb_typeof(value) IN ('string', 'number', 'boolean')
GROUP BY value HAVING count(*) >= %(fewest)s
ORDER BY people DESC, value LIMIT %(kept)s
"""

# What the decision itself makes of a request: no more than these.
CONTEXT: Final[Mapping[str, tuple[str | int, ...]]] = {
    "device": ("mobile", "desktop", "tablet"),
    "visitor": ("new", "returning"),
    "weekday": (1, 2, 3, 4, 5, 6, 7),
    "os": ("iOS", "Android", "Windows", "macOS", "Linux"),
    "browser": ("Chrome", "Safari", "Firefox", "Edge"),
}


def values_seen(
    site_id: UUID, *, of: str, name: str, event: str = "", prefix: str = ""
) -> list[str | int | float | bool]:
    """Return up to twenty values that begin with `prefix`, those of most people first.

    At most three statements, one second together, once in ten minutes for each name; nothing where
    that is not enough.

    Args:
        of: "property" (of `event`, or of any), "trait" or "context".
        prefix: compared without regard to case.
    """
    if of == "context":
        found: list[Any] = list(CONTEXT.get(name, ()))
    elif not name or len(name) > MAX_NAME or len(event) > MAX_NAME or names_person(name):
        return []
    else:
        found = _kept(site_id, of, name, "" if event == "*" else event)
    wanted = prefix.strip().lower()
    return [value for value in found if _text(value).lower().startswith(wanted)][:OFFERED]


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _kept(site_id: UUID, of: str, name: str, event: str) -> list[Any]:
    place = f"segments.values:{site_id}:{of}:{len(event)}:{event}:{name}".encode().hex()
    found: list[Any] | None = cache.get(place)
    if found is None:
        asked = {"site": str(site_id), "name": name, "fewest": FEWEST, "kept": KEPT}
        rows = _traits(asked) if of == "trait" else _properties(asked | {"event": event})
        found = [value for value in rows if not says_who(value) and len(_text(value)) <= MAX_VALUE]
        cache.set(place, found, KEEP_S)
    return found


def _traits(asked: Mapping[str, Any]) -> list[Any]:
    return [json.loads(row[0]) for row in _rows(_TRAITS, asked, LIMIT_S) or ()]


def _properties(asked: Mapping[str, Any]) -> list[Any]:
    """Of the newest days that have enough; of fewer days where more take too long."""
    deadline = monotonic() + LIMIT_S
    found: list[tuple[Any, ...]] = []
    for days in _DAYS:
        left_s = deadline - monotonic()
        rows = _rows(_EVENTS, {**asked, "days": days}, left_s) if left_s > 0.05 else None
        if rows is None:
            break
        found = rows
        if rows and int(rows[0][2]) >= _ENOUGH:
            break
    return [json.loads(row[0]) for row in found]


def _rows(statement: str, asked: Mapping[str, Any], limit_s: float) -> list[tuple[Any, ...]] | None:
    """What one statement finds; None where that takes too long."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = {max(1, int(limit_s * 1000))}")
            cursor.execute(statement, asked)
            found: list[tuple[Any, ...]] = cursor.fetchall()
            cursor.execute("SET LOCAL statement_timeout = DEFAULT")
            return found
    except OperationalError:
        logger.warning("segments.values_too_slow")
        return None
