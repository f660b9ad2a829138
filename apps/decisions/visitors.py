"""Who is asking: from identities to a profile's hot state, in one round trip when all is warm.

Identity to profile comes from a bounded map in the process and is checked against the identities
in the state itself: a map that is behind is a miss, never a wrong visitor. What Redis does not
have is one statement on Postgres, time-boxed, and is written back.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from apps.access import limits
from apps.access.types import Caller
from apps.decisions import generation, hot_rows, hot_state, hot_wire, record_reads
from apps.decisions.announcing import publication_key
from apps.decisions.types import Bounded, HotProfile
from apps.work.counting import Counter
from apps.work.redis import RedisAway

MAP_SIZE: Final = 100_000
ABSENT_SIZE: Final = 20_000
# A visitor without a profile is looked for in Postgres once in this time; Redis tells earlier.
ABSENT_S: Final = 5.0


@dataclass(slots=True)
class Arrival:
    """What one round trip brought.

    Attributes:
        profile: None for a visitor without one, and when nothing could be asked (`is_away`).
        announced: the publication's number as Redis carries it; None when it does not.
        headers: of the rate limit.
        is_away: neither Redis nor Postgres could say who this is.
    """

    profile: HotProfile | None = None
    announced: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    is_away: bool = False


_asked: Final = Counter("attune_hot_state_reads", "Visitors looked up.")
_missed: Final = Counter("attune_hot_state_misses", "Of these, how many Postgres was asked about.")

_where: Bounded[str] = Bounded(MAP_SIZE)  # site hex + identity -> profile hex
_absent: Bounded[tuple[int, float]] = Bounded(ABSENT_SIZE)  # -> generation, believed until


def arrive(
    caller: Caller,
    identities: Sequence[str],
    route: str,
    *,
    charge: bool = True,
    is_either: bool = False,
) -> Arrival:
    """Charge the rate limit and return what is known of a visitor.

    Args:
        identities: "kind:value", the user's before the anonymous one; none for nobody.
        route: of the rate limit.
        charge: false for the second visitor of one request.
        is_either: the identities are two readings of one id: the first that somebody has is meant.

    Raises:
        RateLimited: too many requests of this key or address.
    """
    _asked.add()
    try:
        return _by_redis(caller, identities, route, charge=charge, is_either=is_either)
    except RedisAway:
        return _by_record(Arrival(), caller, identities, is_either)


def forget() -> None:
    """Forget who is who (tests)."""
    _where.clear()
    _absent.clear()


def _by_redis(
    caller: Caller, identities: Sequence[str], route: str, *, charge: bool, is_either: bool
) -> Arrival:
    number = generation.current()
    site_hex = caller.site_hex
    profile_hex = _where.get(site_hex + identities[0]) if identities else None
    if profile_hex is not None:
        reads = _get(hot_state.state_key(generation.prefix(number), profile_hex))
        count = 1
    else:
        prefix = generation.prefix(number)
        reads = b"".join(
            [_get(hot_state.identity_key(prefix, site_hex, name)) for name in identities]
        )
        count = len(identities)
    commands = _numbers(site_hex) + reads
    if charge:
        commands += hot_wire.pack(limits.limiter_command(caller, route))
    replies = hot_wire.ask(commands, 1 + count + charge)
    if type(replies[0]) is not list:
        raise RedisAway  # it answers, but not to us: loading, or without the right
    carried, announced = replies[0]
    arrival = Arrival(None, announced)
    if charge:
        arrival.headers = limits.check(replies.pop(), caller, route)
    if not identities:
        return arrival
    if carried != b"%d" % number:
        # Nothing that was read under another generation counts.
        generation.check()
        return _by_record(arrival, caller, identities, is_either)
    if profile_hex is not None:
        profile = hot_state.read(replies[1])
        if profile is not None and identities[0] in profile.identities:
            arrival.profile = profile
            return arrival
        _where.drop(site_hex + identities[0])
        return _by_record(arrival, caller, identities, is_either)
    return _by_pointers(arrival, caller, identities, replies[1:], number, is_either)


def _by_pointers(
    arrival: Arrival,
    caller: Caller,
    identities: Sequence[str],
    pointers: Sequence[bytes | None],
    number: int,
    is_either: bool,
) -> Arrival:
    """Follow the identity keys of Redis; in doubt, ask Postgres."""
    site_hex = caller.site_hex
    for name, pointer in zip(identities, pointers, strict=True):
        if pointer is None:
            if _is_absent(site_hex + name, number):
                continue
            return _by_record(arrival, caller, identities, is_either)
        profile_hex = pointer.decode()
        key = hot_state.state_key(generation.prefix(number), profile_hex)
        [value] = hot_wire.ask(_get(key), 1)
        profile = hot_state.read(value)
        if profile is None or name not in profile.identities:
            return _by_record(arrival, caller, identities, is_either)
        if is_either or _is_of(profile, name, identities):
            arrival.profile = profile
            _where.put(site_hex + name, profile_hex)
        return arrival
    return arrival


def _by_record(
    arrival: Arrival, caller: Caller, identities: Sequence[str], is_either: bool
) -> Arrival:
    """Ask Postgres, once and within its box, and write what it says back to Redis."""
    _missed.add()
    asked = [(kind, value) for kind, _, value in (name.partition(":") for name in identities)]
    try:
        found = hot_rows.by_identity(caller.site_id, asked)
    except record_reads.RecordAway:
        arrival.is_away = bool(identities)
        return arrival
    by_name = {one.identity: one.profile for one in found}
    site_hex = caller.site_hex
    until = time.monotonic() + ABSENT_S
    for name in identities:
        profile = by_name.get(name)
        if profile is None:
            _absent.put(site_hex + name, (_believed(), until))
            continue
        if is_either or _is_of(profile, name, identities):
            arrival.profile = profile
            _where.put(site_hex + name, profile.profile_id.hex())
            hot_state.write_back(caller.site_id, profile, [name])
        break
    return arrival


def _is_of(profile: HotProfile, name: str, identities: Sequence[str]) -> bool:
    """Whether a profile that was found by `name` may speak for this visitor.

    On a shared device the anonymous identity can belong to somebody who logged in earlier: a
    visitor who says to be another user gets nothing of theirs.
    """
    if name is identities[0] or not identities[0].startswith("user_id:"):
        return True
    return not any(one.startswith("user_id:") for one in profile.identities)


def _is_absent(key: str, number: int) -> bool:
    known = _absent.get(key)
    return known is not None and known[0] == number and time.monotonic() < known[1]


def _believed() -> int:
    """The generation that an absence is believed under; with Redis away none is."""
    try:
        return generation.current()
    except RedisAway:
        return -1


@lru_cache(maxsize=1024)
def _numbers(site_hex: str) -> bytes:
    return hot_wire.command("MGET", generation.KEY, publication_key(site_hex))


def _get(key: bytes) -> bytes:
    return b"*2\r\n$3\r\nGET\r\n$%d\r\n%b\r\n" % (len(key), key)
