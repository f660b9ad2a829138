"""What conditions count, kept ready for closed days: filled at publication and every night.

Rows by day (`events_rollup`) are made from events, once; the sums over the middles of windows
(`events_rollupspan`) from those rows, for the conditions and the day. Both only make answers fast:
whatever is not kept, or has changed since, is read from the events.
"""

import json
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from apps.events import rollups
from apps.profiles.state import uuid_array
from apps.segments.sql import dialect as sql
from apps.segments.sql.aggregates import Kind
from apps.segments.sql.comparison import Binder
from apps.segments.sql.query import truth
from apps.segments.sql.rollup_provider import ARRAYS, KeptSpans, Span, Wishes
from apps.segments.sql.rollup_rows import DAY_MS, ORDER, EventRows, Measure, last_field, moment
from apps.segments.sql.statement import OpenSource, Statement
from apps.work import clock
from engine.conditions.nodes import Node

logger = logging.getLogger(__name__)

# Senders buffer: right after midnight many events of the day before are still to come.
GRACE_MS = 300_000
WORK_MEM = "128MB"


@dataclass(frozen=True, slots=True)
class Kept:
    """What a site has ready.

    Attributes:
        closed_day: the first day that is not closed, in days since 1970.
        places: where in its array each span lies, from 1.
    """

    closed_day: int = 0
    places: Mapping[Span, int] = field(default_factory=dict)

    def source(self, site_id: UUID, *, is_partial: bool = False) -> OpenSource | None:
        """Return what opens it for a statement; None when nothing is kept.

        Args:
            is_partial: whether the statement asks about few profiles.
        """
        if not self.places:
            return None
        return lambda bind: KeptSpans(
            bind, str(site_id), self.closed_day, dict(self.places), is_partial
        )


