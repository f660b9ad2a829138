"""Whom a condition means, as an editor would say it: "everybody who viewed at least 3 products".

`describe` says of each part what is asked, as a trace answers it: "trait plan is "pro"". Here the
parts become one noun phrase: "everybody whose trait plan is "pro" and who viewed a product".
"""

from __future__ import annotations

from collections.abc import Mapping

from engine.conditions.describe import describe, is_compound
from engine.conditions.nodes import (
    Aggregate,
    All,
    AnyOf,
    AtLeast,
    ConsentLeaf,
    ContextLeaf,
    EventLeaf,
    ExperimentLeaf,
    ListLeaf,
    ModelLeaf,
    Nested,
    Node,
    NoneOf,
    Not,
    Op,
    PercentLeaf,
    RelationLeaf,
    ScoreLeaf,
    SegmentLeaf,
    TraitLeaf,
)
from engine.conditions.wording import compared, quoted_text

EVERYBODY = "everybody"

# What such an event asks is said of the visitor: "viewed 3 products". Others ask for a value that
# is theirs: "the sum of total of completed orders".
_DONE = {Aggregate.COUNT, Aggregate.RECENCY, Aggregate.DAYS_ACTIVE, Aggregate.STREAK}
_PRESENCE = (Op.IS_SET, Op.IS_MISSING)
_VISITS: dict[object, str] = {
    "new": "who is here for the first time",
    "returning": "who has been here before",
}

# Leaves whose opposite is said by a "not" after their verb.
_DENIED = (SegmentLeaf, Nested, ListLeaf, PercentLeaf, ConsentLeaf, ExperimentLeaf, RelationLeaf)


def people(node: Node, subject: str = EVERYBODY, hidden: Mapping[str, Node] | None = None) -> str:
    """Return whom a condition means, without a full stop.

    Args:
        subject: who they are; alone where the condition asks nothing.
        hidden: conditions of segments that nobody knows by name, by key: they are said themselves.

    Example: everybody who is in the segment "vip" and whose trait plan is "pro".
    """
    said = _clause(node, hidden or {})
    return f"{subject} {said}" if said else subject


def _clause(node: Node, hidden: Mapping[str, Node]) -> str:
    """Return a relative clause; "" for a condition that asks nothing."""
    match node:
        case SegmentLeaf(key) | Nested(key) if key in hidden:
            return _clause(hidden[key], hidden)
        case AnyOf() | NoneOf() if segments := _segments(node, hidden):
            return segments
        case All(parts):
            return _joined(parts, "and", hidden)
        case AnyOf(parts):
            return _joined(parts, "or", hidden)
        case Not(part):
            return _denied(part, hidden)
        case NoneOf((part,)):
            return _denied(part, hidden)
        case NoneOf(parts):
            return f"to whom none of these applies: {_listed(parts, hidden)}"
        case AtLeast(k, parts):
            applies = "applies" if k == 1 else "apply"
            return f"to whom at least {k} of these {applies}: {_listed(parts, hidden)}"
        case ContextLeaf("visitor", Op.EQ, value) if value in _VISITS:
            return _VISITS[value]
        case ContextLeaf():
            return f"whose {node.name.replace('_', ' ')} {compared(node.op, node.value)}"
    said = describe(node)
    if not _is_a_value(node):
        return f"who {said}"
    for article in ("the ", "a "):
        said = said.removeprefix(article)
    return f"whose {said}"


def _is_a_value(node: Node) -> bool:
    """Whether a leaf compares something that a visitor has, and does not say what they did."""
    match node:
        case TraitLeaf() | ScoreLeaf():
            return True
        case EventLeaf(aggregate=aggregate):
            return aggregate not in _DONE
        case ModelLeaf(op=op):
            return op not in _PRESENCE
    return False


def _joined(parts: tuple[Node, ...], word: str, hidden: Mapping[str, Node]) -> str:
    """The parts as one clause. "Who" is said once where the next part goes on with a verb."""
    if len(parts) == 1:
        return _clause(parts[0], hidden)
    said: list[str] = []
    goes_on = False
    for part in parts:
        clause = _clause(part, hidden) or "who is anybody"
        whole = _shown(part, hidden)
        is_group = is_compound(whole) or isinstance(whole, NoneOf | AtLeast)
        if is_group and not _segments(whole, hidden):
            said.append(f"({clause})")
            goes_on = False
            continue
        is_verb = clause.startswith("who ")
        said.append(clause.removeprefix("who ") if is_verb and goes_on else clause)
        goes_on = is_verb
    return f" {word} ".join(said)


def _segments(node: Node, hidden: Mapping[str, Node]) -> str:
    """Members of one, or of none, of several segments; "" for what is something else."""
    if not isinstance(node, AnyOf | NoneOf) or len(node.parts) < 2:
        return ""
    keys = [one.key for one in node.parts if isinstance(one, SegmentLeaf) and one.key not in hidden]
    if len(keys) < len(node.parts):
        return ""
    which = "one" if isinstance(node, AnyOf) else "none"
    return f"who is in {which} of the segments {', '.join(map(quoted_text, keys))}"


def _shown(node: Node, hidden: Mapping[str, Node]) -> Node:
    """What stands in the place of a node: a hidden segment says its condition."""
    while isinstance(node, SegmentLeaf | Nested) and node.key in hidden:
        node = hidden[node.key]
    return node


def _denied(part: Node, hidden: Mapping[str, Node]) -> str:
    part = _shown(part, hidden)
    if isinstance(part, _DENIED):
        verb, _, rest = describe(part).partition(" ")
        return f"who {verb} not {rest}"
    if isinstance(part, NoneOf | AtLeast | Not):
        return f"to whom this does not apply: ({_clause(part, hidden)})"
    return f"who is not somebody {_clause(part, hidden) or 'at all'}"


def _listed(parts: tuple[Node, ...], hidden: Mapping[str, Node]) -> str:
    """Parts of a count, each as it is answered by itself."""
    return f"({'; '.join(_statement(part, hidden) for part in parts)})"


def _statement(node: Node, hidden: Mapping[str, Node]) -> str:
    """A part as something that is so or not: "viewed a product"."""
    shown = _shown(node, hidden)
    is_group = isinstance(shown, All | AnyOf | NoneOf | AtLeast | Not)
    if not is_group:
        return describe(shown)
    return f"is somebody {_clause(shown, hidden)}" if _clause(shown, hidden) else "is anybody"
