"""One random world put to every evaluator of the engine and to the oracle.

One check is one condition, one history and one instant. Verdicts must be the same, and what an
answer says of the future must come true when no event follows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from engine.conditions import evaluate
from engine.conditions.answers import FOREVER
from engine.conditions.bindings import bindings_of
from engine.conditions.compile import Compiled, compile_condition, forecast
from engine.conditions.nodes import Node
from engine.conditions.parse import parse_condition
from engine.facts import Facts
from tests.engine.oracle import Undecided, bindings, truth

# An instant further off than this may be where a bounded search for a flip gave up.
BOUNDED_MS = 366 * 86_400_000
FOLLOWED = 4  # ends of validity looked at, one after the other


class Disagreement(AssertionError):
    """Two parties differ, or an answer was wrong about the future."""

    def __init__(self, what: str, at_ms: int, said: object, meant: object) -> None:
        super().__init__(f"{what} at {at_ms}: said {said!r}, meant {meant!r}")
        self.what, self.at_ms = what, at_ms


@dataclass
class World:
    """A condition and a person, and the instants at which they are asked."""

    where: Mapping[str, Any]
    facts: Facts
    at_ms: Sequence[int]
    # The last events left out in turn, so that answers are asked about other futures too.
    cuts: Sequence[int] = field(default_factory=tuple)


@dataclass
class Tally:
    """What was asked, by answer. `flips` are ends of validity that were looked at."""

    checks: int = 0
    yes: int = 0
    no: int = 0
    unknown: int = 0
    flips: int = 0
    undecided: int = 0

    def add(self, other: Tally) -> None:
        for name in self.__dataclass_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


def check_world(world: World) -> Tally:
    """Ask everybody everything.

    Raises:
        Disagreement: the first difference.
    """
    node = parse_condition({"v": 1, "where": world.where})
    part, tally = compile_condition(node), Tally()
    for cut in (0, *world.cuts):
        history = world.facts.history[: max(0, len(world.facts.history) - cut)]
        facts = replace(world.facts, history=history, cache={})
        _Party(world.where, node, part, facts, tally).check(world.at_ms)
    return tally


class _Party:
    """One condition and one history, put to all evaluators."""

    def __init__(
        self, where: Mapping[str, Any], node: Node, part: Compiled, facts: Facts, tally: Tally
    ) -> None:
        self.where, self.node, self.part, self.facts = where, node, part, facts
        self.tally = tally
        self.last_ms = facts.history[-1].at_ms if facts.history else 0

    def meant(self, at_ms: int) -> bool | None:
        """The verdict on which all agree.

        Raises:
            Undecided: doubles cannot tell.
            Disagreement: they do not.
        """
        try:
            meant = truth(self.where, self.facts, at_ms)
        except Undecided:
            self.tally.undecided += 1
            raise
        self.tally.checks += 1
        self.tally.yes += meant is True
        self.tally.no += meant is False
        self.tally.unknown += meant is None
        said = evaluate.truth(self.node, self.facts, at_ms)
        if said is not meant:
            raise Disagreement("evaluate", at_ms, said, meant)
        said = self.part(self.facts, at_ms)[0]
        if said is not meant:
            raise Disagreement("compile", at_ms, said, meant)
        return meant

    def check(self, moments: Sequence[int]) -> None:
        """Every instant; from the last event on, the answers' ends and one forecast too."""
        promise: tuple[bool | None, int] | None = None
        first_ms: int | None = None
        for at_ms in moments:
            try:
                meant = self.meant(at_ms)
            except Undecided:
                promise = None
                continue
            if at_ms < self.last_ms:
                continue
            if promise is not None and at_ms < promise[1] and meant is not promise[0]:
                raise Disagreement("valid_until too late", at_ms, promise, meant)
            if promise is None or at_ms >= promise[1]:
                promise = self._promise(at_ms, meant)
                self._keeps(at_ms, *promise)
            if first_ms is None:
                first_ms = at_ms
        if first_ms is not None:
            self._traces(first_ms)
            self._follow(first_ms)
            self._foresees(first_ms, moments)
        self._binds(moments[-1])

    def _promise(self, at_ms: int, meant: bool | None) -> tuple[bool | None, int]:
        until_ms = self.part(self.facts, at_ms)[1]
        return meant, FOREVER if until_ms is None else until_ms

    def _keeps(self, at_ms: int, verdict: bool | None, until_ms: int) -> None:
        """The verdict holds to the millisecond before `until_ms`, which lies in the future."""
        if until_ms >= FOREVER:
            return
        self.tally.flips += 1
        if until_ms <= at_ms:
            raise Disagreement("valid_until in the past", at_ms, until_ms, verdict)
        for moment in {max(at_ms, until_ms - 1), (at_ms + until_ms) // 2}:
            if self._undecided_or(moment, verdict) is not verdict:
                raise Disagreement("valid_until too late", moment, verdict, not verdict)
        is_leaf = "kind" in self.where and until_ms - at_ms < BOUNDED_MS
        if is_leaf and self._undecided_or(until_ms, not verdict) is verdict:
            raise Disagreement("valid_until of a leaf without a flip", at_ms, until_ms, verdict)

    def _undecided_or(self, at_ms: int, instead: bool | None) -> bool | None:
        try:
            return self.meant(at_ms)
        except Undecided:
            return instead

    def _traces(self, at_ms: int) -> None:
        """A trace tells the same verdict, and an end of it that is as honest."""
        trace = evaluate.trace(self.node, self.facts, at_ms)
        if (verdict := self._undecided_or(at_ms, trace.verdict)) is not trace.verdict:
            raise Disagreement("trace", at_ms, trace.verdict, verdict)
        until_ms = trace.valid_until_ms
        self._keeps(at_ms, verdict, FOREVER if until_ms is None else until_ms)

    def _binds(self, at_ms: int) -> None:
        try:
            meant = bindings(self.where, self.facts, at_ms)
        except Undecided:
            return
        said = bindings_of(self.node, self.facts, at_ms)
        if said != meant:
            raise Disagreement("bindings", at_ms, said, meant)

    def _follow(self, at_ms: int) -> None:
        """From end to end: each promise is kept up to the next."""
        for _ in range(FOLLOWED):
            try:
                verdict, until_ms = self._promise(at_ms, self.meant(at_ms))
            except Undecided:
                return
            self._keeps(at_ms, verdict, until_ms)
            if until_ms >= FOREVER:
                return
            at_ms = until_ms

    def _foresees(self, now_ms: int, moments: Sequence[int]) -> None:
        """The forecast of `now_ms`: in or out, until when, and how long the opposite lasts."""
        inside, until_ms, then, then_until_ms = forecast(self.part, self.facts, now_ms)
        first, second = (FOREVER if end is None else end for end in (until_ms, then_until_ms))
        if then not in (None, not inside) or (then is not None and until_ms is None):
            raise Disagreement("forecast's opposite", now_ms, then, not inside)
        extra = [end + step for end in (first, second) if end < FOREVER for step in (-1, 0)]
        for at_ms in sorted({*moments, *extra}):
            if at_ms < now_ms:
                continue
            if at_ms >= first and then is None:
                break  # not followed any further
            expected = inside if at_ms < first else not inside
            if at_ms >= second:
                if at_ms > second or second - now_ms > BOUNDED_MS:
                    break
                expected = inside
            if (self._undecided_or(at_ms, expected) is True) is not expected:
                raise Disagreement("forecast", at_ms, (inside, first, second), not expected)
