"""A condition document looked at part by part: what each leaf says, and everything that is wrong.

The parser stops at the first fault, which is right for a save. Somebody who is still writing wants
all of them, each at its place, and the words of the parts that are whole already.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.conditions.describe import describe
from engine.conditions.parse import GROUPS, MAX_DEPTH, parse_condition
from engine.conditions.policy import parse_policy
from engine.conditions.sentences import people
from engine.errors import InvalidCondition

MAX_PROBLEMS = 50


@dataclass(slots=True)
class Checked:
    """What there is to say of a document.

    Attributes:
        words: whom the whole means; "" while something is wrong.
        parts: leaf path -> what that leaf says.
        problems: (path, what is wrong), in the order of the document.
    """

    words: str = ""
    parts: dict[str, str] = field(default_factory=dict)
    problems: list[tuple[str, str]] = field(default_factory=list)


def check(condition: object, policy: object) -> Checked:
    """Look at a condition and its policy. Never raises.

    Paths are those of the parser: below `where` for the condition, from `policy` for the policy.
    """
    found = Checked()
    where = condition.get("where") if isinstance(condition, dict) else None
    _look(where, "", found, 1)
    if not found.problems:
        try:
            found.words = people(parse_condition(condition))
        except InvalidCondition as error:
            found.problems.append((error.path, error.problem))
    _look_at_policy(policy, found)
    del found.problems[MAX_PROBLEMS:]
    return found


def _look(document: object, path: str, found: Checked, depth: int) -> None:
    """Note what the leaves of a node say. Groups are left to the parse of the whole."""
    if depth > MAX_DEPTH or not isinstance(document, dict):
        return
    if "kind" in document:
        try:
            found.parts[path or "where"] = describe(parse_condition({"v": 1, "where": document}))
        except InvalidCondition as error:
            found.problems.append((_joined(path, error.path), error.problem))
        return
    for name, child in _children(document, path):
        _look(child, name, found, depth + 1)


def _children(document: Mapping[str, Any], path: str) -> Iterator[tuple[str, object]]:
    for name, content in document.items():
        if name not in GROUPS:
            continue
        at = f"{path}.{name}" if path else name
        if name == "not":
            yield at, content
            continue
        if name == "at_least":
            content, at = content.get("of") if isinstance(content, dict) else None, f"{at}.of"
        if isinstance(content, list):
            yield from ((f"{at}[{i}]", child) for i, child in enumerate(content))


def _joined(path: str, below: str) -> str:
    """The path of a fault within a leaf, as the parse of the whole would give it."""
    if below == "where":
        return path or "where"
    return f"{path}.{below}" if path else below


def _look_at_policy(policy: object, found: Checked) -> None:
    if not isinstance(policy, dict) or not policy:
        return
    leave = policy.get("leave")
    if leave is not None:
        inner = check(leave, {})
        found.parts |= {f"policy.leave.{path}": text for path, text in inner.parts.items()}
        found.problems += [(f"policy.leave.{path}", text) for path, text in inner.problems]
    try:
        parse_policy({name: value for name, value in policy.items() if name != "leave"})
    except InvalidCondition as error:
        found.problems.append((error.path, error.problem))
