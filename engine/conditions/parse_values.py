"""Read the values of a condition document: texts, numbers, durations, instants, comparisons.

Every reader takes (what the document says, where it says it) and returns the checked value or
raises `InvalidCondition` with that place.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from enum import StrEnum
from typing import Any, TypeAlias, TypeVar

from engine.conditions.dates import instant_ms
from engine.conditions.nodes import Op, Value
from engine.conditions.operators import (
    EXACT_INT,
    LIST_OPS,
    MOMENT_OPS,
    ORDERING,
    PRESENCE,
    TIMED_OPS,
    VERSION_OPS,
    version_of,
)
from engine.conditions.patterns import InvalidPattern, parse_pattern
from engine.errors import InvalidCondition
from engine.facts import Scalar

MAX_TEXT = 1024  # characters
MAX_LIST = 1000
MAX_WINDOW_MS = 5 * 366 * 86_400_000
MAX_KM = 20_100  # more than half of the way around the Earth: everywhere
_MAX_SHOWN = 40  # characters of a wrong word that a refusal repeats

Word = TypeVar("Word", bound=StrEnum)
Reader: TypeAlias = Callable[[object, str], Scalar]

UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}

_DURATION = re.compile(r"([0-9]{1,15})(ms|[smhdw])", re.ASCII)
# Postgres text cannot hold NUL, and UTF-8 cannot hold half a surrogate pair.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

BASIC_OPS = frozenset(
    {Op.EQ, Op.NE, Op.IN, Op.CONTAINS, Op.STARTS_WITH, Op.ENDS_WITH} | ORDERING | PRESENCE
)
FILTER_OPS = BASIC_OPS | {Op.MATCHES} | VERSION_OPS | MOMENT_OPS
CONTEXT_OPS = FILTER_OPS | LIST_OPS | {Op.WITHIN_KM}
TRAIT_OPS = FILTER_OPS | LIST_OPS | TIMED_OPS
COUNT_OPS = frozenset({Op.EQ, Op.NE, Op.IN}) | ORDERING
NUMBER_OPS = COUNT_OPS | PRESENCE
AGE_OPS = frozenset({Op.EQ, Op.NE}) | ORDERING | PRESENCE

# What editors write for an operator when they think of another language.
_OTHER_WORDS = {
    "=": "eq",
    "==": "eq",
    "is": "eq",
    "equal": "eq",
    "equals": "eq",
    "!=": "ne",
    "neq": "ne",
    "not_equals": "ne",
    "is_not": "ne",
    ">": "gt",
    "greater": "gt",
    "greater_than": "gt",
    "more_than": "gt",
    ">=": "gte",
    "at_least": "gte",
    "<": "lt",
    "less": "lt",
    "less_than": "lt",
    "<=": "lte",
    "at_most": "lte",
    "one_of": "in",
    "any_of": "in",
    "regex": "matches",
    "regexp": "matches",
    "like": "contains",
    "includes": "contains",
    "exists": "is_set",
    "is_known": "is_set",
    "not_exists": "is_missing",
    "is_empty": "is_missing",
    "contains_any": "has_any",
    "contains_all": "has_all",
    "within": "within_last",
    "birthday_within": "anniversary_within",
    "near": "within_km",
}


# Structure


def below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def shown(word: object) -> str:
    """A wrong word as a refusal repeats it: short, and printable whatever it holds."""
    text = word if isinstance(word, str) else type(word).__name__
    short = text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."
    return short if short.isprintable() else ascii(short)[1:-1]


def suggestion(word: object, known: Iterable[str], others: Mapping[str, str] | None = None) -> str:
    """Return ' (did you mean "gt"?)', or nothing where no known word is close."""
    if not isinstance(word, str) or len(word) > MAX_TEXT:
        return ""
    names = {name: name for name in known}
    for other, name in (others or {}).items():
        if name in names:
            names.setdefault(other, name)
    close = get_close_matches(word[:_MAX_SHOWN].lower(), names, n=1)
    return f' (did you mean "{names[close[0]]}"?)' if close else ""


def object_of(
    value: object,
    path: str,
    *,
    required: tuple[str, ...],
    optional: tuple[str, ...] = (),
    at: str | None = None,
) -> dict[str, Any]:
    """Return the fields of an object: every required one, and none that is not known.

    `at` is the path of the fields where it is not that of the object.
    """
    if not isinstance(value, dict):
        raise InvalidCondition(path or "where", "expected an object")
    base = path if at is None else at
    missing = [name for name in required if name not in value]
    unknown = [name for name in value if name not in required and name not in optional]
    for name in unknown:
        # A misspelt field is told before the field that is missing because of it.
        hint = suggestion(name, missing or [*required, *optional])
        if hint or not missing:
            raise InvalidCondition(below(base, shown(name)), f"unknown field{hint}")
    if missing:
        raise InvalidCondition(below(base, missing[0]), "is missing")
    return value


def list_of(value: object, path: str, most: int = MAX_LIST) -> list[Any]:
    if not isinstance(value, list):
        raise InvalidCondition(path, "expected a list")
    if len(value) > most:
        raise InvalidCondition(path, f"expected at most {most} entries")
    return value


def choice(
    kind: type[Word], value: object, path: str, what: str, among: Iterable[Word] | None = None
) -> Word:
    """Return the word of an enumeration; `what` names it in refusals: "aggregate"."""
    known = [word for word in kind if among is None or word in frozenset(among)]
    if isinstance(value, str) and value in known:
        return kind(value)
    listing = ", ".join(known)
    if not isinstance(value, str):
        raise InvalidCondition(path, f"expected one of {listing}")
    hint = suggestion(value, known, _OTHER_WORDS if kind is Op else None)
    if value in list(kind):
        raise InvalidCondition(path, f'the {what} "{value}" is not for this: one of {listing}')
    raise InvalidCondition(path, f'unknown {what} "{shown(value)}"{hint or f" (one of {listing})"}')


# Values


def text(value: object, path: str, least: int = 1) -> str:
    if not isinstance(value, str):
        raise InvalidCondition(path, "expected a text")
    if len(value) < least:
        raise InvalidCondition(path, "expected a text that is not empty")
    if len(value) > MAX_TEXT:
        raise InvalidCondition(path, f"expected at most {MAX_TEXT} characters")
    if _UNSTORABLE.search(value):
        raise InvalidCondition(path, "expected a text without NUL or lone surrogates")
    return value


def number(value: object, path: str) -> float | int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidCondition(path, "expected a number")
    if isinstance(value, int):
        if not -EXACT_INT <= value <= EXACT_INT:
            raise InvalidCondition(path, "expected a number that a double holds exactly")
    elif not math.isfinite(value):
        raise InvalidCondition(path, "expected a finite number")
    return value


def whole_number(value: object, path: str, least: int, most: int) -> int:
    if type(value) is not int or not least <= value <= most:
        raise InvalidCondition(path, f"expected a whole number from {least} to {most}")
    return value


def flag(value: object, path: str) -> bool:
    if not isinstance(value, bool):
        raise InvalidCondition(path, "expected true or false")
    return value


def scalar(value: object, path: str) -> Scalar:
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return text(value, path, least=0)
    if isinstance(value, int | float):
        return number(value, path)
    raise InvalidCondition(path, "expected a text, a number or true/false")


def ordered(value: object, path: str) -> Scalar:
    if isinstance(value, str):
        return text(value, path, least=0)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidCondition(path, "expected a number or a text")
    return number(value, path)


def parse_duration(value: object, path: str) -> int:
    """Return the milliseconds of "10m": a whole number and one of ms s m h d w."""
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise InvalidCondition(path, 'expected a duration such as "10m" (ms s m h d w)')
    ms = int(found[1]) * UNITS_MS[found[2]]
    if ms > MAX_WINDOW_MS:
        raise InvalidCondition(path, "expected at most 5 years")
    return ms


def positive_duration(value: object, path: str) -> int:
    """Like `parse_duration`, of at least a millisecond."""
    ms = parse_duration(value, path)
    if ms == 0:
        raise InvalidCondition(path, "expected more than zero")
    return ms


def instant(value: object, path: str) -> int:
    """Return the milliseconds since 1970 of a date or an instant."""
    ms = instant_ms(value)
    if ms is None:
        raise InvalidCondition(
            path,
            'expected a date ("2026-02-28") or an instant ("2026-02-28T10:00:00Z") that exists',
        )
    return ms


# Comparisons


def comparison(
    fields: Mapping[str, Any],
    path: str,
    allowed: frozenset[Op],
    read: Reader | None = None,
    *,
    ascending: bool = True,
) -> tuple[Op, Value]:
    """Read `op` and `value`. `read` reads one value where only one type makes sense.

    `ascending` False leaves the order of a pair to whoever knows what its texts mean.
    """
    op = choice(Op, fields["op"], below(path, "op"), "operator", among=allowed)
    at = below(path, "value")
    if op in PRESENCE:
        if "value" in fields:
            raise InvalidCondition(at, f"{op} takes no value")
        return op, None
    if "value" not in fields:
        raise InvalidCondition(at, "expected a value")
    if op is Op.BETWEEN:
        return op, _bounds(fields["value"], at, read or ordered, ascending=ascending)
    return op, _value(op, fields["value"], at, read)


def _value(op: Op, value: object, at: str, read: Reader | None) -> Value:
    if op in _SPECIAL:
        return _SPECIAL[op](value, at)
    match op:
        case Op.IN:
            return _some(value, at, read or scalar)
        case Op.GT | Op.GTE | Op.LT | Op.LTE:
            return (read or ordered)(value, at)
        case Op.CONTAINS if value == "":
            raise InvalidCondition(at, "expected a text that is not empty")
    return (read or scalar)(value, at)


def _some(value: object, path: str, read: Reader = scalar) -> Value:
    items = list_of(value, path)
    if not items:
        raise InvalidCondition(path, "expected at least one value")
    return tuple(read(item, f"{path}[{i}]") for i, item in enumerate(items))


def _bounds(value: object, path: str, read: Reader, *, ascending: bool) -> Value:
    items = list_of(value, path)
    if len(items) != 2:
        raise InvalidCondition(path, "expected two values, [least, most]")
    low, high = read(items[0], f"{path}[0]"), read(items[1], f"{path}[1]")
    if isinstance(low, str) is not isinstance(high, str):
        raise InvalidCondition(path, "expected two numbers or two texts")
    if ascending and low > high:  # type: ignore[operator]  # two numbers or two texts
        raise InvalidCondition(path, "expected the smaller value first")
    return (low, high)


def _pattern(value: object, path: str) -> str:
    pattern = text(value, path)
    try:
        parse_pattern(pattern)
    except InvalidPattern as problem:
        raise InvalidCondition(path, str(problem)) from problem
    return pattern


def _version(value: object, path: str) -> str:
    found = text(value, path)
    if version_of(found) is None:
        raise InvalidCondition(path, 'expected a version such as "2.10" (one to four numbers)')
    return found


def _moment(value: object, path: str) -> str:
    instant(value, path)
    return text(value, path)


def _circle(value: object, path: str) -> Value:
    items = list_of(value, path)
    if len(items) != 3:
        raise InvalidCondition(path, "expected [latitude, longitude, km]")
    limits = (("latitude", -90, 90), ("longitude", -180, 180), ("km", 0, MAX_KM))
    found = []
    for i, (name, least, most) in enumerate(limits):
        item = number(items[i], f"{path}[{i}]")
        if not least <= item <= most:
            raise InvalidCondition(f"{path}[{i}]", f"expected a {name} from {least} to {most}")
        found.append(item)
    if found[2] == 0:
        raise InvalidCondition(f"{path}[2]", "expected more than zero")
    return tuple(found)


# The operators whose value has a form of its own.
_SPECIAL: dict[Op, Callable[[object, str], Value]] = {
    Op.STARTS_WITH: text,
    Op.ENDS_WITH: text,
    Op.MATCHES: _pattern,
    Op.BEFORE: _moment,
    Op.AFTER: _moment,
    Op.WITHIN_LAST: positive_duration,
    Op.WITHIN_NEXT: positive_duration,
    Op.CHANGED_WITHIN: positive_duration,
    Op.ANNIVERSARY_WITHIN: parse_duration,  # zero asks for the day itself
    Op.WITHIN_KM: _circle,
    **dict.fromkeys(LIST_OPS, _some),
    **dict.fromkeys(VERSION_OPS, _version),
}
