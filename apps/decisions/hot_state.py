"""The copy of each state row in Redis that decisions read, and why it never serves something old.

Redis can lie, not only forget. Three rules keep it honest:

1. Before a transaction that writes state rows commits, their keys are *marked*; after it the new
   states replace the marks. A mark is a miss, so a crash in between sends readers to Postgres. So
   does a refresh, which only marks: of the many that it writes, few are asked for soon.
2. Every write goes by a script that never lowers (epoch, version). A reader that fills a miss
   therefore cannot put an older state over a mark or over a newer state.
3. Keys carry a generation that Postgres keeps. A commit that could not mark raises it in the same
   transaction, and so does a server with another run id: whatever was written before is then
   out of reach.

A value is `S` (a state), `D` (a withdrawal: everything personal is refused) or `M` (a mark), the
epoch in 8 digits, the version in 12, and for S and D a msgpack `HotProfile`.
"""

from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b, sha1
from typing import Final
from uuid import UUID

import msgspec

from apps.consent.types import Purpose
from apps.decisions import generation, hot_rows, hot_wire
from apps.decisions.types import IDENTITIES_KEPT, HotKey, HotProfile, Remembered
from apps.work.redis import RedisAway

__all__ = [
    "IDENTITIES_KEPT",
    "HotKey",
    "HotProfile",
    "Remembered",
    "deny",
    "hot_profiles_of",
    "mark",
    "publish",
    "remember_identities",
]

STATE_TTL_MS: Final = 7 * 86_400_000
# Longer than any transaction may take. A mark that a crash left behind costs reads of Postgres
# this long at most.
MARK_TTL_MS: Final = 600_000
_HEADER: Final = 21
_ATTEMPTS: Final = 3
_PERSONALIZATION: Final = int(Purpose.PERSONALIZATION)

_NEVER_LOWER = b"""
local now = redis.call('GETRANGE', KEYS[1], 1, 20)
if #now == 20 and now > string.sub(ARGV[1], 2, 21) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1"""
_MARK = b"""
local now = redis.call('GETRANGE', KEYS[1], 1, 20)
local new = ARGV[1]
if #now == 20 and now > new then new = now end
redis.call('SET', KEYS[1], 'M' .. new, 'PX', ARGV[2])
return 1"""
_SCRIPTS = (_NEVER_LOWER, _MARK)
_LOAD = b"".join(hot_wire.command("SCRIPT", "LOAD", script) for script in _SCRIPTS)
# The digest is the name by which Redis knows a script; nothing is protected by it.
_NEVER_LOWER_SHA, _MARK_SHA = (
    sha1(script, usedforsecurity=False).hexdigest().encode() for script in _SCRIPTS
)
_STATE_TTL = str(STATE_TTL_MS).encode()
_MARK_TTL = str(MARK_TTL_MS).encode()

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(HotProfile).decode


def state_key(prefix: bytes, profile_hex: str) -> bytes:
    """The key of a profile's state; `prefix` is `generation.prefix(...)`."""
    return b"%b{%b}:s" % (prefix, profile_hex.encode())


