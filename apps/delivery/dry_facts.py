"""What a past decision could have looked at, for a publication that looks at other things.

A record keeps what the publication of its day could read. What another one reads besides is taken
from what is known of the person now, and noted as an estimate; what nobody can know any more is
noted, too. Only what a decision really looks at counts: everything here is read one by one.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Final, Generic, TypeVar, cast
from uuid import UUID

from apps.consent.types import Purpose
from apps.decisions.hot_state import hot_profiles_of
from apps.decisions.past import Inputs, Record
from apps.decisions.selectors import Reads, Served, visitor_of
from apps.delivery.past_calls import call_of, may_split_then, permitted_then, profile_then
from apps.delivery.replaying import FACTS
from apps.delivery.request_facts import RequestFacts
from apps.segments.errors import StudyTooSlow
from apps.segments.studies import standing_then
from apps.segments.studies.standing_then import Pair, Stood
from apps.work import clock
from engine.conditions.nodes import Node
from engine.members import Stay, Visitor

Value = TypeVar("Value")
Key = TypeVar("Key")

# What follows from another fact of the request, where that one was kept.
_FOLLOWS: Final = {
    "language": "locale",
    "path": "url",
    "referrer_host": "referrer",
    "local_hour": "timezone",
    "weekday": "timezone",
}
_QUERY: Final = "query."
_INSIDE: Final[Stay] = (True, None, None, None)
_OUTSIDE: Final[Stay] = (False, None, None, None)


class People:
    """The people of some records as they stand now, and as they are recorded to have stood.

    Nothing is read before it is asked for, and then for all of them at once.
    """

    def __init__(self, site_id: UUID, pairs: Sequence[Pair], hidden: Mapping[int, Node]) -> None:
        """Take who is meant.

        Args:
            pairs: of all records; at most `standing_then.MOST_PAIRS`.
            hidden: conditions that have no recorded members, by segment number.
        """
        self._site_id = site_id
        self._pairs = pairs
        self.hidden = hidden

    @cached_property
    def now(self) -> Mapping[UUID, Any]:
        """Today's state by profile."""
        found = hot_profiles_of({profile for profile, _ in self._pairs})
        return {UUID(bytes=one.profile_id): one for one in found}

    @cached_property
    def _stays(self) -> Mapping[UUID, Sequence[Stood]]:
        return standing_then.stays_of({profile for profile, _ in self._pairs})

    @cached_property
    def _judged(self) -> Mapping[Pair, frozenset[int]]:
        try:
            return standing_then.judged(self._site_id, self.hidden, self._pairs)
        except StudyTooSlow:
            return {}

    def was_in(self, pair: Pair, number: int) -> bool | None:
        """Whether somebody was in a segment then, by what is known now; None: nobody can tell."""
        if number in self.hidden:
            met = self._judged.get(pair)
            return None if met is None else number in met
        if pair[0] not in self.now:
            return None
        stays = self._stays.get(pair[0], ())
        return any(one.number == number and one.covers(pair[1]) for one in stays)


class Known:
    """One record's visitor and request, with notes of how much of what was asked is known.

    Attributes:
        visitor, context: what `engine.decide` is given.
        is_estimated, is_unknown: something was asked that is known by today's state only, or not.
        unread: facts of the request that were asked for and that nobody can know.
    """

    def __init__(
        self, record: Record, inputs: Inputs, kept: Reads, then: Served, people: People
    ) -> None:
        """Put together what was kept.

        Args:
            kept: what the publication of its day could look at in all placements of the call.
            then: that publication.
        """
        self.record = record
        self.inputs = inputs
        self.kept = kept
        self.holdouts = then.compiled.holdouts
        self.people = people
        self.at_ms = clock.to_ms(record.at)
        self.is_estimated = self.is_unknown = False
        self.unread: set[str] = set()
        self.call = call_of(record, inputs, {})
        profile = profile_then(record, inputs)
        allowed = bool(permitted_then(inputs) & Purpose.PERSONALIZATION)
        self.has_person = profile is not None and allowed
        if profile is None:
            self.visitor = Visitor(record.unit_id, {}, {}, allowed, False)
        else:
            self.visitor = visitor_of(
                profile, is_allowed=allowed, site_zone=inputs.zone, now_ms=self.at_ms
            )
            self.visitor.session_since_ms = inputs.session_since_ms
            if allowed:
                self._put_notes_around()
        self.visitor.may_split = may_split_then(inputs)
        self.context: Mapping[str, object] = _RequestThen(self)

    def begin(self) -> None:
        """Forget the notes: another decision begins."""
        self.is_estimated = self.is_unknown = False
        self.unread = set()

    def _put_notes_around(self) -> None:
        visitor, kept = self.visitor, self.kept
        visitor.memberships = _Stays(self, visitor.memberships)
        is_all, names = kept.every_trait, kept.traits
        visitor.traits = _Noted(self, visitor.traits, None if is_all else names, "traits")
        visitor.trait_meta = _Noted(
            self, visitor.trait_meta, None if is_all else names, "trait_meta"
        )
        visitor.shown = _Shown(self, self.inputs.shown, kept.caps, "shown")

    def give_history(self, is_asked: bool) -> None:
        """Give the newest events, if the placement that comes reads any."""
        if not self.has_person or not is_asked or self.kept.history:
            return
        today = self.today
        if today is None:
            self.is_unknown = True
            return
        self.is_estimated = True
        self.visitor.history = [one for one in today.history if one.at_ms <= self.at_ms]

    @cached_property
    def today(self) -> Visitor | None:
        """The person as they are known now; None: not any more."""
        profile_id = self.record.profile_id
        state = None if profile_id is None else self.people.now.get(profile_id)
        if state is None:
            return None
        return visitor_of(state, is_allowed=True, site_zone=self.inputs.zone, now_ms=self.at_ms)


