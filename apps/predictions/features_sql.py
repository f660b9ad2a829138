"""The statement that finds features of one moment: closed days as kept, the rest from the events.

Time is cut into pieces: the closed days inside the window, and what is not covered by them (days
that a window begins in the middle of, and those since the last closed one). Who is marked is read
from the events alone. Both sides yield rows `d` of the same parts, so every feature is finished by
one expression, whatever it was read from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Final
from uuid import UUID

from apps.predictions.domain.feature_names import Feature
from apps.predictions.domain.feature_parts import (
    DAY_MS,
    LARGEST_VALUE,
    PARTS,
    Part,
)
from apps.predictions.domain.feature_sums import (
    ENTROPY,
    ENTROPY_NORM,
    SPLITS,
    Column,
    Words,
    spread,
)
from apps.predictions.domain.searches import EVENTS, MAX_QUERY, QUERY_KEYS, RESULT_KEYS
from apps.predictions.domain.session_features import NEWEST
from apps.work import clock
from engine.facts import SESSION_IDLE_MS

NO_DAY: Final = -(2**30)
IDLE: Final = f"{SESSION_IDLE_MS} milliseconds"
# Half a microsecond more, because a double does not hold every millisecond.
AT_MS: Final = "floor(date_part('epoch', e.occurred_at) * 1000 + 0.0005)::bigint"
# Whole days since 1970, also of the time before.
_DAY: Final = f"((x.at_ms - CASE WHEN x.at_ms < 0 THEN {DAY_MS - 1} ELSE 0 END) / {DAY_MS})::int"
# Days and pieces follow each other in time: named first, what is sorted is grouped as it comes.
_ORDER: Final = 's.day, s.start_ms, s.occurred_at, s.original_at, s.message_id COLLATE "C"'


def _first_of(keys: Sequence[str]) -> str:
    return ", ".join(f"e.properties ->> '{key}'" for key in keys)


_IS_SEARCH: Final = f"e.name IN ({', '.join(repr(name) for name in EVENTS)})"
_QUERY: Final = f"btrim(left(coalesce({_first_of(QUERY_KEYS)}), {MAX_QUERY}), E' \\t\\n\\r')"
_RESULT: Final = ", ".join(f"e.properties -> '{key}'" for key in RESULT_KEYS)
_RESULTS: Final = f"""(SELECT CASE jsonb_typeof(found) WHEN 'number' THEN found::numeric
  WHEN 'array' THEN jsonb_array_length(found) END FROM (SELECT coalesce({_RESULT})) r(found))"""


def event_rows(
    number: int, lo_ms: str, cut_ms: str = "NULL::bigint", *, with_context: bool = True
) -> str:
    """Return the SELECT list of an event `e` as a row of a source of `pieces`.

    Args:
        number: of the range that is read; rows of one range follow each other.
        lo_ms: where the range begins; rows before are only looked back at.
        cut_ms: where the piece begins, if that is within the day.
        with_context: what is counted reads the context, which is as wide as all else.
    """
    context = "e.context" if with_context else "NULL::jsonb AS context"
    return f"""{number} AS range_no, {lo_ms} AS lo_ms, {cut_ms} AS cut_ms, e.profile_id,
  e.occurred_at, coalesce(e.original_at, e.occurred_at) AS original_at, e.message_id,
  e.received_at, {AT_MS} AS at_ms, e.name, e.category, e.item, {context},
  CASE WHEN e.value <> 'NaN' THEN least(greatest(e.value, -{LARGEST_VALUE:g}), {LARGEST_VALUE:g})
  END AS value, e.identity_id AS device,
  CASE WHEN {_IS_SEARCH} THEN coalesce({_QUERY}, '') END AS query,
  CASE WHEN {_IS_SEARCH} THEN {_RESULTS} END AS results"""


def pieces(source: str, columns: Sequence[tuple[str, str]]) -> str:
    """Return the SELECT that counts parts: profile_id, day, start_ms, and these columns.

    Args:
        source: SELECTs of `event_rows`, reaching back one idle time before what is counted.
        columns: (name, aggregate over `e`).
    """
    listed = "".join(f",\n  {counted} AS {key}" for key, counted in columns)
    joined = f"r.at_ms - r.before_ms < {SESSION_IDLE_MS}"
    return f"""
