"""Read a condition document into checked nodes, or refuse it with the place and the problem.

    {"v": 1, "where": NODE}

A path in a refusal starts below `where`: "all[1].value: expected a number".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from engine.conditions import parse_events, parse_leaves, parse_paths
from engine.conditions.canonical import digest, to_json
from engine.conditions.nodes import All, AnyOf, AtLeast, Leaf, Node, NoneOf, Not
from engine.conditions.parse_values import (
    MAX_LIST,
    MAX_TEXT,
    MAX_WINDOW_MS,
    below,
    list_of,
    object_of,
    parse_duration,
    shown,
    suggestion,
    whole_number,
)
from engine.errors import InvalidCondition

__all__ = [
    "MAX_DEPTH",
    "MAX_LEAVES",
    "MAX_LIST",
    "MAX_TEXT",
    "MAX_WINDOW_MS",
    "digest",
    "parse_condition",
    "parse_duration",
    "to_json",
]

MAX_DEPTH = 12
MAX_LEAVES = 200

GROUPS = ("all", "any", "none", "not", "at_least")


def parse_condition(document: object) -> Node:
    """Return the checked tree of a condition document.

    Raises:
        InvalidCondition: an unknown field, kind, operator or type, or a limit passed.
    """
    fields = object_of(document, "where", required=("v", "where"), at="")
    if type(fields["v"]) is not int or fields["v"] != 1:
        raise InvalidCondition("v", "expected 1")
    return _Tree().node(fields["where"], "", 1)


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
        path = below(path, shown(name))
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
        hint = suggestion(name, GROUPS, _OTHER_GROUPS) or f" ({', '.join(GROUPS)})"
        raise InvalidCondition(path, f"unknown group{hint}")

    def parts(self, content: object, path: str, depth: int, least: int = 1) -> tuple[Node, ...]:
        items = list_of(content, path)
        if len(items) < least:
            raise InvalidCondition(path, "expected at least one condition")
        return tuple(self.node(item, f"{path}[{i}]", depth + 1) for i, item in enumerate(items))

    def at_least(self, content: object, path: str, depth: int) -> AtLeast:
        fields = object_of(content, path, required=("k", "of"))
        parts = self.parts(fields["of"], f"{path}.of", depth)
        return AtLeast(whole_number(fields["k"], f"{path}.k", 1, len(parts)), parts)

    def leaf(self, document: Mapping[str, Any], path: str) -> Leaf:
        self.leaves += 1
        if self.leaves > MAX_LEAVES:
            raise InvalidCondition(path or "where", f"expected at most {MAX_LEAVES} leaves")
        kind = document["kind"]
        parser = LEAF_PARSERS.get(kind) if isinstance(kind, str) else None
        if parser is None:
            hint = suggestion(kind, LEAF_PARSERS) or f" (expected {', '.join(LEAF_PARSERS)})"
            raise InvalidCondition(below(path, "kind"), f'unknown kind "{shown(kind)}"{hint}')
        return parser(document, path)


_OTHER_GROUPS = {"and": "all", "every": "all", "or": "any", "some": "any", "atleast": "at_least"}

# A new leaf is one entry here and one in each evaluator's registry.
LEAF_PARSERS: dict[str, Callable[[Mapping[str, Any], str], Leaf]] = {
    "trait": parse_leaves.trait,
    "context": parse_leaves.context,
    "event": parse_events.event,
    "sequence": parse_paths.sequence,
    "absence": parse_paths.absence,
    "dwell": parse_paths.dwell,
    "score": parse_paths.score,
    "segment": parse_leaves.segment,
    "list": parse_leaves.listed,
    "percent": parse_leaves.percent,
    "model": parse_leaves.model,
    "consent": parse_leaves.consent,
    "exposure": parse_leaves.exposure,
    "experiment": parse_leaves.experiment,
    "relation": parse_leaves.relation,
}
