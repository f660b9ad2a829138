"""The matches of a sequence, found two ways: plain search, and a dynamic program.

A chain is one event per step, as indexes in the order of the history. Of the chains that end with
the same event only the greatest is kept: the one that starts latest, and of those step by step the
later event. That is how Python compares tuples.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from math import prod
from typing import NamedTuple, TypeAlias

from engine.conditions.nodes import SequenceLeaf
from engine.conditions.occurrences import Load, Occurrences, indexes_of, key_of, loader
from engine.facts import SESSION_IDLE_MS, Facts, Happening, grown

Chain: TypeAlias = tuple[int, ...]
Choose: TypeAlias = Callable[[Occurrences], Occurrences]


class Completion(NamedTuple):
    """The greatest chain that ends with an event. Ordered by that event."""

    end: int
    end_ms: int
    start_ms: int
    chain: Chain


MAX_TRIED = 20_000  # chains a plain search may have to look at; beyond, the dynamic program

# The meaning


def plain_chains(leaf: SequenceLeaf, facts: Facts, allowed: Iterable[int]) -> list[Chain]:
    """Try every chain of allowed events, and keep the greatest one of each last event."""
    among = set(allowed)
    steps = [[i for i in indexes_of(step.match, facts) if i in among] for step in leaf.steps]
    if prod(len(indexes) for indexes in steps) > MAX_TRIED:
        return _too_many(leaf, facts, among)
    links = _Links(leaf, facts)
    tried: list[Chain] = [(i,) for i in steps[0] if links.may_begin(i)]
    for number, candidates in enumerate(steps[1:], start=1):
        tried = [
            (*chain, i) for chain in tried for i in candidates if links.follows(number, chain, i)
        ]
    greatest: dict[int, Chain] = {}
    for chain in tried:
        if links.is_in_time(chain):
            greatest[chain[-1]] = max(chain, greatest.get(chain[-1], chain))
    return [greatest[end] for end in sorted(greatest)]


def _too_many(leaf: SequenceLeaf, facts: Facts, among: set[int]) -> list[Chain]:
    search = chain_search(leaf)
    found = search(facts, lambda occurrences: occurrences.among(among), Searched(leaf))
    return [completion.chain for completion in found]


class _Links:
    """What the events of one chain have to do with each other."""

    def __init__(self, leaf: SequenceLeaf, facts: Facts) -> None:
        self.leaf = leaf
        self.history = facts.history
        self.gaps = [(gap.after, set(indexes_of(gap.match, facts))) for gap in leaf.without]
        self.pieces = pieces_of(facts.history) if leaf.in_session else []

    def may_begin(self, i: int) -> bool:
        return key_of(self.history[i], self.leaf.by) is not None

    def follows(self, number: int, chain: Chain, i: int) -> bool:
        """May event i be step `number` (from 0) after this chain?"""
        before, within_ms = chain[-1], self.leaf.steps[number].within_ms
        return (
            i > before
            and not (within_ms and self.history[i].at_ms - self.history[before].at_ms > within_ms)
            and not (self.leaf.is_strict and i != before + 1)
            and not (self.leaf.in_session and self.pieces[i] != self.pieces[before])
            and key_of(self.history[i], self.leaf.by) == key_of(self.history[before], self.leaf.by)
            and not any(
                after == number and any(before < k < i for k in indexes)
                for after, indexes in self.gaps
            )
        )

    def is_in_time(self, chain: Chain) -> bool:
        took_ms = self.history[chain[-1]].at_ms - self.history[chain[0]].at_ms
        return not self.leaf.within_ms or took_ms <= self.leaf.within_ms


def pieces_of(history: Sequence[Happening]) -> list[int]:
    """For each event the number of its piece of its device's chain, in no order."""
    found: list[int] = []
    _cut_on(history, {}, found)
    return found


def _cut_on(
    history: Sequence[Happening], latest: dict[int, tuple[int, int]], found: list[int]
) -> None:
    """Add the pieces of the events that have none yet.

    Args:
        latest: device -> (at_ms, piece) of its latest event so far.
    """
    for i, event in enumerate(history[len(found) :] if found else history, start=len(found)):
        before = latest.get(event.device)
        piece = i if before is None or event.at_ms - before[0] >= SESSION_IDLE_MS else before[1]
        latest[event.device] = event.at_ms, piece
        found.append(piece)


# The same, fast


class _Step(NamedTuple):
    load: Load
    within_ms: int
    without: tuple[Load, ...]  # what must not lie between the step before and this one


class _Path(NamedTuple):
    """A chain with the times of its first and last event."""

    chain: Chain
    first_ms: int
    last_ms: int


Key: TypeAlias = Hashable
Occurred: TypeAlias = list[tuple[int, int]]  # (index, at_ms), in order


class _Reached:
    """The chains that have come to a step, all of one key, and those that may still be followed.

    Attributes:
        paths: ascending by their ends.
        queue: the first `taken` of them but for those that cannot be the greatest any more:
            descending chains, their ends ascending.
    """

    __slots__ = ("paths", "queue", "taken")

    def __init__(self) -> None:
        self.paths: list[_Path] = []
        self.queue: deque[_Path] = deque()
        self.taken = 0


