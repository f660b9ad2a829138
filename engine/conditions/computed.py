"""Computed traits: an event aggregate with a name, compared wherever a trait may be.

The trait `computed.<key>` stands for the aggregate that the site defines under that key, so a
comparison of it means the event leaf with that comparison and is answered like one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from engine.conditions.canonical import where_json
from engine.conditions.nodes import (
    Aggregate,
    All,
    AnyOf,
    AtLeast,
    EventLeaf,
    FactOf,
    Match,
    Nested,
    Node,
    NoneOf,
    Not,
    Op,
    ScoreLeaf,
    TraitLeaf,
    Value,
)
from engine.conditions.parse_events import aggregated, event_comparison
from engine.conditions.parse_leaves import COMPUTED_PREFIX
from engine.conditions.parse_values import below, choice, object_of, shown, suggestion
from engine.conditions.wording import SUBJECTS, event_words, span, where, window
from engine.errors import InvalidCondition


def parse_computed(document: object) -> EventLeaf:
    """Return what a computed trait is: an event leaf whose comparison (`is_set`) says nothing.

    The document is that of an event leaf without `op`, `value` and `bind`; `kind` may be left out.

    Raises:
        InvalidCondition: as for a condition; or a filter reads the request.
    """
    fields = object_of(
        document,
        "",
        required=("name", "aggregate", "window"),
        optional=("kind", "where", "of", "over", "per"),
    )
    if fields.get("kind", "event") != "event":
        raise InvalidCondition("kind", 'expected "event"')
    aggregate = choice(Aggregate, fields["aggregate"], "aggregate", "aggregate")
    leaf = aggregated(fields, "", aggregate, Op.IS_SET, None)
    matches = {
        "where": leaf.match,
        "over.where": leaf.over,
        "window.since.where": leaf.window.since,
    }
    for path, match in matches.items():
        if match is not None and _reads_request(match):
            raise InvalidCondition(path, "a computed trait is known without a request: no `fact`")
    return leaf


def computed_json(leaf: EventLeaf) -> dict[str, Any]:
    """Return the document that `parse_computed` reads as this leaf."""
    document = where_json(leaf)
    return {name: document[name] for name in document if name not in ("op", "value", "bind")}


def computed_text(leaf: EventLeaf) -> str:
    """Say in words what a computed trait is.

    Example: the number of completed orders in the last 90 days.
    """
    words, over = event_words(leaf.name), leaf.over
    subject = SUBJECTS[leaf.aggregate].format(
        of=leaf.of,
        one=words.noun,
        many=words.nouns,
        over=f"{event_words(over.name).noun}{where(over.where)}" if over is not None else "",
        per=span(leaf.per_ms) if leaf.per_ms else "",
    )
    return f"{subject}{window(leaf.window)}{where(leaf.where)}"


def _reads_request(match: Match) -> bool:
    return any(isinstance(test.value, FactOf) for test in match.where)


def computed_keys(node: Node) -> frozenset[str]:
    """The keys of the computed traits that a condition names."""
    match node:
        case TraitLeaf(name) if name.startswith(COMPUTED_PREFIX):
            return frozenset({name.removeprefix(COMPUTED_PREFIX)})
        case All(parts) | AnyOf(parts) | NoneOf(parts) | AtLeast(_, parts):
            return frozenset(key for part in parts for key in computed_keys(part))
        case Not(part) | Nested(_, part):
            return computed_keys(part)
    return frozenset()


def inline_computed(node: Node, computed: Mapping[str, EventLeaf]) -> Node:
    """Put the aggregates in the place of the traits `computed.<key>`, with the same comparison.

    Raises:
        InvalidCondition: a key that the site does not compute, an operator or a value that the
            aggregate does not have, `from`, or a computed trait in a score.
    """
    return _inlined(node, computed, "")


def _inlined(node: Node, computed: Mapping[str, EventLeaf], path: str) -> Node:
    match node:
        case TraitLeaf(name) if name.startswith(COMPUTED_PREFIX):
            return _compared(node, computed, path)
        case ScoreLeaf():
            _refuse_in_score(node, path)
            return node
        case All(parts) | AnyOf(parts) | NoneOf(parts) | AtLeast(_, parts):
            at = below(path, _GROUP_PATHS[type(node)])
            found = (_inlined(part, computed, f"{at}[{i}]") for i, part in enumerate(parts))
            return replace(node, parts=tuple(found))
        case Not(part):
            return Not(_inlined(part, computed, below(path, "not")))
        case Nested(key, part):
            return Nested(key, _inlined(part, computed, f"segment {key}"))
    return node


_GROUP_PATHS: dict[type, str] = {All: "all", AnyOf: "any", NoneOf: "none", AtLeast: "at_least.of"}


def _compared(leaf: TraitLeaf, computed: Mapping[str, EventLeaf], path: str) -> EventLeaf:
    key = leaf.name.removeprefix(COMPUTED_PREFIX)
    meant = computed.get(key)
    if meant is None:
        hint = suggestion(key, computed)
        raise InvalidCondition(below(path, "name"), f'no computed trait "{shown(key)}"{hint}')
    if leaf.source is not None or leaf.min_confidence is not None:
        raise InvalidCondition(below(path, "from"), "a computed trait comes from events alone")
    op, value = event_comparison(meant.aggregate, _fields(leaf.op, leaf.value), path)
    return replace(meant, op=op, value=value)


def _fields(op: Op, value: Value) -> dict[str, Any]:
    """The comparison as a document says it: ages are still texts ("10m") in a trait leaf."""
    if value is None:
        return {"op": str(op)}
    return {"op": str(op), "value": list(value) if isinstance(value, tuple) else value}


def _refuse_in_score(leaf: ScoreLeaf, path: str) -> None:
    for i, source in enumerate(leaf.traits):
        if source.test.name.startswith(COMPUTED_PREFIX):
            at = f"{below(path, 'traits')}[{i}].name"
            raise InvalidCondition(at, "a score takes events as such, not a computed trait")
