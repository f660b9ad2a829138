"""A condition as a formula: when it is true, false, or not so, in three-valued logic."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from engine.conditions.lint_domains import Model
from engine.conditions.lint_search import Formula, at_least, every, literal, some
from engine.conditions.nodes import All, AnyOf, AtLeast, Leaf, Nested, Node, NoneOf, Not


class Sign(Enum):
    """What is said of a verdict. Unknown is neither true nor false."""

    TRUE = "true"
    FALSE = "false"
    NOT_TRUE = "not true"
    NOT_FALSE = "not false"


# What is said of a part where it is said of its negation.
_NEGATED = {
    Sign.TRUE: Sign.FALSE,
    Sign.FALSE: Sign.TRUE,
    Sign.NOT_TRUE: Sign.NOT_FALSE,
    Sign.NOT_FALSE: Sign.NOT_TRUE,
}
_UPRIGHT = (Sign.TRUE, Sign.NOT_FALSE)


def formula_of(node: Node, sign: Sign, model: Model) -> Formula:
    """Return the formula that holds where the verdict on the node is as the sign says."""
    match node:
        case All(parts):
            return _enough(len(parts), parts, sign, model)
        case AnyOf(parts):
            return _enough(1, parts, sign, model)
        case AtLeast(k, parts):
            return _enough(k, parts, sign, model)
        case NoneOf(parts):
            return _enough(1, parts, _NEGATED[sign], model)
        case Not(part):
            return formula_of(part, _NEGATED[sign], model)
        case Nested(_, where):
            # A membership is known: no member where the condition is unknown.
            is_member = sign in _UPRIGHT
            return formula_of(where, Sign.TRUE if is_member else Sign.NOT_TRUE, model)
    return _of_leaf(node, sign, model)


def _enough(k: int, parts: Sequence[Node], sign: Sign, model: Model) -> Formula:
    """At least k of the parts are so; or so few that k cannot be reached."""
    formulas = [formula_of(part, sign, model) for part in parts]
    if sign in _UPRIGHT:
        return every(formulas) if k == len(parts) else at_least(k, formulas)
    return some(formulas) if k == len(parts) else at_least(len(parts) - k + 1, formulas)


def _of_leaf(leaf: Leaf, sign: Sign, model: Model) -> Formula:
    variable, true, false = model.says[model.key(leaf)]
    full = model.variables[variable].full
    cells = {
        Sign.TRUE: true,
        Sign.FALSE: false,
        Sign.NOT_TRUE: full & ~true,
        Sign.NOT_FALSE: full & ~false,
    }[sign]
    return literal(variable, cells, full)
