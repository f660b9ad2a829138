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
from hashlib import sha1
from typing import Final
from uuid import UUID

import msgspec

from apps.consent import gates
from apps.consent.regimes import STRICT_UNKNOWN
from apps.consent.types import Purpose
from apps.decisions import caps, generation, hot_rows, hot_wire, notices
from apps.decisions.caps import Carried
from apps.decisions.notices import Told, state_key
from apps.decisions.triggers import fired
from apps.decisions.types import IDENTITIES_KEPT, HotKey, HotProfile, Remembered
from apps.work import clock
from apps.work.redis import RedisAway

__all__ = [
    "IDENTITIES_KEPT",
    "Carried",
    "HotKey",
    "HotProfile",
    "Remembered",
    "Told",
    "deny",
    "forget_showings",
    "hot_profiles_of",
    "mark",
    "publish",
    "remember_identities",
    "state_key",
    "tell",
]

STATE_TTL_MS: Final = 7 * 86_400_000
# Longer than any transaction may take. A mark that a crash left behind costs reads of Postgres
# this long at most.
MARK_TTL_MS: Final = 600_000
_HEADER: Final = 21
_ATTEMPTS: Final = 3

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
_LOAD = caps.LOAD_CARRY + b"".join(
    hot_wire.command("SCRIPT", "LOAD", script) for script in _SCRIPTS
)
# The digest is the name by which Redis knows a script; nothing is protected by it.
_NEVER_LOWER_SHA, _MARK_SHA = (
    sha1(script, usedforsecurity=False).hexdigest().encode() for script in _SCRIPTS
)
_STATE_TTL = str(STATE_TTL_MS).encode()
_MARK_TTL = str(MARK_TTL_MS).encode()

# What could not be told while Redis was away: the next notice of this process is for everybody.
_owes_notice = False

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(HotProfile).decode


def identity_key(prefix: bytes, site_hex: str, identity: str) -> bytes:
    """The key of an identity ("kind:value"), hashed: nothing personal goes into a key."""
    return notices.identity_key(prefix, site_hex, notices.digest_of(identity))


def mark(pairs: Sequence[HotKey], carried: Sequence[Carried] = ()) -> None:
    """Mark the states that the present transaction is about to commit. One round trip.

    Call it last before the commit, inside the transaction and with the state rows locked. When
    Redis cannot be reached the transaction raises the generation instead, so that what stays
    behind in Redis is never read again.

    Args:
        carried: what people take over of each other's budgets of caps. Before the commit: after it
            they are one person to decisions, and must not have two budgets for a moment.
    """
    if not pairs:
        return
    try:
        with hot_wire.patiently():
            _send(
                lambda prefix: [
                    *(_mark_command(prefix, pair) for pair in pairs),
                    *(one.command(prefix) for one in carried),
                ]
            )
    except RedisAway:
        generation.raise_in_transaction()


def publish(
    states: Sequence[HotProfile],
    remembered: Iterable[Remembered] = (),
    told: Told | None = None,
) -> bool:
    """Replace marks by the committed states, and say where identities point. One round trip.

    Call it after the commit. Never lowers (epoch, version).

    Args:
        told: who must ask again on open pages, None for all of these states.

    Returns:
        False when Redis is away: the marks stay, or the generation was raised, and readers go
        to Postgres.
    """
    with hot_wire.patiently():
        return _write(b"S", states, list(remembered), told or _all_of(states))


def deny(state: HotProfile) -> bool:
    """Write the marker of a withdrawal: nothing personal is left in Redis. Call after the commit.

    The transaction before it must have called `mark`, so that False (Redis is away) is safe too.
    """
    with hot_wire.patiently():
        return _write(b"D", [state], [], _all_of([state]))


def tell(told: Told) -> bool:
    """Tell open pages of what changed their answers without a new state: an erasure, say."""
    with hot_wire.patiently():
        return _write(b"S", (), (), told)


def forget_showings(profiles: Sequence[bytes]) -> bool:
    """Forget what profiles (16 bytes each) were shown and have reserved; False: Redis is away."""
    try:
        _send(lambda prefix: [caps.forget_command(prefix, one) for one in profiles])
    except RedisAway:
        return False
    return True


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


def _write(
    kind: bytes,
    states: Sequence[HotProfile],
    remembered: Sequence[Remembered],
    told: Told | None = None,
) -> bool:
    """Write states and pointers, and behind them the notice for open pages, None for no notice."""
    global _owes_notice
    notice = [] if told is None else _notice(told, states, remembered)
    if not states and not remembered and not notice:
        return True
    try:
        _send(
            lambda prefix: [
                *(_state_command(prefix, kind, state) for state in states),
                *(caps.forget_command(prefix, one.profile_id) for one in states if _is_bare(one)),
                *(_identity_command(prefix, one) for one in remembered),
                *notice,
            ]
        )
    except RedisAway:
        _owes_notice = _owes_notice or bool(notice)
        return False
    _owes_notice = _owes_notice and not notice
    return True


def _notice(
    told: Told, states: Sequence[HotProfile], remembered: Sequence[Remembered]
) -> list[bytes]:
    """The command that tells open pages, if there is anything to tell."""
    identities = [(one.site_id.bytes, one.identity, one.profile_id.bytes) for one in remembered]
    if told.sites:
        sites = {profile.bytes: site.bytes for profile, site in told.sites.items()}
        for state in states:
            if site := sites.get(state.profile_id):
                identities += [(site, name, state.profile_id) for name in state.identities]
    command = notices.entry(
        [profile_id.bytes for profile_id in told.profiles],
        identities,
        [(loser.bytes, winner.bytes) for loser, winner in told.moved],
        is_for_all=_owes_notice,
        triggers=[
            *told.fired,
            *(fired(states, told.sites, told.entered, clock.now_ms()) if told.entered else ()),
        ],
    )
    return [] if command is None else [command]


def _all_of(states: Sequence[HotProfile]) -> Told:
    return Told([UUID(bytes=state.profile_id) for state in states])


def _mark_command(prefix: bytes, pair: HotKey) -> bytes:
    key = state_key(prefix, pair.profile_id.hex)
    header = b"%08d%012d" % (pair.epoch, pair.version)
    return hot_wire.command(b"EVALSHA", _MARK_SHA, b"1", key, header, _MARK_TTL)


def _state_command(prefix: bytes, kind: bytes, state: HotProfile) -> bytes:
    key = state_key(prefix, state.profile_id.hex())
    if kind == b"D" or _is_bare(state):
        # Whoever writes it: after a withdrawal nothing personal is kept where decisions read.
        kind, state = b"D", _bare(state)
    value = b"%b%08d%012d%b" % (kind, state.epoch, state.version, _encode(state))
    return hot_wire.command(b"EVALSHA", _NEVER_LOWER_SHA, b"1", key, value, _STATE_TTL)


def _is_bare(state: HotProfile) -> bool:
    """Whether personalization is refused, or held up: not merely never asked for."""
    return not gates.stands(
        state, Purpose.PERSONALIZATION, is_vouched=True, regime=STRICT_UNKNOWN, now_ms=0
    )


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
        caps=b"",
        session_since_ms=0,
        keys=[],
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
            hot_wire.ask(_LOAD, 1 + len(_SCRIPTS))
        elif error is not None:
            raise RedisAway from error
        elif generation.heard(replies[0], number):
            return
        else:
            generation.check()
    raise RedisAway
