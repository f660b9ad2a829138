"""What was clicked in the lists that were seen: by place, and by method as if all stood first.

Read of decision records, of exposures and of what people looked at within half an hour; of events
that allow analytics. Nobody is named in what comes out.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Final
from uuid import UUID

import msgspec
from django.db import connection
from django.db.models import QuerySet

from apps.consent.gates import event_allows
from apps.consent.types import Purpose
from apps.decisions import past
from apps.recommendations import positions
from apps.recommendations.selectors import EXPLORING
from apps.work import clock

MOST_RECORDS: Final = 200_000
AT_ONCE: Final = 1_000
WITHIN: Final = timedelta(minutes=30)
_INTERVAL: Final = f"interval '{WITHIN.total_seconds():g} seconds'"
LEARNED: Final = "@learned"  # as apps.delivery.answers ends the name of what a list is from

_ALLOWED: Final = event_allows("e", Purpose.ANALYTICS)
_SEEN = f"""
SELECT DISTINCT q.n FROM unnest(%s::int[], %s::uuid[], %s::float8[], %s::text[])
  AS q(n, profile_id, at_ms, placement)
JOIN events_event e ON e.profile_id = q.profile_id AND e.kind = 7
  AND e.occurred_at >= to_timestamp(q.at_ms / 1000)
  AND e.occurred_at < to_timestamp(q.at_ms / 1000) + {_INTERVAL}
  AND e.properties ->> 'placement' = q.placement
  AND (e.properties ->> 'decided_ms')::float8 = q.at_ms AND {_ALLOWED}
"""  # nosec B608 - constant text
_CLICKED = f"""
SELECT DISTINCT q.n, e.item FROM unnest(%s::int[], %s::uuid[], %s::float8[])
  AS q(n, profile_id, at_ms)
JOIN events_event e ON e.profile_id = q.profile_id AND e.name = %s AND e.item IS NOT NULL
  AND e.occurred_at > to_timestamp(q.at_ms / 1000)
  AND e.occurred_at <= to_timestamp(q.at_ms / 1000) + {_INTERVAL} AND {_ALLOWED}
"""  # nosec B608 - constant text


@dataclass(frozen=True, slots=True)
class Counted:
    """Showings and clicks by place, from 1."""

    shown: Counter[int] = field(default_factory=Counter)
    clicked: Counter[int] = field(default_factory=Counter)


@dataclass(slots=True)
class Clicks:
    """What was counted.

    Attributes:
        lists: that were seen.
        explored: of items that chance had put there.
        methods: by the method that a list was from, explored items left out.
        since: from when on decisions were read, where there were more than that; else None.
    """

    lists: int = 0
    explored: Counted = field(default_factory=Counted)
    methods: dict[str, Counted] = field(default_factory=dict)
    since: datetime | None = None

    def looked_at(self) -> tuple[list[float], bool]:
        """Return how often each place is looked at, and whether that was measured."""
        counted = (self.explored, *self.methods.values())
        places = range(1, max((max(one.shown, default=1) for one in counted), default=1) + 1)
        shown = [self.explored.shown[place] for place in places]
        return positions.examination(shown, [self.explored.clicked[place] for place in places])


class _List(msgspec.Struct):
    """A list of one record."""

    profile_id: UUID
    at_ms: int
    placement: str
    method: str
    items: list[tuple[str, str]]  # code, why


def count(
    site_id: UUID, *, event: str, since: datetime, until: datetime, most: int = MOST_RECORDS
) -> Clicks:
    """Count clicks in the lists that were seen, the newest first of those whose time is over.

    Args:
        event: the event that a click on an item leads to.
        most: so many decisions are read at most.
    """
    over = min(until, clock.now() - WITHIN)  # of later ones clicks may still come
    records = past.records(site_id=site_id, since=since, until=over).reverse()
    known = records.exclude(profile_id=None).exclude(inputs=None)
    oldest = known.values_list("at", flat=True)[most - 1 : most + 1]
    found = Clicks(since=oldest[0] if len(oldest) > 1 else None)
    lists = _lists(known[:most])
    while some := list(islice(lists, AT_ONCE)):
        _count(some, event, found)
    return found


def _lists(records: QuerySet[past.Record]) -> Iterator[_List]:
    for record in records.iterator(chunk_size=AT_ONCE):
        assert record.inputs is not None
        assert record.profile_id is not None
        try:
            kept = past.unpacked(record.inputs, record.format).items
        except ValueError:
            continue  # of another version of this code
        for name, encoded in kept.items():
            said = kept.get(f"{name}#{LEARNED}")
            if said is None:
                continue  # a field, or a record of before
            items = [(one["id"], one["why"]) for one in msgspec.json.decode(encoded)]
            method = msgspec.json.decode(said)["method"]
            yield _List(record.profile_id, clock.to_ms(record.at), name, method, items)


def _count(lists: Sequence[_List], event: str, into: Clicks) -> None:
    numbers = list(range(len(lists)))
    people = [str(one.profile_id) for one in lists]
    moments = [float(one.at_ms) for one in lists]
    with connection.cursor() as cursor:
        cursor.execute(_SEEN, [numbers, people, moments, [one.placement for one in lists]])
        seen = {number for (number,) in cursor.fetchall()}
        cursor.execute(_CLICKED, [numbers, people, moments, event])
        clicked = set(cursor.fetchall())
    for number, one in enumerate(lists):
        if number not in seen:
            continue
        into.lists += 1
        own = into.methods.setdefault(one.method, Counted())
        for place, (code, why) in enumerate(one.items, start=1):
            counted = into.explored if why == EXPLORING else own
            counted.shown[place] += 1
            counted.clicked[place] += (number, code) in clicked
