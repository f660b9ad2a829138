"""A site's live segments, compiled, and which of them an event, a trait or an instant can change.

Pure: what is asked here comes with the call. Definitions that nothing has touched keep their
stays, so that a person's event costs what the segments that read it cost, not all there are.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from apps.events.history import Wanted
from apps.segments.computed_state import KeptTraits
from apps.segments.foreseeing import between, no_further
from apps.segments.guarding import Guard
from apps.segments.past import Past
from apps.segments.remembering import changed_late, remembered
from apps.segments.stays import LEFT, Stay, Stays
from apps.segments.touching import Definition, Index
from engine.conditions.answers import Truth
from engine.conditions.compile import forecast, forecast_from
from engine.conditions.scope import Reach
from engine.facts import Facts

__all__ = ["Definition", "Evaluation", "Far", "LiveDefinitions", "flipped_at"]


class Evaluation(NamedTuple):
    """The verdicts on one profile at one instant.

    Attributes:
        stays: what to keep in the state row.
        entered, left: numbers of the segments that changed since the stays before.
        due_ms: the earliest instant at which a verdict changes with no event; None for never.
        at: when a change took place, by number, where that is known better than by the deadline
            that brought it.
    """

    stays: Stays
    entered: list[int]
    left: list[int]
    due_ms: int | None
    at: Mapping[int, int] = {}


class Far(NamedTuple):
    """Facts with more history than the state row holds, and the definitions that need them."""

    facts: Facts
    numbers: Collection[int]


@dataclass(frozen=True, slots=True)
class LiveDefinitions:
    """Everything a site's live segments ask, compiled.

    Attributes:
        number: of the live set; moves with every publication.
        definitions: those that history and traits answer; who depends on the request is not here.
            One that asks for another's membership comes after it.
        properties: the event properties that they read.
        reach: how far back they look, together.
        broken: numbers of segments whose stored condition no longer parses. Their stays are frozen.
        site_zone: IANA name of the site's time zone.
        has_latched: some segment remembers.
        shows_events: something compares events with the request, so a person's newest go with it.
        shown_traits: of which the request asks when they changed, or who said so.
        computed: the computed traits that templates read; None when they read none.
        has_lists: the site has uploaded lists, whose entries may name whoever is new.
        is_vouched: who has not been asked is evaluated: the site vouches for them.
        guard: stops a segment that raises, or takes too long, from holding up the others.
    """

    number: int
    definitions: tuple[Definition, ...] = ()
    properties: Wanted = field(default_factory=Wanted)
    reach: Reach = field(default_factory=Reach)
    broken: frozenset[int] = frozenset()
    site_zone: str = "UTC"
    by_number: Mapping[int, Definition] = field(default_factory=dict, repr=False)
    by_key: Mapping[str, Definition] = field(default_factory=dict, repr=False)
    guard: Guard = field(default_factory=Guard, repr=False)
    has_latched: bool = False
    shows_events: bool = False
    shown_traits: frozenset[str] = frozenset()
    computed: KeptTraits | None = None
    has_lists: bool = False
    is_vouched: bool = False
    index: Index = field(default_factory=lambda: Index(()), repr=False)

    def touched(
        self, names: frozenset[str], traits: frozenset[str] = frozenset(), *, consent: bool = False
    ) -> Sequence[Definition]:
        """The definitions that events of these names, or new values of these traits, can change."""
        return self.index.touched(names, traits, consent)

    def due(self, stays: Stays, now_ms: int) -> list[Definition]:
        """The definitions whose verdict may have changed by the passage of time alone."""
        known = self.by_number
        found = [
            known[number]
            for number, stay in stays.items()
            if stay[1] is not None and stay[1] <= now_ms and number in known
        ]
        return self.index.with_dependents(found) if self.has_latched else found

    def evaluate(
        self,
        facts: Facts,
        before: Stays,
        now_ms: int,
        *,
        asked: Sequence[Definition] | None = None,
        far: Far | None = None,
        past: Past | None = None,
    ) -> Evaluation:
        """Answer live segments. Pure. `facts` must reach far enough (`facts_of`).

        Args:
            asked: those that can have changed; the others keep their stays. None: all.
            far: facts for those of them that look further back than `facts`.
            past: what happened when, for segments that remember, and for changes that are known
                late. None: as `facts` tell, with nothing that the stays before do not know of.
        """
        stays: Stays
        if asked is None:
            asked = self.definitions
            stays = {n: stay for n, stay in before.items() if n in self.broken}
        else:
            stays = before.copy()
        if self.has_latched:
            asked = sorted(asked, key=self.index.places.__getitem__)
            past = past or Past(facts if far is None else far.facts)
            memberships = self._memberships(before, past)
            facts = replace(facts, memberships=memberships, cache={})
            if far is not None:
                far = far._replace(facts=replace(far.facts, memberships=memberships, cache={}))
        turn = _Turn(self, facts, far, past, before, stays, now_ms)
        guard = self.guard
        started = guard.clock()
        if asked:
            turn.leave_out_the_future()
            turn.ask_together(asked)
        for definition in asked:
            began = guard.clock() if guard.is_timing else 0.0
            turn.answer(definition)
            if guard.is_timing:
                spent = guard.clock() - began
                guard.took(definition.key, definition.number, facts.unit_id, spent)
        guard.took_all(guard.clock() - started)
        known = self.by_number
        for number, stay in before.items():
            if number not in known and number not in self.broken:
                stays.pop(number, None)
                if stay[0]:
                    turn.left.append(number)
        due_ms = self._due_ms(stays, now_ms)
        return Evaluation(stays, turn.entered, turn.left, due_ms, turn.at)

    def _due_ms(self, stays: Stays, now_ms: int) -> int | None:
        """When to look again. What nobody can answer any more is not waited for: never in the past,
        or whoever is in a frozen segment would be due again at once, for ever."""
        frozen = self.broken | self.guard.frozen.keys()
        return min(
            (
                stay[1]
                for number, stay in stays.items()
                if stay[1] is not None and (stay[1] > now_ms or number not in frozen)
            ),
            default=None,
        )

    def _memberships(self, before: Stays, past: Past) -> dict[str, bool]:
        """Who is in the segments that remember, as it was before; `past` is told too."""
        found: dict[str, bool] = {}
        for definition in self.definitions:
            if definition.latched is not None:
                stay = before.get(definition.number)
                inside = stay is not None and stay[0]
                found[definition.key] = inside
                past.remembers(definition.key, inside, stay[4] if stay is not None else None)
        return found

    def while_others_stay(self, definition: Definition, stay: Stay, stays: Stays) -> Stay:
        """A verdict that stands on other stays holds no longer than they do."""
        until_ms = stay[1]
        for key in definition.reads.segments:
            other = self.by_key.get(key)
            if other is None or other.number in self.guard.frozen:
                continue
            other_ms = stays.get(other.number, _NOBODY)[1]
            if other_ms is not None and (until_ms is None or other_ms <= until_ms):
                until_ms = other_ms
        return stay if until_ms == stay[1] else (stay[0], until_ms, None, None, *stay[4:])


class _Turn:
    """One evaluation under way: what it has found about one definition after the other."""

    __slots__ = (
        "answers", "at", "before", "entered", "facts", "far", "future", "left", "live", "now_ms",
        "past", "stays",
    )  # fmt: skip

    def __init__(
        self,
        live: LiveDefinitions,
        facts: Facts,
        far: Far | None,
        past: Past | None,
        before: Stays,
        stays: Stays,
        now_ms: int,
    ) -> None:
        self.live = live
        self.facts = facts
        self.far = far
        self.past = past
        self.before = before
        self.stays = stays
        self.now_ms = now_ms
        self.entered: list[int] = []
        self.left: list[int] = []
        self.at: dict[int, int] = {}
        self.answers: Mapping[int, tuple[Truth, int | None]] = {}
        # All that is known, where that is more than what has happened up to now.
        self.future: Facts | None = None

    def leave_out_the_future(self) -> None:
        """Answer from what has happened up to now; the rest is only told of as a deadline."""
        known, self.facts = self.facts, self.facts.as_of(self.now_ms)
        if self.facts is not known:
            self.future = known

    def ask_together(self, asked: Iterable[Definition]) -> None:
        """Have all answered at once, where none stands on another's stay or on other facts."""
        live = self.live
        if self.far is not None or live.has_latched or live.guard.frozen or live.guard.is_timing:
            return
        # Only combinations that come again are tuples: they are remembered.
        together = live.index.together(asked) if isinstance(asked, tuple) else None
        if together is None:
            return
        try:
            answers = together(self.facts, self.now_ms)
        except Exception:
            return  # whose fault it is comes out one by one
        self.answers = {one.number: answer for one, answer in zip(asked, answers, strict=True)}

    def answer(self, definition: Definition) -> None:
        """Put the stay in one segment where it belongs, and note what changed."""
        number = definition.number
        earlier = self.before.get(number)
        if earlier is None and self.answers.get(number) in OUTSIDE_FOR_GOOD and self.future is None:
            return
        if number not in self.live.guard.frozen:
            try:
                self._note(definition, earlier, self._stay(definition, earlier))
                return
            except Exception:
                self.live.guard.failed(definition.key, number)
        if earlier is not None:
            self.stays[number] = earlier

    def _stay(self, definition: Definition, earlier: Stay | None) -> Stay:
        far, live = self.far, self.live
        if definition.latched is None:
            is_near = far is None or definition.number not in far.numbers
            facts = self.facts if is_near or far is None else far.facts
            known = self.answers.get(definition.number)
            stay = _stay(definition, facts, earlier, self.now_ms, known)
            if self.future is not None:
                history = self.future.history if facts is self.facts else facts.history
                next_ms = next(between(history, definition.reads, self.now_ms), None)
                stay = no_further(stay, next_ms)
        else:
            past = self.past
            assert past is not None
            stay = remembered(definition, past, earlier, self.now_ms)
            stay = no_further(stay, past.next_known(definition.reads, self.now_ms))
            past.remembers(definition.key, stay[0], stay[4])
            self.facts.memberships[definition.key] = stay[0]  # type: ignore[index]  # our own dict
        if live.has_latched and definition.reads.segments:
            stay = live.while_others_stay(definition, stay, self.stays)
        return stay

    def _note(self, definition: Definition, earlier: Stay | None, stay: Stay) -> None:
        number, inside = definition.number, stay[0]
        was_inside = earlier is not None and earlier[0]
        if inside is not was_inside:
            changed_ms = self._changed_ms(definition, stay)
            if changed_ms is not None:
                self.at[number] = changed_ms
                if inside and definition.latched is None:
                    stay = (*stay[:4], changed_ms, *stay[5:])
            (self.entered if inside else self.left).append(number)
        if inside or stay[1] is not None or definition.latched is not None:
            self.stays[number] = stay
        elif earlier is not None:
            self.stays.pop(number, None)

    def _changed_ms(self, definition: Definition, stay: Stay) -> int | None:
        """When a change took place; None: as it was forecast, or just now."""
        if definition.latched is not None:
            moment: int | None = stay[4] if stay[0] else stay[LEFT]
            return moment
        past, far = self.past, self.far
        if past is None:
            return None
        if far is not None and definition.number not in far.numbers:
            past = past.told_of(self.facts)  # the far facts lack the events that it reads
        changed_ms = changed_late(definition, stay[0], past, self.now_ms)
        if changed_ms is not None or not self.at:
            return changed_ms
        # With the last of the segments that it stands on, unless something happened since.
        others = (self.live.by_key.get(key) for key in definition.reads.segments)
        below = [self.at[one.number] for one in others if one and one.number in self.at]
        return max([*below, *past.news(definition.reads)]) if below else None


