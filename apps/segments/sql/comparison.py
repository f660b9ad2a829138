"""Operators in SQL over JSON values: the twin of `engine.conditions.operators`, case by case.

NULL is unknown and also a missing value. Numbers compare as doubles, texts by code point (the "C"
order of UTF-8). A CASE guards every cast, because Postgres promises no order of evaluation.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from apps.segments.sql import dialect as sql
from engine.conditions import patterns
from engine.conditions.dates import instant_ms
from engine.conditions.nodes import Op, Value
from engine.conditions.operators import version_of

_VERSION_ORDER = {
    Op.VERSION_EQ: "=",
    Op.VERSION_GT: ">",
    Op.VERSION_GTE: ">=",
    Op.VERSION_LT: "<",
    Op.VERSION_LTE: "<=",
}
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


def compare(bind: Binder, op: Op, found: str, value: Value) -> str:
    """Return the three-valued comparison of a JSON value; NULL is a missing value."""
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
            return _text_test(found, sql.starts_with(sql.text_of(found), bind(value, "text")))
        case Op.ENDS_WITH:
            return _text_test(found, sql.ends_with(sql.text_of(found), bind(value, "text")))
        case Op.MATCHES:
            pattern = bind(patterns.to_postgres(str(value)), "text")
            return _text_test(found, sql.matches(sql.text_of(found), pattern))
        case Op.HAS_ANY | Op.HAS_ALL | Op.HAS_NONE:
            return _membership(bind, op, found, value)
        case Op.BEFORE | Op.AFTER:
            limit = bind(instant_ms(value), "bigint")
            instant = sql.instant_of(sql.text_of(found))
            return _text_test(found, f"{instant} {'<' if op is Op.BEFORE else '>'} {limit}")
    if op in _VERSION_ORDER:
        wanted = bind(list(version_of(value) or ()), "int[]")
        version = sql.version_of(sql.text_of(found))
        return _text_test(found, f"{version} {_VERSION_ORDER[op]} {wanted}")
    return _ordered(bind, op, found, value)


def _membership(bind: Binder, op: Op, found: str, value: Value) -> str:
    """On a list, or a scalar as a list of one; unknown for anything else."""
    assert isinstance(value, tuple)
    inside = [member(bind, found, item) for item in value]
    single = [_among(bind, found, (item,)) for item in value]
    if op is Op.HAS_ALL:
        of_list, of_one = " AND ".join(inside), " AND ".join(single)
    else:
        negation = "NOT " if op is Op.HAS_NONE else ""
        of_list, of_one = (f"{negation}({' OR '.join(tests)})" for tests in (inside, single))
    return (
        f"(CASE {sql.json_type(found)} WHEN 'array' THEN {of_list}"
        f" WHEN 'object' THEN NULL ELSE {of_one} END)"
    )


def compare_timed(op: Op, found: str, changed_ms: str, value: Value) -> str:
    """Return the comparison with the pair's own instant; `value` is a duration in ms.

    Args:
        changed_ms: when the value last became another one.
    """
    assert isinstance(value, int)
    if op is Op.CHANGED_WITHIN:
        at = f"(CASE WHEN {found} IS NOT NULL THEN {changed_ms} END)"
        return f"({at} > p.at_ms - {value} AND {at} <= p.at_ms)"
    at = f"(CASE WHEN {sql.is_text(found)} THEN {sql.instant_of(sql.text_of(found))} END)"
    match op:
        case Op.WITHIN_LAST:
            return f"({at} > p.at_ms - {value} AND {at} <= p.at_ms)"
        case Op.WITHIN_NEXT:
            return f"({at} > p.at_ms AND {at} <= p.at_ms + {value})"
    # Today's has begun, so it is within any time.
    return f"({sql.anniversary_after(at, 'p.at_ms')} <= p.at_ms + {value})"


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
            return sql.any_of(found, bind([_as_float(item) for item in value], "float8[]"))
        case Op.BETWEEN:
            assert isinstance(value, tuple)
            low, high = (_double(bind, bound) for bound in value)
            return f"({found} BETWEEN {low} AND {high})"
    return f"({found} {_ORDER[op]} {_double(bind, value)})"


def compare_whole(bind: Binder, op: Op, found: str, value: Value) -> str:
    """Return the ordering of an exact number against whole ones: nothing is rounded."""
    if op is Op.BETWEEN:
        assert isinstance(value, tuple)
        low, high = (bind(_as_int(bound), "bigint") for bound in value)
        return f"({found} BETWEEN {low} AND {high})"
    return f"({found} {_ORDER[op]} {bind(_as_int(value), 'bigint')})"


def _as_int(value: Any) -> int:
    return int(value)


def _among(bind: Binder, found: str, values: Sequence[Any]) -> str:
    """Equal to one of these, type and all. Known for every value that is not missing."""
    numbers = [_as_float(value) for value in values if _is_number(value)]
    others = [json.dumps(value) for value in values if not _is_number(value)]
    if not numbers and len(others) == 1:
        return f"({found} = {bind(others[0], 'jsonb')})"
    if not numbers:
        return sql.any_of(found, bind(others, "jsonb[]"))
    same_number = sql.any_of(sql.double_of(found), bind(numbers, "float8[]"))
    same = sql.any_of(found, bind(others, "jsonb[]")) if others else "false"
    return (
        f"(CASE WHEN {found} IS NULL THEN NULL"
        f" WHEN {sql.is_number(found)} THEN {same_number} ELSE {same} END)"
    )


def _ordered(bind: Binder, op: Op, found: str, value: Any) -> str:
    if isinstance(value, str):
        text = sql.by_code_point(sql.text_of(found))
        return _text_test(found, f"{text} {_ORDER[op]} {bind(value, 'text')}")
    number = f"{sql.double_of(found)} {_ORDER[op]} {_double(bind, value)}"
    return f"(CASE WHEN {sql.is_number(found)} THEN {number} END)"


def _contains(bind: Binder, found: str, value: Any) -> str:
    """A text within a text, or a member of a list."""
    within = "CAST(NULL AS boolean)"
    if isinstance(value, str):
        within = sql.holds_text(sql.text_of(found), bind(value, "text"))
    return (
        f"(CASE {sql.json_type(found)} WHEN 'array' THEN {member(bind, found, value)}"
        f" WHEN 'string' THEN {within} END)"
    )


def member(bind: Binder, found: str, value: Any) -> str:
    """Whether a JSON list has a member that equals a scalar. Known."""
    if not _is_number(value):
        return sql.holds_item(found, bind(json.dumps([value]), "jsonb"))
    equal = f"{sql.double_of('i.x')} = {_double(bind, value)}"
    return (
        f"EXISTS (SELECT 1 FROM {sql.items(found)} WHERE CASE WHEN {sql.is_number('i.x')}"
        f" AND {sql.number_text_limit('i.x')} THEN {equal} ELSE false END)"
    )


def _text_test(found: str, test: str) -> str:
    return f"(CASE WHEN {sql.is_text(found)} THEN {test} END)"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _as_float(value: Any) -> float:
    return float(value)


def _double(bind: Binder, value: Any) -> str:
    return bind(float(value), "float8")
