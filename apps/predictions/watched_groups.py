"""In which group of a trait people are, for audits: opened in a worker, kept nowhere.

Only people whose choice allows what the model is for are asked about at all (features leave the
others out); a sensitive trait needs their yes to sensitive data besides.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection

from apps.consent.gates import sql_stands
from apps.consent.types import Purpose
from apps.predictions.errors import ModelRefused
from apps.profiles import trait_kinds, vault
from apps.profiles.state import uuid_array

MOST_GROUPS: Final = 12
OTHER: Final = "other"
UNKNOWN: Final = ""  # not known, or nobody has said that it may be used
MOST_VALUES: Final = 8  # of a number: more are parted at quarters
CHUNK: Final = 2_000

_VALUES = """
SELECT g.place, s.profile_id, (s.traits -> %(trait)s -> 0)::text
FROM unnest(%(profiles)s::uuid[]) WITH ORDINALITY AS g(profile_id, place)
JOIN profiles_profilestate s ON s.profile_id = g.profile_id AND s.site_id = %(site)s
WHERE s.merged_into IS NULL AND s.traits ? %(trait)s AND {allowed}
"""


def groups_of(
    site_id: UUID, profile_ids: Sequence[UUID], trait: str, *, now: datetime
) -> list[str]:
    """Return each profile's group, UNKNOWN where there is none. Two statements for 2,000 profiles.

    Numbers of many values are parted at their quarters; of texts the most frequent are groups.

    Raises:
        ModelRefused: the trait names people, and so makes no groups.
    """
    kind = trait_kinds.kinds_of(site_id).of(trait)
    if kind == trait_kinds.IDENTIFIER:
        raise ModelRefused(f"'{trait}' names or reaches a person: it makes no groups.")
    allowed = "true"
    if kind == trait_kinds.SENSITIVE:
        allowed = sql_stands("s", Purpose.SENSITIVE, vouched="false", now="%(now)s")
    values: list[Any] = [None] * len(profile_ids)
    for start in range(0, len(profile_ids), CHUNK):
        _read(site_id, profile_ids[start : start + CHUNK], trait, allowed, now, values, start)
    return grouped(values)


def _read(
    site_id: UUID,
    some: Sequence[UUID],
    trait: str,
    allowed: str,
    now: datetime,
    values: list[Any],
    start: int,
) -> None:
    parameters: dict[str, Any] = {
        "site": str(site_id),
        "trait": trait,
        "profiles": uuid_array(some),
        "now": now,
    }
    with connection.cursor() as cursor:
        cursor.execute(_VALUES.format(allowed=allowed), parameters)
        rows = cursor.fetchall()
    found = [(place, profile_id, json.loads(value)) for place, profile_id, value in rows]
    sealed = [profile_id for _, profile_id, value in found if vault.is_sealed(value)]
    keys = vault.keys_of(site_id, sealed) if sealed else {}
    for place, profile_id, value in found:
        if vault.is_sealed(value):
            own = keys.get(profile_id)
            value = None if own is None else own.open(trait, value)
        values[start + place - 1] = value


def grouped(values: Sequence[Any]) -> list[str]:
    """Return groups for values of a trait."""
    numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    if len(set(numbers)) > MOST_VALUES:
        ordered = sorted(numbers)
        cuts = sorted({ordered[len(ordered) * part // 4] for part in (1, 2, 3)})
        return [_quarter(v, cuts) for v in values]
    texts = [_text(v) for v in values]
    counts: dict[str, int] = {}
    for text in texts:
        counts[text] = counts.get(text, 0) + 1
    counts.pop(UNKNOWN, None)
    kept = set(sorted(counts, key=lambda one: (-counts[one], one))[:MOST_GROUPS])
    return [text if text in kept or text == UNKNOWN else OTHER for text in texts]


def _quarter(value: Any, cuts: Sequence[float]) -> str:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return UNKNOWN
    edges = [f"{cut:g}" for cut in cuts]
    place = sum(value >= cut for cut in cuts)
    if place == 0:
        return f"below {edges[0]}"
    return f"{edges[-1]} or more" if place == len(cuts) else f"{edges[place - 1]} to {edges[place]}"


def _text(value: Any) -> str:
    if value is None or isinstance(value, list | dict):
        return UNKNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value).strip()[:60] if not isinstance(value, float) else f"{value:g}"
