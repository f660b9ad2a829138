"""The tracking plan of a site: which names of events are declared, and which were only observed."""

import json
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection

# More names than this are no plan: a sender that puts ids into names must not fill the table.
MAX_NAMES = 5_000
FRESH_S = 10.0
RECHECK_S = 1.0
_MAX_SITES = 1_000

_NAMES = "SELECT name, is_declared FROM events_eventschema WHERE site_id = %s LIMIT 20000"
_OBSERVE = """
INSERT INTO events_eventschema (site_id, name, is_declared, first_seen_at)
SELECT %s, name, false, %s FROM jsonb_array_elements_text(%s::jsonb) AS name
ORDER BY name ON CONFLICT (site_id, name) DO NOTHING
"""


@dataclass(slots=True)
class _Plan:
    declared: frozenset[str]
    observed: set[str]
    loaded_at: float


_lock = threading.Lock()
_plans: dict[UUID, _Plan] = {}


def undeclared(site_id: UUID, names: Iterable[str]) -> frozenset[str]:
    """Return those names that the site's plan does not declare. No statement on a hit.

    A name declared in the admin is known here within a second, one withdrawn within ten.
    """
    wanted = frozenset(names)
    plan = _plan(site_id, FRESH_S)
    if not wanted <= plan.declared:
        plan = _plan(site_id, RECHECK_S)
    return wanted - plan.declared


def observe(site_id: UUID, names: Iterable[str], now: datetime) -> None:
    """Write down names that were never seen before. No statement when all are known."""
    plan = _plans.get(site_id)
    wanted = set(names)
    if plan is not None and wanted <= plan.observed:
        return
    plan = plan or _plan(site_id, FRESH_S)
    fresh = sorted(wanted - plan.observed)[: max(0, MAX_NAMES - len(plan.observed))]
    if not fresh:
        return
    with connection.cursor() as cursor:
        cursor.execute(_OBSERVE, [str(site_id), now, json.dumps(fresh)])
    with _lock:
        plan.observed.update(fresh)


def forget() -> None:
    """Read every plan again at its next use."""
    with _lock:
        _plans.clear()


def _plan(site_id: UUID, fresh_s: float) -> _Plan:
    plan = _plans.get(site_id)
    now = time.monotonic()
    if plan is not None and now - plan.loaded_at < fresh_s:
        return plan
    with connection.cursor() as cursor:
        cursor.execute(_NAMES, [str(site_id)])
        rows = cursor.fetchall()
    plan = _Plan(
        declared=frozenset(name for name, is_declared in rows if is_declared),
        observed={name for name, _ in rows},
        loaded_at=now,
    )
    with _lock:
        if len(_plans) >= _MAX_SITES:
            _plans.clear()
        _plans[site_id] = plan
    return plan