SELECT e.profile_id, e.day, e.start_ms{listed}
FROM (
  SELECT r.*, r.query IS NOT NULL AS is_search,
    CASE WHEN {joined} THEN r.at_ms - r.before_ms END AS gap_ms,
    greatest(r.received_at, CASE WHEN {joined} THEN r.before_received_at END) AS known_at
  FROM (
    SELECT s.*, lag(s.at_ms) OVER w AS before_ms, lag(s.category_no) OVER w AS before_category_no,
      lag(s.query) OVER w IS NOT NULL AS again, lag(s.received_at) OVER w AS before_received_at
    FROM (
      SELECT x.*, n.place AS name_no, {_DAY} AS day,
        greatest({_DAY} * {DAY_MS}::bigint, x.cut_ms) AS start_ms,
        CASE WHEN x.category IS NOT NULL THEN coalesce(k.place + 1, 1) ELSE 0 END AS category_no
      FROM ({source}) x
      LEFT JOIN unnest(%(names)s::text[]) WITH ORDINALITY AS n(word, place) ON n.word = x.name
      LEFT JOIN unnest(%(categories)s::text[]) WITH ORDINALITY AS k(word, place)
        ON k.word = x.category
    ) s WINDOW w AS (PARTITION BY s.profile_id, s.range_no ORDER BY {_ORDER})
  ) r
) e WHERE e.at_ms >= e.lo_ms GROUP BY e.profile_id, e.day, e.start_ms"""


@dataclass(frozen=True)
class Look:
    """One look back.

    Attributes:
        allowed: a condition of SQL on an event `e`.
        by_received: only what had been received by then was known.
        closed_day: the first day that is not kept; a day is a number since 1970.
        trusts_marked: days of people who are marked are read as they are.
    """

    site_id: UUID
    as_of: datetime
    window_days: int
    features: Sequence[Feature]
    words: Words
    allowed: str
    by_received: bool = False
    closed_day: int = 0
    trusts_marked: bool = False
    clock_values: Mapping[str, float | str] = field(default_factory=dict)

    @cached_property
    def as_of_ms(self) -> int:
        return clock.to_ms(self.as_of)

    @cached_property
    def lower_ms(self) -> int:
        """The beginning of the window."""
        return self.as_of_ms - self.window_days * DAY_MS

    @cached_property
    def until_day(self) -> int:
        """The first day that is read from events."""
        return min(self.closed_day, self.as_of_ms // DAY_MS)

    @cached_property
    def has_days(self) -> bool:
        return self.until_day * DAY_MS > self.lower_ms

    @cached_property
    def columns(self) -> list[Column]:
        """What works each feature out."""
        found = [one.column(self.words) for one in self.features]
        return [spread(one, self.words) if one in (ENTROPY, ENTROPY_NORM) else one for one in found]

    @cached_property
    def edges(self) -> list[int]:
        """Where windows begin, the latest first, in ms."""
        own = {one.within_days for one in self.columns if one.within_days is not None}
        within = {days for days in own if days < self.window_days}
        return sorted(
            (self.as_of_ms - d * DAY_MS for d in {*within, self.window_days}), reverse=True
        )

    @cached_property
    def split_days(self) -> list[int]:
        """Days that a window begins in the middle of."""
        return sorted({edge // DAY_MS for edge in self.edges if edge % DAY_MS})

    @property
    def params(self) -> dict[str, Any]:
        """What the statement binds."""
        padding = [NO_DAY] * (SPLITS - len(self.split_days))
        bound = {f"t{n}": one.bound for n, one in enumerate(self.columns) if one.bound is not None}
        return {
            "site": str(self.site_id),
            "as_of": self.as_of,
            "as_of_ms": self.as_of_ms,
            "split_days": [*self.split_days, *padding],
            "names": list(self.words.names),
            "categories": list(self.words.categories),
            **self.clock_values,
            **bound,
        }

    def known(self, alias: str) -> str:
        """The condition that an event or an observation had been received."""
        return f"{alias}.received_at <= %(as_of)s" if self.by_received else "true"

    @property
    def is_loose(self) -> str:
        """A condition on a person `p`: the days that are kept do not tell what was known."""
        if not self.has_days or self.trusts_marked:
            return "false"
        tests = [
            "EXISTS (SELECT FROM events_featuremark m WHERE m.site_id = %(site)s::uuid"
            " AND m.profile_id = p.profile_id)"
        ]
        if self.by_received:
            first_day = self.lower_ms // DAY_MS
            tests.append(
                "EXISTS (SELECT FROM predictions_featureday d WHERE d.profile_id = p.profile_id"
                f" AND d.day >= {first_day} AND d.day < {self.until_day}"
                " AND d.known_at > %(as_of)s)"
            )
        return f"({' OR '.join(tests)})"

    def asked(self, people: str) -> str:
        """Return the SELECT of who is asked about: what `statement` finds as the table `asked`.

        Args:
            people: a SELECT of profile_id, and what labels read besides.
        """
        return f"SELECT p.*, {self.is_loose} AS is_loose FROM ({people}) p"

    def statement(self, labels: Sequence[str]) -> str:
        """Return the statement: a row for each of `asked`, the labels first, then the features.

        A row is the id of the person, then numbers (float8), 'NaN' where there is nothing.

        Args:
            labels: expressions over `p`, a row of `asked`.
        """
        finished = [
            f"{one.sql} AS c{n}" for n, one in enumerate(self.columns) if one.source == "days"
        ]
        shown = [*labels, *(self._shown(n, one) for n, one in enumerate(self.columns))]
        listed = "".join(f",\n  coalesce(({one})::float8, 'NaN')" for one in shown)
        sums = ""
        if finished:
            sums = (
                f"LEFT JOIN (SELECT d.profile_id, {', '.join(finished)} FROM ({self._days()}) d"
                " GROUP BY d.profile_id) f ON f.profile_id = p.profile_id"
            )
        here = visit = ""
        if any(one.source == "visit" for one in self.columns):
            here = f"WITH here AS MATERIALIZED ({self._here()})"
            visit = f"LEFT JOIN ({self._visits()}) v ON v.profile_id = p.profile_id"
        return f"""
{here}
SELECT p.profile_id{listed}
FROM asked p {sums} {visit} ORDER BY p.profile_id"""

    def _shown(self, number: int, column: Column) -> str:
        found = {
            "days": f"f.c{number}",
            "visit": column.sql,
            "clock": column.sql,
            "trait": self._trait(number),
        }[column.source]
        return found if column.empty is None else f"coalesce({found}, {column.empty:g})"

    def _parts(self) -> list[Part]:
        found = {part.key: part for one in self.columns for part in one.parts}
        return [found[key] for key in sorted(found)] or [PARTS["n"]]

    def _days(self) -> str:
        parts = self._parts()
        counted = pieces(self._source(), [(part.key, part.counted) for part in parts])
        if not self.has_days:
            return counted
        first_day = -(-self.lower_ms // DAY_MS)
        listed = "".join(f", {part.stored} AS {part.key}" for part in parts)
        return f"""
