"""The faults: in each a piece of the source is replaced by one that is plausibly wrong.

A piece must occur exactly once in the files named, so that a fault never quietly misses.
"""

from __future__ import annotations

from typing import NamedTuple


class Fault(NamedTuple):
    """`file` is below engine/conditions unless it has a slash."""

    name: str
    file: str
    old: str
    new: str

    @property
    def kinds(self) -> str:
        """The kinds of leaves it can show in, with commas; empty: any."""
        return SHOWN_IN.get(self.file, "")

    @property
    def path(self) -> str:
        return self.file if "/" in self.file else f"engine/conditions/{self.file}"


# Asked of conditions that have nothing to do with the fault, parity only takes longer.
SHOWN_IN = {
    "aggregates.py": "event",
    "aggregate_states.py": "event",
    "event_parts.py": "event",
    "event_windows.py": "event",
    "series.py": "event,context",
    "sliding.py": "event",
    "windows.py": "event,sequence,absence,dwell,context",
    "sessions.py": "event,sequence,absence,dwell",
    "calendars.py": "event",
    "chains.py": "sequence",
    "sequences.py": "sequence",
    "absences.py": "absence",
    "occurrences.py": "sequence,absence",
    "attention.py": "dwell",
    "fading.py": "score",
    "scores.py": "score",
    "operators.py": "trait,event",
    "matching.py": "trait",
    "dates.py": "trait",
    "timed.py": "trait",
    "plain_leaves.py": "trait,model,list,consent",
}

WINDOWS = (
    Fault(
        "a window includes its far end",
        "windows.py",
        "return now_ms - window.ms, now_ms\n",
        "return now_ms - window.ms - 1, now_ms\n",
    ),
    Fault(
        "a window ends a millisecond early",
        "event_windows.py",
        "start, i, count = now_ms, bisect_right(times, now_ms - width_ms), len(times)",
        "start, i, count = now_ms, bisect_right(times, now_ms - width_ms + 1), len(times)",
    ),
    Fault(
        "the near end of between_ago is open",
        "windows.py",
        "return now_ms - window.ms, now_ms - window.near_ms",
        "return now_ms - window.ms, now_ms - window.near_ms - 1",
    ),
    Fault(
        "a calendar window misses its first instant",
        "windows.py",
        "zone_of(window, facts)) - 1, now_ms",
        "zone_of(window, facts)), now_ms",
    ),
    Fault(
        "since includes events of the same millisecond",
        "windows.py",
        "return times[-1] if times else None",
        "return times[-1] - 1 if times else None",
    ),
    Fault(
        "since starts at the first mark, not the latest",
        "event_windows.py",
        "states[bisect_right(times, found[-1].at_ms) if found else 0]",
        "states[bisect_right(times, found[0].at_ms) if found else 0]",
    ),
    Fault(
        "an absolute window includes its end",
        "windows.py",
        "min(now_ms, window.to_ms - 1)",
        "min(now_ms, window.to_ms)",
    ),
    Fault(
        "a month ends on its last day instead of the next first",
        "calendars.py",
        "    if moment.day > _length(month):\n        return _month_start(month + 1)",
        "    if moment.day > _length(month):\n        return _month_start(month + 1) - 1",
    ),
    Fault(
        "an event leaves a window of months a day late",
        "calendars.py",
        "        return _month_start(month + n + 1)\n",
        "        return _month_start(month + n + 1) + DAY_MS\n",
    ),
    Fault(
        "days are of UTC, not of the zone",
        "calendars.py",
        "return as_utc(at_ms).astimezone(_zone(zone)).toordinal()",
        "return as_utc(at_ms).toordinal()",
    ),
    Fault(
        "every day has 24 hours",
        "calendars.py",
        "        end = day_start(first, zone)\n        if now_ms < end:",
        "        end = start + 86_400_000\n"
        "        if now_ms < end or unit is not CalendarUnit.DAY:",
    ),
    Fault(
        "weeks begin on Sunday",
        "calendars.py",
        "return day - (day - 1) % 7",
        "return day - day % 7",
    ),
    Fault(
        "the visitor's zone is ignored",
        "windows.py",
        "    if window.is_visitor_zone:",
        "    if window.is_visitor_zone and False:",
    ),
    Fault(
        "the latest millisecond is forgotten",
        "engine/facts.py",
        "history=history[: bisect_right(history, now_ms, key=_at_ms)]",
        "history=history[: bisect_right(history, now_ms - 1, key=_at_ms)]",
    ),
)

