"""Run a pattern over a text in linear time: an automaton made state by state, as texts need it."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TypeAlias

from engine.conditions.pattern_parts import Chars, Edge, Options, Part, Ranges, Repeat, Run
from engine.conditions.patterns import parse_pattern

MAX_REMEMBERED = 8000  # nodes in the states kept of one automaton; then it starts anew

Nodes: TypeAlias = frozenset[int]


@dataclass(slots=True)
class _Graph:
    """Nodes by number: a set of characters and one way on, an edge of the text, or free ways."""

    chars: dict[int, Ranges] = field(default_factory=dict)
    edges: dict[int, bool] = field(default_factory=dict)  # -> is it the end of the text
    ways: list[list[int]] = field(default_factory=list)

    def node(self, *ways: int) -> int:
        self.ways.append(list(ways))
        return len(self.ways) - 1

    def add(self, part: Part, after: int) -> int:
        """Add a tree that goes on to the node `after`; return where it begins."""
        match part:
            case Chars(ranges):
                found = self.node(after)
                self.chars[found] = ranges
                return found
            case Edge(is_end):
                found = self.node(after)
                self.edges[found] = is_end
                return found
            case Run(parts):
                for each in reversed(parts):
                    after = self.add(each, after)
                return after
            case Options(parts):
                return self.node(*(self.add(each, after) for each in parts))
            case Repeat():
                return self.repeat(part, after)

    def repeat(self, part: Repeat, after: int) -> int:
        if part.most is None:
            loop = self.node()
            begin = self.add(part.part, loop)
            self.ways[loop] = [begin, after]
            after = loop if part.least == 0 else begin
            for _ in range(part.least - 1):
                after = self.add(part.part, after)
            return after
        end = after
        for i in range(part.most, 0, -1):
            begin = self.add(part.part, after)
            after = begin if i <= part.least else self.node(begin, end)
        return after


class _State:
    """One state of the automaton: where in the pattern a reader may be.

    `moves` go by character for ASCII, which is most of what is read, else by column. `verdict` is
    the answer where what follows cannot change it.
    """

    __slots__ = ("moves", "nodes", "verdict")

    def __init__(self, nodes: Nodes, goal: int) -> None:
        self.nodes = nodes
        self.verdict = True if goal in nodes else None if nodes else False
        self.moves: dict[str | int, _State] = {}


class Matcher:
    """Says whether a pattern is found somewhere in a text. May be shared between threads."""

    def __init__(self, pattern: str) -> None:
        graph = _Graph()
        self.goal = graph.node()
        begin = graph.add(parse_pattern(pattern), self.goal)
        self.graph = graph
        # Characters that no set tells apart share a column: code point -> column by bisection.
        cuts = {0}
        for ranges in graph.chars.values():
            for low, high in ranges:
                cuts |= {low, high + 1}
        self.cuts = sorted(cuts)
        self.columns = {
            node: frozenset(
                column
                for low, high in ranges
                for column in range(bisect_right(self.cuts, low) - 1, bisect_right(self.cuts, high))
            )
            for node, ranges in graph.chars.items()
        }
        self.first = _State(self._closed([begin], at_start=True, at_end=False), self.goal)
        self.again = self._closed([begin], at_start=False, at_end=False)
        self.states: dict[Nodes, _State] = {}
        self.remembered = 0

    def found_in(self, text: str) -> bool:
        state = self.first
        if state.verdict is not None:
            return state.verdict
        for char in text:
            after = state.moves.get(char)
            if after is None:
                after = self._move(state, char)
            if after.verdict is not None:
                return after.verdict
            state = after
        return self.goal in self._closed(state.nodes, at_start=not text, at_end=True)

    def _move(self, state: _State, char: str) -> _State:
        column = bisect_right(self.cuts, ord(char)) - 1
        after = state.moves.get(column)
        if after is None:
            ways, columns = self.graph.ways, self.columns
            moved = [ways[node][0] for node in state.nodes if column in columns.get(node, ())]
            nodes = self._closed(moved, at_start=False, at_end=False) | self.again
            after = self._remembered(nodes)
            state.moves[column] = after
        if char.isascii():
            state.moves[char] = after
        return after

    def _remembered(self, nodes: Nodes) -> _State:
        known = self.states.get(nodes)
        if known is not None:
            return known
        self.remembered += len(nodes) + 1
        if self.remembered > MAX_REMEMBERED:
            old, self.states, self.remembered = self.states, {}, len(nodes) + 1
            for state in (self.first, *old.values()):
                state.moves = {}  # they know each other in circles
        found = self.states[nodes] = _State(nodes, self.goal)
        return found

    def _closed(self, nodes: list[int] | Nodes, *, at_start: bool, at_end: bool) -> Nodes:
        """The nodes reached without a character that wait for one, for the end, or are the goal."""
        graph = self.graph
        seen = set(nodes)
        left = list(nodes)
        kept = set()
        while left:
            node = left.pop()
            if node in graph.chars or node == self.goal:
                kept.add(node)
                continue
            is_end = graph.edges.get(node)
            if is_end is True:
                kept.add(node)
            if is_end is None or (at_end if is_end else at_start):
                for way in graph.ways[node]:
                    if way not in seen:
                        seen.add(way)
                        left.append(way)
        return frozenset(kept)
