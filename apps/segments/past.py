"""What was so about a person at instants of their past, for segments that remember."""

from bisect import bisect_right
from collections.abc import Collection, Iterable, Sequence
from operator import attrgetter

from apps.profiles.services import Observed
from apps.segments.reading import Reads
from engine.facts import Facts, Happening

_at_ms = attrgetter("at_ms")


class Past:
    """A person's events and trait observations, as facts at any instant.

    Attributes:
        facts: what is so now; its history is all that is retained, or all that a stay needs.
        is_whole: the history goes back to the first event that is retained.
        is_rewritten: events came to this person, or left them, that the batch does not tell.
        fresh: (at ms, event name) of the batch.
        retold: (at ms, trait) observed in the batch.
        late_from_ms: the earliest of these, when it happened so long ago that what it changes is
            known late; None: nothing did.
    """

    def __init__(
        self,
        facts: Facts,
        told: Iterable[Observed] = (),
        *,
        is_whole: bool = True,
        is_rewritten: bool = False,
        fresh: Sequence[tuple[int, str]] = (),
        retold: Sequence[tuple[int, str]] = (),
        late_from_ms: int | None = None,
    ) -> None:
        self.facts = facts
        self.is_whole = is_whole
        self.is_rewritten = is_rewritten
        self.fresh = fresh
        self.retold = retold
        self.late_from_ms = late_from_ms
        # Of segments that remember, by key: in it now, and since when.
        self.memberships: dict[str, tuple[bool, int | None]] = {}
        self._told = list(told)
        self._names = {one.key for one in self._told}
        self._begun = _Begun()
        # Of all instants asked for only the last: a long history would not fit in memory once
        # for each of them.
        self._last: tuple[int, Facts] | None = None

    def news(self, reads: Reads) -> list[int]:
        """When something of this batch happened that such a condition reads, ascending."""
        return news_of(reads, self.fresh, self.retold)

    def instants(self, reads: Reads, now_ms: int) -> list[int]:
        """When anything ever happened that such a condition reads, up to now, ascending."""
        found = {
            event.at_ms
            for event in self.facts.history
            if reads.any_event or event.name in reads.names
        }
        # Before the first event of all, nobody was there to be a member.
        if len(self.facts.history):
            found.add(self.facts.history[0].at_ms)
        found.update(one.at_ms for one in self._told if one.key in reads.traits)
        return sorted(at for at in found if at <= now_ms)

    def at(self, moment: int) -> Facts:
        """The facts at an instant, what happened at it included.

        They hold until another instant is asked for: the history that they share moves on.
        """
        if self._last is None or self._last[0] != moment:
            self._last = (moment, self._made(moment))
        return self._last[1]

    def remembers(self, key: str, inside: bool, since_ms: int | None) -> None:
        """Say who is in a segment that others ask for."""
        self.memberships[key] = (inside, since_ms)
        self._last = None

    def _made(self, moment: int) -> Facts:
        facts = self.facts
        history: Sequence[Happening] = facts.history
        if len(history) and history[-1].at_ms > moment:
            history = self._begun = self._begun.up_to(moment, history)
        traits = facts.traits
        if self._told:
            traits = {name: value for name, value in traits.items() if name not in self._names}
            for one in self._told:
                if one.at_ms > moment:
                    break
                traits[one.key] = one.value
            traits = {name: value for name, value in traits.items() if value is not None}
        return Facts(
            traits,
            history,
            facts.complete_from_ms,
            {
                key: inside and (since_ms is None or since_ms <= moment)
                for key, (inside, since_ms) in self.memberships.items()
            },
            unit_id=facts.unit_id,
            trait_meta=facts.trait_meta,
            consents=facts.consents,
            site_zone=facts.site_zone,
        )


class _Begun(list[Happening]):
    """A history up to an instant that moves on: it grows in place (a `facts.NamedHistory`)."""

    def __init__(self, of: Iterable[Happening] = ()) -> None:
        super().__init__()
        self._of = list(of)
        self.by_name: dict[str, list[Happening]] = {}
        self.places: dict[str, list[int]] = {}

    def up_to(self, moment: int, history: Iterable[Happening]) -> "_Begun":
        """This one, grown up to the instant; another one when it has gone past it already."""
        if not self._of or (self and self[-1].at_ms > moment):
            return _Begun(self._of or history).up_to(moment, ())
        start = len(self)
        for place in range(start, bisect_right(self._of, moment, lo=start, key=_at_ms)):
            one = self._of[place]
            self.append(one)
            self.by_name.setdefault(one.name, []).append(one)
            self.places.setdefault(one.name, []).append(place)
        return self


def news_of(
    reads: Reads, fresh: Iterable[tuple[int, str]], retold: Iterable[tuple[int, str]]
) -> list[int]:
    """When something happened that such a condition reads, ascending: see `Past`."""
    events = {at for at, name in fresh if reads.any_event or name in reads.names}
    return sorted(events | {at for at, name in retold if name in reads.traits})


def is_late(news: Collection[int], folded_ms: int) -> bool:
    """Did something happen at or before what a stay was folded up to?"""
    return any(at_ms <= folded_ms for at_ms in news)