SELECT d.profile_id, d.day, d.day * {DAY_MS}::bigint AS start_ms{listed}
FROM asked a JOIN predictions_featureday d ON d.profile_id = a.profile_id
WHERE NOT a.is_loose AND d.day >= {first_day} AND d.day < {self.until_day}
  AND d.day <> ALL(%(split_days)s::int[])
UNION ALL {counted}"""

    def _source(self) -> str:
        lower, end = self.lower_ms, self.as_of_ms + 1
        if not self.has_days:
            return self._range(0, lower, end, "true")
        ranges = [(max(self.until_day * DAY_MS, lower), end, "NOT a.is_loose")]
        ranges += [
            (max(day * DAY_MS, lower), (day + 1) * DAY_MS, "NOT a.is_loose")
            for day in self.split_days
            if day < self.until_day
        ]
        if not self.trusts_marked:
            ranges.append((lower, end, "a.is_loose"))
        return "\nUNION ALL\n".join(self._range(n, *one) for n, one in enumerate(ranges))

    def _range(self, number: int, lo_ms: int, hi_ms: int, whose: str) -> str:
        """The events in [lo, hi), and those of one idle time before."""
        cuts = "".join(
            f" WHEN e.occurred_at >= '{clock.from_ms(edge).isoformat()}' THEN {edge}::bigint"
            for edge in self.edges
        )
        wide = any("e.context" in part.counted for part in self._parts())
        since = clock.from_ms(lo_ms - SESSION_IDLE_MS).isoformat()
        until = min(clock.from_ms(hi_ms), self.as_of)
        test = "<=" if hi_ms > self.as_of_ms else "<"
        return f"""
