"""Faults in the set-based statements, which parity with a database must catch."""

from __future__ import annotations

from tests.mutants.faults import Fault

_SQL = "apps/segments/sql/"

SQL = (
    Fault(
        "SQL: a window includes its far end",
        _SQL + "windows.py",
        '                    sql.before_by("p.at_end", window.ms),\n                    None,',
        '                    sql.before_by("p.at_end", window.ms + 1),\n                    None,',
    ),
    Fault(
        "SQL: between_ago ends a millisecond early",
        _SQL + "windows.py",
        'sql.before_by("p.at_end", window.near_ms)',
        'sql.before_by("p.at_end", window.near_ms + 1)',
    ),
    Fault(
        "SQL: a window of months includes its bound",
        _SQL + "windows.py",
        "months_before(at_ms, window.months) + 1",
        "months_before(at_ms, window.months)",
    ),
    Fault(
        "SQL: since includes the mark itself",
        _SQL + "windows.py",
        'f"coalesce({sql.next_ms(column)}, {sql.BEGINNING})"',
        'f"coalesce({column}, {sql.BEGINNING})"',
    ),
    Fault(
        "SQL: the end of a stretch of time counts",
        _SQL + "windows.py",
        'tests.append(f"e.occurred_at < p.{name}e")',
        'tests.append(f"e.occurred_at <= p.{name}e")',
    ),
    Fault(
        "SQL: the visitor's zone is ignored",
        _SQL + "windows.py",
        "f\"coalesce({sql.instant(f'zoned.{column}')}, {of_site.begin})\"",
        "str(of_site.begin)",
    ),
    Fault(
        "SQL: events without a device are not of the session",
        _SQL + "windows.py",
        'device = f"({sql.DEVICE} IS NULL OR {sql.DEVICE} = p.{name}d)"',
        'device = f"({sql.DEVICE} IS NOT DISTINCT FROM p.{name}d)"',
    ),
    Fault(
        "SQL: a gap of just the idle time does not end a session",
        _SQL + "visits.py",
        "WHERE g.earlier IS NULL OR g.at - g.earlier >= {idle}",
        "WHERE g.earlier IS NULL OR g.at - g.earlier > {idle}",
    ),
    Fault(
        "SQL: other devices carry a session on",
        _SQL + "visits.py",
        "        AND {sql.DEVICE} IS NOT DISTINCT FROM l.device\n",
        "",
    ),
    Fault(
        "SQL: visits are in the order of devices",
        _SQL + "visits.py",
        "OVER (PARTITION BY v.n ORDER BY v.start, v.device) AS place",
        "OVER (PARTITION BY v.n ORDER BY v.device, v.start) AS place",
    ),
    Fault(
        "SQL: the first page of the session",
        _SQL + "visits.py",
        "AND {value} IS NOT NULL\n  ORDER BY {sql.LATEST_FIRST}",
        "AND {value} IS NOT NULL\n  ORDER BY e.occurred_at",
    ),
    Fault(
        "SQL: filters are dropped",
        _SQL + "rows.py",
        "        if match.where:\n            tests.append(self._filter(match.where))",
        "        if match.where and not tests:\n"
        "            tests.append(self._filter(match.where))",
    ),
    Fault(
        "SQL: a sum adds doubles",
        _SQL + "aggregates.py",
        'f"sum({sql.decimal(value)})"',
        'f"sum({sql.number(value)})"',
    ),
    Fault(
        "SQL: distinct confuses types",
        _SQL + "aggregates.py",
        'f"count(DISTINCT {sql.typed(value)})"',
        'f"count(DISTINCT {sql.text_of(value)})"',
    ),
    Fault(
        "SQL: the latest event counts though it lacks the property",
        _SQL + "aggregates.py",
        'return sql.newest(value), f"{value} IS NOT NULL"',
        'return sql.newest(value), ""',
    ),
    Fault(
        "SQL: an average is over all events",
        _SQL + "events.py",
        "numbers = _column(statement, leaf, Kind.NUMBERS)",
        "numbers = _column(statement, leaf, Kind.COUNT)",
    ),
    Fault(
        "SQL: an age stands still",
        _SQL + "changing.py",
        "            found.add(_aging(statement, leaf))",
        "            pass",
    ),
    Fault(
        "SQL: an age of just the limit is below it",
        _SQL + "events.py",
        "            return is_younger(ages[0])\n",
        "            return is_younger(ages[0] + 1)\n",
    ),
    Fault(
        "SQL: a sequence may not take all its time",
        _SQL + "sequences.py",
        "s.ms - s.start <= {leaf.within_ms}",
        "s.ms - s.start < {leaf.within_ms}",
    ),
    Fault(
        "SQL: an event without the key matches",
        _SQL + "sequences.py",
        'tests += [f"e.k{i} IS NOT NULL" for i in range(len(leaf.by))]',
        "tests += []",
    ),
    Fault(
        "SQL: what must not happen may happen at the same millisecond",
        _SQL + "sequences.py",
        "{through} - CASE WHEN {is_met} THEN 1 ELSE 0 END",
        "{through}",
    ),
    Fault(
        "SQL: one completion too few is enough",
        _SQL + "sequences.py",
        ">= {leaf.times})",
        ">= {leaf.times} - 1)",
    ),
    Fault(
        "SQL: an event answers its own absence",
        _SQL + "absences.py",
        "w.followed <= w.begun",
        "w.followed < w.begun",
    ),
    Fault(
        "SQL: only an answer in the window counts",
        _SQL + "absences.py",
        "    followed = rows.meets(leaf.without)\n",
        '    followed = f"({rows.meets(leaf.without)} AND {rows.within(leaf.window)})"\n',
    ),
    Fault(
        "SQL: active time is not clamped",
        _SQL + "dwell.py",
        'f"least(greatest(coalesce({sql.decimal(active)}, 0), 0), {MOST_MS})"',
        'f"coalesce({sql.decimal(active)}, 0)"',
    ),
    Fault(
        "SQL: a page that was left is still open",
        _SQL + "dwell.py",
        "a.rank = a.latest AND a.name <> {left})",
        "a.rank = a.latest)",
    ),
    Fault(
        "SQL: a cap holds above only",
        _SQL + "scores.py",
        "_clamped(statement, value, -cap, cap)",
        "_clamped(statement, value, None, cap)",
    ),
    Fault(
        "SQL: a missing value is not equal",
        _SQL + "comparison.py",
        'f"(CASE WHEN {found} IS NULL THEN NULL"',
        'f"(CASE WHEN {found} IS NULL THEN false"',
    ),
    Fault(
        "SQL: a refused consent is unknown",
        "apps/consent/recorded.py",
        "{bit} <> 0 THEN false",
        "{bit} <> 0 THEN NULL",
    ),
    Fault(
        "SQL: a stale score lives one millisecond",
        _SQL + "leaves.py",
        "coalesce(p.at_ms < {observed}",
        "coalesce(p.at_ms <= {observed}",
    ),
)

