"""Who is asking: from identities to a profile's hot state, in one round trip when all is warm.

One script charges the rate limit, follows the identities and returns the state. That an identity
points there is checked against the identities in the state itself: a pointer that is behind is a
miss, never a wrong visitor. What Redis does not have is one statement on Postgres, time-boxed, and
is written back.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha1
from typing import Final, NamedTuple

from apps.access import limits
from apps.access.limits import Buckets
from apps.access.types import Caller
from apps.decisions import generation, hot_rows, hot_state, hot_wire, record_reads
from apps.decisions.announcing import publication_key
from apps.decisions.cap_counts import Showing
from apps.decisions.caps import Holder, shown_arguments, withdraw
from apps.decisions.caps_scripts import CONFIRMING, instant
from apps.decisions.types import Bounded, HotProfile
from apps.work.counting import Counter
from apps.work.redis import RedisAway

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
        is_confirmed: the showings that came with the question count already.
    """

    profile: HotProfile | None = None
    announced: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    is_away: bool = False
    is_confirmed: bool = False


class Shown(NamedTuple):
    """What a visitor was shown, each beside the token of its reservation, as it is told now."""

    showings: Sequence[tuple[Showing, bytes]]
    now_ms: int


_asked: Final = Counter("attune_hot_state_reads", "Visitors looked up.")
_missed: Final = Counter("attune_hot_state_misses", "Of these, how many Postgres was asked about.")

# Site hex + identity -> generation, believed until.
_absent: Bounded[tuple[int, float]] = Bounded(ABSENT_SIZE)


def arrive(
    caller: Caller,
    identities: Sequence[str],
    route: str,
    *,
    charge: bool = True,
    is_either: bool = False,
    shown: Shown | None = None,
) -> Arrival:
    """Charge the rate limit and return what is known of a visitor.

    Args:
        identities: "kind:value", the user's before the anonymous one; none for nobody.
        route: of the rate limit.
        charge: false for the second visitor of one request.
        is_either: the identities are two readings of one id: the first that somebody has is meant.
        shown: what the one visitor who is asked for was shown; it is confirmed on the way when
            their state is at hand (`Arrival.is_confirmed`), else that is left to the caller.

    Raises:
        RateLimited: too many requests of this key or address.
    """
    _asked.add()
    try:
        return _by_redis(caller, identities, route, charge=charge, is_either=is_either, shown=shown)
    except RedisAway:
        return _by_record(Arrival(), caller, identities, is_either)


def forget() -> None:
    """Forget who is nobody (tests)."""
    _absent.clear()


def _by_redis(
    caller: Caller,
    identities: Sequence[str],
    route: str,
    *,
    charge: bool,
    is_either: bool,
    shown: Shown | None,
) -> Arrival:
    number = generation.current()
    site_hex = caller.site_hex
    buckets = limits.buckets_of(caller) if charge else _NO_BUCKETS
    found = _answer(number, site_hex, identities, buckets, shown)
    arrival = Arrival(None, found.announced)
    if charge:
        arrival.headers = limits.check(found.charged, caller, route)
    if not identities:
        return arrival
    if found.generation != b"%d" % number:
        # Nothing that was read under another generation counts.
        generation.check()
        return _by_record(arrival, caller, identities, is_either)
    unknown = identities[: found.place - 1] if found.place else identities
    if unknown and not all(_is_absent(site_hex + name, number) for name in unknown):
        return _by_record(arrival, caller, identities, is_either)
    if not found.place:
        return arrival
    name = identities[found.place - 1]
    profile = hot_state.read(found.state)
    if profile is not None and name not in profile.identities and found.is_confirmed and shown:
        withdraw(Holder(site_hex, name, profile.profile_id), shown.showings)
    elif found.is_confirmed:
        arrival.is_confirmed = True
    if profile is None or name not in profile.identities:
        return _by_record(arrival, caller, identities, is_either)
    if is_either or _is_of(profile, name, identities):
        arrival.profile = profile
    return arrival


class _Answer(NamedTuple):
    """What the script returns.

    Attributes:
        generation, announced: as Redis carries them.
        place: of the first identity that points somewhere, from 1; 0: none does.
        state: what lies there.
        is_confirmed: 1 when the showings were.
        charged: the limiter's answer.
    """

    generation: bytes | None
    announced: bytes | None
    place: int
    state: bytes | None
    is_confirmed: int
    charged: object


def _answer(
    number: int,
    site_hex: str,
    identities: Sequence[str],
    buckets: Buckets,
    shown: Shown | None,
) -> _Answer:
    """Run the script, again when the server has lost it.

    Raises:
        RedisAway: it answers, but not to us: loading, or without the right.
    """
    prefix = generation.prefix(number)
    keys = [hot_state.identity_key(prefix, site_hex, name) for name in identities]
    charged, rates = buckets
    now_ms, told = (0, ()) if shown is None else (shown.now_ms, shown_arguments(shown.showings))
    command = hot_wire.pack(
        (
            "EVALSHA", _ARRIVE_SHA if shown is None else _CONFIRM_SHA,
            2 + len(keys) + len(charged), generation.KEY, publication_key(site_hex), *keys,
            *charged, instant(now_ms), len(keys), prefix, len(rates), *rates, *told,
        )
    )  # fmt: skip
    for _ in range(2):
        [reply] = hot_wire.ask(command, 1)
        if type(reply) is list:
            carried, announced, place, state, confirmed, *charged_as = reply
            return _Answer(carried, announced, place, state, confirmed, charged_as)
        hot_wire.ask(_LOAD, 2)
    raise RedisAway


_NO_BUCKETS: Final = Buckets((), ())
# KEYS: the generation, the publication, the identities, then the limiter's buckets. ARGV: the
# instant, how many identities, the prefix of states, how many rates, and these; then what CONFIRM
# takes.
_ARRIVE: Final = (
    limits.CHARGE
    + """
local count, rates = tonumber(ARGV[2]), tonumber(ARGV[4])
local place, profile, state, confirmed = 0, false, false, 0
for i = 1, count do
  profile = redis.call('GET', KEYS[2 + i])
  if profile then
    place, state = i, redis.call('GET', ARGV[3] .. '{' .. profile .. '}:s')
    break
  end
end
local passed, left, wait = 1, 0, 0
if rates > 0 then passed, left, wait = charge(3 + count, 5) end
"""
)
_ANSWER: Final = """
return {redis.call('GET', KEYS[1]), redis.call('GET', KEYS[2]), place, state, confirmed,
  passed, left, wait}
"""
# Who has withdrawn has no state of that kind, and whose state is being written is asked for in
# Postgres first.
_THEN_CONFIRM: Final = """
if state and passed == 1 and string.sub(state, 1, 1) == 'S' then
  confirmed = confirm(ARGV[3] .. '{' .. profile .. '}:c', 5 + rates)
end
"""
_SCRIPTS: Final = (_ARRIVE + _ANSWER, CONFIRMING + _ARRIVE + _THEN_CONFIRM + _ANSWER)
# The digest is the name by which Redis knows a script; nothing is protected by it.
_ARRIVE_SHA, _CONFIRM_SHA = (
    sha1(script.encode(), usedforsecurity=False).hexdigest() for script in _SCRIPTS
)
_LOAD: Final = b"".join(hot_wire.command("SCRIPT", "LOAD", script) for script in _SCRIPTS)


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