SELECT {event_rows(number, f"{lo_ms}::bigint", f"CASE{cuts} END", with_context=wide)}
FROM asked a JOIN events_event e ON e.profile_id = a.profile_id
WHERE {whose} AND {self.allowed} AND {self.known("e")}
  AND e.occurred_at >= '{since}' AND e.occurred_at {test} '{until.isoformat()}'"""

    def _visits(self) -> str:
        """The visit under way: newest events of a day, with no pause as long as an idle time."""
        newest = 's.occurred_at DESC, s.original_at DESC, s.message_id COLLATE "C" DESC'
        return f"""
SELECT a.profile_id, 1 AS is_open, u.* FROM here a CROSS JOIN LATERAL (
  SELECT count(*) AS events, (max(r.at_ms) - min(r.at_ms)) / 60000::float8 AS minutes,
    count(DISTINCT r.category) AS categories,
    coalesce((array_agg(array_position(%(categories)s::text[], r.category) + 1
      ORDER BY r.rank))[1], 0) AS last_no
  FROM (
    SELECT g.*, sum(g.breaks) OVER (ORDER BY g.rank) AS broken FROM (
      SELECT s.*, row_number() OVER w AS rank, (coalesce(lag(s.at_ms) OVER w, %(as_of_ms)s::bigint)
        - s.at_ms >= {SESSION_IDLE_MS})::int AS breaks
      FROM (
        SELECT s.* FROM (
          SELECT e.occurred_at, coalesce(e.original_at, e.occurred_at) AS original_at,
            e.message_id, e.category, {AT_MS} AS at_ms
          FROM events_event e WHERE e.profile_id = a.profile_id AND {self._since("1 day")}
        ) s ORDER BY {newest} LIMIT {NEWEST}
      ) s WINDOW w AS (ORDER BY {newest})
    ) g
  ) r WHERE r.broken = 0
) u"""

    def _here(self) -> str:
        """Whose visit is under way: few, so it is asked first."""
        return (
            "SELECT DISTINCT e.profile_id FROM asked a JOIN events_event e"
            f" ON e.profile_id = a.profile_id WHERE {self._since(IDLE)}"
        )

    def _since(self, interval: str) -> str:
        return (
            f"{self.allowed} AND {self.known('e')} AND e.occurred_at <= %(as_of)s"
            f" AND e.occurred_at > %(as_of)s - interval '{interval}'"
        )

    def _trait(self, number: int) -> str:
        """The newest observation of then; what the state row says now may be of later.

        One that came with an event may be read for what the event's stamp allows, and not once the
        event is gone; one of an uploaded list or an officer for what the person allows now.
        """
        return f"""(SELECT CASE jsonb_typeof(c.value)
  WHEN 'number' THEN least(greatest(c.value::numeric, -1e15), 1e15)
  WHEN 'boolean' THEN (c.value::text = 'true')::int END
  FROM profiles_traitchange c WHERE c.profile_id = p.profile_id AND c.key = %(t{number})s
    AND c.observed_at <= %(as_of)s AND {self.known("c")}
    AND coalesce((SELECT bool_and({self.allowed}) FROM events_event e
      WHERE e.profile_id = c.profile_id AND e.occurred_at = c.observed_at
        AND e.message_id = c.message_id), c.identity_id IS NULL)
  ORDER BY c.observed_at DESC, c.id DESC LIMIT 1)"""
