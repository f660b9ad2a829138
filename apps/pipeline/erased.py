"""Events of erased people are dropped here, whichever way they came: inbox, journal or repair."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

from django.db import transaction

from apps.consent import tombstones
from apps.consent.tombstones import Spans
from apps.events import services as events
from apps.events.fold import Batch
from apps.events.types import Accepted
from apps.profiles.identities import Name

Arrival = tuple[Batch, Accepted]


def living(arrivals: Sequence[Arrival]) -> list[Arrival]:
    """Return the events that name nobody erased, as far as is committed now. One statement.

    Call it inside the fold's transaction, and again under the locks if a row has changed since.
    """
    named = [(arrival, _identities(arrival[1])) for arrival in arrivals]
    names = {
        (batch.site_id, kind, value)
        for (batch, _), identities in named
        for kind, value in identities
    }
    barred = tombstones.barred(names)
    if not barred:
        return list(arrivals)
    by_site = _by_site(barred)
    return [
        arrival
        for arrival, identities in named
        if not tombstones.is_barred(
            by_site.get(arrival[0].site_id, {}), identities, arrival[1].occurred_ms
        )
    ]


def count(arrivals: Sequence[Arrival], left: Sequence[Arrival], *, now: datetime) -> None:
    """Count what was dropped, once the fold is committed."""
    if len(left) == len(arrivals):
        return
    sites = Counter(batch.site_id for batch, _ in arrivals)
    sites.subtract(batch.site_id for batch, _ in left)
    for site_id, number in sites.items():
        if number:
            transaction.on_commit(partial(events.count_erased, site_id, number, now=now))


def _identities(event: Accepted) -> list[tuple[str, str]]:
    found = []
    if event.anonymous_id is not None:
        found.append(("anonymous_id", event.anonymous_id))
    if event.user_id is not None:
        found.append(("user_id", event.user_id))
    if event.previous_id is not None:  # an alias may name either
        found += [("anonymous_id", event.previous_id), ("user_id", event.previous_id)]
    return found


def _by_site(barred: Mapping[Name, Spans]) -> dict[UUID, dict[tuple[str, str], Spans]]:
    found: dict[UUID, dict[tuple[str, str], Spans]] = {}
    for (site_id, kind, value), spans in barred.items():
        found.setdefault(site_id, {})[kind, value] = spans
    return found
