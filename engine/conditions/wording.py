"""The words of `describe`: events, amounts, times, windows and comparisons, in plain English."""

from __future__ import annotations

import re
from dataclasses import dataclass

from engine.conditions.canonical import duration_text
from engine.conditions.dates import DAY_MS, instant_text
from engine.conditions.nodes import (
    ANY_EVENT,
    Aggregate,
    CalendarUnit,
    FactOf,
    Match,
    Op,
    PropertyTest,
    Value,
    Window,
    WindowKind,
)
from engine.facts import SESSION_IDLE_MS, Scalar

_UNITS = {
    "h": "hour",
    "m": "minute",
    "s": "second",
    "ms": "millisecond",
}
_MAX_LISTED = 6

_COMPARED = {
    Op.EQ: "is {}",
    Op.NE: "is not {}",
    Op.CONTAINS: "contains {}",
    Op.STARTS_WITH: "starts with {}",
    Op.ENDS_WITH: "ends with {}",
    Op.GT: "is more than {}",
    Op.GTE: "is at least {}",
    Op.LT: "is less than {}",
    Op.LTE: "is at most {}",
    Op.MATCHES: "matches the pattern {}",
}
_VERSIONS = {
    Op.VERSION_EQ: "is version {}",
    Op.VERSION_GT: "is later than version {}",
    Op.VERSION_GTE: "is version {} or later",
    Op.VERSION_LT: "is earlier than version {}",
    Op.VERSION_LTE: "is version {} or earlier",
    Op.BEFORE: "is before {}",
    Op.AFTER: "is after {}",
}
_LISTS = {Op.HAS_ANY: "has any of {}", Op.HAS_ALL: "has all of {}", Op.HAS_NONE: "has none of {}"}
_TIMED = {
    Op.WITHIN_LAST: "is within the last {}",
    Op.WITHIN_NEXT: "is within the next {}",
    Op.CHANGED_WITHIN: "changed within the last {}",
}
AMOUNTS = {
    Op.EQ: "exactly",
    Op.NE: "not exactly",
    Op.GT: "more than",
    Op.GTE: "at least",
    Op.LT: "less than",
    Op.LTE: "at most",
}


# What an aggregate is called; {over} and {per} are those of a ratio and of a rate.
SUBJECTS = {
    Aggregate.COUNT: "the number of {many}",
    Aggregate.RECENCY: "the time since the last {one}",
    Aggregate.DAYS_ACTIVE: "the number of days with {many}",
    Aggregate.STREAK: "the number of days in a row with {many}",
    Aggregate.RATIO: "the number of {many} for each {over}",
    Aggregate.RATE: "the number of {many} per {per}",
    Aggregate.TREND: "the growth of the number of {many}",
    Aggregate.SUM: "the sum of {of} of {many}",
    Aggregate.AVG: "the average {of} of {many}",
    Aggregate.MIN: "the least {of} of {many}",
    Aggregate.MAX: "the greatest {of} of {many}",
    Aggregate.DISTINCT: "the number of different values of {of} of {many}",
    Aggregate.FIRST: "the {of} of the first {one}",
    Aggregate.LAST: "the {of} of the last {one}",
    Aggregate.MOST_FREQUENT: "the most frequent {of} of {many}",
}


# Events


@dataclass(frozen=True, slots=True)
class EventWords:
    """How an event is spoken of.

    Attributes:
        did: what the visitor did, without saying to what: "viewed".
        one, many: to what: "a product", "products".
        noun, nouns: the event as a thing: "viewed product", "viewed products".
        is_plain: whether amounts can stand before `many` ("viewed 3 products"); else they are
            told as times ('did "X" 3 times').
    """

    did: str
    one: str
    many: str
    noun: str
    nouns: str
    is_plain: bool


# "Product List Viewed": capitalised words of which the last is what was done to the others.
_NAME = re.compile(
    r"([A-Z][a-z]+(?: [A-Z][a-z]+)*) ([A-Z][a-z]+ed|Left|Seen|Read|Sent|Shown|Bought)"
)
_VERBS = {"Hovered": "hovered over", "Subscribed": "subscribed to", "Clicked": "clicked on"}


