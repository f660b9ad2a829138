"""What was so about a person at instants of their past, for segments that remember."""

from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any

from apps.profiles.services import Observed
from apps.profiles.state import same_value
from apps.segments.foreseeing import between
from apps.segments.reading import Reads
from engine.facts import Facts, Happening, TraitMeta

LATE_MS = 300_000  # a change first known so long after its instant is told, but triggers nothing

_at_ms = attrgetter("at_ms")


class Past:
    """A person's events and trait observations, as facts at any instant.

    Attributes:
        facts: what is so now; its history is all that is retained, or all that a stay needs.
        is_rewritten: events came to this person, or left them, that the batch does not tell.
        fresh: (at ms, event name) of the batch.
        retold: (at ms, trait) observed in the batch.
    """

    def __init__(
        self,
        facts: Facts,
        told: Iterable[Observed] = (),
        *,
        is_rewritten: bool = False,
        fresh: Sequence[tuple[int, str]] = (),
        retold: Sequence[tuple[int, str]] = (),
    ) -> None:
        self.facts = facts
        self.is_rewritten = is_rewritten
        self.fresh = fresh
        self.retold = retold
        # Of segments that remember, by key: in it now, and since when.
        self.memberships: dict[str, tuple[bool, int | None]] = {}
        self._told = list(told)
        names = {one.key for one in self._told}
        # Of the traits whose observations are not told only what is so now is known.
        self._others = {key: value for key, value in facts.traits.items() if key not in names}
        self._meta_of_others = {
            key: meta for key, meta in facts.trait_meta.items() if key not in names
        }
        self._begun = _Begun()
        # Of all instants asked for only the last: a long history would not fit in memory once
        # for each of them.
        self._last: tuple[int, Facts] | None = None

    def told_of(self, facts: Facts) -> "Past":
        """The same observations and news beside other facts of the same person."""
        other = Past(
            facts,
            self._told,
            is_rewritten=self.is_rewritten,
            fresh=self.fresh,
            retold=self.retold,
        )
        other.memberships = self.memberships
        return other

    @property
    def is_from_birth(self) -> bool:
        """No event of the person is missing: before the first of all nobody was there."""
        return self.facts.complete_from_ms is None

    def news(self, reads: Reads) -> list[int]:
        """When something of this batch happened that such a condition reads, ascending."""
        return news_of(reads, self.fresh, self.retold)

    def come_of_age(self, reads: Reads, after_ms: int, now_ms: int) -> list[int]:
        """When in (after, now] anything happened that such a condition reads, ascending."""
        events = set(between(self.facts.history, reads, after_ms, now_ms))
        return sorted(events.union(at for at in self._told_of(reads) if after_ms < at <= now_ms))

    def next_known(self, reads: Reads, now_ms: int) -> int | None:
        """When something happens next that such a condition reads and that is known already."""
        told = (at for at in self._told_of(reads) if at > now_ms)
        events = next(between(self.facts.history, reads, now_ms), None)
        return min(told if events is None else (events, *told), default=None)

    def _told_of(self, reads: Reads) -> Iterator[int]:
        return (one.at_ms for one in self._told if one.key in reads.traits)

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
        found.update(self._told_of(reads))
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
        traits, meta = self._traits(moment)
        return Facts(
            traits,
            history,
            facts.complete_from_ms,
            {
                key: inside and (since_ms is None or since_ms <= moment)
                for key, (inside, since_ms) in self.memberships.items()
            },
            unit_id=facts.unit_id,
            trait_meta=meta,
            consents=facts.consents,
            site_zone=facts.site_zone,
        )

    def _traits(self, moment: int) -> tuple[Mapping[str, object], Mapping[str, TraitMeta]]:
        """What the traits were, and since when."""
        if not self._told:
            return self.facts.traits, self.facts.trait_meta
        traits, meta = self._others.copy(), self._meta_of_others.copy()
        for one in self._told:
            if one.at_ms > moment:
                break
            before, changed_ms = meta.get(one.key), one.at_ms
            if before is not None and same_value(traits.get(one.key), one.value):
                changed_ms = before.changed_ms or one.at_ms
            traits[one.key] = one.value
            meta[one.key] = TraitMeta(one.at_ms, changed_ms, one.source)
        return {key: value for key, value in traits.items() if value is not None}, meta


class _Begun(list[Happening]):
    """A history up to an instant that moves on: it grows in place (a `facts.GrowingHistory`)."""

    def __init__(self, of: Iterable[Happening] = ()) -> None:
        super().__init__()
        self._of = list(of)
        self.by_name: dict[str, list[Happening]] = {}
        self.places: dict[str, list[int]] = {}
        self.grown: dict[str, Any] = {}

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


def late_from(news: Sequence[int], now_ms: int) -> int | None:
    """The first of these instants, where it is so long ago that what it changes is known late."""
    return news[0] if news and now_ms - news[0] > LATE_MS else None


def is_late(news: Collection[int], folded_ms: int) -> bool:
    """Did something happen at or before what a stay was folded up to?"""
    return any(at_ms <= folded_ms for at_ms in news)
