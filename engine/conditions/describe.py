"""A condition in plain English, for editors: derived from the same tree that is evaluated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.conditions.canonical import duration_text
from engine.conditions.evaluate import Trace
from engine.conditions.nodes import (
    Aggregate,
    All,
    AnyOf,
    AtLeast,
    ContextLeaf,
    EventLeaf,
    Nested,
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
from engine.facts import Scalar

_UNITS = {
    "w": "week",
    "d": "day",
    "h": "hour",
    "m": "minute",
    "s": "second",
    "ms": "millisecond",
}

_WORDS = {
    Op.EQ: "is",
    Op.NE: "is not",
    Op.CONTAINS: "contains",
    Op.STARTS_WITH: "starts with",
    Op.ENDS_WITH: "ends with",
    Op.GT: "is more than",
    Op.GTE: "is at least",
    Op.LT: "is less than",
    Op.LTE: "is at most",
}

_AMOUNTS = {
    Op.EQ: "exactly",
    Op.NE: "not exactly",
    Op.GT: "more than",
    Op.GTE: "at least",
    Op.LT: "less than",
    Op.LTE: "at most",
}


def describe(node: Node) -> str:
    """Return one sentence part without a full stop.

    Example: viewed "Product Viewed" at least 3 times in the last 10 minutes where category is
    "blouses".
    """
    return DESCRIBERS[type(node)](node)


def trace_json(trace: Trace) -> dict[str, Any]:
    """Return a trace as JSON: text, verdict, what was found and asked for, evidence, children.

    `evidence` lists [index in the history, at_ms]; `validUntilMs` is null when time alone changes
    nothing.
    """
    document: dict[str, Any] = {
        "text": describe(trace.node),
        "verdict": trace.verdict,
        "validUntilMs": trace.valid_until_ms,
    }
    if trace.parts:
        document["parts"] = [trace_json(part) for part in trace.parts]
    else:
        document["found"] = trace.value
        document["wanted"] = _listed(trace.threshold)
        document["evidence"] = [list(item) for item in trace.evidence]
    return document


def _listed(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _trait(leaf: TraitLeaf) -> str:
    return f"trait {leaf.name} {_compared(leaf.op, leaf.value)}"


def _context(leaf: ContextLeaf) -> str:
    return f"{leaf.name} of the request {_compared(leaf.op, leaf.value)}"


def _segment(leaf: SegmentLeaf | Nested) -> str:
    return f'is in the segment "{leaf.key}"'


def _percent(leaf: PercentLeaf) -> str:
    return f'is in the share from {leaf.start:g} % to {leaf.end:g} % of "{leaf.seed}"'


def _event(leaf: EventLeaf) -> str:
    where = " and ".join(_filter(test) for test in leaf.where)
    tail = f" where {where}" if where else ""
    verb = "viewed" if leaf.name.endswith(" Viewed") else "did"
    window = _window(leaf.window)
    if leaf.aggregate is Aggregate.COUNT:
        if _is_never(leaf):
            return f'never {verb} "{leaf.name}"{window}{tail}'
        return f'{verb} "{leaf.name}" {_times(leaf.op, leaf.value)}{window}{tail}'
    if leaf.aggregate is Aggregate.RECENCY:
        return f"{_ago(leaf, verb)}{window}{tail}"
    of = {
        Aggregate.SUM: f"the sum of {leaf.of}",
        Aggregate.DISTINCT: f"the number of different values of {leaf.of}",
        Aggregate.LAST: f"the last {leaf.of}",
        Aggregate.FIRST: f"the first {leaf.of}",
    }[leaf.aggregate]
    return f'{of} of "{leaf.name}"{window}{tail} {_compared(leaf.op, leaf.value)}'


def _is_never(leaf: EventLeaf) -> bool:
    return (leaf.op, leaf.value) in ((Op.EQ, 0), (Op.LTE, 0), (Op.LT, 1))


def _times(op: Op, value: Value) -> str:
    if isinstance(value, tuple):
        if op is Op.BETWEEN:
            return f"{_text(value[0])} to {_text(value[1])} times"
        return f"{_either(value)} times"
    return f"{_AMOUNTS[op]} {_text(value)} {'time' if value == 1 else 'times'}"


def _ago(leaf: EventLeaf, verb: str) -> str:
    subject = f'last {verb} "{leaf.name}"'
    if leaf.op is Op.IS_SET:
        return f'{verb} "{leaf.name}"'
    if leaf.op is Op.IS_MISSING:
        return f'never {verb} "{leaf.name}"'
    if isinstance(leaf.value, tuple):
        low, high = (_duration(int(ms)) for ms in leaf.value)
        return f"{subject} {low} to {high} ago"
    return f"{subject} {_AMOUNTS[leaf.op]} {_duration(int(leaf.value or 0))} ago"


def _window(window: Window) -> str:
    match window.kind:
        case WindowKind.SESSION:
            return " in this session"
        case WindowKind.LAST:
            size = _duration(window.ms)
            return f" in the last {size[2:] if size.startswith('1 ') else size}"
    return ""


def _duration(ms: int) -> str:
    text = duration_text(ms)
    number = text.rstrip("wdhms")
    unit = _UNITS[text[len(number) :]]
    return f"{number} {unit if number == '1' else unit + 's'}"


def _filter(test: PropertyTest) -> str:
    return f"{test.property} {_compared(test.op, test.value)}"


def _compared(op: Op, value: Value) -> str:
    match op:
        case Op.IS_SET:
            return "is known"
        case Op.IS_MISSING:
            return "is not known"
        case Op.IN if isinstance(value, tuple):
            return f"is {_either(value)}"
        case Op.BETWEEN if isinstance(value, tuple):
            return f"is between {_text(value[0])} and {_text(value[1])}"
    return f"{_WORDS[op]} {_text(value)}"


def _either(values: tuple[Scalar, ...]) -> str:
    texts = [_text(value) for value in values]
    if len(texts) > 6:
        return f"one of {', '.join(texts[:5])} and {len(texts) - 5} more"
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} or {texts[-1]}"


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return f'"{value}"' if isinstance(value, str) else str(value)


def _all(node: All) -> str:
    return _joined(node.parts, " and ") if node.parts else "everyone"


def _joined(parts: tuple[Node, ...], word: str) -> str:
    return word.join(_bracketed(part) for part in parts)


def _bracketed(node: Node) -> str:
    """A part as it stands inside a group: groups of several in brackets."""
    text = describe(node)
    return f"({text})" if isinstance(node, All | AnyOf) and len(node.parts) > 1 else text


def _listing(parts: tuple[Node, ...]) -> str:
    return "; ".join(describe(part) for part in parts)


DESCRIBERS: dict[type, Callable[[Any], str]] = {
    TraitLeaf: _trait,
    ContextLeaf: _context,
    EventLeaf: _event,
    SegmentLeaf: _segment,
    PercentLeaf: _percent,
    All: _all,
    AnyOf: lambda node: _joined(node.parts, " or "),
    NoneOf: lambda node: f"none of ({_listing(node.parts)})",
    Not: lambda node: f"not ({describe(node.part)})",
    AtLeast: lambda node: f"at least {node.k} of ({_listing(node.parts)})",
    Nested: _segment,
}
