"""Conditions and policies as lines of plain words, and what differs between two of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Literal

from engine.conditions.describe import describe
from engine.conditions.nodes import All, AnyOf, AtLeast, Node, NoneOf, Not, parts_of
from engine.conditions.parse import parse_condition
from engine.errors import InvalidCondition

_WORDS: Mapping[str, str] = {
    "minStay": "stays at least",
    "cooldown": "does not come back for",
    "parent": "only members of the segment",
    "group": "belongs to the exclusive group",
    "priority": "with the priority",
}


@dataclass(frozen=True, slots=True)
class DiffLine:
    """One line of a difference; `sign` is "+", "-" or " " for a line that both have."""

    sign: Literal["+", "-", " "]
    text: str


def outline(condition: object, policy: Mapping[str, Any] | None = None) -> list[str]:
    """Return a condition document line by line, groups indented, the policy after it."""
    return [*_condition(condition), *_policy(policy or {})]


def difference(old: list[str], new: list[str]) -> list[DiffLine]:
    """Return both outlines as one, in the order of the new."""
    found: list[DiffLine] = []
    for tag, i, j, k, m in SequenceMatcher(a=old, b=new, autojunk=False).get_opcodes():
        if tag == "equal":
            found += [DiffLine(" ", text) for text in new[k:m]]
            continue
        found += [DiffLine("-", text) for text in old[i:j]]
        found += [DiffLine("+", text) for text in new[k:m]]
    return found


def _condition(condition: object) -> Iterator[str]:
    try:
        yield from _lines(parse_condition(condition), 0)
    except InvalidCondition as error:
        yield f"refused: {error}"


def _lines(node: Node, depth: int) -> Iterator[str]:
    pad = "  " * depth
    match node:
        case All(()):
            yield f"{pad}everyone"
            return
        case All():
            yield f"{pad}all of"
        case AnyOf():
            yield f"{pad}any of"
        case NoneOf():
            yield f"{pad}none of"
        case AtLeast(k, _):
            yield f"{pad}at least {k} of"
        case Not():
            yield f"{pad}not"
        case _:
            yield f"{pad}{describe(node)}"
            return
    for part in parts_of(node):
        yield from _lines(part, depth + 1)


def _policy(policy: Mapping[str, Any]) -> Iterator[str]:
    if policy.get("leave"):
        yield "leaves only when"
        yield from (f"  {line}" for line in _condition(policy["leave"]))
    if policy.get("once"):
        yield "one stay in a life"
    for name, words in _WORDS.items():
        if policy.get(name) is not None:
            yield f"{words} {policy[name]}"
