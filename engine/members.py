"""The visitor of one request, and which segments they are in as conditions ask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from engine.conditions.answers import FOREVER
from engine.facts import Facts, Happening, TraitMeta
from engine.snapshot import CompiledSegment, CompiledSnapshot

# inside, until_ms, then, then_until_ms (see conditions.compile.Forecast); more entries are allowed.
Stay: TypeAlias = Sequence[Any]


@dataclass(slots=True)
class Visitor:
    """What is known of the visitor when the request comes.

    Attributes:
        unit_id: the bucketing key.
        memberships: segment number -> (inside, until_ms, then, then_until_ms), as kept by the
            live path. Read at now: past `until_ms` it is `then`; past `then_until_ms` it is stale.
        allowed: personalization is consented to.
        known: there is a profile. Without one, each segment's empty-history verdict counts.
        history: the newest events, for filters that compare them with the request.
        trait_meta: when models said what they say.
        consents: purpose -> the recorded choice.
        site_zone: IANA name of the site's time zone, a valid one.
        shown: cap number -> when things that draw on the cap were shown, ascending, in ms.
        session_since_ms: the begin of the present session; None: it begins now.
        may_split: experiments are consented to; without it nobody is dealt an arm.
    """

    unit_id: str
    memberships: Mapping[int, Stay] = field(default_factory=dict)
    traits: Mapping[str, object] = field(default_factory=dict)
    allowed: bool = True
    known: bool = True
    history: Sequence[Happening] = ()
    trait_meta: Mapping[str, TraitMeta] = field(default_factory=dict)
    consents: Mapping[str, bool] = field(default_factory=dict)
    site_zone: str = "UTC"
    shown: Mapping[int, Sequence[int]] = field(default_factory=dict)
    session_since_ms: int | None = None
    may_split: bool = True


class Members(Mapping[str, bool]):
    """The visitor's memberships by segment key, read one by one as conditions ask for them.

    Remembers the earliest flip of what was read, and whether something read was stale or raised.
    """

    __slots__ = (
        "_context", "_facts", "_known", "_snapshot", "broken", "is_stale", "now_ms", "until_ms",
        "visitor",
    )  # fmt: skip

    def __init__(
        self,
        snapshot: CompiledSnapshot,
        visitor: Visitor,
        context: Mapping[str, object],
        now_ms: int,
    ) -> None:
        self._snapshot = snapshot
        self.visitor = visitor
        self._facts: Facts | None = None
        self._known: dict[str, bool] = {}  # by key, of what was asked
        self._context = context
        self.now_ms = now_ms
        self.until_ms = FOREVER
        self.is_stale = False
        self.broken: list[tuple[str, str]] = []

    @property
    def unit_id(self) -> str:
        return self.visitor.unit_id

    def facts(self) -> Facts:
        """The facts of the request; of history no more than what was kept for it."""
        facts = self._facts
        if facts is None:
            visitor = self.visitor
            facts = self._facts = Facts(
                visitor.traits,
                visitor.history,
                None,
                self,
                self._context,
                visitor.unit_id,
                visitor.trait_meta,
                visitor.consents,
                visitor.site_zone,
            )
        return facts

    def flips_at(self, moment_ms: int) -> None:
        if moment_ms < self.until_ms:
            self.until_ms = moment_ms

    def has(self, segment: CompiledSegment) -> bool:
        if segment.request is not None:
            verdict, until_ms = segment.request(self.facts(), self.now_ms)
            if until_ms is not None:
                self.flips_at(until_ms)
            return verdict is True
        visitor = self.visitor
        if not visitor.known:
            return segment.no_profile
        stay = visitor.memberships.get(segment.number)
        if stay is None:
            return False
        until_ms = stay[1]
        if until_ms is None:
            return stay[0] is True
        if self.now_ms < until_ms:
            self.flips_at(until_ms)
            return stay[0] is True
        return self._later(stay)

    def _later(self, stay: Stay) -> bool:
        """A stay whose first stretch is over, though nobody has evaluated it since."""
        then, then_until_ms = stay[2], stay[3]
        if then is not None:
            if then_until_ms is None:
                return then is True
            if self.now_ms < then_until_ms:
                self.flips_at(then_until_ms)
                return then is True
        self.is_stale = True
        return False

    def get(self, key: str, default: Any = None) -> Any:
        found = self._known.get(key)
        if found is None:
            segment = self._snapshot.segments.get(key)
            if segment is None:
                return default
            found = self._known[key] = self.has(segment)
        return found

    def __getitem__(self, key: str) -> bool:
        return self.has(self._snapshot.segments[key])

    def __iter__(self) -> Iterator[str]:
        return iter(self._snapshot.segments)

    def __len__(self) -> int:
        return len(self._snapshot.segments)
