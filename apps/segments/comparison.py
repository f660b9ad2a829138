"""Operators in SQL over jsonb values: the twin of `engine.conditions.operators`, case by case.

NULL is unknown and also a missing value. Numbers compare as doubles, texts by code point (the "C"
order of UTF-8). A CASE guards every cast, because Postgres promises no order of evaluation.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.conditions.nodes import Op, Value

# A number written in at most this many characters is within 10^150 and 10^-150: its cast and sums
# of a hundred million such numbers cannot overflow.
NUMBER_CHARACTERS = 150

_ORDER = {Op.GT: ">", Op.GTE: ">=", Op.LT: "<", Op.LTE: "<="}


@dataclass(slots=True)
class Binder:
    """Collects the values that expressions name as `%(vN)s`; equal values share one."""

    params: dict[str, Any] = field(default_factory=dict)
    _known: dict[tuple[str, str], str] = field(default_factory=dict)

    def __call__(self, value: object, kind: str) -> str:
        """Return the SQL text that stands for `value`, cast to the Postgres type `kind`."""
        key = (kind, repr(value))
        name = self._known.get(key)
        if name is None:
            name = self._known[key] = f"v{len(self.params)}"
            self.params[name] = value
        return f"%({name})s::{kind}"


def number_text_limit(value: str) -> str:
    """Whether a jsonb number is written shortly enough to be cast."""
    return f"(length(({value}) #>> '{{}}') <= {NUMBER_CHARACTERS})"


def compare(bind: Binder, op: Op, found: str, value: Value) -> str:
    """Return the three-valued comparison of a jsonb expression; NULL is a missing value."""
    match op:
        case Op.IS_SET:
            return f"({found} IS NOT NULL)"
        case Op.IS_MISSING:
            return f"({found} IS NULL)"
        case Op.EQ:
            return _among(bind, found, (value,))
        case Op.NE:
            return f"(NOT {_among(bind, found, (value,))})"
        case Op.IN:
            assert isinstance(value, tuple)
            return _among(bind, found, value)
        case Op.BETWEEN:
            assert isinstance(value, tuple)
            low = _ordered(bind, Op.GTE, found, value[0])
            return f"({low} AND {_ordered(bind, Op.LTE, found, value[1])})"
        case Op.CONTAINS:
            return _contains(bind, found, value)
        case Op.STARTS_WITH:
            return _text_test(found, f"starts_with(({found}) #>> '{{}}', {bind(value, 'text')})")
        case Op.ENDS_WITH:
            end = bind(value, "text")
            return _text_test(found, f"(right(({found}) #>> '{{}}', length({end})) = {end})")
    return _ordered(bind, op, found, value)


def compare_number(bind: Binder, op: Op, found: str, value: Value) -> str:
    """Return the comparison of a number expression with numbers; NULL is a missing value."""
    match op:
        case Op.IS_SET:
            return f"({found} IS NOT NULL)"
        case Op.IS_MISSING:
            return f"({found} IS NULL)"
        case Op.EQ:
            return f"({found} = {_double(bind, value)})"
        case Op.NE:
            return f"({found} <> {_double(bind, value)})"
        case Op.IN:
            assert isinstance(value, tuple)
            return f"({found} = ANY({bind([_as_float(item) for item in value], 'float8[]')}))"
        case Op.BETWEEN:
            assert isinstance(value, tuple)
            low, high = (_double(bind, bound) for bound in value)
            return f"({found} BETWEEN {low} AND {high})"
    return f"({found} {_ORDER[op]} {_double(bind, value)})"


def _among(bind: Binder, found: str, values: Sequence[Any]) -> str:
    """Equal to one of these, type and all. Known for every value that is not missing."""
    numbers = [_as_float(value) for value in values if _is_number(value)]
    others = [json.dumps(value) for value in values if not _is_number(value)]
    same_number = f"(({found})::float8 = ANY({bind(numbers, 'float8[]')}))" if numbers else "false"
    same = f"({found} = ANY({bind(others, 'jsonb[]')}))" if others else "false"
    return (
        f"(CASE WHEN {found} IS NULL THEN NULL"
        f" WHEN jsonb_typeof({found}) = 'number' THEN {same_number} ELSE {same} END)"
    )


def _ordered(bind: Binder, op: Op, found: str, value: Any) -> str:
    if isinstance(value, str):
        text = f"(({found}) #>> '{{}}') COLLATE \"C\" {_ORDER[op]} {bind(value, 'text')}"
        return _text_test(found, text)
    number = f"({found})::float8 {_ORDER[op]} {_double(bind, value)}"
    return f"(CASE WHEN jsonb_typeof({found}) = 'number' THEN {number} END)"


def _contains(bind: Binder, found: str, value: Any) -> str:
    """A text within a text, or a member of a list."""
    if _is_number(value):
        equal = f"(i.x)::float8 = {_double(bind, value)}"
        member = (
            f"EXISTS (SELECT 1 FROM jsonb_array_elements({found}) AS i(x) WHERE"
            f" CASE WHEN jsonb_typeof(i.x) = 'number' AND {number_text_limit('i.x')}"
            f" THEN {equal} ELSE false END)"
        )
    else:
        member = f"{found} @> {bind(json.dumps([value]), 'jsonb')}"
    within = "NULL::boolean"
    if isinstance(value, str):
        within = f"strpos(({found}) #>> '{{}}', {bind(value, 'text')}) > 0"
    return (
        f"(CASE jsonb_typeof({found}) WHEN 'array' THEN {member} WHEN 'string' THEN {within} END)"
    )


def _text_test(found: str, test: str) -> str:
    return f"(CASE WHEN jsonb_typeof({found}) = 'string' THEN {test} END)"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _as_float(value: Any) -> float:
    return float(value)


def _double(bind: Binder, value: Any) -> str:
    return bind(float(value), "float8")