class Searched:
    """Where a search has come to. When events are appended to the history it goes on from there.

    Attributes:
        found: the completions so far, in order.
        count: how many events of the history it has seen.
        reached: of each step, by key.
    """

    __slots__ = ("count", "found", "reached")

    def __init__(self, leaf: SequenceLeaf) -> None:
        self.found: list[Completion] = []
        self.count = 0
        self.reached: list[dict[Key, _Reached]] = [{} for _ in leaf.steps]


# From (facts, what chooses the events that may be steps; None: all; where it left off): the
# completions, in order.
Search: TypeAlias = Callable[[Facts, Choose | None, Searched], list[Completion]]


def chain_search(leaf: SequenceLeaf) -> Search:
    """Return the search for the greatest chains as a dynamic program.

    A chain is the greatest that ends with an event when its part before is the greatest that ends
    with one of the events that may come before; those are all between a lowest one, which never
    moves back from event to event, and the event itself. So a queue that holds only what may still
    be the greatest gives it at once: O(steps x matching events). Later events change nothing of it.
    """
    steps = [
        _Step(
            loader(step.match),
            step.within_ms,
            tuple(loader(gap.match) for gap in leaf.without if gap.after == number),
        )
        for number, step in enumerate(leaf.steps)
    ]
    by, is_strict, in_session, total_ms = leaf.by, leaf.is_strict, leaf.in_session, leaf.within_ms

    def search(facts: Facts, choose: Choose | None, searched: Searched) -> list[Completion]:
        pieces = _pieces(facts) if in_session else None
        ended: list[_Path] = []
        before: dict[Key, _Reached] | None = None
        for step, reached in zip(steps, searched.reached, strict=True):
            if before is not None and not before:
                break  # nothing that has happened follows what is yet to come
            ended = []
            barriers = [load(facts).indexes for load in step.without]
            fresh = step.load(facts).since(searched.count)
            for key, own in _keyed(fresh, choose, by, pieces).items():
                if before is None:
                    paths = [_Path((i,), at_ms, at_ms) for i, at_ms in own]
                elif key in before:
                    paths = _linked(before[key], own, step.within_ms, barriers, is_strict)
                else:
                    continue
                if paths:
                    reached.setdefault(key, _Reached()).paths += paths
                    ended += paths
            before = reached
        else:
            searched.found += sorted(
                Completion(path.chain[-1], path.last_ms, path.first_ms, path.chain)
                for path in ended
                if not total_ms or path.last_ms - path.first_ms <= total_ms
            )
        searched.count = len(facts.history)
        return searched.found

    return search


def _pieces(facts: Facts) -> list[int]:
    found: list[int] | None = facts.cache.get("pieces_of")
    if found is None:
        kept = grown(facts)
        latest, found = ({}, []) if kept is None else kept.setdefault("pieces_of", ({}, []))
        _cut_on(facts.history, latest, found)
        facts.cache["pieces_of"] = found
    return found


def _keyed(
    occurrences: Occurrences,
    choose: Choose | None,
    by: tuple[str, ...],
    pieces: list[int] | None,
) -> dict[Key, Occurred]:
    """The events by what all events of a chain must have in common."""
    indexes, events = occurrences if choose is None else choose(occurrences)
    if not by and pieces is None:
        times = [(i, event.at_ms) for i, event in zip(indexes, events, strict=True)]
        return {(): times} if times else {}
    found: dict[Key, Occurred] = {}
    for i, event in zip(indexes, events, strict=True):
        key = key_of(event, by)
        if key is not None:
            whole = key if pieces is None else (key, pieces[i])
            found.setdefault(whole, []).append((i, event.at_ms))
    return found


def _linked(
    before: _Reached,
    occurred: Occurred,
    within_ms: int,
    barriers: list[Sequence[int]],
    is_strict: bool,
) -> list[_Path]:
    """The greatest chain of each of these events that may follow a chain of `before`."""
    paths, queue, taken = before.paths, before.queue, before.taken
    count = len(paths)
    found: list[_Path] = []
    for i, at_ms in occurred:
        while taken < count and paths[taken].chain[-1] < i:
            path = paths[taken]
            while queue and queue[-1].chain <= path.chain:
                queue.pop()
            queue.append(path)
            taken += 1
        lowest = i - 1 if is_strict else _lowest(i, barriers)
        while queue and (
            queue[0].chain[-1] < lowest or (within_ms and at_ms - queue[0].last_ms > within_ms)
        ):
            queue.popleft()
        if queue:
            found.append(_Path((*queue[0].chain, i), queue[0].first_ms, at_ms))
    before.taken = taken
    return found


def _lowest(i: int, barriers: list[Sequence[int]]) -> int:
    """The latest event before i that must not lie between: it may only be the step before."""
    lowest = -1
    for indexes in barriers:
        at = bisect_left(indexes, i)
        if at and indexes[at - 1] > lowest:
            lowest = indexes[at - 1]
    return lowest