_PIPELINE = "tests/apps/pipeline/"

# Caught by property tests of the consumer, which compare orders of arrival and timers.
LIVE = (
    Fault(
        "live: a late event is forgotten",
        "apps/pipeline/person.py",
        "        if not kept.add(happenings):\n            self._must_reload = True",
        "        kept.add([h for h in happenings if h.at_ms >= (self.row.last_seen_ms or 0)])",
    ),
    Fault(
        "live: an event without a device has one",
        "apps/pipeline/person.py",
        "NO_DEVICE if one.event.anonymous_id is None else one.identity_id",
        "one.identity_id or NO_DEVICE",
    ),
    Fault(
        "live: a membership is read one tick too long",
        "apps/segments/stays.py",
        "if until_ms is None or at_ms < until_ms:",
        "if until_ms is None or at_ms <= until_ms:",
    ),
    Fault(
        "live: timers fire one tick late",
        "apps/pipeline/timers.py",
        "WHERE due_at <= %s\nORDER BY",
        "WHERE due_at < %s\nORDER BY",
    ),
    Fault(
        "live: an event of the future wakes nobody",
        "apps/segments/definitions.py",
        "                stay = no_further(stay, next_ms)",
        "                pass",
    ),
    Fault(
        "live: an event of the future counts at once",
        "apps/segments/foreseeing.py",
        "if 0 < ahead_ms <= CLOCKS_APART_MS else now_ms",
        "if 0 < ahead_ms else now_ms",
    ),
    Fault(
        "live: what a clock that was ahead has said stands",
        "apps/pipeline/person.py",
        "self._asks_all |= live.is_of_the_future(evaluated.at_ms, now_ms)",
        "self._asks_all |= False",
    ),
    Fault(
        "live: a timer that is late passes over what has come of age",
        "apps/segments/remembering.py",
        "    if until_ms is None or until_ms > now_ms:\n        return news",
        "    return news",
    ),
    Fault(
        "live: an event is counted again as the past moves on",
        "engine/conditions/series.py",
        "kept[key] = len(among), matched",
        "kept[key] = len(among) - 1, matched",
    ),
    Fault(
        "live: a late change is looked for among the newest events",
        "apps/segments/kept_facts.py",
        "from_ms = now_ms if late_ms is None else late_ms - 1",
        "from_ms = now_ms",
    ),
    Fault(
        "live: a late event meets the traits of today",
        "apps/segments/past.py",
        "            if one.at_ms > moment:\n                break\n            before",
        "            before",
    ),
    Fault(
        "live: the latest arrival of a trait stands",
        "apps/pipeline/person.py",
        "        if is_newer(entry, known):",
        "        if is_newer(entry, known) or known is not None:",
    ),
)
SQL_TESTS = ("tests/apps/segments/test_parity.py",)
LIVE_TESTS = (
    "tests/parity/test_live_path.py",
    "tests/parity/test_clock_ahead.py",
    "tests/apps/segments/test_foreseeing.py",
    "tests/apps/segments/test_past.py",
    _PIPELINE + "test_late_changes.py",
    _PIPELINE + "test_language.py",
    _PIPELINE + "test_fold.py",
    _PIPELINE + "test_timers.py",
    _PIPELINE + "test_order_free.py",
    "tests/apps/segments/test_live.py",
)
