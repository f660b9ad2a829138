"""What other apps receive from decisions."""

from typing import Final, Generic, NamedTuple, TypeVar
from uuid import UUID

import msgspec

from engine.facts import TraitMeta

IDENTITIES_KEPT: Final = 20

Value = TypeVar("Value")


class HotKey(NamedTuple):
    """A state row about to be written: the (epoch, version) that it will have."""

    site_id: UUID
    profile_id: UUID
    epoch: int
    version: int


class HotProfile(msgspec.Struct, array_like=True, gc=False):
    """What a decision needs of one profile: a copy of its state row.

    Attributes:
        profile_id: 16 bytes.
        unit_id: the bucketing key.
        granted, denied: purposes as bits.
        memberships: the segments codec, undecoded.
        last_items: the last items seen, newest first, at most 5.
        last_seen_ms: Unix ms of the newest event, 0 when there is none.
        identities: "kind:value" of at most IDENTITIES_KEPT, newest first. A reader that came by
            another identity treats the state as a miss.
        scored_ms: trait name -> when a model said it, Unix ms, for the traits of models.
        recent: the newest events as `events.history` packs them; empty unless something that is
            answered in the request reads them.
        trait_meta: when and by whom traits were observed, for those of which the publication asks.
        caps: what was shown that caps count, as `cap_counts` packs it.
        session_since_ms: when the session of the newest event began, Unix ms; 0: not known.
        consent_until_ms: from then on nothing of `granted` counts, Unix ms; 0: none of it ends.
        holds: what stands in the way whatever they chose, as bits of `consent.types.Hold`.
        residence: where they say they live, "US-CA"; empty: not known.
        keys: of the person's encrypted traits, still wrapped, as `profiles.vault` packs them.
    """

    profile_id: bytes
    unit_id: str
    epoch: int
    version: int
    granted: int
    denied: int
    memberships: bytes
    traits: dict[str, object]
    last_items: list[str]
    last_seen_ms: int
    identities: list[str]
    scored_ms: dict[str, int] = {}
    recent: bytes = b""
    trait_meta: dict[str, TraitMeta] = {}
    caps: bytes = b""
    session_since_ms: int = 0
    consent_until_ms: int = 0
    holds: int = 0
    residence: str = ""
    keys: list[bytes] = []


class Remembered(NamedTuple):
    """Where one identity ("kind:value") of a site points now."""

    site_id: UUID
    identity: str
    profile_id: UUID


class Bounded(Generic[Value]):
    """A map of at most `size` entries that forgets those not used for longest, roughly.

    Two halves: a full young half becomes the old one. No lock: each step is atomic by itself and
    a lost entry is a miss.
    """

    __slots__ = ("_half", "_old", "_young")

    def __init__(self, size: int) -> None:
        self._half = size // 2
        self._young: dict[str, Value] = {}
        self._old: dict[str, Value] = {}

    def get(self, key: str) -> Value | None:
        found = self._young.get(key)
        if found is None:
            found = self._old.get(key)
            if found is not None:
                self.put(key, found)
        return found

    def put(self, key: str, value: Value) -> None:
        if len(self._young) >= self._half:
            self._old = self._young
            self._young = {}
        self._young[key] = value

    def drop(self, key: str) -> None:
        self._young.pop(key, None)
        self._old.pop(key, None)

    def clear(self) -> None:
        self._young = {}
        self._old = {}