OUTSIDE_FOR_GOOD = ((False, None), (None, None))  # answers that leave nothing to keep
_NOBODY: Stay = (False, None, None, None, None)


def _stay(
    definition: Definition,
    facts: Facts,
    earlier: Stay | None,
    now_ms: int,
    answer: tuple[Truth, int | None] | None,
) -> Stay:
    """What the condition says now, and what becomes of it. `answer`: where it is known already."""
    if answer is None:
        inside, until_ms, then, then_until_ms = forecast(definition.compiled, facts, now_ms)
    else:
        found = forecast_from(answer, definition.compiled, facts)
        inside, until_ms, then, then_until_ms = found
    if not inside:
        return (False, until_ms, then, then_until_ms, None)
    since_ms = earlier[4] if earlier is not None and earlier[0] else None
    if since_ms is None:
        since_ms = flipped_at(earlier, now_ms)
    if definition.binder is None:
        return (True, until_ms, then, then_until_ms, since_ms)
    return (True, until_ms, then, then_until_ms, since_ms, definition.binder(facts, now_ms))


def flipped_at(earlier: Stay | None, now_ms: int) -> int:
    """When a change seen now took place: at its deadline if that was forecast, else now."""
    if earlier is not None and earlier[1] is not None and earlier[1] <= now_ms:
        until_ms: int = earlier[1]
        return until_ms
    return now_ms
