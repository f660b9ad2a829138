"""Scores: weighted events that fade, caps, trait tests that add their weight.

Double addition depends on the order, so both evaluators add alike: the sources in the order of the
document, of each the events newest first, then the traits. So they agree bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from engine.conditions import plain_leaves
from engine.conditions.answers import Builder, Finder, Finding, Moments
from engine.conditions.fading import FADED, limits_of, score_part
from engine.conditions.nodes import ScoreEvents, ScoreLeaf, TraitLeaf, WindowKind
from engine.conditions.occurrences import indexes_of
from engine.conditions.operators import as_number, compare
from engine.conditions.phases import LONG, told_by
from engine.conditions.windows import indexes_in
from engine.facts import Facts, Happening

# The meaning


def score_value(leaf: ScoreLeaf, facts: Facts, now_ms: int) -> float:
    """Return the score at an instant. Events after it are ignored."""
    facts = facts.as_of(now_ms)
    total = 0.0
    for source in leaf.events:
        total += _source(source, facts, now_ms)
    for trait in leaf.traits:
        if _trait_verdict(trait.test, facts, now_ms) is True:
            total += float(trait.weight)
    return clamp(total, leaf.floor, leaf.ceiling)


def _source(source: ScoreEvents, facts: Facts, now_ms: int) -> float:
    inside = set(indexes_in(source.window, facts, now_ms))
    total = 0.0
    for i in reversed(indexes_of(source.match, facts)):
        points = points_of(source, facts.history[i])
        if i in inside and points:
            total += points * faded(now_ms - facts.history[i].at_ms, source.half_life_ms)
    return total if source.cap is None else clamp(total, -source.cap, source.cap)


def points_of(source: ScoreEvents, event: Happening) -> float:
    """What a matching event adds at its time: 0 without a number, or one that may not count."""
    if source.of is None:
        return float(source.weight)
    number = as_number(event.properties.get(source.of))
    # The future of a fading sum is known only while all of it has one sign.
    if number is None or (source.half_life_ms and number < 0):
        return 0.0
    return float(source.weight) * number


def faded(age_ms: int, half_life_ms: int) -> float:
    """The share that is left of an event: 1 with no half-life, else halved each half-life."""
    return float(2.0 ** (-age_ms / half_life_ms)) if half_life_ms else 1.0


def clamp(value: float, low: float | None, high: float | None) -> float:
    if low is not None and value < low:
        return low
    return high if high is not None and value > high else value


def _trait_verdict(test: TraitLeaf, facts: Facts, now_ms: int) -> bool | None:
    return plain_leaves.FINDERS[TraitLeaf](test, facts, now_ms).verdict


def _score(leaf: ScoreLeaf, facts: Facts, now_ms: int) -> Finding:
    value = score_value(leaf, facts, now_ms)
    used = sorted(
        {
            i
            for source in leaf.events
            for i in indexes_of(source.match, facts)
            if i in indexes_in(source.window, facts, now_ms)
        }
    )
    return Finding(value, compare(leaf.op, value, leaf.value), tuple(used))


def _moments(leaf: ScoreLeaf, facts: Facts, now_ms: int) -> set[int]:
    """Where an event leaves or a trait test flips, and the crossings of thresholds in between.

    Between two such instants the score only falls or only rises, so a crossing can be bisected.
    """
    if len(facts.history) > LONG:
        return told_by(score_part(leaf), facts, now_ms)
    edges = {now_ms} | _trait_moments(leaf, facts, now_ms)
    for source in leaf.events:
        times = [facts.history[i].at_ms for i in indexes_of(source.match, facts)]
        if source.window.kind is WindowKind.LAST:
            edges |= {at_ms + source.window.ms for at_ms in times}
        if source.half_life_ms and times:
            edges.add(times[-1] + FADED * source.half_life_ms)
    found = {edge for edge in edges if edge > now_ms}
    steps = [now_ms, *sorted(found)]
    for from_ms, until_ms in pairwise(steps):
        for limit in limits_of(leaf):
            for is_past in (_reaches(limit), _exceeds(limit)):

                def state(at_ms: int, is_past: Callable[[float], bool] = is_past) -> bool:
                    return is_past(score_value(leaf, facts, at_ms))

                if state(from_ms) is not state(until_ms - 1):
                    found.add(_bisected(state, from_ms, until_ms - 1))
    return found


def _trait_moments(leaf: ScoreLeaf, facts: Facts, now_ms: int) -> set[int]:
    moments = plain_leaves.MOMENTS.get(TraitLeaf)
    if moments is None:
        return set()
    return {m for trait in leaf.traits for m in moments(trait.test, facts, now_ms) if m > now_ms}


def _reaches(limit: float) -> Callable[[float], bool]:
    return lambda value: value >= limit


def _exceeds(limit: float) -> Callable[[float], bool]:
    return lambda value: value > limit


def _bisected(state: Callable[[int], bool], low: int, high: int) -> int:
    """The first instant after `low` with the state of `high`, when it changes once between."""
    before = state(low)
    while high - low > 1:
        middle = (low + high) // 2
        if state(middle) is before:
            low = middle
        else:
            high = middle
    return high


FINDERS: dict[type, Finder] = {ScoreLeaf: _score}
MOMENTS: dict[type, Moments] = {ScoreLeaf: _moments}
BUILDERS: dict[type, Builder] = {ScoreLeaf: score_part}