class _Noted(Mapping[Key, Value], Generic[Key, Value]):
    """A part of the visitor: what was kept, else what is known now.

    Attributes:
        names: of what was kept; None: everything.
    """

    def __init__(
        self,
        known: Known,
        found: Mapping[Key, Value],
        names: frozenset[Key] | None,
        part: str,
    ) -> None:
        self._known = known
        self._found = found
        self._names = names
        self._part = part

    def __getitem__(self, name: Key) -> Value:
        if self._names is None or name in self._names:
            return self._found[name]
        today = self._known.today
        if today is None:
            self._known.is_unknown = True
            raise KeyError(name)
        self._known.is_estimated = True
        return self._then(getattr(today, self._part)[name])

    def _then(self, value: Value) -> Value:
        return value

    def __iter__(self) -> Iterator[Key]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


class _Shown(_Noted[int, Sequence[int]]):
    """When things were shown that draw on a cap: of today's only those of before."""

    def _then(self, value: Sequence[int]) -> Sequence[int]:
        return [at_ms for at_ms in value if at_ms <= self._known.at_ms]


class _Stays(Mapping[int, Stay]):
    """The stays by segment number: those that were kept, else as they are recorded of then."""

    def __init__(self, known: Known, found: Mapping[int, Stay]) -> None:
        self._known = known
        self._found = found

    def __getitem__(self, number: int) -> Stay:
        known = self._known
        is_kept = known.kept.every_segment or number in known.kept.segments
        if is_kept and number not in known.people.hidden:
            return self._found[number]
        profile_id = known.record.profile_id
        inside = None
        if profile_id is not None:
            inside = known.people.was_in((profile_id, known.at_ms), number)
        if inside is None:
            known.is_unknown = True
            raise KeyError(number)
        known.is_estimated = True
        return _INSIDE if inside else _OUTSIDE

    def __iter__(self) -> Iterator[int]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


class _RequestThen(Mapping[str, object]):
    """The facts of a past request: those that were looked at then, and what follows from them."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._read = known.inputs.read

    def get(self, name: str, default: Any = None) -> Any:
        found = self._read.get(name)
        if found is None and name not in self._read:
            found = self._followed(name)
        return default if found is None else found

    def _followed(self, name: str) -> object:
        """A fact that was not looked at then, from those that were."""
        if name == "visitor":
            return "returning" if self._known.inputs.is_known else "new"
        source = "url" if name.startswith(_QUERY) else _FOLLOWS.get(name)
        if name.startswith(FACTS) or source is None or self._read.get(source) is None:
            self._known.unread.add(name)
            return None
        return self._facts.get(name)

    @cached_property
    def _facts(self) -> RequestFacts:
        read = cast(Mapping[str, Any], self._read)
        page = {"url": read.get("url"), "referrer": read.get("referrer")}
        context = {"page": page, "locale": read.get("locale"), "timezone": read.get("timezone")}
        return RequestFacts(
            context=context,
            facts={},
            meta={},
            caller=self._known.call.caller,
            is_known=self._known.inputs.is_known,
            now_ms=self._known.at_ms,
        )

    def __getitem__(self, name: str) -> object:
        found = self.get(name)
        if found is None:
            raise KeyError(name)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._read)

    def __len__(self) -> int:
        return len(self._read)
