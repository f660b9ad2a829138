"""What a person's consent events come to, purpose by purpose. Pure: no clock, no database.

The state is a fold over the ledger. Server time decides; of two that were said at one time the
refusal stands. Two people who turn out to be one have, for each purpose, the stricter state; a
purpose nobody was asked about has no state and is neutral.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from enum import IntEnum
from typing import Final, NamedTuple, TypeAlias

import msgspec

from apps.consent.months import months_after
from apps.consent.regimes import STRICT_UNKNOWN, Regime, is_opt_in
from apps.consent.types import OPTED_OUT, Purpose

_NECESSARY: Final = int(Purpose.NECESSARY)
_EVERY_BIT: Final = tuple(int(purpose) for purpose in Purpose)
_OF_OPT_OUT: Final = int(Purpose.ADVERTISING | Purpose.SALE | Purpose.AUDIENCES)


class Code(IntEnum):
    """The state of one purpose, from the loosest to the strictest."""

    GRANTED = 1
    EXPIRED = 2
    NOT_ASKED = 3
    LIMITED = 4
    OPTED_OUT = 5
    DENIED = 6
    WITHDRAWN = 7
    OBJECTED = 8
    RESTRICTED = 9


_REFUSED: Final = frozenset(range(Code.LIMITED, Code.RESTRICTED + 1))


class Cause(IntEnum):
    """How a state came about, as far as it rules what may follow; the strictest last."""

    IN_SPITE = 0  # a yes that was said knowing of the signal
    CHOICE = 1
    TOLD = 2  # a signal's, and the person was told that it stands against their yes
    SIGNAL = 3  # an opt-out signal of the browser: a yes alone does not lift it


class Entry(NamedTuple):
    """The state of a purpose since when (Unix ms).

    Attributes:
        until_ms: when a grant ends, or from when somebody who refused may be asked again; 0: never.
        notice: the version of the text that was shown; empty: not known.
    """

    code: int
    since_ms: int
    until_ms: int = 0
    notice: str = ""
    cause: int = Cause.CHOICE


Consents: TypeAlias = Mapping[int, Entry]  # purpose bit -> its state
NOTHING_SAID: Final[Consents] = {}


class Policy(NamedTuple):
    """For how long, in months, a yes holds and a refusal is not asked about again."""

    grant_months: int = 12
    ask_again_months: int = 6
    opt_out_months: int = 12


DEFAULT_POLICY: Final = Policy()


class Said(NamedTuple):
    """One consent event, as far as it changes states.

    Attributes:
        kind: as in the ledger: "given", "signal_applied", "expired", "conflict_notified" ...
        yes, no: purposes as bits. Of "expired" and "conflict_notified" `no` says of which.
        signal: what an opt-out signal refused that came along, as bits.
        is_known: it was said by somebody signed in, not by a browser alone.
        key: orders what was said at one time.
    """

    at_ms: int
    kind: str
    yes: int = 0
    no: int = 0
    signal: int = 0
    notice: str = ""
    regime: Regime = STRICT_UNKNOWN
    is_known: bool = False
    key: str = ""


def fold(events: Iterable[Said], *, policy: Policy = DEFAULT_POLICY) -> Consents:
    """Return what events come to, in whatever order they are given."""
    consents = NOTHING_SAID
    for said in sorted(events, key=lambda said: (said.at_ms, said.no | said.signal, said.key)):
        consents = after(consents, said, policy=policy)
    return consents


def after(consents: Consents, said: Said, *, policy: Policy = DEFAULT_POLICY) -> Consents:
    """Return the states after one more event. What it does not speak of stays as it is."""
    states = dict(consents)
    for bit in _EVERY_BIT:
        if (said.yes | said.no | said.signal) & bit:
            entry = _next(states.get(bit), bit, said, policy)
            if entry is not None:
                states[bit] = entry
    return states


def _next(now: Entry | None, bit: int, said: Said, policy: Policy) -> Entry | None:
    if said.kind == "expired":
        is_over = now is not None and now.code == Code.GRANTED
        return Entry(Code.EXPIRED, said.at_ms, 0, now.notice) if is_over and now else now
    if said.kind == "conflict_notified":
        is_conflict = now is not None and now.cause == Cause.SIGNAL
        return now._replace(cause=Cause.TOLD) if is_conflict and now else now
    if said.signal & bit and not _is_in_spite(now, bit, said):
        return _opted_out(now, said, policy)
    if said.no & bit:
        return _refused(now, bit, said, policy)
    return _granted(now, bit, said, policy) if said.yes & bit else now


def _is_in_spite(now: Entry | None, bit: int, said: Said) -> bool:
    """Whether a yes stands against a signal: one of before, or one that is said along with it.

    Of sale and advertising only the yes of a known person who was told of the conflict.
    """
    if now is not None and now.code == Code.GRANTED and now.cause == Cause.IN_SPITE:
        return True
    if not said.yes & ~said.no & bit:
        return False
    return not bit & OPTED_OUT or (now is not None and now.cause == Cause.TOLD and said.is_known)


def _opted_out(now: Entry | None, said: Said, policy: Policy) -> Entry:
    if now is not None and now.code >= Code.OPTED_OUT:
        is_new = now.cause not in (Cause.SIGNAL, Cause.TOLD)
        return now._replace(cause=Cause.SIGNAL) if is_new else now
    until_ms = _months_on(said.at_ms, policy.opt_out_months)
    return Entry(Code.OPTED_OUT, said.at_ms, until_ms, said.notice, Cause.SIGNAL)


def _refused(now: Entry | None, bit: int, said: Said, policy: Policy) -> Entry | None:
    if bit == _NECESSARY:
        return now
    code, months = Code.DENIED, policy.ask_again_months
    if now is not None and now.code in (Code.GRANTED, Code.WITHDRAWN):
        code = Code.WITHDRAWN
    if not is_opt_in(said.regime) and bit & (_OF_OPT_OUT | Purpose.SENSITIVE):
        code = Code.LIMITED if bit == Purpose.SENSITIVE else Code.OPTED_OUT
        months = policy.opt_out_months
    elif bit & _OF_OPT_OUT:
        months = policy.opt_out_months
    cause, since_ms = Cause.CHOICE, said.at_ms
    if now is not None:
        since_ms = max(since_ms, now.since_ms)
        # Whoever was told once need not be told again; a signal is not forgotten.
        cause = Cause.TOLD if now.cause == Cause.IN_SPITE and bit & OPTED_OUT else Cause(now.cause)
        cause = Cause.CHOICE if cause == Cause.IN_SPITE else cause
    return Entry(code, since_ms, _months_on(since_ms, months), said.notice, cause)


def _granted(now: Entry | None, bit: int, said: Said, policy: Policy) -> Entry | None:
    is_in_spite = bool(said.signal & bit)
    if now is not None and now.code in _REFUSED:
        if now.since_ms >= said.at_ms or now.code >= Code.OBJECTED:
            return now  # the refusal was said later, or at the same time
        if bit & OPTED_OUT and now.cause in (Cause.SIGNAL, Cause.TOLD):
            if now.cause == Cause.SIGNAL or not said.is_known:
                return now
            is_in_spite = True
        elif now.cause in (Cause.SIGNAL, Cause.TOLD):
            is_in_spite = True
    elif now is not None and now.code == Code.GRANTED:
        is_in_spite = is_in_spite or now.cause == Cause.IN_SPITE
    until_ms = 0 if bit == _NECESSARY else _months_on(said.at_ms, policy.grant_months)
    cause = Cause.IN_SPITE if is_in_spite else Cause.CHOICE
    return Entry(Code.GRANTED, said.at_ms, until_ms, said.notice, cause)


def conflicts(consents: Consents, yes: int) -> int:
    """Return which of these yeses a signal stands against, as bits."""
    found = 0
    for bit in (Purpose.ADVERTISING, Purpose.SALE):
        entry = consents.get(int(bit))
        is_by_signal = entry is not None and entry.cause in (Cause.SIGNAL, Cause.TOLD)
        found |= int(bit) if yes & bit and is_by_signal else 0
    return found


def is_signalled(consents: Consents) -> bool:
    """Whether an opt-out signal is in force against advertising or sale."""
    return conflicts(consents, OPTED_OUT) != 0


def join(one: Consents, other: Consents) -> Consents:
    """Return the stricter state of each purpose. Commutative, associative and idempotent.

    What one of them was never asked about is as the other said. Of two equal states the later
    beginning and the earlier end.
    """
    return {bit: _stricter(one.get(bit), other.get(bit)) for bit in sorted({*one, *other})}


def _stricter(one: Entry | None, other: Entry | None) -> Entry:
    if one is None or other is None:
        return one or other or Entry(Code.NOT_ASKED, 0)
    if one.code != other.code:
        return max(one, other)
    ends = [end for end in (one.until_ms, other.until_ms) if end]
    return Entry(
        one.code,
        max(one.since_ms, other.since_ms),
        min(ends, default=0),
        max(one.notice, other.notice),
        max(one.cause, other.cause),
    )


def bits(consents: Consents, now_ms: int) -> tuple[int, int, int]:
    """Return (purposes with a yes, purposes with a no, when the first yes ends in Unix ms or 0)."""
    granted = denied = until_ms = 0
    for bit, entry in consents.items():
        if entry.code in _REFUSED:
            denied |= bit
        elif entry.code == Code.GRANTED and (not entry.until_ms or now_ms < entry.until_ms):
            granted |= bit
            if entry.until_ms:
                until_ms = min(until_ms, entry.until_ms) if until_ms else entry.until_ms
    return granted, denied, until_ms


def chosen_in_spite(consents: Consents) -> int:
    """Return the purposes whose yes stands against a signal, as bits."""
    return sum(
        bit
        for bit, entry in consents.items()
        if entry.code == Code.GRANTED and entry.cause == Cause.IN_SPITE
    )


def over(consents: Consents, now_ms: int) -> int:
    """Return the purposes whose yes has ended by now and is still there, as bits."""
    return sum(
        bit
        for bit, entry in consents.items()
        if entry.code == Code.GRANTED and entry.until_ms and entry.until_ms <= now_ms
    )


def granted_under_another(consents: Consents, notice: str) -> int:
    """Return the purposes with a yes to another text than this, as bits."""
    return sum(
        bit
        for bit, entry in consents.items()
        if entry.code == Code.GRANTED and bit != _NECESSARY and entry.notice != notice
    )


def ask_again_ms(consents: Consents) -> int:
    """Return from when the person may be asked again, in Unix ms; 0: now, something is open.

    Purposes with a yes are asked about when that ends, refused ones after their time.
    """
    said = [entry for bit, entry in consents.items() if bit != _NECESSARY]
    if not said or any(entry.code in (Code.EXPIRED, Code.NOT_ASKED) for entry in said):
        return 0
    return min((entry.until_ms for entry in said if entry.until_ms), default=0)


def name_of(code: int) -> str:
    """Return a state in the words of the ledger, "opted_out"."""
    return Code(code).name.lower()


def with_bits(consents: Consents, granted: int, denied: int, until_ms: int = 0) -> Consents:
    """Return states that agree with a row's bits, also where nothing more than bits was kept.

    A yes of such a row ends when the row says that yeses do.
    """
    states = dict(consents)
    for bit in _EVERY_BIT:
        entry = states.get(bit)
        if denied & bit and (entry is None or entry.code not in _REFUSED):
            states[bit] = Entry(Code.DENIED, 0)
        elif granted & bit and not denied & bit and entry is None:
            states[bit] = Entry(Code.GRANTED, 0, 0 if bit == _NECESSARY else until_ms)
    return states


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[tuple[int, int, int, int, str, int]]).decode


def encode(consents: Consents) -> bytes:
    """Pack states: purposes that agree in everything, as they do after a banner, take one entry."""
    alike: dict[Entry, int] = {}
    for bit in sorted(consents):
        alike[consents[bit]] = alike.get(consents[bit], 0) | bit
    return _encode([(together, *entry) for entry, together in alike.items()]) if alike else b""


def decode(packed: bytes) -> Consents:
    """Return what `encode` packed.

    Raises:
        msgspec.DecodeError: it is nothing of the kind.
    """
    if not packed:
        return NOTHING_SAID
    return {
        bit: Entry(code, since_ms, until_ms, notice, cause)
        for together, code, since_ms, until_ms, notice, cause in _decode(packed)
        for bit in _EVERY_BIT
        if together & bit
    }


def _months_on(at_ms: int, months: int) -> int:
    moment = datetime.fromtimestamp(at_ms / 1000, UTC)
    return int(months_after(moment, months).timestamp() * 1000)
