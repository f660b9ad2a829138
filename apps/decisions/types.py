"""What other apps receive from decisions."""

from typing import Final, NamedTuple
from uuid import UUID

import msgspec

IDENTITIES_KEPT: Final = 20


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


class Remembered(NamedTuple):
    """Where one identity ("kind:value") of a site points now."""

    site_id: UUID
    identity: str
    profile_id: UUID