def event_words(name: str) -> EventWords:
    if name == ANY_EVENT:
        whatever = "event of any kind"
        return EventWords("did", "anything", "anything", whatever, "events of any kind", False)
    parts = _NAME.fullmatch(name)
    if parts is None:
        quoted = quoted_text(name)
        return EventWords("did", quoted, quoted, f"{quoted} event", f"{quoted} events", False)
    thing, done = parts[1].lower(), parts[2].lower()
    many = _plural(thing)
    one = thing if many == thing else f"{'an' if thing[0] in 'aeiou' else 'a'} {thing}"
    did = _VERBS.get(parts[2], done)
    return EventWords(did, one, many, f"{done} {thing}", f"{done} {many}", True)


def _plural(thing: str) -> str:
    if thing.endswith(("ss", "x", "ch", "sh")):
        return f"{thing}es"
    if thing.endswith("s"):
        return thing
    if thing.endswith("y") and thing[-2:-1] not in "aeiou":
        return f"{thing[:-1]}ies"
    return f"{thing}s"


def did_one(match: Match) -> str:
    """'viewed a product where category is "blouses"'."""
    words = event_words(match.name)
    return f"{words.did} {words.one}{where(match.where)}"


def where(tests: tuple[PropertyTest, ...]) -> str:
    return f" where {' and '.join(map(_filter, tests))}" if tests else ""


def _filter(test: PropertyTest) -> str:
    if isinstance(test.value, FactOf):
        return f"{test.property} is the {test.value.name} of this request"
    return f"{test.property} {compared(test.op, test.value)}"


# Amounts


def times(op: Op, value: Value) -> str:
    """How often: "at least 3 times"."""
    return counted(op, value, "time", "times")


def counted(op: Op, value: Value, one: str, many: str) -> str:
    """How many of what: "at least 3 products", "2 to 4 products", "1, 2 or 5 products"."""
    if isinstance(value, tuple):
        return f"{_amount(op, value)} {many}"
    amount = "fewer than" if op is Op.LT else AMOUNTS[op]
    return f"{amount} {value_text(value)} {one if value == 1 else many}"


def _amount(op: Op, value: tuple[Scalar, ...]) -> str:
    if op is Op.BETWEEN:
        return f"{value_text(value[0])} to {value_text(value[1])}"
    return either(value)


def lasting(op: Op, value: Value) -> str:
    """How long: "more than 3 minutes", "1 to 3 minutes"; the value is in ms."""
    if isinstance(value, tuple):
        low, high = (duration(int(ms)) for ms in value)
        return f"{low} to {high}"
    return f"{AMOUNTS[op]} {duration(int(value or 0))}"


def is_never(op: Op, value: Value) -> bool:
    return (op, value) in ((Op.EQ, 0), (Op.LTE, 0), (Op.LT, 1))


def is_once(op: Op, value: Value) -> bool:
    """Does it ask for one or more?"""
    return (op, value) in ((Op.GTE, 1), (Op.GT, 0), (Op.NE, 0))


# Times


def duration(ms: int) -> str:
    if ms and ms % DAY_MS == 0:
        # "The last 7 days": the last week could be taken for that of the calendar.
        return "1 day" if ms == DAY_MS else f"{ms // DAY_MS} days"
    text = duration_text(ms)
    number = text.rstrip("hms")
    unit = _UNITS[text[len(number) :]]
    return f"{number} {unit if number == '1' else unit + 's'}"


def span(ms: int) -> str:
    """A duration after "the last": "10 minutes", but "day" for one day."""
    text = duration(ms)
    return text.removeprefix("1 ")


def moment(ms: int) -> str:
    """A day, or an instant in UTC."""
    text = instant_text(ms)
    if ms % DAY_MS == 0:
        return text[:10]
    return f"{text[:10]} {text[11:-1]} UTC"