SESSIONS = (
    Fault(
        "a gap of just the idle time does not end a session",
        "sessions.py",
        "if history[i].at_ms - history[before].at_ms >= idle_ms:",
        "if history[i].at_ms - history[before].at_ms > idle_ms:",
    ),
    Fault(
        "the compiled session bridges a gap of just the idle time",
        "sessions.py",
        "elif event.device == device and first_ms - at_ms < idle_ms:",
        "elif event.device == device and first_ms - at_ms <= idle_ms:",
    ),
    Fault(
        "a session stays open one millisecond",
        "sessions.py",
        "NEVER if device == NO_DEVICE else last_ms + idle_ms,",
        "NEVER if device == NO_DEVICE else last_ms + idle_ms + 1,",
    ),
    Fault(
        "events without a device are not of the session",
        "sessions.py",
        "return sorted(piece + _without_device(facts, first_ms, now_ms))",
        "return piece",
    ),
    Fault(
        "another device carries a session on",
        "sessions.py",
        "        elif event.device == device and first_ms - at_ms < idle_ms:",
        "        elif first_ms - at_ms < idle_ms:",
    ),
    Fault(
        "visits without a device are counted beside others",
        "sessions.py",
        "    if len(spans) > 1:\n        spans.pop(NO_DEVICE, None)",
        "    if len(spans) > 9:\n        spans.pop(NO_DEVICE, None)",
    ),
    Fault(
        "the idle time of the window is ignored",
        "windows.py",
        "return window.ms if window.kind is WindowKind.SESSION and window.ms else SESSION_IDLE_MS",
        "return SESSION_IDLE_MS",
    ),
    Fault(
        "the first page of the session, not the latest",
        "windows.py",
        "if page_view == known[-1]]",
        "if page_view == known[0]]",
    ),
)

TRUTH = (
    Fault(
        "not unknown is true",
        "evaluate.py",
        "    return None if verdict is None else not verdict",
        "    return not verdict",
    ),
    Fault(
        "unknown is settled before false",
        "evaluate.py",
        "return False if False in found else None if None in found else True",
        "return None if None in found else False not in found",
    ),
    Fault(
        "an unknown part makes an any false",
        "compile.py",
        "            if answer[0] is True:\n                return answer\n"
        "            if answer[0] is None:",
        "            if answer[0] is True:\n                return answer\n"
        "            if answer[0] is ...:",
    ),
    Fault(
        "at_least takes unknown for false",
        "compile.py",
        "return (None if true + unknown >= k else False), until",
        "return (None if true + unknown > k else False), until",
    ),
    Fault(
        "a missing value is not equal",
        "operators.py",
        "return lambda found: None if found is None else typed(found) != wanted",
        "return lambda found: typed(found) != wanted",
    ),
    Fault(
        "an unknown filter matches",
        "windows.py",
        "return compare(test.op, found, test.value) is True",
        "return compare(test.op, found, test.value) is not False",
    ),
    Fault(
        "an unknown filter matches in the compiled match",
        "series.py",
        "if test(properties.get(name)) is not True:",
        "if test(properties.get(name)) is False:",
    ),
    Fault(
        "the second filter is dropped",
        "series.py",
        "for name, test in tests:  # noqa",
        "for name, test in tests[:1]:  # noqa",
    ),
    Fault(
        "the filter with a fact is dropped",
        "series.py",
        "found = [event for event in named_so(facts) if meets(match, event, context)]",
        "found = list(named_so(facts))",
    ),
    Fault(
        "a group holds as long as its last part",
        "compile.py",
        "            if answer[0] is False:\n"
        "                return answer  # settles it for as long as this part stays false\n"
        "            if answer[0] is None:\n                verdict = None\n"
        "            if answer[1] < until:",
        "            if answer[0] is False:\n"
        "                return answer  # settles it for as long as this part stays false\n"
        "            if answer[0] is None:\n                verdict = None\n"
        "            if answer[1] > until or until == FOREVER:",
    ),
)

