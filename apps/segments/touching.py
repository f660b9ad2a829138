"""One live definition, and from what happened to those of a site that it can change."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from apps.segments.reading import Reads
from engine.conditions.answers import Truth
from engine.conditions.bindings import Binder
from engine.conditions.compile import Compiled
from engine.conditions.nodes import Node
from engine.conditions.policy import Latched
from engine.conditions.together import Together, compile_together
from engine.facts import Facts

MAX_REMEMBERED = 4_096  # combinations of what a batch touched
# Making one function of many conditions costs as much as asking them some hundred times.
FEW = 8
OFTEN = 200


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


Answer = tuple[Truth, int | None]


class _Kin:
    """Definitions that the same happenings can change: who touches one of them touches them all.

    So there are as many functions as there are such groups, however they are combined.
    """

    __slots__ = ("_asked", "_function", "definitions")

    def __init__(self) -> None:
        self.definitions: list[Definition] = []
        self._asked = 0
        self._function: Together | None = None

    def answers(self, facts: Facts, now_ms: int) -> list[Answer]:
        """Their answers in order; by one function once they have been asked often enough."""
        if self._function is None:
            self._asked += 1
            if self._asked <= OFTEN or len(self.definitions) == 1:
                return [one.compiled(facts, now_ms) for one in self.definitions]
            self._function = compile_together([one.node for one in self.definitions])
        return self._function(facts, now_ms)


class _Asked:
    """Definitions that are asked of one person at once, as the groups that they are made of."""

    __slots__ = ("_parts", "definitions")

    def __init__(self, definitions: tuple[Definition, ...], kin_of: Mapping[int, _Kin]) -> None:
        self.definitions = definitions
        at = {definition.number: place for place, definition in enumerate(definitions)}
        groups = dict.fromkeys(kin_of[number] for number in at)
        self._parts = [(kin, [at.get(one.number) for one in kin.definitions]) for kin in groups]

    def __call__(self, facts: Facts, now_ms: int) -> list[Answer]:
        found: list[Answer] = [_UNASKED] * len(self.definitions)
        for kin, places in self._parts:
            for place, answer in zip(places, kin.answers(facts, now_ms), strict=True):
                if place is not None:
                    found[place] = answer
        return found


_UNASKED: Answer = (None, None)


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
        self._kin_of = _kin_of(definitions)
        self._asked: dict[int, _Asked] = {}

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
        """What answers these at once, in order; None when they are too few for that to pay."""
        if len(asked) < FEW:
            return None
        found = self._asked.get(id(asked))
        if found is None:
            if len(self._asked) >= MAX_REMEMBERED:
                self._asked.clear()
            # It is kept with its definitions: no other can get their identity.
            found = self._asked[id(asked)] = _Asked(asked, self._kin_of)
        return found

    def with_dependents(self, asked: Iterable[Definition]) -> list[Definition]:
        """These, and those that ask for their memberships."""
        places: set[int] = set()
        for definition in asked:
            place = self.places[definition]
            places |= {place, *self._dependents.get(place, ())}
        return [self._definitions[place] for place in sorted(places)]


def _kin_of(definitions: Iterable[Definition]) -> dict[int, _Kin]:
    """The group of each definition, by its number: those that the same things can change."""
    groups: dict[object, _Kin] = {}
    found: dict[int, _Kin] = {}
    for definition in definitions:
        reads = definition.reads
        names = None if reads.any_event else reads.names
        kin = groups.setdefault((names, reads.traits, reads.reads_consent), _Kin())
        kin.definitions.append(definition)
        found[definition.number] = kin
    return found


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
