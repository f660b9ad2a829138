"""Comparison of a found value with the editor's: True, False, or None for unknown.

Numbers compare as IEEE doubles, strings by code point; a bool is not a number. `eq`, `ne` and `in`
of different types are known (no, yes, no). Ordering needs two numbers or two strings, and the
substring operators need a string (for `contains` also a list, then it asks for a member); else
the answer is unknown. A missing value (None) is unknown to all but `is_set` and `is_missing`.

`compare` is the meaning; `tester` gives the same as a closure specialised at publication.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeAlias

from engine.conditions.nodes import Op, Value

Test: TypeAlias = Callable[[object], bool | None]

EXACT_INT = 2**53  # beyond it a double cannot hold every integer

ORDERING = frozenset({Op.GT, Op.GTE, Op.LT, Op.LTE, Op.BETWEEN})
SUBSTRING = frozenset({Op.CONTAINS, Op.STARTS_WITH, Op.ENDS_WITH})
PRESENCE = frozenset({Op.IS_SET, Op.IS_MISSING})


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
    return _ordering(op, found, value)


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


_ORDER: dict[Op, Callable[..., bool]] = {
    Op.GT: lambda a, b: a > b,
    Op.GTE: lambda a, b: a >= b,
    Op.LT: lambda a, b: a < b,
    Op.LTE: lambda a, b: a <= b,
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
    return lambda found: None if found is None else _substring(op, found, value)


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
