"""Scores as closures: the value now, and the exact instant at which its comparison flips."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from itertools import accumulate, pairwise
from operator import ge, gt, neg
from typing import NamedTuple, TypeAlias

from engine.conditions import plain_leaves
from engine.conditions.answers import ENDLESS, FOREVER, Answer, Part
from engine.conditions.canonical import match_key
from engine.conditions.nodes import Op, ScoreEvents, ScoreLeaf, TraitLeaf, WindowKind
from engine.conditions.operators import Test, as_number, tester
from engine.conditions.series import matches_loader, reads_facts
from engine.facts import Facts

FADED = 1100  # half-lives after which 2 ** -x is 0 as a double
MAX_TRAIT_FLIPS = 16  # a yearly day flips for ever; then the instant given is early, not wrong
SLACK = 1e-9  # how far a quick value may be off, as a share of everything added
NEAR = 1e-3  # a share of the slack: near enough to a limit to look at each ms


class Points(NamedTuple):
    """The events of one source that add something, newest first."""

    times: list[int]
    points: list[float]


Load: TypeAlias = Callable[[Facts], Points]


def points_loader(source: ScoreEvents) -> Load:
    """Return the function that finds or weighs the events of a source."""
    matched, of, fades = matches_loader(source.match), source.of, source.half_life_ms > 0
    weight = float(source.weight)
    name = f"points|{match_key(source.match.name, source.match.where)}|{of}|{weight}|{fades}"
    keeps = not reads_facts(source.match)

    def load(facts: Facts) -> Points:
        found: Points | None = facts.cache.get(name) if keeps else None
        if found is not None:
            return found
        found = facts.cache[name] = Points([], [])
        for event in reversed(matched(facts)):
            number = 1.0 if of is None else as_number(event.properties.get(of))
            # The future of a fading sum is known only while all of it has one sign.
            if number is None or (fades and number < 0) or not weight * number:
                continue
            found.times.append(event.at_ms)
            found.points.append(weight * number)
        return found

    return load


class Source(NamedTuple):
    """One source of one visitor: `width_ms` 0: no window, `half_life_ms` 0: never fades."""

    times: list[int]
    points: list[float]
    half_life_ms: int
    width_ms: int
    cap: float | None

    def at(self, at_ms: int) -> float:
        """Its part of the score, added newest first."""
        total = 0.0
        half_life_ms = self.half_life_ms
        after_ms = at_ms - self.width_ms if self.width_ms else None
        for event_ms, points in zip(self.times, self.points, strict=True):
            if after_ms is not None and event_ms <= after_ms:
                break
            total += (
                points * 2.0 ** (-(at_ms - event_ms) / half_life_ms) if half_life_ms else points
            )
        return _capped(total, self.cap)

    def rests_at(self) -> int:
        """From this instant on it stays as it is."""
        if not self.times or not (self.width_ms or self.half_life_ms):
            return 0
        if self.width_ms:
            return self.times[0] + self.width_ms
        return self.times[0] + FADED * self.half_life_ms


def _capped(total: float, cap: float | None) -> float:
    if cap is None:
        return total
    return cap if total > cap else -cap if total < -cap else total


def score_part(leaf: ScoreLeaf) -> Part:
    """Return the leaf as a closure over facts that hold no event after now."""
    loads = [(points_loader(source), source) for source in leaf.events]
    traits = [(plain_leaves.BUILDERS[TraitLeaf](t.test), float(t.weight)) for t in leaf.traits]
    test = tester(leaf.op, leaf.value)

    def score(facts: Facts, now_ms: int) -> Answer:
        course = _Course(leaf, [_of_visitor(load(facts), source) for load, source in loads])
        from_ms, verdict = now_ms, None
        for number in range(MAX_TRAIT_FLIPS):
            course.weights, until_ms = _met(traits, facts, from_ms)
            value = course.value(from_ms)
            found = test(value)
            if number == 0:
                verdict = found
            elif found is not verdict:
                return verdict, from_ms
            flip_ms = course.flip(from_ms, until_ms, value, test)
            if flip_ms is not None:
                return verdict, flip_ms
            if until_ms == FOREVER:
                return ENDLESS[verdict]
            from_ms = until_ms
        return verdict, from_ms

    return score


def _of_visitor(points: Points, source: ScoreEvents) -> Source:
    width_ms = source.window.ms if source.window.kind is WindowKind.LAST else 0
    return Source(points.times, points.points, source.half_life_ms, width_ms, source.cap)


def limits_of(leaf: ScoreLeaf) -> tuple[float, ...]:
    """The numbers it is compared with."""
    values = leaf.value if isinstance(leaf.value, tuple) else (leaf.value,)
    return tuple(value for value in values if isinstance(value, int | float))


Side: TypeAlias = tuple[float, Callable[[float, float], bool]]


def sides_of(leaf: ScoreLeaf) -> list[Side]:
    """The limits, each with the comparison whose change changes the verdict."""
    if leaf.op is Op.BETWEEN:
        low, high = limits_of(leaf)
        return [(low, ge), (high, gt)]
    return [(limit, ge if leaf.op in (Op.GTE, Op.LT) else gt) for limit in limits_of(leaf)]


def _met(traits: list[tuple[Part, float]], facts: Facts, at_ms: int) -> tuple[list[float], int]:
    """The weights of the trait tests that are true, and until when they are the same ones."""
    weights, until_ms = [], FOREVER
    for part, weight in traits:
        verdict, part_until_ms = part(facts, at_ms)
        if verdict is True:
            weights.append(weight)
        until_ms = min(until_ms, part_until_ms)
    return weights, until_ms


class _Course:
    """The score of one visitor over the time to come, while the trait tests stay as they are."""

    __slots__ = ("high", "low", "sides", "sources", "weights")

    def __init__(self, leaf: ScoreLeaf, sources: list[Source]) -> None:
        self.sources = sources
        self.low, self.high = leaf.floor, leaf.ceiling
        self.sides = sides_of(leaf)
        self.weights: list[float] = []

    def value(self, at_ms: int) -> float:
        """The score as `scores.score_value` adds it."""
        return self.total([source.at(at_ms) for source in self.sources])

    def total(self, parts: list[float]) -> float:
        total = 0.0
        for part in parts:
            total += part
        for weight in self.weights:
            total += weight
        if self.low is not None and total < self.low:
            return self.low
        return self.high if self.high is not None and total > self.high else total

    def flip(self, from_ms: int, until_ms: int, value: float, test: Test) -> int | None:
        """The first instant in (from_ms, until_ms) with another verdict than at from_ms.

        Args:
            value: the score at from_ms.
        """
        last_ms = min(until_ms - 1, max((s.rests_at() for s in self.sources), default=0))
        if last_ms <= from_ms:
            return None
        verdict = test(value)
        quick = _Quick(self, from_ms)
        for low_ms, high_ms in self._monotone(from_ms, last_ms):
            if quick.is_clear(low_ms, high_ms):
                continue
            low, high = self.value(low_ms), self.value(high_ms)
            crossings = {
                self._crossing(low_ms, high_ms, limit, is_past, quick)
                for limit, is_past in self.sides
                if is_past(low, limit) is not is_past(high, limit)
            }
            for at_ms in sorted(crossings):
                if test(self.value(at_ms)) is not verdict:
                    return at_ms
        return None

    def _monotone(self, from_ms: int, last_ms: int) -> Iterator[tuple[int, int]]:
        """Stretches, each from the end of the one before, over which the score moves one way.

        What fades and what leaves goes towards 0; with one sign the whole score moves one way.
        Else only from one leaving to the next: what fades has one sign, the parser sees to it.
        """
        moving = [source for source in self.sources if source.width_ms or source.half_life_ms]
        if len({points > 0 for source in moving for points in source.points}) < 2:
            yield from_ms, last_ms
            return
        leaving = {at_ms + s.width_ms for s in moving if s.width_ms for at_ms in s.times}
        edges = {edge - step for edge in leaving for step in (0, 1)} | {from_ms, last_ms}
        yield from pairwise(sorted(edge for edge in edges if from_ms <= edge <= last_ms))

    def _crossing(
        self,
        low_ms: int,
        high_ms: int,
        limit: float,
        is_past: Callable[[float, float], bool],
        quick: _Quick,
    ) -> int:
        """The first instant on the other side of a limit, on a stretch that crosses it once."""
        before = is_past(self.value(low_ms), limit)

        def crossed(at_ms: int) -> bool:
            return is_past(self.value(at_ms), limit) is not before

        guess = quick.crossing(low_ms, high_ms, limit)
        # The guess is right to a few ms: widen around it until it is between, then bisect.
        step = 1
        if guess < high_ms and not crossed(guess):
            low_ms = guess
            while guess + step < high_ms and not crossed(guess + step):
                low_ms = guess + step
                step *= 4
            return _bisected(crossed, low_ms, min(guess + step, high_ms))
        high_ms = guess
        while guess - step > low_ms and crossed(guess - step):
            high_ms = guess - step
            step *= 4
        return _bisected(crossed, max(guess - step, low_ms), high_ms)


def _bisected(crossed: Callable[[int], bool], low: int, high: int) -> int:
    """The first instant after `low` that has crossed; `low` has not, `high` is taken to have."""
    while high - low > 1:
        middle = (low + high) // 2
        if crossed(middle):
            high = middle
        else:
            low = middle
    return high


class _Quick:
    """The same score, added once and then scaled: nearly right, for any number of events."""

    __slots__ = ("course", "from_ms", "slack", "sums")

    def __init__(self, course: _Course, from_ms: int) -> None:
        self.course = course
        self.from_ms = from_ms
        # By source: sums[k] is that of its k newest events at from_ms.
        self.sums: list[list[float]] = []
        size = 1.0 + sum(map(abs, course.weights))
        for source in course.sources:
            half_life_ms = source.half_life_ms
            left = [
                points * 2.0 ** (-(from_ms - at_ms) / half_life_ms) if half_life_ms else points
                for at_ms, points in zip(source.times, source.points, strict=True)
            ]
            size += sum(map(abs, left))
            self.sums.append([*accumulate(left, initial=0.0)])
        self.slack = SLACK * size

    def value(self, at_ms: int) -> float:
        return self.course.total(
            [
                self._part(source, sums, at_ms)
                for source, sums in zip(self.course.sources, self.sums, strict=True)
            ]
        )

    def _part(self, source: Source, sums: list[float], at_ms: int) -> float:
        inside = len(source.times)
        if source.width_ms:
            inside = bisect_left(source.times, source.width_ms - at_ms, key=neg)
        total = sums[inside]
        if source.half_life_ms:
            total *= 2.0 ** (-(at_ms - self.from_ms) / source.half_life_ms)
        return _capped(total, source.cap)

    def crossing(self, low_ms: int, high_ms: int, limit: float) -> int:
        """About where a stretch that moves one way crosses the limit, in (low_ms, high_ms].

        Halving alone would take forty steps; with every other one on the chord it is a dozen.
        """
        low, high = self.value(low_ms) - limit, self.value(high_ms) - limit
        on_chord = False
        while high_ms - low_ms > 1:
            share = low / (low - high) if on_chord and low != high else 0.5
            # Sums beyond all doubles have no share.
            middle_ms = low_ms + int((high_ms - low_ms) * (share if 0 < share < 1 else 0.5))
            middle_ms = min(max(middle_ms, low_ms + 1), high_ms - 1)
            middle = self.value(middle_ms) - limit
            if abs(middle) < self.slack * NEAR:
                return middle_ms
            if (middle > 0) is (low > 0):
                low_ms, low = middle_ms, middle
            else:
                high_ms, high = middle_ms, middle
            on_chord = not on_chord
        return high_ms

    def is_clear(self, low_ms: int, high_ms: int) -> bool:
        """Is the score surely on the same side of every limit from the one to the other?"""
        low, high = self.value(low_ms), self.value(high_ms)
        if low > high:
            low, high = high, low
        return all(
            low - self.slack > limit or high + self.slack < limit for limit, _ in self.course.sides
        )
