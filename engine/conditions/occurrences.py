"""Which events of a history meet a match, by their index in its total order.

Paths need the order of events of different names, ties included, so they work on indexes where
counts are content with times. `indexes_of` is the meaning; `loader` gives the same, matched once
and kept in `Facts.cache`. Facts given here hold no event after now.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Hashable, Sequence, Set
from itertools import compress
from typing import NamedTuple, TypeAlias

from engine.conditions.canonical import match_key
from engine.conditions.nodes import ANY_EVENT, Match
from engine.conditions.operators import typed
from engine.conditions.series import matches_loader, reads_facts
from engine.conditions.windows import meets
from engine.facts import Facts, Happening, grown, places


class Occurrences(NamedTuple):
    """The events of a match, in order.

    Attributes:
        indexes: where each stands in the history, ascending.
        events: the events themselves, beside them: a history may be slow to give them by index.
    """

    indexes: Sequence[int]
    events: list[Happening]

    def kept(self, holds: Callable[[Happening], bool]) -> Occurrences:
        """Those of them that something holds of."""
        return self._chosen([holds(event) for event in self.events])

    def among(self, indexes: Set[int]) -> Occurrences:
        """Those of them that stand at one of these indexes."""
        return self._chosen([i in indexes for i in self.indexes])

    def since(self, start: int) -> Occurrences:
        """Those that stand at this index or after it."""
        at = bisect_left(self.indexes, start) if start else 0
        return Occurrences(self.indexes[at:], self.events[at:]) if at else self

    def _chosen(self, chosen: list[bool]) -> Occurrences:
        if all(chosen):
            return self
        return Occurrences(
            list(compress(self.indexes, chosen)), list(compress(self.events, chosen))
        )


Load: TypeAlias = Callable[[Facts], Occurrences]


def indexes_of(match: Match, facts: Facts) -> list[int]:
    """The indexes of the events that meet the match, ascending."""
    return [i for i, event in enumerate(facts.history) if meets(match, event, facts.context)]


def loader(match: Match) -> Load:
    """Return the function that finds or filters the matching events."""
    matched, name = matches_loader(match), match.name
    if not match.where:
        return lambda facts: Occurrences(_places(facts, name), matched(facts))
    key = f"occurrences|{match_key(name, match.where)}"
    load_named, grows = matches_loader(Match(name)), not reads_facts(match)

    def filtered(facts: Facts) -> Occurrences:
        events = matched(facts)
        found: Occurrences | None = facts.cache.get(key)
        # Another list: the filters compare with a fact of the request, and that has changed.
        if found is None or found.events is not events:
            kept = grown(facts) if grows else None
            seen, indexes = (0, []) if kept is None else kept.get(key, (0, []))
            among, where = load_named(facts), _places(facts, name)
            indexes += _found_again(events[len(indexes) :], among[seen:], where[seen:])
            if kept is not None:
                kept[key] = len(among), indexes
            found = facts.cache[key] = Occurrences(indexes, events)
        return found

    return filtered


def _places(facts: Facts, name: str) -> Sequence[int]:
    return range(len(facts.history)) if name == ANY_EVENT else places(facts, name)


def _found_again(
    events: list[Happening], among: list[Happening], indexes: Sequence[int]
) -> list[int]:
    """Where the events stand that were chosen, in their order, from others that stand there."""
    found: list[int] = []
    left = iter(events)
    wanted = next(left, None)
    for i, event in zip(indexes, among, strict=True):
        if event is wanted:
            found.append(i)
            wanted = next(left, None)
    return found


def key_of(event: Happening, by: tuple[str, ...]) -> tuple[Hashable, ...] | None:
    """The event's values of the properties, equal where `eq` says so; None when it lacks one."""
    found = []
    for name in by:
        value = event.properties.get(name)
        if value is None:
            return None
        found.append(value if type(value) is str else typed(value))
    return tuple(found)