def kept(site_id: UUID) -> Kept:
    """Read what a site has ready. Two statements; true as of the transaction's snapshot."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT closed_at, spans::text FROM events_rollupsite"
            " WHERE site_id = %s AND closed_at > '-infinity'",
            [str(site_id)],
        )
        row = cursor.fetchone()
    if row is None:
        return Kept()
    return Kept(clock.to_ms(row[0]) // DAY_MS, _places(_spans_from(row[1])))


def _spans_from(text: str) -> list[Span]:
    return [(digest, kind, begin, end) for digest, kind, begin, end in json.loads(text)]


def _places(spans: Iterable[Span]) -> dict[Span, int]:
    """Each array has the spans of its kinds in the order of the list."""
    sizes: dict[str, int] = {}
    places: dict[Span, int] = {}
    for span in spans:
        array = ARRAYS[Kind(span[1])]
        sizes[array] = places[span] = sizes.get(array, 0) + 1
    return places


def wishes(site_id: UUID, nodes: Sequence[Node], now_ms: int, closed_day: int) -> Wishes:
    """What these conditions could take from kept days at an instant."""
    wanted = Wishes(closed_day)
    statement = Statement(site_id, [now_ms], lambda bind: wanted)
    for node in nodes:
        truth(statement, node)
    return wanted


def prepare(site_id: UUID, nodes: Sequence[Node], now_ms: int) -> list[UUID]:
    """Have everything ready that these conditions, all of a site, can use at this instant.

    Closes days, counts what is new or marked, and drops what nobody asks for any more. Cheap when
    nothing has changed. What is not certain yet (writers of yesterday) is left for the next time.

    Returns:
        Whose closed days have changed and were counted anew.
    """
    today = (now_ms - GRACE_MS) // DAY_MS
    present = kept(site_id)
    closed_day = max(present.closed_day, today)
    wanted = wishes(site_id, nodes, now_ms, closed_day)
    is_same = present.closed_day == closed_day and list(present.places) == list(wanted.spans)
    if (is_same or not (wanted.spans or present.places)) and not rollups.has_marks(site_id):
        return []
    if present.closed_day < closed_day and not rollups.begin_closing(
        site_id, clock.from_ms(closed_day * DAY_MS)
    ):
        return []
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL work_mem = '{WORK_MEM}'")
        closed_at = rollups.lock(site_id)
        was_closed = 0 if closed_at is None else clock.to_ms(closed_at) // DAY_MS
        # Somebody else may have held the lock: what lies in the rows is what was written last.
        present = kept(site_id)
        is_same = present.closed_day == closed_day and list(present.places) == list(wanted.spans)
        return _Fill(cursor, site_id, wanted, was_closed, max(closed_day, was_closed)).run(
            has_new_spans=not is_same
        )


@dataclass(slots=True)
class _Fill:
    """One round of counting, under the lock of the site.

    Args:
        was_closed, closed_day: the days from the first to the second are new.
    """

    cursor: CursorWrapper
    site_id: UUID
    wanted: Wishes
    was_closed: int
    closed_day: int

    def run(self, *, has_new_spans: bool) -> list[UUID]:
        marked = rollups.take_marks(self.site_id)
        known = self._measures()
        self._drop([number for digest, number in known.items() if digest not in self._digests()])
        fresh = self._create(self._digests() - known.keys())
        ready = {d: n for d, n in known.items() if d in self._digests()}
        if self.was_closed < self.closed_day:
            self._count(ready, self.was_closed, self.closed_day)
        self._count(fresh, None, self.closed_day)
        numbers = ready | fresh
        if marked:
            self._repair(numbers, marked)
        if has_new_spans:
            self._sum_all(numbers)
        logger.info(
            "segments.rolled_up",
            extra={
                "site": self.site_id,
                "closed_day": self.closed_day,
                "measures": len(numbers),
                "fresh": len(fresh),
                "repaired": len(marked),
            },
        )
        return marked

    def _digests(self) -> set[str]:
        return set(self.wanted.measures)

    def _measures(self) -> dict[str, int]:
        self.cursor.execute(
            "SELECT digest, id FROM events_rollupmeasure WHERE site_id = %s", [str(self.site_id)]
        )
        return dict(self.cursor.fetchall())

    def _drop(self, numbers: Collection[int]) -> None:
        if numbers:
            array = "{" + ",".join(map(str, numbers)) + "}"
            self.cursor.execute("DELETE FROM events_rollup WHERE measure = ANY(%s)", [array])
            self.cursor.execute("DELETE FROM events_rollupmeasure WHERE id = ANY(%s)", [array])

    def _create(self, digests: Collection[str]) -> dict[str, int]:
        made: dict[str, int] = {}
        for digest in sorted(digests):
            self.cursor.execute(
                "INSERT INTO events_rollupmeasure (site_id, digest, name) VALUES (%s, %s, %s)"
                " RETURNING id",
                [str(self.site_id), digest, self.wanted.measures[digest].match.name],
            )
            made[digest] = self.cursor.fetchone()[0]
        return made

    # Rows by day

    def _count(
        self,
        numbers: Mapping[str, int],
        from_day: int | None,
        to_day: int,
        only: Sequence[UUID] | None = None,
    ) -> None:
        """Count measures over [from_day, to_day), of everybody or of `only` these profiles."""
        measures = {n: self.wanted.measures[digest] for digest, n in numbers.items()}
        plain = {n: m for n, m in measures.items() if m.of is None}
        valued = {n: m for n, m in measures.items() if m.of is not None}
        for group in (plain, valued):
            if group:
                self._insert(group, from_day, to_day, only)

    def _insert(
        self,
        measures: Mapping[int, Measure],
        from_day: int | None,
        to_day: int,
        only: Sequence[UUID] | None,
    ) -> None:
        bind = Binder()
        rows = EventRows(bind)
        listed = ", ".join(
            f"({number}, {rows.meets(measure.match)}, {_value(rows, measure)})"
            for number, measure in measures.items()
        )
        tests = [f"e.occurred_at < {moment(bind, to_day * DAY_MS)}"]
        if from_day is not None:
            tests.append(f"e.occurred_at >= {moment(bind, from_day * DAY_MS)}")
        if only is not None:
            tests.append(f"e.profile_id = ANY({bind(uuid_array(only), 'uuid[]')})")
        is_valued = any(measure.of is not None for measure in measures.values())
        site = bind(str(self.site_id), "uuid")
        events = " AND ".join((rows.bounds(site), *tests))
        count = _counting_values if is_valued else _counting
        self.cursor.execute(count(events, listed), bind.params)
        if rows.readers:
            self.cursor.execute(
                "INSERT INTO events_rollupmark (site_id, profile_id, is_lasting)"
                f" SELECT DISTINCT {site}, e.profile_id, true FROM events_personal e"
                f" WHERE {events} AND {rows.hard()}",
                bind.params,
            )

    def _repair(self, numbers: Mapping[str, int], marked: Sequence[UUID]) -> None:
        profiles = uuid_array(marked)
        for table in ("events_rollup", "events_rollupspan"):
            self.cursor.execute(
                f"DELETE FROM {table} WHERE profile_id = ANY(%s::uuid[])", [profiles]
            )
        self._count(numbers, None, self.closed_day, marked)
        self._sum(numbers, list(self.wanted.spans), marked)

    # Sums over middles

    def _sum_all(self, numbers: Mapping[str, int]) -> None:
        spans = list(self.wanted.spans)
        self.cursor.execute("DELETE FROM events_rollupspan WHERE site_id = %s", [str(self.site_id)])
        if spans:
            self._sum(numbers, spans, None)
        self.cursor.execute(
            "UPDATE events_rollupsite SET closed_at = %s, spans = %s::jsonb WHERE site_id = %s",
            [clock.from_ms(self.closed_day * DAY_MS), json.dumps(spans), str(self.site_id)],
        )

    def _sum(
        self, numbers: Mapping[str, int], spans: Sequence[Span], only: Sequence[UUID] | None
    ) -> None:
        arrays: dict[str, list[str]] = {array: [] for array in dict.fromkeys(ARRAYS.values())}
        for digest, kind, from_day, to_day in spans:
            tests = f"r.measure = {numbers[digest]} AND r.day < {to_day}"
            if from_day is not None:
                tests += f" AND r.day >= {from_day}"
            aggregate = _SUMS[Kind(kind)]
            arrays[ARRAYS[Kind(kind)]].append(aggregate.format(tests=tests))
        columns = ", ".join(
            f"ARRAY[{', '.join(items)}]::{_TYPES[array]}" for array, items in arrays.items()
        )
        doubles = ", ".join(f"coalesce({total}, 0)::float8" for total in arrays["totals"])
        columns += f", ARRAY[{doubles}]::float8[]"
        which = "" if only is None else "AND r.profile_id = ANY(%(only)s::uuid[])"
        self.cursor.execute(
            f"INSERT INTO events_rollupspan (profile_id, site_id, {', '.join(arrays)}, doubles)"
            f" SELECT r.profile_id, %(site)s::uuid, {columns} FROM events_rollup r"
            f" WHERE r.measure = ANY(%(measures)s::int[]) {which} GROUP BY r.profile_id",
            {
                "site": str(self.site_id),
                "measures": sorted({numbers[digest] for digest, *_ in spans}),
                "only": None if only is None else uuid_array(only),
            },
        )


_TYPES = {
    "wholes": "bigint[]",
    "moments": "timestamptz[]",
    "reals": "double precision[]",
    "totals": "numeric[]",
    "ends": "jsonb[]",
}

_SUMS = {
    Kind.COUNT: "coalesce(sum(r.n) FILTER (WHERE {tests}), 0)",
    Kind.NUMBERS: "coalesce(sum(r.numbers) FILTER (WHERE {tests}), 0)",
    Kind.LATEST: "max(r.latest) FILTER (WHERE {tests})",
    Kind.EARLIEST: "min(r.earliest) FILTER (WHERE {tests})",
    Kind.SUM: "sum(r.total) FILTER (WHERE {tests})",
    Kind.MIN: "min(r.low) FILTER (WHERE {tests})",
    Kind.MAX: "max(r.high) FILTER (WHERE {tests})",
    Kind.FIRST: last_field(
        "min(ROW(r.day, r.first)) FILTER (WHERE {tests} AND r.first IS NOT NULL)", 2
    ),
    Kind.LAST: last_field(
        "max(ROW(r.day, r.last)) FILTER (WHERE {tests} AND r.last IS NOT NULL)", 2
    ),
}

# Whole days since 1970, also of the time before.
_DAY = "floor(extract(epoch FROM e.occurred_at) / 86400)::int"


def _value(rows: EventRows, measure: Measure) -> str:
    return "NULL::jsonb" if measure.of is None else rows.property(measure.match, measure.of)


def _counting(events: str, measures: str) -> str:
    return f"""
