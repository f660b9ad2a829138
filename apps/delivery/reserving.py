"""Which candidate of each placement is served: the first whose frequency caps have budget left.

One question to Redis for a whole call, and only when a candidate that is first in turn draws on a
cap: most calls ask nothing.
"""

from collections.abc import Sequence
from hashlib import blake2b
from os import urandom
from typing import Final, NamedTuple

import msgspec

from apps.decisions.selectors import CapChain, CapHolder, reserve
from apps.decisions.types import HotProfile
from engine.capping import CapDoc
from engine.decide import Decision, Step

RESERVED_MS: Final = 120_000


class Reserved(NamedTuple):
    """A reservation: the 8 bytes that name it, and the intensity that fatigue leaves, 0 to 1."""

    token: bytes
    intensity: float


class Turn(NamedTuple):
    """Where in the answer a placement stands, and what it can serve in turn."""

    at: int
    decisions: Sequence[Decision]


class Settled(NamedTuple):
    """What a placement serves.

    Attributes:
        reservation: None where it draws on no cap.
        place: in the turn; None: nobody could say what budget is left.
    """

    decision: Decision
    reservation: Reserved | None = None
    place: int | None = None


def reserved(
    holder: CapHolder,
    profile: HotProfile | None,
    turns: Sequence[Turn],
    retry_key: str,
    now_ms: int,
) -> list[Settled]:
    """Return what each placement serves, reserved where it draws on caps. One round trip.

    Args:
        turns: of each the first decision draws on caps and the last on none.
        retry_key: equal for a call and its repetition, which then reserves nothing more; empty:
            every call is a call of its own.
    """
    tokens = [_token(retry_key, turn.decisions[0].placement) for turn in turns]
    chains = [
        CapChain(token, [decision.caps for decision in turn.decisions])
        for token, turn in zip(tokens, turns, strict=True)
    ]
    picked = reserve(holder, profile, chains, now_ms)
    if picked is None:
        return [withheld(turn) for turn in turns]
    found: list[Settled] = []
    for turn, token, (place, intensity) in zip(turns, tokens, picked, strict=True):
        decision = turn.decisions[place]
        for refused in turn.decisions[:place]:
            _note(decision, refused.caps, "no budget left")
        if not decision.caps:
            found.append(Settled(decision, None, place))
            continue
        _note(decision, decision.caps, "reserved", intensity)
        until_ms = now_ms + RESERVED_MS
        if decision.valid_until_ms is not None:
            until_ms = min(until_ms, decision.valid_until_ms)
        decision = msgspec.structs.replace(decision, valid_until_ms=until_ms)
        found.append(Settled(decision, Reserved(token, intensity), place))
    return found


def withheld(turn: Turn) -> Settled:
    """What a placement serves when nobody can say what budget is left."""
    decision = turn.decisions[-1]
    _note(decision, turn.decisions[0].caps, "withheld: what is left is not known")
    return Settled(decision)


def _token(retry_key: str, placement: str) -> bytes:
    if not retry_key:
        return urandom(8)
    return blake2b(f"{retry_key}\n{placement}".encode(), digest_size=8).digest()


def _note(
    decision: Decision, caps: Sequence[CapDoc], outcome: str, intensity: float | None = None
) -> None:
    if decision.steps is None:
        return
    for cap in caps:
        is_told = intensity is not None and cap.fatigue is not None
        more = f", intensity {intensity:.3g}" if is_told else ""
        decision.steps.append(Step("cap", cap.key, outcome + more))
