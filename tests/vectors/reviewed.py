"""Conditions that need no history, with the answers that a person worked out, not an evaluator."""

from __future__ import annotations

from typing import Any, NamedTuple

NOW_MS = 1_700_000_000_000  # 2023-11-14T22:13:20Z
DAY_MS = 86_400_000
MISSING = object()  # stands for a trait that is not there

_TODAY_MS = 1_699_920_000_000  # 2023-11-14
_TOMORROW_MS = _TODAY_MS + DAY_MS


class Case(NamedTuple):
    """A condition's `where`, the facts as a document, and the answer at an instant in ms."""

    name: str
    where: dict[str, Any]
    facts: dict[str, Any]
    expected: bool | None
    valid_until_ms: int | None = None
    now_ms: int = NOW_MS


def trait(op: str, value: object = None, **more: object) -> dict[str, Any]:
    """A leaf that compares the trait `x`; a value of None is none at all."""
    leaf = {"kind": "trait", "name": "x", "op": op} | more
    return leaf if value is None else leaf | {"value": value}


def of(found: object, **meta: object) -> dict[str, Any]:
    """Facts with the trait `x`, and where it came from."""
    facts: dict[str, Any] = {} if found is MISSING else {"traits": {"x": found}}
    return facts | ({"trait_meta": {"x": meta}} if meta else {})


_MOMENT = "2026-02-28T09:00:00"

# name, operator, the editor's value, the value found, the verdict
_COMPARED: tuple[tuple[str, str, object, object, bool | None], ...] = (
    ("minus zero is zero", "eq", 0, -0.0, True),
    ("minus zero is in a list with zero", "in", [1, 0], -0.0, True),
    ("minus zero is not less than zero", "lt", 0, -0.0, False),
    ("nearly the greatest double", "eq", 1e308, 1e308, True),
    ("an integer beyond all doubles is more than any", "gt", 1e308, 10**309, True),
    ("an integer beyond all doubles equals none", "eq", 1e308, 10**309, False),
    ("an odd integer beyond 2^53 is its nearest double", "eq", 2**53, 2**53 + 1, True),
    ("a letter with a combining accent is another text", "eq", "\u00e9", "e\u0301", False),
    ("a text contains the letter under its accent", "contains", "e", "e\u0301", True),
    ("but not the letter of a composed one", "starts_with", "e", "\u00e9", False),
    ("an emoji comes after the whole basic plane", "gt", "\uffff", "\U0001f600", True),
    ("so it does after letters in common", "gt", "ab\uffff", "ab\U0001f600", True),
    ("emojis order by the second half too", "lt", "\U0001f601", "\U0001f600", True),
    ("between surrogates there is the private area", "gt", "\ud7ff", "\ue000", True),
    ("a text comes after its beginning", "gt", "a", "a\u0301", True),
    ("ends with an emoji", "ends_with", "\U0001f600", "a\U0001f600", True),
    ("a leap day is after the day before", "after", "2024-02-28", "2024-02-29", True),
    ("a leap day of a common year is unknown", "after", "2000-01-01", "2023-02-29", None),
    ("the year 1900 had no leap day", "before", "2000-01-01", "1900-02-29", None),
    ("the year 2000 had one", "before", "2000-03-01", "2000-02-29", True),
    ("an offset is taken off", "before", f"{_MOMENT}.001Z", "2026-02-28T10:00:00+01:00", True),
    ("no instant is before itself", "before", f"{_MOMENT}Z", "2026-02-28T10:00:00+01:00", False),
    ("nor after itself", "after", f"{_MOMENT}Z", "2026-02-28T03:30:00-05:30", False),
    ("tenths of a second", "after", f"{_MOMENT}.499Z", f"{_MOMENT}.5Z", True),
    ("a fraction of four digits is unknown", "after", "2000-01-01", f"{_MOMENT}.1234Z", None),
    ("a time without an offset is unknown", "after", "2000-01-01", _MOMENT, None),
    ("a small z is unknown", "after", "2000-01-01", f"{_MOMENT}z", None),
    ("hour 24 is unknown", "after", "2000-01-01", "2026-02-28T24:00:00Z", None),
    ("a leap second is unknown", "after", "2000-01-01", "2026-06-30T23:59:60Z", None),
    ("an offset of 16 hours is unknown", "after", "2000-01-01", f"{_MOMENT}+16:00", None),
    ("there is no year 0", "before", "2000-01-01", "0000-06-01", None),
    ("not even with an offset", "before", "2000-01-01", "0000-12-31T23:59:00-01:00", None),
    ("nor one before 1 in UTC", "before", "2000-01-01", "0001-01-01T00:00:00+00:01", None),
    ("the year 99 is not 1999", "before", "1000-01-01", "0099-12-31", True),
    ("the last instant of all", "after", "9999-12-31", "9999-12-31T23:59:59.999Z", True),
    ("a number is no date", "after", "2000-01-01", 1_700_000_000_000, None),
    ("ten comes after nine in a version", "version_gt", "2.9", "2.10", True),
    ("missing parts of a version are zero", "version_eq", "2.0.0.0", "2", True),
    ("leading zeros of a version do not count", "version_eq", "2.1", "02.1", True),
    ("the fourth part decides", "version_lt", "1.0.0.1", "1.0", True),
    ("a version with a word is unknown", "version_gt", "1", "2.10-beta", None),
    ("five parts are unknown", "version_gte", "1", "1.2.3.4.5", None),
    ("ten digits are unknown", "version_gt", "1", "1234567890", None),
    ("a number is no version", "version_eq", "2", 2, None),
    ("digits of another script are no version", "version_gte", "1", "\uff12", None),
    ("a dot is any character, a line's end too", "matches", "^a.c$", "a\nc", True),
    ("and one emoji", "matches", "^.$", "\U0001f600", True),
    ("a letter and its accent are two", "matches", "^.$", "e\u0301", False),
    ("digits are ASCII", "matches", r"\d", "\u0663", False),
    ("letters are ASCII", "matches", r"\w", "\u00e9", False),
    ("no other character in nothing", "matches", "[^a]", "", False),
    ("a repeated choice at the end", "matches", "(ab|c){2}$", "xabc", True),
    ("too few repetitions", "matches", "^a{2,3}b", "ab", False),
    ("the end is the end, not the last line's", "matches", "^$", "\n", False),
    ("an end that is no start", "matches", "$^", "a", False),
    ("an end that is a start", "matches", "$^", "", True),
    ("a dash at the end of a set is itself", "matches", "^[a-]+$", "a-a", True),
    ("an emoji in a range", "matches", "[\U0001f600-\U0001f602]", "\U0001f601", True),
    ("a pattern on a list is unknown", "matches", "a", ["a"], None),
    ("a scalar is a list of one", "has_any", ["a", "b"], "b", True),
    ("true is no member that is 1", "has_any", [True], [1], False),
    ("all, one of them twice", "has_all", ["a", 1, "a"], [1.0, "a"], True),
    ("none in an empty list", "has_none", ["a"], [], True),
    ("members of an object are unknown", "has_all", ["a"], {"a": 1}, None),
    ("members of nothing are unknown", "has_none", ["a"], MISSING, None),
)