INSERT INTO events_rollup (measure, day, profile_id, earliest, latest, n)
SELECT m.measure, {_DAY} AS day, e.profile_id, min(e.occurred_at), max(e.occurred_at), count(*)
FROM events_personal e CROSS JOIN LATERAL (VALUES {measures}) m(measure, meets, value)
WHERE {events} AND m.meets GROUP BY e.profile_id, m.measure, day
"""


def _counting_values(events: str, measures: str) -> str:
    return f"""
INSERT INTO events_rollup (measure, day, profile_id, earliest, latest, n, numbers, low, high, total,
  first, last)
SELECT e.measure, e.day, e.profile_id, min(e.occurred_at), max(e.occurred_at), count(*),
  count(e.number), min(e.number), max(e.number), sum(e.exact),
  {last_field("min(e.place)", 4)}, {last_field("max(e.place)", 4)}
FROM (
  SELECT e.profile_id, e.occurred_at, m.measure, {_DAY} AS day,
    CASE WHEN m.value IS NOT NULL THEN ROW({ORDER}, m.value) END AS place,
    {sql.number("m.value")} AS number, {sql.decimal("m.value")} AS exact
  FROM events_personal e CROSS JOIN LATERAL (VALUES {measures}) m(measure, meets, value)
  WHERE {events} AND m.meets OFFSET 0
) e GROUP BY e.profile_id, e.measure, e.day
"""