VALUES = (
    Fault(
        "true is the number one",
        "operators.py",
        "    if type(found) is bool:\n        return (found,)",
        "    if type(found) is bool:\n        return int(found)",
    ),
    Fault(
        "gte is gt",
        "operators.py",
        "Op.GTE: ge, Op.LT: lt, Op.LTE: le}\n_VERSION",
        "Op.GTE: gt, Op.LT: lt, Op.LTE: le}\n_VERSION",
    ),
    Fault(
        "between leaves out its end",
        "operators.py",
        "return None if number is None else least <= number <= most",
        "return None if number is None else least <= number < most",
    ),
    Fault(
        "missing parts of a version are one",
        "operators.py",
        "numbers + [0] * (4 - len(numbers))",
        "numbers + [1] * (4 - len(numbers))",
    ),
    Fault(
        "has_all asks for any",
        "operators.py",
        "return all(wanted) if op is Op.HAS_ALL else",
        "return any(wanted) if op is Op.HAS_ALL else",
    ),
    Fault(
        "a pattern is anchored at the start",
        "matching.py",
        "nodes = self._closed(moved, at_start=False, at_end=False) | self.again",
        "nodes = self._closed(moved, at_start=False, at_end=False)",
    ),
    Fault(
        "an offset from UTC goes the wrong way",
        "dates.py",
        'ms += -offset if parts[8] == "+" else offset',
        'ms += offset if parts[8] == "+" else -offset',
    ),
    Fault(
        "29 February is 28 February in common years",
        "dates.py",
        "day = date(each, 3, 1)",
        "day = date(each, 2, 28)",
    ),
    Fault(
        "within_last includes its far end",
        "timed.py",
        "return now_ms - width_ms < at_ms <= now_ms",
        "return now_ms - width_ms <= at_ms <= now_ms",
    ),
    Fault(
        "the confidence asked for is not enough",
        "plain_leaves.py",
        "meta.confidence >= leaf.min_confidence",
        "meta.confidence > leaf.min_confidence",
    ),
    Fault(
        "a stale score lives one millisecond",
        "plain_leaves.py",
        "if found is None or stale_at <= now_ms:",
        "if found is None or stale_at < now_ms:",
    ),
    Fault(
        "a list entry ends one millisecond late",
        "plain_leaves.py",
        "        if not now_ms < entry:",
        "        if not now_ms <= entry:",
    ),
    Fault(
        "a refused consent is unknown",
        "plain_leaves.py",
        "return UNKNOWN if choice is None else YES if choice else NO",
        "return YES if choice else UNKNOWN",
    ),
)

AGGREGATES = (
    Fault(
        "a sum adds doubles",
        "aggregates.py",
        "total = EXACT.add(total, Decimal(repr(number)))",
        "total = Decimal(repr(float(total) + number))",
    ),
    Fault(
        "a compiled sum rounds to thousandths",
        "aggregate_states.py",
        "            if whole / 1000 != number:",
        "            if whole / 1000 > number + 1:",
    ),
    Fault(
        "an average is over all events",
        "aggregate_states.py",
        "    count = len(numbers)\n",
        "    count = len(events)\n    numbers = numbers + [0] * (count - len(numbers))\n"
        "    times = [e.at_ms for e in events]\n",
    ),
    Fault(
        "distinct confuses types",
        "aggregates.py",
        "len({typed(value) for value in _scalars",
        "len({value for value in _scalars",
    ),
    Fault(
        "of the commonest values the first seen",
        "aggregates.py",
        "return commonest[-1] if commonest else None",
        "return commonest[0] if commonest else None",
    ),
    Fault(
        "last is of the first event that has it",
        "aggregate_states.py",
        "    for event in reversed(events):\n        value = event.properties.get(of)",
        "    for event in events:\n        value = event.properties.get(of)",
    ),
    Fault(
        "a streak must include today",
        "aggregates.py",
        "day = today if today in days else today - 1",
        "day = today",
    ),
    Fault(
        "a streak flips one day late",
        "event_parts.py",
        "for ahead in (1, 2)),",
        "for ahead in (1, 3)),",
    ),
    Fault(
        "the other match of a ratio has no window",
        "aggregates.py",
        "over = matching(leaf.over, leaf.window, facts, now_ms)",
        "over = matching(leaf.over, Window(WindowKind.EVER), facts, now_ms)",
    ),
    Fault(
        "a rate is over the far end",
        "sliding.py",
        "per_ms, length_ms = leaf.per_ms, leaf.window.ms - leaf.window.near_ms",
        "per_ms, length_ms = leaf.per_ms, leaf.window.ms",
    ),
    Fault(
        "a trend compares with everything before",
        "event_windows.py",
        "before = middle - bisect_right(times, at_ms - 2 * width_ms)",
        "before = middle",
    ),
    Fault(
        "the timer of an age forgets one side",
        "event_parts.py",
        "for cut in (age_ms, age_ms + 1)})",
        "for cut in (age_ms,)})",
    ),
    Fault(
        "the timer of a count is one tick late",
        "event_parts.py",
        "            leaves_at = matched[-k].at_ms + width\n",
        "            leaves_at = matched[-k].at_ms + width + 1\n",
    ),
    Fault(
        "the timer of a rolling value is one tick late",
        "event_parts.py",
        "return verdict, times[i - 1] + width",
        "return verdict, times[i - 1] + width + 1",
    ),
    Fault(
        "the last leaving of a rolling window is forgotten",
        "event_parts.py",
        "        for i in range(first + 1, count + 1):",
        "        for i in range(first + 1, count):",
    ),
    Fault(
        "a count that should stay below counts one more",
        "event_parts.py",
        "        case Op.LTE:\n            return floor(value) + 1, False",
        "        case Op.LTE:\n            return floor(value), False",
    ),
)

