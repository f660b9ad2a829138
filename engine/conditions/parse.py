"""Read a condition document into checked nodes, or refuse it with the place and the problem.

    {"v": 1, "where": NODE}

A path in a refusal starts below `where`: "all[1].value: expected a number".
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, TypeVar

from engine.conditions.canonical import digest, to_json
from engine.conditions.nodes import (
    Aggregate,
    All,
    AnyOf,
    AtLeast,
    ContextLeaf,
    EventLeaf,
    Leaf,
    Node,
    NoneOf,
    Not,
    Op,
    PercentLeaf,
    PropertyTest,
    SegmentLeaf,
    TraitLeaf,
    Value,
    Window,
    WindowKind,
)
from engine.conditions.operators import EXACT_INT, ORDERING, PRESENCE
from engine.errors import InvalidCondition
from engine.facts import Scalar

__all__ = ["digest", "parse_condition", "parse_duration", "to_json"]

MAX_DEPTH = 12
MAX_LEAVES = 200
MAX_TEXT = 1024  # characters
MAX_LIST = 1000
MAX_FILTERS = 20  # of one event leaf
MAX_WINDOW_MS = 5 * 366 * 86_400_000

Word = TypeVar("Word", bound=StrEnum)

UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}

_DURATION = re.compile(r"([0-9]{1,15})(ms|[smhdw])", re.ASCII)
# Postgres text cannot hold NUL, and UTF-8 cannot hold half a surrogate pair.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

ALL_OPS = frozenset(Op)
NUMERIC_OPS = frozenset({Op.EQ, Op.NE, Op.IN}) | ORDERING
AGE_OPS = frozenset({Op.EQ, Op.NE}) | ORDERING | PRESENCE


def parse_condition(document: object) -> Node:
    """Return the checked tree of a condition document.

    Raises:
        InvalidCondition: an unknown field, kind, operator or type, or a limit passed.
    """
    fields = _object(document, "where", required=("v", "where"), at="")
    if type(fields["v"]) is not int or fields["v"] != 1:
        raise InvalidCondition("v", "expected 1")
    return _Tree().node(fields["where"], "", 1)


def parse_duration(text: object, path: str) -> int:
    """Return the milliseconds of "10m": a whole number and one of ms s m h d w."""
    found = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise InvalidCondition(path, 'expected a duration such as "10m" (ms s m h d w)')
    ms = int(found[1]) * UNITS_MS[found[2]]
    if ms > MAX_WINDOW_MS:
        raise InvalidCondition(path, "expected at most 5 years")
    return ms


class _Tree:
    """One parse: counts leaves on the way down."""

    def __init__(self) -> None:
        self.leaves = 0

    def node(self, document: object, path: str, depth: int) -> Node:
        where = path or "where"
        if depth > MAX_DEPTH:
            raise InvalidCondition(where, f"expected at most {MAX_DEPTH} levels")
        if not isinstance(document, dict):
            raise InvalidCondition(where, "expected an object")
        if "kind" in document:
            return self.leaf(document, path)
        if len(document) != 1:
            raise InvalidCondition(where, "expected one group, or a leaf with a kind")
        ((name, content),) = document.items()
        path = _below(path, str(name))
        match name:
            case "all":
                # An empty `all` is the condition that everyone meets.
                return All(self.parts(content, path, depth, least=0))
            case "any":
                return AnyOf(self.parts(content, path, depth))
            case "none":
                return NoneOf(self.parts(content, path, depth))
            case "not":
                return Not(self.node(content, path, depth + 1))
            case "at_least":
                return self.at_least(content, path, depth)
        raise InvalidCondition(path, "unknown group (all, any, none, not, at_least)")

    def parts(self, content: object, path: str, depth: int, least: int = 1) -> tuple[Node, ...]:
        items = _list(content, path)
        if len(items) < least:
            raise InvalidCondition(path, "expected at least one condition")
        return tuple(self.node(item, f"{path}[{i}]", depth + 1) for i, item in enumerate(items))

    def at_least(self, content: object, path: str, depth: int) -> AtLeast:
        fields = _object(content, path, required=("k", "of"))
        parts = self.parts(fields["of"], f"{path}.of", depth)
        k = fields["k"]
        if type(k) is not int or not 1 <= k <= len(parts):
            raise InvalidCondition(f"{path}.k", f"expected a whole number from 1 to {len(parts)}")
        return AtLeast(k, parts)

    def leaf(self, document: Mapping[str, Any], path: str) -> Leaf:
        self.leaves += 1
        if self.leaves > MAX_LEAVES:
            raise InvalidCondition(path or "where", f"expected at most {MAX_LEAVES} leaves")
        kind = document["kind"]
        parser = LEAF_PARSERS.get(kind) if isinstance(kind, str) else None
        if parser is None:
            raise InvalidCondition(
                _below(path, "kind"), f"unknown kind (expected {', '.join(LEAF_PARSERS)})"
            )
        return parser(document, path)


def _trait(document: Mapping[str, Any], path: str) -> TraitLeaf:
    return TraitLeaf(*_named_comparison(document, path))


def _context(document: Mapping[str, Any], path: str) -> ContextLeaf:
    return ContextLeaf(*_named_comparison(document, path))


def _named_comparison(document: Mapping[str, Any], path: str) -> tuple[str, Op, Value]:
    fields = _object(document, path, required=("kind", "name", "op"), optional=("value",))
    name = _text(fields["name"], _below(path, "name"))
    return name, *_comparison(fields, path, ALL_OPS)


def _event(document: Mapping[str, Any], path: str) -> EventLeaf:
    fields = _object(
        document,
        path,
        required=("kind", "name", "aggregate", "window", "op"),
        optional=("where", "of", "value"),
    )
    name = _text(fields["name"], _below(path, "name"))
    tests = _filters(fields.get("where", []), _below(path, "where"))
    aggregate = _choice(Aggregate, fields["aggregate"], _below(path, "aggregate"))
    of = None
    if aggregate in (Aggregate.COUNT, Aggregate.RECENCY):
        if "of" in fields:
            raise InvalidCondition(_below(path, "of"), f"{aggregate} takes no property")
    elif "of" not in fields:
        raise InvalidCondition(_below(path, "of"), "expected a property name")
    else:
        of = _text(fields["of"], _below(path, "of"))
    window = _window(fields["window"], _below(path, "window"))
    if aggregate is Aggregate.RECENCY:
        op, value = _age(fields, path)
    elif aggregate in (Aggregate.LAST, Aggregate.FIRST):
        op, value = _comparison(fields, path, ALL_OPS)
    else:
        op, value = _comparison(fields, path, NUMERIC_OPS, scalar=_number)
    return EventLeaf(name, tests, aggregate, of, window, op, value)


def _filters(content: object, path: str) -> tuple[PropertyTest, ...]:
    items = _list(content, path)
    if len(items) > MAX_FILTERS:
        raise InvalidCondition(path, f"expected at most {MAX_FILTERS} filters")
    tests = []
    for i, item in enumerate(items):
        at = f"{path}[{i}]"
        fields = _object(item, at, required=("property", "op"), optional=("value",))
        name = _text(fields["property"], f"{at}.property")
        tests.append(PropertyTest(name, *_comparison(fields, at, ALL_OPS)))
    return tuple(tests)


def _window(content: object, path: str) -> Window:
    if content == "ever":
        return Window(WindowKind.EVER)
    if content == "session":
        return Window(WindowKind.SESSION)
    if not isinstance(content, dict):
        raise InvalidCondition(path, 'expected "session", "ever" or {"last": "10m"}')
    fields = _object(content, path, required=("last",))
    ms = parse_duration(fields["last"], f"{path}.last")
    if ms == 0:
        raise InvalidCondition(f"{path}.last", "expected more than zero")
    return Window(WindowKind.LAST, ms)


def _age(fields: Mapping[str, Any], path: str) -> tuple[Op, Value]:
    """The comparison of a recency: its values are durations."""
    return _comparison(fields, path, AGE_OPS, scalar=parse_duration)


def _segment(document: Mapping[str, Any], path: str) -> SegmentLeaf:
    fields = _object(document, path, required=("kind", "key"))
    return SegmentLeaf(_text(fields["key"], _below(path, "key")))


def _percent(document: Mapping[str, Any], path: str) -> PercentLeaf:
    fields = _object(document, path, required=("kind", "seed", "from", "to"))
    seed = _text(fields["seed"], _below(path, "seed"))
    start = _number(fields["from"], _below(path, "from"))
    end = _number(fields["to"], _below(path, "to"))
    if not 0 <= start <= 100:
        raise InvalidCondition(_below(path, "from"), "expected a number from 0 to 100")
    if not start < end <= 100:
        raise InvalidCondition(_below(path, "to"), "expected more than `from`, at most 100")
    return PercentLeaf(seed, start, end)


# A new leaf is one entry here and one in each evaluator's registry.
LEAF_PARSERS: dict[str, Callable[[Mapping[str, Any], str], Leaf]] = {
    "trait": _trait,
    "context": _context,
    "event": _event,
    "segment": _segment,
    "percent": _percent,
}


def _comparison(
    fields: Mapping[str, Any],
    path: str,
    allowed: frozenset[Op],
    scalar: Callable[[object, str], Scalar] | None = None,
) -> tuple[Op, Value]:
    """Read `op` and `value`. `scalar` reads one value where only one type makes sense."""
    op = _choice(Op, fields["op"], _below(path, "op"), among=allowed)
    at = _below(path, "value")
    if op in PRESENCE:
        if "value" in fields:
            raise InvalidCondition(at, f"{op} takes no value")
        return op, None
    if "value" not in fields:
        raise InvalidCondition(at, "expected a value")
    value = fields["value"]
    read = scalar or _scalar
    match op:
        case Op.IN:
            items = _list(value, at)
            if not items:
                raise InvalidCondition(at, "expected at least one value")
            return op, tuple(read(item, f"{at}[{i}]") for i, item in enumerate(items))
        case Op.BETWEEN:
            return op, _bounds(value, at, scalar or _ordered)
        case Op.GT | Op.GTE | Op.LT | Op.LTE:
            return op, (scalar or _ordered)(value, at)
        case Op.STARTS_WITH | Op.ENDS_WITH:
            return op, _text(value, at)
        case Op.CONTAINS if value == "":
            raise InvalidCondition(at, "expected a text that is not empty")
    return op, read(value, at)


def _bounds(value: object, path: str, read: Callable[[object, str], Scalar]) -> Value:
    items = _list(value, path)
    if len(items) != 2:
        raise InvalidCondition(path, "expected two values, [least, most]")
    low, high = read(items[0], f"{path}[0]"), read(items[1], f"{path}[1]")
    if isinstance(low, str) and isinstance(high, str):
        in_order = low <= high
    elif isinstance(low, str) or isinstance(high, str):
        raise InvalidCondition(path, "expected two numbers or two texts")
    else:
        in_order = low <= high
    if not in_order:
        raise InvalidCondition(path, "expected the smaller value first")
    return (low, high)


def _scalar(value: object, path: str) -> Scalar:
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _text(value, path, least=0)
    if isinstance(value, int | float):
        return _number(value, path)
    raise InvalidCondition(path, "expected a text, a number or true/false")


def _ordered(value: object, path: str) -> Scalar:
    if isinstance(value, str):
        return _text(value, path, least=0)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidCondition(path, "expected a number or a text")
    return _number(value, path)


def _number(value: object, path: str) -> float | int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidCondition(path, "expected a number")
    if isinstance(value, int):
        if not -EXACT_INT <= value <= EXACT_INT:
            raise InvalidCondition(path, "expected a number that a double holds exactly")
    elif not math.isfinite(value):
        raise InvalidCondition(path, "expected a finite number")
    return value


def _text(value: object, path: str, least: int = 1) -> str:
    if not isinstance(value, str):
        raise InvalidCondition(path, "expected a text")
    if len(value) < least:
        raise InvalidCondition(path, "expected a text that is not empty")
    if len(value) > MAX_TEXT:
        raise InvalidCondition(path, f"expected at most {MAX_TEXT} characters")
    if _UNSTORABLE.search(value):
        raise InvalidCondition(path, "expected a text without NUL or lone surrogates")
    return value


def _list(value: object, path: str) -> list[Any]:
    if not isinstance(value, list):
        raise InvalidCondition(path, "expected a list")
    if len(value) > MAX_LIST:
        raise InvalidCondition(path, f"expected at most {MAX_LIST} entries")
    return value


def _object(
    value: object,
    path: str,
    *,
    required: tuple[str, ...],
    optional: tuple[str, ...] = (),
    at: str | None = None,
) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidCondition(path or "where", "expected an object")
    base = path if at is None else at
    for name in required:
        if name not in value:
            raise InvalidCondition(_below(base, name), "is missing")
    for name in value:
        if name not in required and name not in optional:
            raise InvalidCondition(_below(base, str(name)), "unknown field")
    return value


def _choice(
    kind: type[Word], value: object, path: str, among: frozenset[Word] | None = None
) -> Word:
    choices = [word for word in kind if among is None or word in among]
    if not isinstance(value, str) or value not in choices:
        raise InvalidCondition(path, f"expected one of {', '.join(choices)}")
    return kind(value)


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
