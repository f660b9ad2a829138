"""Write a condition back as its document, and hash what it means."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

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
    PercentLeaf,
    PropertyTest,
    SegmentLeaf,
    TraitLeaf,
    Value,
    Window,
    WindowKind,
)

_UNITS = (
    (604_800_000, "w"),
    (86_400_000, "d"),
    (3_600_000, "h"),
    (60_000, "m"),
    (1000, "s"),
    (1, "ms"),
)


def to_json(node: Node) -> dict[str, Any]:
    """Return the document of a tree, in the editor's order; parsing it gives the same tree."""
    return {"v": 1, "where": where_json(node)}


def digest(node: Node) -> str:
    """Return 64 hex digits that are equal for conditions that plainly mean the same.

    The order and repetition of conditions, the order of filters and lists, nested groups of one
    kind, the unit of a duration and 1 against 1.0 make no difference.
    """
    return hashlib.sha256(_key(where_json(node)).encode()).hexdigest()


def where_json(node: Node) -> dict[str, Any]:
    """Return the part of the document below "where"."""
    return WRITERS[type(node)](node)


def duration_text(ms: int) -> str:
    """Return the duration in its largest exact unit: 3600000 is "1h"."""
    for size, unit in _UNITS:
        if ms % size == 0 and ms >= size:
            return f"{ms // size}{unit}"
    return "0ms"


def match_key(name: str, where: tuple[PropertyTest, ...]) -> str:
    """Return a text that is equal for leaves that match the same events."""
    return _key({"kind": "match", "name": name, "where": [_test(test) for test in where]})


def _named(kind: str) -> Callable[[Any], dict[str, Any]]:
    def write(leaf: TraitLeaf | ContextLeaf) -> dict[str, Any]:
        return {"kind": kind, "name": leaf.name, **_comparison(leaf.op, leaf.value)}

    return write


def _event(leaf: EventLeaf) -> dict[str, Any]:
    document: dict[str, Any] = {"kind": "event", "name": leaf.name}
    if leaf.where:
        document["where"] = [_test(test) for test in leaf.where]
    document["aggregate"] = str(leaf.aggregate)
    if leaf.of is not None:
        document["of"] = leaf.of
    document["window"] = _window(leaf.window)
    value = leaf.value
    if leaf.aggregate is Aggregate.RECENCY:
        value = _durations(value)
    return document | _comparison(leaf.op, value)


def _durations(value: Value) -> Value:
    if isinstance(value, tuple):
        return tuple(duration_text(int(ms)) for ms in value)
    return None if value is None else duration_text(int(value))


def _window(window: Window) -> str | dict[str, str]:
    if window.kind is WindowKind.LAST:
        return {"last": duration_text(window.ms)}
    return str(window.kind)


def _test(test: PropertyTest) -> dict[str, Any]:
    return {"property": test.property, **_comparison(test.op, test.value)}


def _comparison(op: str, value: Value) -> dict[str, Any]:
    if value is None:
        return {"op": str(op)}
    return {"op": str(op), "value": list(value) if isinstance(value, tuple) else value}


def _group(name: str) -> Callable[[Any], dict[str, Any]]:
    return lambda node: {name: [where_json(part) for part in node.parts]}


WRITERS: dict[type, Callable[[Any], dict[str, Any]]] = {
    TraitLeaf: _named("trait"),
    ContextLeaf: _named("context"),
    EventLeaf: _event,
    SegmentLeaf: lambda leaf: {"kind": "segment", "key": leaf.key},
    PercentLeaf: lambda leaf: {
        "kind": "percent",
        "seed": leaf.seed,
        "from": leaf.start,
        "to": leaf.end,
    },
    All: _group("all"),
    AnyOf: _group("any"),
    NoneOf: _group("none"),
    Not: lambda node: {"not": where_json(node.part)},
    AtLeast: lambda node: {
        "at_least": {"k": node.k, "of": [where_json(part) for part in node.parts]}
    },
    Nested: lambda node: {"kind": "segment", "key": node.key},
}


def _key(document: Any) -> str:
    return json.dumps(_normal(document), sort_keys=True, separators=(",", ":"))


def _normal(document: Any) -> Any:
    """The document with everything that does not change its meaning brought into one order."""
    if isinstance(document, float) and document.is_integer():
        return int(document)
    if not isinstance(document, dict):
        return document
    if "kind" in document:
        return _normal_leaf(document)
    ((name, content),) = document.items()
    if name == "not":
        return _negated(_normal(content))
    if name == "at_least":
        parts = sorted((_normal(part) for part in content["of"]), key=_order)
        return {name: {"k": content["k"], "of": parts}}
    parts = _flat("any" if name == "none" else name, content)
    whole = parts[0] if len(parts) == 1 else {"any" if name == "none" else name: parts}
    return _negated(whole) if name == "none" else whole


def _negated(document: Any) -> Any:
    if set(document) == {"not"}:
        return document["not"]
    return {"not": document}


def _flat(name: str, content: list[Any]) -> list[Any]:
    """The parts of an `all` or `any`: nested groups of its kind opened, sorted, each once."""
    found: dict[str, Any] = {}
    for part in content:
        normal = _normal(part)
        for item in normal[name] if set(normal) == {name} else [normal]:
            found[_order(item)] = item
    return [found[key] for key in sorted(found)]


def _normal_leaf(leaf: dict[str, Any]) -> dict[str, Any]:
    normal = {
        key: value if isinstance(value, dict) else _normal(value) for key, value in leaf.items()
    }
    if leaf.get("op") == "in":
        normal["value"] = _set(leaf["value"])
    if "where" in leaf:
        tests = [_normal_leaf(test) for test in leaf["where"]]
        normal["where"] = [json.loads(text) for text in sorted({_order(test) for test in tests})]
    if leaf.get("op") == "between":
        normal["value"] = [_normal(bound) for bound in leaf["value"]]
    return normal


def _set(values: list[Any]) -> list[Any]:
    return [json.loads(text) for text in sorted({_order(_normal(value)) for value in values})]


def _order(document: Any) -> str:
    return json.dumps(document, sort_keys=True, separators=(",", ":"))
