"""Conditions on traits, the request and memberships, made into one Python function each.

A closure a leaf costs more than the comparison in it, and most conditions are mostly such leaves.
So a group of them is written as two Python expressions, "is surely true" and "is surely false"
(neither: unknown), and compiled once, when the condition is. No value and no name of an editor
becomes part of the text: they are bound as defaults of the function's parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from engine.conditions.answers import NO, UNKNOWN, YES
from engine.conditions.nodes import (
    All,
    AnyOf,
    ContextLeaf,
    Nested,
    Node,
    NoneOf,
    Not,
    Op,
    SegmentLeaf,
    TraitLeaf,
    Value,
)
from engine.conditions.operators import EXACT_INT, TIMED_OPS, tester

_SIGNS = {Op.GT: ">", Op.GTE: ">=", Op.LT: "<", Op.LTE: "<="}


class Text(NamedTuple):
    """A node as two expressions."""

    true: str
    false: str


class Writer:
    """Writes nodes as expressions, and keeps what they are bound to."""

    def __init__(self) -> None:
        self.values: list[object] = []
        self.read: dict[tuple[str, str], str] = {}  # (getter, name) -> what reads it

    def bound(self, value: object) -> str:
        """The parameter that holds a value."""
        self.values.append(value)
        return f"_{len(self.values) - 1}"

    def found(self, getter: str, name: str) -> str:
        """What is read under a name, as an expression."""
        text = self.read.get((getter, name))
        if text is None:
            text = self.read[getter, name] = f"{getter}({self.bound(name)})"
        return text

    def getters(self) -> list[str]:
        """The statements that look up the mappings read."""
        used = {getter for getter, _ in self.read}
        return [
            f"{getter} = facts.{mapping}.get"
            for getter, mapping in GETTERS.items()
            if getter in used
        ]

    def function(self, body: list[str], **named: object) -> Callable[..., Any]:
        """Compile the body of a function of (facts, now_ms) to which the names are bound."""
        scope = named | {f"_{i}": value for i, value in enumerate(self.values)}
        parameters = "".join(f", {name}={name}" for name in scope)
        lines = [f"def condition(facts, now_ms{parameters}):", *(f"    {line}" for line in body)]
        # Safe: the text is made of the templates of this package and names like "_0" alone.
        exec(compile("\n".join(lines), "<condition>", "exec"), scope)  # nosec B102
        function: Callable[..., Any] = scope["condition"]  # type: ignore[assignment]  # just defined
        return function


GETTERS = {"trait": "traits", "fact": "context", "member": "memberships"}


def is_fusible(node: Node) -> bool:
    """Is it made of leaves only that `fused` can write?"""
    match node:
        case TraitLeaf():
            return node.op not in TIMED_OPS and node.source is None and node.min_confidence is None
        case ContextLeaf() | SegmentLeaf():
            return True
        case All(parts) | AnyOf(parts) | NoneOf(parts):
            return all(is_fusible(part) for part in parts)
        case Not(part) | Nested(_, part):
            return is_fusible(part)
    return False


def fused(node: Node, yes: Any = YES, no: Any = NO, unknown: Any = UNKNOWN) -> Callable[..., Any]:
    """Return a node (`is_fusible`) as one function (facts, now_ms) -> `yes`, `no` or `unknown`."""
    writer = Writer()
    if isinstance(node, All) and node.parts:
        lines = _in_turn([written(part, writer) for part in node.parts])
    else:
        text = written(node, writer)
        lines = [f"if {text.true}:", "    return yes", f"return no if {text.false} else unknown"]
    return writer.function([*writer.getters(), *lines], yes=yes, no=no, unknown=unknown)


def _in_turn(parts: list[Text]) -> list[str]:
    """A group of which the first part that is not true settles what remains to be asked."""
    lines = []
    for at, part in enumerate(parts):
        rest = " or ".join(f"({one.false})" for one in parts[at:])
        lines += [f"if not ({part.true}):", f"    return no if {rest} else unknown"]
    return [*lines, "return yes"]


def written(node: Node, writer: Writer) -> Text:
    """A node (`is_fusible`) as expressions."""
    match node:
        case TraitLeaf():
            return _compared(writer.found("trait", node.name), node.op, node.value, writer)
        case ContextLeaf():
            return _compared(writer.found("fact", node.name), node.op, node.value, writer)
        case SegmentLeaf(key):
            found = writer.found("member", key)
            return Text(f"{found} is True", f"{found} is not True")
        case All(parts):
            return _joined([written(part, writer) for part in parts])
        case AnyOf(parts):
            return _negated(_joined([_negated(written(part, writer)) for part in parts]))
        case NoneOf(parts):
            return _joined([_negated(written(part, writer)) for part in parts])
        case Not(part):
            return _negated(written(part, writer))
        case Nested(_, part):
            true = written(part, writer).true
            return Text(true, f"not ({true})")
    raise AssertionError(f"{type(node).__name__} is not fusible")


def _joined(parts: list[Text]) -> Text:
    """All of them."""
    if not parts:
        return Text("True", "False")
    return Text(
        " and ".join(f"({part.true})" for part in parts),
        " or ".join(f"({part.false})" for part in parts),
    )


def _negated(text: Text) -> Text:
    return Text(text.false, text.true)


def _compared(found: str, op: Op, value: Value, writer: Writer) -> Text:
    """What is found, as an expression, compared as `operators.compare` does."""
    if op is Op.IS_SET:
        return Text(f"{found} is not None", f"{found} is None")
    if op is Op.IS_MISSING:
        return Text(f"{found} is None", f"{found} is not None")
    if op in (Op.EQ, Op.NE) and type(value) in (str, bool):
        wanted, sign = writer.bound(value), "==" if type(value) is str else "is"
        unlike = "!=" if type(value) is str else "is not"
        same = Text(
            f"{found} {sign} {wanted}",
            f"(v := {found}) {unlike} {wanted} and v is not None",
        )
        return same if op is Op.EQ else _negated(same)
    if op in _SIGNS and _is_small(value):
        bound = writer.bound(value)
        return _ordered(found, f"v {_SIGNS[op]} {bound}")
    if op is Op.BETWEEN and isinstance(value, tuple) and all(_is_small(bound) for bound in value):
        return _ordered(found, f"{writer.bound(value[0])} <= v <= {writer.bound(value[1])}")
    if op is Op.IN and isinstance(value, tuple) and all(type(item) is str for item in value):
        wanted = writer.bound(frozenset(value))
        return Text(
            f"type(v := {found}) is str and v in {wanted}",
            f"(v := {found}) is not None and (type(v) is not str or v not in {wanted})",
        )
    test = writer.bound(tester(op, value))
    return Text(f"{test}({found}) is True", f"{test}({found}) is False")


def _is_small(value: Value) -> bool:
    """Compared with such a number, an integer and its nearest double are alike."""
    return type(value) in (int, float) and -EXACT_INT < value < EXACT_INT  # type: ignore[operator]


def _ordered(found: str, order: str) -> Text:
    number = f"((t := type(v := {found})) is int or t is float)"
    return Text(f"{number} and {order}", f"{number} and not {order}")
