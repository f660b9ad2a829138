"""One live definition, and from what happened to those of a site that it can change."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from apps.segments.reading import Reads
from engine.conditions.bindings import Binder
from engine.conditions.compile import Compiled
from engine.conditions.nodes import Node
from engine.conditions.policy import Latched
from engine.conditions.together import Together, compile_together

MAX_REMEMBERED = 4_096  # combinations of what a batch touched
# Making one function of many conditions costs as much as asking them some hundred times.
FEW = 8
OFTEN = 200
MAX_TOGETHER = 256


@dataclass(frozen=True, slots=True, eq=False)
class Definition:
    """One live version, its nested segments put in place.

    Attributes:
        node: the condition, with its parent and its exclusive group; of a segment that remembers,
            who may come in.
        latched: set when it remembers: who is in only `Past` can tell.
        mark: tells this version of one that remembers from another.
        binder: set when the condition hands values to templates.
    """

    number: int
    key: str
    node: Node
    compiled: Compiled
    reads: Reads
    latched: Latched | None = None
    mark: int = 0
    binder: Binder | None = None


class _Together:
    """Definitions that were asked together, how often, and what asks them all at once."""

    __slots__ = ("_asked", "_definitions", "_function")

    def __init__(self, definitions: tuple[Definition, ...]) -> None:
        self._definitions = definitions
        self._asked = 0
        self._function: Together | None = None

    def when_worth_it(self) -> Together | None:
        if self._function is None:
            self._asked += 1
            if self._asked > OFTEN:
                self._function = compile_together([one.node for one in self._definitions])
        return self._function


class Index:
    """From what happened to the definitions that it can change."""

    def __init__(self, definitions: Sequence[Definition]) -> None:
        self._definitions = definitions
        self._by_name: dict[str, list[int]] = {}
        self._by_trait: dict[str, list[int]] = {}
        self._any_event: list[int] = []
        self._by_consent: list[int] = []
        for place, definition in enumerate(definitions):
            reads = definition.reads
            if reads.any_event:
                self._any_event.append(place)
            else:
                for name in reads.names:
                    self._by_name.setdefault(name, []).append(place)
            for trait in reads.traits:
                self._by_trait.setdefault(trait, []).append(place)
            if reads.reads_consent:
                self._by_consent.append(place)
        self.places = {definition: place for place, definition in enumerate(definitions)}
        # Whom a segment that remembers carries with it, by its place.
        self._dependents = _dependents(definitions)
        self._names = frozenset(self._by_name)
        self._traits = frozenset(self._by_trait)
        self._remembered: dict[object, tuple[Definition, ...]] = {}
        self._together: dict[int, _Together] = {}

    def touched(
        self, names: frozenset[str], traits: frozenset[str], consent: bool
    ) -> tuple[Definition, ...]:
        # Senders choose names: what no definition reads must not fill the memory.
        key = (names & self._names, traits & self._traits, bool(names), consent)
        found = self._remembered.get(key)
        if found is None:
            places: set[int] = set(self._any_event if names else ())
            places.update(*(self._by_name[name] for name in key[0]))
            places.update(*(self._by_trait[trait] for trait in key[1]))
            if consent:
                places.update(self._by_consent)
            for place in list(places):
                places |= self._dependents.get(place, frozenset())
            if len(self._remembered) >= MAX_REMEMBERED:
                self._remembered.clear()
            found = tuple(self._definitions[place] for place in sorted(places))
            self._remembered[key] = found
        return found

    def together(self, asked: tuple[Definition, ...]) -> Together | None:
        """Those as one function, where they are asked so often that making it pays."""
        if len(asked) < FEW:
            return None
        found = self._together.get(id(asked))
        if found is None:
            if len(self._together) >= MAX_TOGETHER:
                return None
            # It is kept with its definitions: no other can get their identity.
            found = self._together[id(asked)] = _Together(asked)
        return found.when_worth_it()

    def with_dependents(self, asked: Iterable[Definition]) -> list[Definition]:
        """These, and those that ask for their memberships."""
        places: set[int] = set()
        for definition in asked:
            place = self.places[definition]
            places |= {place, *self._dependents.get(place, ())}
        return [self._definitions[place] for place in sorted(places)]


def _dependents(definitions: Sequence[Definition]) -> dict[int, frozenset[int]]:
    """From the place of a segment that remembers to those of all that stand on it."""
    found: dict[int, set[int]] = {}
    places = {definition.key: place for place, definition in enumerate(definitions)}
    # Whoever stands on another comes after it: from the last on, all that follow are known.
    for place in range(len(definitions) - 1, -1, -1):
        for key in definitions[place].reads.segments & places.keys():
            own = found.setdefault(places[key], set())
            own |= {place, *found.get(place, ())}
    return {place: frozenset(own) for place, own in found.items()}
