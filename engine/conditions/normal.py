"""The normal form of a condition document: one text for all that plainly mean the same."""

from __future__ import annotations

import json
from typing import Any

from engine.conditions.dates import instant_ms
from engine.conditions.operators import version_of


def key_of(document: Any) -> str:
    """Return the text of a group, a leaf or an object with a `kind`, in normal form."""
    return _order(_normal(document))


def _normal(document: Any) -> Any:
    """The document with everything that does not change its meaning brought into one order."""
    if not isinstance(document, dict):
        return _value(document)
    if "kind" in document:
        return _fields(document)
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


# Lists of a leaf whose order and repetition mean nothing. Steps and sources of a score keep theirs:
# the order of steps is their meaning, and sums of doubles depend on the order.
_SETS = frozenset({"where", "by", "without"})
_LIST_OPS = frozenset({"in", "has_any", "has_all", "has_none"})


def _fields(document: dict[str, Any]) -> dict[str, Any]:
    """A leaf, or an object within one."""
    normal: dict[str, Any] = {}
    for name, content in document.items():
        if isinstance(content, dict):
            normal[name] = _fields(content)
        elif isinstance(content, list):
            items = [_fields(item) if isinstance(item, dict) else _value(item) for item in content]
            is_set = name in _SETS
            normal[name] = _set(items) if is_set else items
        else:
            normal[name] = _value(content)
    op = document.get("op")
    if op in _LIST_OPS:
        normal["value"] = _set(normal["value"])
    elif op in ("before", "after"):
        normal["value"] = instant_ms(document["value"])
    elif isinstance(op, str) and op.startswith("version_"):
        normal["value"] = list(version_of(document["value"]) or ())
    return normal


def _value(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _set(values: list[Any]) -> list[Any]:
    return [json.loads(text) for text in sorted({_order(value) for value in values})]


def _order(document: Any) -> str:
    return json.dumps(document, sort_keys=True, separators=(",", ":"))