PATHS = (
    Fault(
        "a step may not take all its time",
        "chains.py",
        "self.history[i].at_ms - self.history[before].at_ms > within_ms)",
        "self.history[i].at_ms - self.history[before].at_ms >= within_ms)",
    ),
    Fault(
        "a sequence may not take all its time",
        "chains.py",
        "path.last_ms - path.first_ms <= total_ms",
        "path.last_ms - path.first_ms < total_ms",
    ),
    Fault(
        "an event without the key matches",
        "occurrences.py",
        "            return None\n        found.append(",
        '            value = ""\n        found.append(',
    ),
    Fault(
        "keys are ignored",
        "chains.py",
        "    if not by and pieces is None:\n",
        "    if pieces is None:\n",
    ),
    Fault(
        "strict lets one event pass",
        "chains.py",
        "lowest = i - 1 if is_strict",
        "lowest = i - 2 if is_strict",
    ),
    Fault(
        "what must not happen is looked for after the wrong step",
        "chains.py",
        "for gap in leaf.without if gap.after == number",
        "for gap in leaf.without if gap.after == number + 1",
    ),
    Fault(
        "steps may be of two sessions",
        "chains.py",
        "event.at_ms - before[0] >= SESSION_IDLE_MS",
        "event.at_ms - before[0] > SESSION_IDLE_MS",
    ),
    Fault(
        "one completion is enough",
        "sequences.py",
        "        start_ms = starts[-times]\n",
        "        start_ms = starts[-1]\n",
    ),
    Fault(
        "of equal ends the chain that starts first",
        "chains.py",
        "greatest[chain[-1]] = max(chain, greatest.get(chain[-1], chain))",
        "greatest[chain[-1]] = min(chain, greatest.get(chain[-1], chain))",
    ),
    Fault(
        "an event answers its own absence",
        "absences.py",
        "if followed and followed[-1] > begun[at]:",
        "if followed and followed[-1] >= begun[at]:",
    ),
    Fault(
        "the timer of an absence is one tick late",
        "absences.py",
        "    return at_ms + for_ms, leaving(window, at_ms, facts)",
        "    return at_ms + for_ms + 1, leaving(window, at_ms, facts)",
    ),
    Fault(
        "a tie in time does not answer an absence",
        "absences.py",
        "if key is not None and latest.get(key, i) < i:",
        "if key is not None and history[latest.get(key, i)].at_ms < history[i].at_ms:",
    ),
    Fault(
        "an open page counts a millisecond too long",
        "attention.py",
        "OPEN_MS = 10_000",
        "OPEN_MS = 10_001",
    ),
    Fault(
        "active time is not clamped",
        "attention.py",
        "    if number >= MOST_MS:\n        return MOST_MS\n",
        "",
    ),
    Fault(
        "heartbeats count again when the page is left",
        "attention.py",
        "            gain = max(0, gain - known)",
        "            gain = max(0, gain)",
    ),
    Fault(
        "the last Page Viewed of an id decides",
        "attention.py",
        "first.setdefault(typed(event.properties.get(PAGE_VIEW_ID)), i)",
        "first[typed(event.properties.get(PAGE_VIEW_ID))] = i",
    ),
    Fault(
        "a page that was left is still open",
        "attention.py",
        "latest = event if counts and event.name != PAGE_LEFT else None",
        "latest = event if counts else None",
    ),
    Fault(
        "a cap holds above only",
        "fading.py",
        "return cap if total > cap else -cap if total < -cap else total",
        "return min(cap, total)",
    ),
    Fault(
        "an event at the very end of a score's window counts",
        "fading.py",
        "if after_ms is not None and event_ms <= after_ms:",
        "if after_ms is not None and event_ms < after_ms:",
    ),
    Fault(
        "a score crosses its threshold one tick late",
        "fading.py",
        "                if test(self.value(at_ms)) is not verdict:\n"
        "                    return at_ms",
        "                if test(self.value(at_ms)) is not verdict:\n"
        "                    return at_ms + 1",
    ),
    Fault(
        "half of a half-life halves",
        "scores.py",
        "2.0 ** (-age_ms / half_life_ms)",
        "4.0 ** (-age_ms / half_life_ms)",
    ),
    Fault(
        "a score has no ceiling",
        "scores.py",
        "return high if high is not None and value > high else value",
        "return value",
    ),
)

ENGINE = WINDOWS + SESSIONS + TRUTH + VALUES + AGGREGATES + PATHS