def window(found: Window) -> str:
    """When, with a blank before it; nothing for `ever`."""
    text = _window(found)
    return f" {text}" if text else ""


def _window(found: Window) -> str:
    match found.kind:
        case WindowKind.LAST:
            return f"in the last {span(found.ms)}"
        case WindowKind.LAST_MONTHS:
            years, months = divmod(found.months, 12)
            size, unit = (found.months, "month") if months else (years, "year")
            return f"in the last {unit}" if size == 1 else f"in the last {size} {unit}s"
        case WindowKind.BETWEEN_AGO:
            near = duration(found.near_ms) if found.near_ms else "0 seconds"
            return f"between {duration(found.ms)} and {near} ago"
        case WindowKind.CALENDAR:
            day = "today" if found.unit is CalendarUnit.DAY else f"this {found.unit}"
            return f"{day} (where the visitor is)" if found.is_visitor_zone else day
        case WindowKind.SESSION:
            if found.ms in (0, SESSION_IDLE_MS):
                return "in this session"
            return f"in this session (over after {duration(found.ms)} without anything)"
        case WindowKind.VISIT:
            return _visit(found.visit)
        case WindowKind.PAGE_VIEW:
            return "on this page"
        case WindowKind.SINCE if found.since is not None:
            since = found.since
            tests = ", ".join(map(_filter, since.where))
            noun = event_words(since.name).noun
            return f"since the last {noun} ({tests})" if tests else f"since the last {noun}"
        case WindowKind.ABSOLUTE:
            return _absolute(found)
    return ""


def _visit(number: int) -> str:
    if number > 0:
        return "in the first visit" if number == 1 else f"in visit {number}"
    if number == -1:
        return "in the latest visit"
    before = -number - 1
    return f"in the visit {'just' if before == 1 else before} before the latest"


def _absolute(found: Window) -> str:
    if found.from_ms is None:
        return f"before {moment(found.to_ms or 0)}"
    if found.to_ms is None:
        return f"from {moment(found.from_ms)} on"
    return f"from {moment(found.from_ms)} until {moment(found.to_ms)}"


# Comparisons


def compared(op: Op, value: Value) -> str:
    """What is said of a value: 'is "pro" or "team"'."""
    match op:
        case Op.IS_SET:
            return "is known"
        case Op.IS_MISSING:
            return "is not known"
        case Op.IN if isinstance(value, tuple):
            return f"is {either(value)}"
        case Op.BETWEEN if isinstance(value, tuple):
            return f"is between {value_text(value[0])} and {value_text(value[1])}"
        case Op.ANNIVERSARY_WITHIN:
            width = (
                f"within {duration(int(value))}" if isinstance(value, int) and value else "today"
            )
            return f"has its anniversary {width}"
        case Op.WITHIN_KM if isinstance(value, tuple):
            latitude, longitude, km = map(value_text, value)
            return f"is within {km} km of {latitude}, {longitude}"
    if op in _LISTS and isinstance(value, tuple):
        return _LISTS[op].format(listed(value))
    if op in _TIMED and isinstance(value, int):
        return _TIMED[op].format(span(value))
    if op in _VERSIONS:
        return _VERSIONS[op].format(value)
    return _COMPARED[op].format(value_text(value))


def either(values: tuple[Scalar, ...]) -> str:
    texts = [value_text(value) for value in values]
    if len(texts) > _MAX_LISTED:
        return f"one of {listed(values)}"
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} or {texts[-1]}"


def listed(values: tuple[Scalar, ...]) -> str:
    texts = [value_text(value) for value in values]
    if len(texts) > _MAX_LISTED:
        return f"{', '.join(texts[: _MAX_LISTED - 1])} and {len(texts) - _MAX_LISTED + 1} more"
    return ", ".join(texts)


def value_text(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return quoted_text(value) if isinstance(value, str) else str(value)


def quoted_text(text: str) -> str:
    return f'"{text}"'
