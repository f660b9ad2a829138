"""The instants at which a condition may change, and the milliseconds around them.

Found by brute force from the document: every event, date and midnight near them, each plus every
duration the document names. Scores and dwell times cross their thresholds in between: those
crossings are searched with the oracle.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from itertools import pairwise
from typing import Any

from engine.facts import SESSION_IDLE_MS, Facts
from tests.engine.alphabets import DAY_MS, START_MS
from tests.engine.oracle.aggregates import score
from tests.engine.oracle.paths import OPEN_FOR_MS, dwell_ms
from tests.engine.oracle.truth import is_true, seen_at
from tests.engine.oracle.values import duration_ms, from_ms, instant_ms, months, to_ms
from tests.engine.oracle.windows import Seen, first_instant, local_day, zone_of

_DURATION = re.compile(r"[0-9]{1,12}(ms|mo|[smhdwy])")
_CALENDAR_WORDS = ("calendar", "days_active", "streak")
_DATED_OPS = ("within_last", "within_next", "anniversary_within", "changed_within")


def texts(document: Any) -> Iterator[str]:
    """Every text of a document, keys too."""
    if isinstance(document, str):
        yield document
    elif isinstance(document, Mapping):
        for key, value in document.items():
            yield key
            yield from texts(value)
    elif isinstance(document, list | tuple):
        for item in document:
            yield from texts(item)


def leaves(where: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if "kind" in where:
        yield where
        return
    for group, content in where.items():
        parts = content["of"] if group == "at_least" else content
        for part in [parts] if group == "not" else parts:
            yield from leaves(part)


def durations(where: Mapping[str, Any]) -> Iterator[int]:
    """Every duration of a document, in ms; months are none."""
    for word in texts(where):
        if _DURATION.fullmatch(word) and months(word) is None:
            yield duration_ms(word)


def edges(where: Mapping[str, Any], facts: Facts) -> list[int]:
    """Every instant at which anything but a score or a dwell time could change, in order."""
    words = set(texts(where))
    spans = {0}
    month_counts = set()
    for word in words:
        if _DURATION.fullmatch(word):
            count = months(word)
            if count is None:
                spans |= {duration_ms(word), 2 * duration_ms(word)}
            else:
                month_counts.add(count)
    if words & {"session", "page_view"}:
        spans.add(SESSION_IDLE_MS)
    if "dwell" in words:
        spans.add(OPEN_FOR_MS)
    happened = {event.at_ms for event in facts.history}
    found = {at_ms + span for at_ms in happened for span in spans}
    for at_ms in happened:
        for count in month_counts:
            found |= _months_on(at_ms, count)
    if words & set(_CALENDAR_WORDS):
        seen = seen_at(facts, 0)
        for zone in {zone_of("site", seen), zone_of("visitor", seen)}:
            found |= _calendar_edges(happened, zone, words)
    found |= _dated(words, facts, spans, happened)
    return sorted(found) or [START_MS]


def _months_on(at_ms: int, count: int) -> set[int]:
    """Where an event may leave a window of months: that day and time, or ends of that month."""
    moment = from_ms(at_ms)
    place = moment.year * 12 + moment.month - 1 + count
    first = moment.replace(
        year=place // 12, month=place % 12 + 1, day=1, hour=0, minute=0, second=0, microsecond=0
    )
    ends = {to_ms(first + timedelta(days=day)) for day in (-3, -2, -1, 0, 28, 29, 30, 31)}
    since_midnight = at_ms % DAY_MS
    exact = to_ms(first) + (moment.day - 1) * DAY_MS + since_midnight
    return ends | {exact, exact - DAY_MS, exact + DAY_MS}


def _calendar_edges(happened: set[int], zone: str, words: set[str]) -> set[int]:
    found = set()
    for at_ms in happened:
        day = local_day(at_ms, zone)
        days = [day + timedelta(days=n) for n in (0, 1, 2)]
        if "week" in words:
            days.append(day + timedelta(days=7 - day.weekday()))
        if "month" in words:
            days.append((day.replace(day=28) + timedelta(days=4)).replace(day=1))
        found |= {first_instant(each, zone) for each in days}
    return found


def _dated(words: set[str], facts: Facts, spans: set[int], happened: set[int]) -> set[int]:
    """Edges of what traits say: dates, ends of list entries, ages of scores, changes."""
    found: set[int] = set()
    if "list" in words:
        found |= {
            int(value)
            for name, value in facts.traits.items()
            if name.startswith("list.") and isinstance(value, int | float)
        }
    if words & {"model", *_DATED_OPS}:
        for its in facts.trait_meta.values():
            for at_ms in (its.observed_ms, its.changed_ms):
                if at_ms is not None:
                    found |= {at_ms + span for span in spans}
    if words & set(_DATED_OPS):
        middle = max(happened, default=START_MS)
        for value in facts.traits.values():
            its_ms = instant_ms(value)
            if its_ms is not None:
                found |= {its_ms + sign * span for span in spans for sign in (-1, 1)}
                found |= _anniversaries(its_ms, middle, spans)
    return found


def _anniversaries(date_ms: int, middle_ms: int, spans: set[int]) -> set[int]:
    day = from_ms(date_ms)
    found = set()
    for year in (from_ms(middle_ms).year, from_ms(middle_ms).year + 1):
        for date in (from_ms(date_ms), from_ms(date_ms) + timedelta(days=1)):
            shown = (date.month, date.day) if (date.month, date.day) != (2, 29) else (3, 1)
            midnight = to_ms(day.replace(
                year=year, month=shown[0], day=shown[1], hour=0, minute=0, second=0, microsecond=0
            ))  # fmt: skip
            found |= {midnight - span for span in spans}
            if shown == (3, 1):
                found |= {midnight - DAY_MS - span for span in spans}
    return found


def moments(where: Mapping[str, Any], facts: Facts) -> list[int]:
    """The edges, the crossings, and the milliseconds around them, in order."""
    base = edges(where, facts)
    crossing = {
        at_ms
        for leaf in leaves(where)
        if leaf["kind"] in ("score", "dwell")
        for at_ms in _crossings(leaf, facts, base)
    }
    return sorted({edge + step for edge in (*base, *crossing) for step in (-1, 0, 1, 2)})


def _crossings(leaf: Mapping[str, Any], facts: Facts, base: list[int]) -> Iterator[int]:
    """Where the value of the leaf passes a threshold between two edges; it is monotone there."""
    value = leaf["value"]
    thresholds = value if isinstance(value, list) else [value]
    # Without an event the last edge is not the end: decay goes on, for years if need be.
    ends = [*base, base[-1] + 60_000, base[-1] + DAY_MS, base[-1] + 400 * DAY_MS]
    for threshold in thresholds:
        limit = float(threshold if leaf["kind"] == "score" else duration_ms(threshold))
        for start, end in pairwise(ends):
            for strictly in (False, True):
                yield from _search(leaf, facts, (start, end - 1), limit, strictly)


def _search(
    leaf: Mapping[str, Any], facts: Facts, ends: tuple[int, int], limit: float, strictly: bool
) -> Iterator[int]:
    def beyond(at_ms: int) -> bool:
        found = _value(leaf, seen_at(facts, at_ms))
        return found > limit if strictly else found >= limit

    first, last = ends
    before = beyond(first)
    if last <= first or beyond(last) is before:
        return
    while last - first > 1:
        middle = (first + last) // 2
        if beyond(middle) is before:
            first = middle
        else:
            last = middle
    yield last


def _value(leaf: Mapping[str, Any], seen: Seen) -> float:
    if leaf["kind"] == "dwell":
        return float(dwell_ms(leaf, seen))
    weights = [float(t["weight"]) for t in leaf.get("traits", ()) if is_true(t, seen)]
    found = score({"events": (), **leaf}, seen, weights)
    return float((found.low + found.high) / 2)
