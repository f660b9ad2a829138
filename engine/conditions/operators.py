"""Comparison of a found value with the editor's: True, False, or None for unknown.

Numbers compare as IEEE doubles, strings by code point; a bool is not a number. `eq`, `ne` and `in`
of different types are known (no, yes, no). Ordering needs two numbers or two strings, and the
substring operators need a string (for `contains` also a list, then it asks for a member). List
operators take a scalar as a list of one. Patterns, versions and dates need a text of their form.
Else the answer is unknown. A missing value (None) is unknown to all but `is_set` and `is_missing`.

`compare` is the meaning; `tester` gives the same as a closure specialised at publication.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Set
from functools import lru_cache
from math import asin, cos, radians, sin, sqrt
from operator import eq, ge, gt, le, lt
from typing import TypeAlias

from engine.conditions.dates import instant_ms
from engine.conditions.matching import Matcher
from engine.conditions.nodes import Op, Value

Test: TypeAlias = Callable[[object], bool | None]

EARTH_KM = 6371.0088  # mean radius
EXACT_INT = 2**53  # beyond it a double cannot hold every integer

ORDERING = frozenset({Op.GT, Op.GTE, Op.LT, Op.LTE, Op.BETWEEN})
SUBSTRING = frozenset({Op.CONTAINS, Op.STARTS_WITH, Op.ENDS_WITH})
PRESENCE = frozenset({Op.IS_SET, Op.IS_MISSING})
LIST_OPS = frozenset({Op.HAS_ANY, Op.HAS_ALL, Op.HAS_NONE})
VERSION_OPS = frozenset(
    {Op.VERSION_EQ, Op.VERSION_GT, Op.VERSION_GTE, Op.VERSION_LT, Op.VERSION_LTE}
)
MOMENT_OPS = frozenset({Op.BEFORE, Op.AFTER})
# These read the present instant too, so `compare` does not answer them: see `plain_leaves`.
TIMED_OPS = frozenset({Op.WITHIN_LAST, Op.WITHIN_NEXT, Op.ANNIVERSARY_WITHIN, Op.CHANGED_WITHIN})

Version: TypeAlias = tuple[int, int, int, int]

_VERSION = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9}){0,3}")


def as_number(found: object) -> float | int | None:
    """The value as a double (a small int is one already), None when it is not a number."""
    kind = type(found)
    if kind is float:
        return found  # type: ignore[return-value]  # narrowed by identity of its type, for speed
    if kind is int:
        return found if -EXACT_INT <= found <= EXACT_INT else as_double(found)  # type: ignore[operator,arg-type,return-value]  # as above
    return None


def as_double(number: int) -> float:
    """The nearest double; infinite where an integer is beyond all doubles, as in JavaScript."""
    try:
        return float(number)
    except OverflowError:
        return float("inf") if number > 0 else float("-inf")


def typed(found: object) -> Hashable:
    """A key that is equal for values that `eq` calls equal: 1 and 1.0 are, 1 and true are not."""
    if type(found) is bool:
        return (found,)
    number = as_number(found)
    if number is not None:
        return number
    return found if type(found) is str else None


def version_of(found: object) -> Version | None:
    """Return the four numbers of "2.10" (missing ones are 0); None for anything else."""
    if not isinstance(found, str) or _VERSION.fullmatch(found) is None:
        return None
    numbers = [int(part) for part in found.split(".")]
    major, minor, patch, build = numbers + [0] * (4 - len(numbers))
    return major, minor, patch, build


def compare(op: Op, found: object, value: Value) -> bool | None:
    """Apply an operator. `value` was checked by the parser; `found` may be any JSON value."""
    if op is Op.IS_SET:
        return found is not None
    if op is Op.IS_MISSING:
        return found is None
    if found is None:
        return None
    if op is Op.EQ:
        return typed(found) == typed(value)
    if op is Op.NE:
        return typed(found) != typed(value)
    if op is Op.IN:
        assert isinstance(value, tuple)
        return any(typed(found) == typed(item) for item in value)
    if op in SUBSTRING:
        return _substring(op, found, value)
    if op in ORDERING:
        return _ordering(op, found, value)
    if op in LIST_OPS:
        return _membership(op, found, value)
    if op is Op.MATCHES:
        return matcher(str(value)).found_in(found) if isinstance(found, str) else None
    if op in VERSION_OPS:
        return _compared(_VERSION_ORDER[op], version_of(found), version_of(value))
    if op in MOMENT_OPS:
        order = _ORDER[Op.LT if op is Op.BEFORE else Op.GT]
        return _compared(order, instant_ms(found), instant_ms(value))
    assert op is Op.WITHIN_KM and isinstance(value, tuple), f"{op} needs the present instant"
    latitude, longitude, km = (float(part) for part in value)
    away = distance_km(found, latitude, longitude)
    return None if away is None else away <= km


def _membership(op: Op, found: object, value: Value) -> bool | None:
    assert isinstance(value, tuple)
    held = _held(found)
    if held is None:
        return None
    wanted = [typed(item) in held for item in value]
    return all(wanted) if op is Op.HAS_ALL else any(wanted) is (op is Op.HAS_ANY)


def _held(found: object) -> Set[Hashable] | None:
    """The members of a list, a scalar as a list of one; None for anything else."""
    if isinstance(found, list | tuple):
        return {typed(item) for item in found}
    return {typed(found)} if isinstance(found, str | int | float) else None


def _compared(order: Callable[..., bool], found: object, wanted: object) -> bool | None:
    return None if found is None else order(found, wanted)


def distance_km(found: object, latitude: float, longitude: float) -> float | None:
    """Great-circle distance from a place [latitude, longitude]; None where `found` is none.

    On a sphere of 6,371.0088 km, by the haversine formula, exact for near places too.
    """
    if not isinstance(found, list | tuple) or len(found) != 2:
        return None
    there = [as_number(part) for part in found]
    if there[0] is None or there[1] is None:
        return None
    if not (-90 <= there[0] <= 90 and -180 <= there[1] <= 180):
        return None
    here_lat, there_lat = radians(latitude), radians(there[0])
    across = radians(there[1] - longitude)
    half = (
        sin((there_lat - here_lat) / 2) ** 2 + cos(here_lat) * cos(there_lat) * sin(across / 2) ** 2
    )
    return 2 * EARTH_KM * asin(sqrt(min(1.0, half)))


@lru_cache(maxsize=512)
def matcher(pattern: str) -> Matcher:
    """Return the automaton of a pattern; conditions that name the same one share it."""
    return Matcher(pattern)


def _substring(op: Op, found: object, value: Value) -> bool | None:
    if op is Op.CONTAINS and isinstance(found, list | tuple):
        return any(typed(item) == typed(value) for item in found)
    if not isinstance(found, str) or not isinstance(value, str):
        return None
    if op is Op.CONTAINS:
        return value in found
    return found.startswith(value) if op is Op.STARTS_WITH else found.endswith(value)


def _ordering(op: Op, found: object, value: Value) -> bool | None:
    if op is Op.BETWEEN:
        assert isinstance(value, tuple)
        low, high = _ordering(Op.GTE, found, value[0]), _ordering(Op.LTE, found, value[1])
        return None if low is None or high is None else low and high
    a: float | str | None
    b: float | str | None
    if isinstance(found, str) and isinstance(value, str):
        a, b = found, value
    else:
        a, b = as_number(found), as_number(value)
    if a is None or b is None:
        return None
    return _ORDER[op](a, b)


_ORDER: dict[Op, Callable[..., bool]] = {Op.GT: gt, Op.GTE: ge, Op.LT: lt, Op.LTE: le}
_VERSION_ORDER: dict[Op, Callable[..., bool]] = {
    Op.VERSION_EQ: eq,
    Op.VERSION_GT: gt,
    Op.VERSION_GTE: ge,
    Op.VERSION_LT: lt,
    Op.VERSION_LTE: le,
}


def tester(op: Op, value: Value) -> Test:
    """Return `compare` with the operator and the value bound, as one closure."""
    if op is Op.IS_SET:
        return lambda found: found is not None
    if op is Op.IS_MISSING:
        return lambda found: found is None
    if op in (Op.EQ, Op.NE):
        return _equality(value, op is Op.EQ)
    if op is Op.IN:
        assert isinstance(value, tuple)
        wanted = frozenset(typed(item) for item in value)
        return lambda found: None if found is None else typed(found) in wanted
    if op is Op.BETWEEN:
        assert isinstance(value, tuple)
        return _range(value[0], value[1])
    if op in ORDERING:
        return _threshold(op, value)
    if op in SUBSTRING:
        return lambda found: None if found is None else _substring(op, found, value)
    if op in LIST_OPS:
        return lambda found: None if found is None else _membership(op, found, value)
    return _form(op, value)


def _form(op: Op, value: Value) -> Test:
    """Texts of a form: the value is read once, here."""
    if op is Op.MATCHES:
        found_in = matcher(str(value)).found_in
        return lambda found: found_in(found) if isinstance(found, str) else None
    if op in VERSION_OPS:
        wanted, order = version_of(value), _VERSION_ORDER[op]
        return lambda found: _compared(order, version_of(found), wanted)
    if op in MOMENT_OPS:
        limit, earlier = instant_ms(value), _ORDER[Op.LT if op is Op.BEFORE else Op.GT]
        return lambda found: _compared(earlier, instant_ms(found), limit)
    return lambda found: compare(op, found, value)


def _equality(value: Value, same: bool) -> Test:
    if type(value) is str:
        if same:
            return lambda found: None if found is None else found == value
        return lambda found: None if found is None else found != value
    wanted = typed(value)
    if same:
        return lambda found: None if found is None else typed(found) == wanted
    return lambda found: None if found is None else typed(found) != wanted


def _threshold(op: Op, value: Value) -> Test:
    order = _ORDER[op]
    if isinstance(value, str):
        return lambda found: order(found, value) if type(found) is str else None
    bound = as_number(value)

    def test(found: object) -> bool | None:
        number = as_number(found)
        return None if number is None else order(number, bound)

    return test


def _range(low: Value, high: Value) -> Test:
    if isinstance(low, str) and isinstance(high, str):
        return lambda found: low <= found <= high if isinstance(found, str) else None
    least, most = as_number(low), as_number(high)
    assert least is not None and most is not None

    def test(found: object) -> bool | None:
        number = as_number(found)
        return None if number is None else least <= number <= most

    return test