# name, operator, duration, the value found, verdict, until when
_TIMED: tuple[tuple[str, str, str, object, bool | None, int | None], ...] = (
    ("today is within the last day", "within_last", "1d", "2023-11-14", True, _TOMORROW_MS),
    ("but not within the last hour", "within_last", "1h", "2023-11-14", False, None),
    ("tomorrow is not yet", "within_last", "1h", "2023-11-15", False, _TOMORROW_MS),
    ("tomorrow is within two hours", "within_next", "2h", "2023-11-15", True, _TOMORROW_MS),
    ("but not one", "within_next", "1h", "2023-11-15", False, _TOMORROW_MS - 3_600_000),
    ("today has begun", "within_next", "1w", "2023-11-14", False, None),
    ("no date is near", "within_next", "1w", "soon", None, None),
    ("a birthday today", "anniversary_within", "0d", "1990-11-14", True, _TOMORROW_MS),
    ("one tomorrow", "anniversary_within", "1d", "1990-11-15", True, _TOMORROW_MS + DAY_MS),
    ("not within an hour", "anniversary_within", "1h", "1990-11-15", False, 1_700_002_800_000),
    ("within 365 days, years that touch", "anniversary_within", "365d", "1990-11-15", True, None),
    ("always within a year", "anniversary_within", "366d", "1990-11-15", True, None),
    ("a birthday centuries away", "anniversary_within", "0d", "2990-11-14", True, _TOMORROW_MS),
)  # fmt: skip
# name, ms since the change (None: unknown), the value, verdict, ms until it changes
_CHANGED: tuple[tuple[str, int | None, object, bool | None, int | None], ...] = (
    ("changed this instant", 0, 1, True, 60_000),
    ("changed in the last minute", 59_999, 1, True, 1),
    ("changed a minute ago", 60_000, 1, False, None),
    ("will have changed", -5, 1, False, 5),
    ("nobody knows when it changed", None, 1, None, None),
    ("a value that is gone", 0, MISSING, None, None),
)
_LEAP_DAY = "1984-02-29"
_LEAP: tuple[tuple[str, int, bool, int], ...] = (  # now, verdict, until when
    ("2023-02-28", 1_677_585_600_000, False, 1_677_628_800_000),
    ("2023-03-01", 1_677_628_800_000, True, 1_677_715_200_000),
    ("2024-02-28", 1_709_121_600_000, False, 1_709_164_800_000),
    ("2024-02-29", 1_709_164_800_000, True, 1_709_251_200_000),
)
# name, what the leaf asks, what is known of the value, verdict
_FROM: tuple[tuple[str, dict[str, Any], dict[str, Any], bool | None], ...] = (
    ("of the source asked", {"source": "model"}, {"source": "model"}, True),
    ("of another source", {"source": "model"}, {"source": "api"}, None),
    ("of no known source", {"source": "model"}, {}, None),
    ("just sure enough", {"min_confidence": 0.8}, {"confidence": 0.8}, True),
    ("not sure enough", {"min_confidence": 0.8}, {"confidence": 0.79}, None),
    ("of unknown confidence", {"min_confidence": 0}, {"source": "model"}, None),
)
# name, the circle, the place found, verdict
_NEAR: tuple[tuple[str, list[float], object, bool | None], ...] = (
    ("here", [48.85, 2.35, 1], [48.85, 2.35], True),
    ("a degree of latitude is 111.2 km", [48.85, 2.35, 111.1], [49.85, 2.35], False),
    ("and no more", [48.85, 2.35, 111.3], [49.85, 2.35], True),
    ("the other side of the world", [0, 0, 20_100], [0, 180], True),
    ("across the date line", [0, 179.9, 23], [0, -179.9], True),
    ("no such latitude", [0, 0, 1], [90.5, 0], None),
    ("no such longitude", [0, 0, 1], [0, -180.5], None),
    ("one number is no place", [0, 0, 1], [0], None),
    ("texts are no place", [0, 0, 1], ["0", 0], None),
    ("true is no number of a place", [0, 0, 1], [True, 0], None),
)
# name, entry, verdict, until when
_LISTED: tuple[tuple[str, object, bool, int | None], ...] = (
    ("for ever", True, True, None),
    ("for a millisecond", NOW_MS + 1, True, NOW_MS + 1),
    ("for half a millisecond", NOW_MS + 0.5, True, NOW_MS + 1),
    ("until now", NOW_MS, False, None),
    ("not any more", NOW_MS - 1, False, None),
    ("false", False, False, None),
    ("a text", "true", False, None),
)
# names that JavaScript's objects have by themselves
_INHERITED = ("constructor", "__proto__", "toString")