def identity_key(prefix: bytes, site_hex: str, identity: str) -> bytes:
    """The key of an identity ("kind:value"), hashed: nothing personal goes into a key."""
    digest = blake2b(identity.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return b"%bi:%b:%b" % (prefix, site_hex.encode(), digest.encode())


def mark(pairs: Sequence[HotKey]) -> None:
    """Mark the states that the present transaction is about to commit. One round trip.

    Call it last before the commit, inside the transaction and with the state rows locked. When
    Redis cannot be reached the transaction raises the generation instead, so that what stays
    behind in Redis is never read again.
    """
    if not pairs:
        return
    try:
        with hot_wire.patiently():
            _send(lambda prefix: [_mark_command(prefix, pair) for pair in pairs])
    except RedisAway:
        generation.raise_in_transaction()


def publish(states: Sequence[HotProfile], remembered: Iterable[Remembered] = ()) -> bool:
    """Replace marks by the committed states, and say where identities point. One round trip.

    Call it after the commit. Never lowers (epoch, version).

    Returns:
        False when Redis is away: the marks stay, or the generation was raised, and readers go
        to Postgres.
    """
    with hot_wire.patiently():
        return _write(b"S", states, list(remembered))


def deny(state: HotProfile) -> bool:
    """Write the marker of a withdrawal: nothing personal is left in Redis. Call after the commit.

    The transaction before it must have called `mark`, so that False (Redis is away) is safe too.
    """
    with hot_wire.patiently():
        return _write(b"D", [state], [])


def remember_identities(remembered: Iterable[Remembered]) -> bool:
    """Say where identities point, apart from a `publish`. One round trip; False: Redis is away."""
    return _write(b"S", (), list(remembered))


def hot_profiles_of(profile_ids: Iterable[UUID]) -> list[HotProfile]:
    """Build the hot state of profiles from their rows, on the caller's connection. 1 statement."""
    return hot_rows.by_profile(profile_ids)


def write_back(site_id: UUID, state: HotProfile, asked: Sequence[str]) -> bool:
    """Fill a miss with what Postgres said, and the identities that led there. Never lowers."""
    profile_id = UUID(bytes=state.profile_id)
    return _write(b"S", [state], [Remembered(site_id, one, profile_id) for one in asked])


def read(value: object) -> HotProfile | None:
    """The state in a value from Redis; None for a miss: nothing, a mark, or what is not a state."""
    if type(value) is not bytes or value[:1] == b"M":
        return None
    try:
        return _decode(memoryview(value)[_HEADER:])
    except msgspec.DecodeError:
        return None  # written by another version of this code: Postgres knows


def _write(kind: bytes, states: Sequence[HotProfile], remembered: Sequence[Remembered]) -> bool:
    if not states and not remembered:
        return True
    try:
        _send(
            lambda prefix: [
                *(_state_command(prefix, kind, state) for state in states),
                *(_identity_command(prefix, one) for one in remembered),
            ]
        )
    except RedisAway:
        return False
    return True


def _mark_command(prefix: bytes, pair: HotKey) -> bytes:
    key = state_key(prefix, pair.profile_id.hex)
    header = b"%08d%012d" % (pair.epoch, pair.version)
    return hot_wire.command(b"EVALSHA", _MARK_SHA, b"1", key, header, _MARK_TTL)


def _state_command(prefix: bytes, kind: bytes, state: HotProfile) -> bytes:
    key = state_key(prefix, state.profile_id.hex())
    if kind == b"D" or state.denied & _PERSONALIZATION:
        # Whoever writes it: after a withdrawal nothing personal is kept where decisions read.
        kind, state = b"D", _bare(state)
    value = b"%b%08d%012d%b" % (kind, state.epoch, state.version, _encode(state))
    return hot_wire.command(b"EVALSHA", _NEVER_LOWER_SHA, b"1", key, value, _STATE_TTL)


def _bare(state: HotProfile) -> HotProfile:
    """What is left of a state after a withdrawal: who it is, and what they said."""
    return msgspec.structs.replace(
        state,
        memberships=b"",
        traits={},
        last_items=[],
        last_seen_ms=0,
        scored_ms={},
        recent=b"",
        trait_meta={},
    )


def _identity_command(prefix: bytes, one: Remembered) -> bytes:
    key = identity_key(prefix, one.site_id.hex, one.identity)
    return hot_wire.command(b"SET", key, one.profile_id.hex, b"PX", _STATE_TTL)


def _send(build: Callable[[bytes], list[bytes]]) -> None:
    """Send commands in one round trip, again when the generation moved or scripts were lost.

    Every command here may be repeated: a state is replaced by itself.

    Raises:
        RedisAway: the commands did not all arrive under the present generation.
    """
    for _ in range(_ATTEMPTS):
        number = generation.current()
        commands = build(generation.prefix(number))
        replies = hot_wire.ask(generation.GET + b"".join(commands), 1 + len(commands))
        error = hot_wire.first_error(replies)
        if error is not None and str(error).startswith("NOSCRIPT"):
            hot_wire.ask(_LOAD, len(_SCRIPTS))
        elif error is not None:
            raise RedisAway from error
        elif generation.heard(replies[0], number):
            return
        else:
            generation.check()
    raise RedisAway
