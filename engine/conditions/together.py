"""Many conditions as one function: what they share is looked up once.

Meant for whoever asks all of them of one visitor. The answers are those of `compile_condition`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from engine.conditions.answers import FOREVER, NO, YES, Truth
from engine.conditions.canonical import match_key
from engine.conditions.compile import cheapest_first, part_of
from engine.conditions.event_parts import Threshold, threshold_of
from engine.conditions.fused import Text, Writer, is_fusible, written
from engine.conditions.nodes import All, AnyOf, EventLeaf, Node
from engine.facts import Facts

Together: TypeAlias = Callable[[Facts, int], list[tuple[Truth, int | None]]]


def compile_together(nodes: Sequence[Node]) -> Together:
    """Return the conditions as a function of (facts, now_ms) -> their answers, in this order."""
    writer = _Shared()
    blocks = [_block(node, f"r{i}", writer) for i, node in enumerate(nodes)]
    body = [
        "history = facts.history",
        "if history and history[-1].at_ms > now_ms:",
        "    facts = facts.as_of(now_ms)",
        *writer.getters(),
        *(f"{name} = {text}" for name, text in writer.loads.items()),
        *(f"{name} = None" for name in (*writer.calls, *writer.finds)),
        *(line for block in blocks for line in block),
        f"return [{', '.join(f'r{i}' for i in range(len(nodes)))}]",
    ]
    endless = {verdict: (verdict, None) for verdict in (True, False, None)}
    return writer.function(
        body, yes=endless[True], no=endless[False], unknown=endless[None], endless=endless
    )


class _Shared(Writer):
    """Reads each name once, into a variable, and asks each part at most once."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: dict[str, str] = {}  # variable -> what it holds
        self.parts: dict[str, str] = {}  # leaf -> variable of its answer
        self.calls: dict[str, str] = {}  # variable -> the call that answers
        self.matches: dict[str, str] = {}  # match -> variable of its events
        self.finds: dict[str, str] = {}  # variable -> the call that finds them

    def found(self, getter: str, name: str) -> str:
        text = super().found(getter, name)
        variable = f"{getter}{list(self.read).index((getter, name))}"
        self.loads[variable] = text
        return variable

    def asked(self, node: Node) -> str:
        """The answer of a part as an expression, computed when it is first met."""
        key = repr(node)
        variable = self.parts.get(key)
        if variable is None:
            variable = self.parts[key] = f"a{len(self.parts)}"
            threshold = threshold_of(node) if isinstance(node, EventLeaf) else None
            if isinstance(node, EventLeaf) and threshold is not None:
                self.calls[variable] = self.counted(node, threshold)
            else:
                self.calls[variable] = f"{self.bound(part_of(node))}(facts, now_ms)"
        return f"({variable} or ({variable} := {self.calls[variable]}))"

    def counted(self, node: EventLeaf, threshold: Threshold) -> str:
        """A count as its closure answers it, its events found once for all that count them."""
        key = match_key(node.name, node.where)
        events = self.matches.get(key)
        if events is None:
            events = self.matches[key] = f"m{len(self.matches)}"
            self.finds[events] = f"{self.bound(threshold.matches)}(facts)"
        found = f"({events} if {events} is not None else ({events} := {self.finds[events]}))"
        least, verdict = threshold.least, threshold.verdict
        reached, short = (YES, NO) if verdict else (NO, YES)
        if threshold.width_ms is None:
            return f"({self.bound(reached)} if len({found}) >= {least} else {self.bound(short)})"
        leaves = f"(until := {events}[-{least}].at_ms + {threshold.width_ms})"
        return (
            f"(({verdict}, until) if len({found}) >= {least} and {leaves} > now_ms"
            f" else {self.bound(short)})"
        )


def _block(node: Node, result: str, writer: _Shared) -> list[str]:
    """The statements that give one condition's answer to a variable."""
    if is_fusible(node):
        return [_fused_line(written(node, writer), result)]
    if isinstance(node, All | AnyOf) and node.parts:
        return _group(node, result, writer)
    return _call(writer.asked(node), result)


def _fused_line(text: Text, result: str) -> str:
    return f"{result} = yes if {text.true} else no if {text.false} else unknown"


def _call(call: str, result: str) -> list[str]:
    return [f"{result} = {call}", f"if {result}[1] == {FOREVER}: {result} = endless[{result}[0]]"]


def _group(node: All | AnyOf, result: str, writer: _Shared) -> list[str]:
    """Answer by the first part that settles the group; where any is unknown, ask its closure."""
    plain = tuple(part for part in node.parts if is_fusible(part))
    rest = cheapest_first(tuple(part for part in node.parts if not is_fusible(part)))
    settled = isinstance(node, AnyOf)
    slow = _call(writer.asked(node), result)
    lines: list[str] = []
    depth = 0
    if plain:
        text = written(type(node)(plain), writer)
        settles, goes_on = (text.true, text.false) if settled else (text.false, text.true)
        lines += [f"if {settles}: {result} = {'yes' if settled else 'no'}", f"elif {goes_on}:"]
        depth = 1
    after = [] if not plain else ["else:", *(f"    {line}" for line in slow)]
    inner = _asked_in_turn(rest, settled, result, slow, writer)
    return [*lines, *("    " * depth + line for line in inner), *after]


def _asked_in_turn(
    nodes: Sequence[Node], settled: bool, result: str, slow: list[str], writer: _Shared
) -> list[str]:
    lines: list[str] = [f"first = {FOREVER}"]
    indent = ""
    for node in nodes:
        lines += [
            f"{indent}answer = {writer.asked(node)}",
            f"{indent}if answer[0] is {settled}:",
            *(f"{indent}    {line}" for line in _call("answer", result)),
            f"{indent}elif answer[0] is None:",
            *(f"{indent}    {line}" for line in slow),
            f"{indent}else:",
            f"{indent}    if answer[1] < first: first = answer[1]",
        ]
        indent += "    "
    other = "no" if settled else "yes"
    lines.append(f"{indent}{result} = ({not settled}, first) if first != {FOREVER} else {other}")
    return lines