def reviewed() -> list[Case]:
    """Every reviewed case."""
    cases = [Case(name, trait(op, v), of(x), verdict) for name, op, v, x, verdict in _COMPARED]
    for name, op, width, found, verdict, until_ms in _TIMED:
        cases.append(Case(name, trait(op, width), of(found), verdict, until_ms))
    for name, ago_ms, found, verdict, rest_ms in _CHANGED:
        facts = of(found, changed_ms=None if ago_ms is None else NOW_MS - ago_ms)
        until_ms = None if rest_ms is None else NOW_MS + rest_ms
        cases.append(Case(name, trait("changed_within", "1m"), facts, verdict, until_ms))
    for day, now_ms, verdict, until_ms in _LEAP:
        where = trait("anniversary_within", "0d")
        name = f"born on a leap day, on {day}"
        cases.append(Case(name, where, of(_LEAP_DAY), verdict, until_ms, now_ms))
    for name, wanted, meta, verdict in _FROM:
        where = trait("eq", "pro", **{"from": wanted})
        cases.append(Case(f"a value {name}", where, of("pro", **meta), verdict))
    for name, circle, place, verdict in _NEAR:
        where = {"kind": "context", "name": "x", "op": "within_km", "value": circle}
        cases.append(Case(f"near: {name}", where, {"context": {"x": place}}, verdict))
    for name, entry, verdict, until_ms in _LISTED:
        listed = {"traits": {"list.press": entry}}
        where = {"kind": "list", "key": "press"}
        cases.append(Case(f"on a list: {name}", where, listed, verdict, until_ms))
    for name in _INHERITED:
        missing = {"kind": "trait", "name": name, "op": "is_missing"}
        nothing: dict[str, Any] = {"traits": {}, "memberships": {}, "context": {}}
        member = {"kind": "segment", "key": name}
        unknown = {"kind": "context", "name": name, "op": "ne", "value": "a"}
        cases.append(Case(f"nobody has the trait {name}", missing, nothing, True))
        cases.append(Case(f"nobody is in the segment {name}", member, nothing, False))
        cases.append(Case(f"no request has the fact {name}", unknown, nothing, None))
    return cases
