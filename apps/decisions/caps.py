"""The budgets of frequency caps: a decision reserves, an exposure confirms.

What was shown is counted in the state row (`cap_counts`), by the fold of its exposure. What the
fold cannot know yet lies in Redis, in one hash of the visitor: reservations, open for RESERVED_MS,
and exposures on their way. Both sides know a showing by the token of its decision, so that none
counts twice. Without Redis, and until it has been at hand for as long as a reservation lives,
nobody knows what is open: then nothing that is capped is served.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import msgspec

from apps.decisions import cap_counts, generation, hot_wire, notices
from apps.decisions.cap_counts import Showing
from apps.decisions.caps_scripts import (
    CARRY,
    CONFIRM,
    LOAD,
    RELEASE,
    RESERVE,
    RESERVED_MS,
    SCRIPTS,
)
from apps.decisions.types import HotProfile
from apps.work.redis import RedisAway
from engine.capping import CapDoc

__all__ = [
    "LOAD_CARRY",
    "RESERVED_MS",
    "Carried",
    "Chain",
    "Holder",
    "Picked",
    "confirm",
    "forget_command",
    "release",
    "reserve",
    "shown_arguments",
    "withdraw",
]

LOAD_CARRY: Final = CARRY.load
_ATTEMPTS: Final = 3

_pack = msgspec.msgpack.Encoder().encode


class Holder(NamedTuple):
    """Whose budget it is: of a profile (16 bytes), or of an identity that has none yet."""

    site_hex: str
    identity: str
    profile: bytes | None = None

    def key(self, prefix: bytes) -> bytes:
        """The hash of this visitor under a generation."""
        if self.profile is not None:
            return b"%b{%b}:c" % (prefix, self.profile.hex().encode())
        digest = notices.digest_of(self.identity).hex().encode()
        return b"%b{i:%b:%b}:c" % (prefix, self.site_hex.encode(), digest)


class Chain(NamedTuple):
    """What one placement can serve in turn; the last candidate draws on no cap.

    Attributes:
        token: 8 bytes that name the decision. The same token again, while it is open, is the same
            reservation.
    """

    token: bytes
    candidates: Sequence[Sequence[CapDoc]]


class Picked(NamedTuple):
    """The place of the candidate that was reserved, and the intensity that its caps leave."""

    place: int
    intensity: float


def reserve(
    holder: Holder, profile: HotProfile | None, chains: Sequence[Chain], now_ms: int
) -> list[Picked] | None:
    """Reserve for each chain the first candidate whose caps all have budget. One round trip.

    The chains take their turns: a later one finds what an earlier one has taken.

    Args:
        profile: what decisions know of the visitor, None for somebody unknown.

    Returns:
        None when it cannot be known what is open: nothing that is capped may be served.
    """
    shorter = [_without_repeats(chain) for chain in chains]
    asked = _asked(profile, [chain for chain, _ in shorter])
    try:
        [picked] = _send(
            lambda prefix: [
                RESERVE.command((holder.key(prefix), prefix + b"since"), now_ms, *asked)
            ],
            is_settled=True,
        )
    except RedisAway:
        return None
    if not isinstance(picked, list):
        return None
    pairs = zip(shorter, picked[::2], picked[1::2], strict=True)
    return [
        Picked(places[int(place) - 1], float(intensity)) for (_, places), place, intensity in pairs
    ]


def _without_repeats(chain: Chain) -> tuple[Chain, list[int]]:
    """A chain without candidates whose caps were asked for already, and where the others stood.

    What has been refused to one is refused to the next that draws on the same.
    """
    first: dict[tuple[int, ...], int] = {}
    for place, caps in enumerate(chain.candidates):
        first.setdefault(tuple([cap.number for cap in caps]), place)
    places = list(first.values())
    return Chain(chain.token, [chain.candidates[place] for place in places]), places


def confirm(holder: Holder, showings: Sequence[tuple[Showing, bytes]], now_ms: int) -> bool:
    """Say that decisions were seen, whether or not their reservations are still open.

    May be repeated. False: Redis is away; the fold of the exposures counts them all the same.

    Args:
        showings: each beside the token of the reservation that it takes up.
    """
    told = shown_arguments(showings)
    return _told(lambda prefix: [CONFIRM.command((holder.key(prefix),), now_ms, *told)])


def shown_arguments(showings: Sequence[tuple[Showing, bytes]]) -> list[bytes]:
    """Return what CONFIRM takes behind the instant."""
    body = _pack([[one.at_ms, one.caps] for one, _ in showings])
    return [body, *(token for one, reserved in showings for token in (one.token, reserved))]


def withdraw(holder: Holder, showings: Sequence[tuple[Showing, bytes]]) -> bool:
    """Forget showings that were confirmed and must not count here. False: Redis is away."""
    tokens = [one.token for one, _ in showings]
    return _told(lambda prefix: [hot_wire.command("HDEL", holder.key(prefix), *tokens)])


def release(holder: Holder, tokens: Sequence[bytes], now_ms: int) -> bool:
    """Give back what was reserved and will not be shown. False: Redis is away, and it expires."""
    return _told(lambda prefix: [RELEASE.command((holder.key(prefix),), now_ms, *tokens)])


class Carried(NamedTuple):
    """Showings and reservations that a profile takes over from another visitor.

    Attributes:
        profile: 16 bytes.
        is_closed: nothing is reserved at the source for RESERVED_MS: whoever still believes in it
            must not spend a budget that is counted elsewhere. Else the source lives on, and what is
            open there counts for both.
        given: tokens that the source gives away for good.
    """

    source: Holder
    profile: bytes
    now_ms: int
    is_closed: bool = True
    given: Sequence[bytes] = ()

    def command(self, prefix: bytes) -> bytes:
        """The bytes that carry them under a generation. May be repeated."""
        keys = (self.source.key(prefix), Holder("", "", self.profile).key(prefix))
        return CARRY.command(keys, self.now_ms, b"1" if self.is_closed else b"0", *self.given)


def forget_command(prefix: bytes, profile: bytes) -> bytes:
    """The command that forgets what a profile was shown."""
    return hot_wire.command(b"DEL", Holder("", "", profile).key(prefix))


def _asked(profile: HotProfile | None, chains: Sequence[Chain]) -> list[bytes]:
    """The arguments of RESERVE behind the instant."""
    section = {} if profile is None else cap_counts.decode(profile.caps)
    caps: dict[int, list[object]] = {}
    bases: list[bytes] = []
    for chain in chains:
        for candidate in chain.candidates:
            for cap in candidate:
                if cap.number not in caps:
                    caps[cap.number] = _terms(cap)
                    bases.append(section.get(cap.number, b""))
    session = [0, 0] if profile is None else [profile.session_since_ms, profile.last_seen_ms]
    if not session[0]:
        session[0] = session[1]
    body = _pack(
        {
            "caps": list(caps.values()),
            "session": session,
            "chains": [
                [[cap.number for cap in one] for one in chain.candidates] for chain in chains
            ],
        }
    )
    return [body, *bases, *(chain.token for chain in chains)]


def _terms(cap: CapDoc) -> list[object]:
    fatigue = cap.fatigue
    return [
        cap.number,
        cap.most or False,
        cap.window_ms or False,
        cap.per == "session",
        cap.cooldown_ms,
        fatigue is not None
        and [fatigue.half_life_ms, fatigue.step, fatigue.floor, fatigue.skip_below],
    ]


def _told(build: Callable[[bytes], list[bytes]]) -> bool:
    try:
        _send(build)
    except RedisAway:
        return False
    return True


def _send(build: Callable[[bytes], list[bytes]], *, is_settled: bool = False) -> Sequence[object]:
    """Send commands in one round trip and return their replies.

    Args:
        is_settled: the commands count only under the generation that they were built for.

    Raises:
        RedisAway: they did not arrive, or not under the present generation.
    """
    for _ in range(_ATTEMPTS):
        number = generation.current()
        commands = build(generation.prefix(number))
        replies = hot_wire.ask(generation.GET + b"".join(commands), 1 + len(commands))
        error = hot_wire.first_error(replies)
        if error is not None and str(error).startswith("NOSCRIPT"):
            hot_wire.ask(LOAD, SCRIPTS)
        elif error is not None:
            raise RedisAway from error
        elif generation.heard(replies[0], number):
            return replies[1:]
        else:
            generation.check()
            if is_settled:
                # The visitor was read under the other one.
                raise RedisAway
    raise RedisAway
