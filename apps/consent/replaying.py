"""Entries of the ledger as events of a state: the state is what they come to."""

from typing import Final

from apps.consent.models import ConsentEvent
from apps.consent.services import (
    GRANTED_BY_STRINGS,
    IS_KNOWN,
    IS_OPT_OUT,
    REFUSED_BY_STRINGS,
)
from apps.consent.state import Said
from apps.consent.types import OPTED_OUT, PURPOSE_NAMES, Purpose
from apps.work import clock

_ABOUT_STATES: Final = (ConsentEvent.Kind.EXPIRED, ConsentEvent.Kind.CONFLICT_NOTIFIED)


def said_of(entry: ConsentEvent) -> Said:
    """Return what an entry says, as the fold of states takes it."""
    yes = no = signal = 0
    for name, is_yes in entry.purposes.items():
        bit = int(PURPOSE_NAMES.get(name, 0))
        yes, no = (yes | bit, no) if is_yes else (yes, no | bit)
    refused = _bits(entry, REFUSED_BY_STRINGS)
    if entry.kind == ConsentEvent.Kind.SIGNAL_APPLIED:
        no, signal = 0, no
    elif entry.controls.get(IS_OPT_OUT) is True:
        signal = OPTED_OUT
    if entry.has_gpc and entry.kind not in _ABOUT_STATES:
        signal |= OPTED_OUT
        was = entry.states.get("personalization", [""])
        signal |= int(Purpose.PERSONALIZATION) if was[-1] == "opted_out" else 0
    no |= refused & ~signal
    yes |= _bits(entry, GRANTED_BY_STRINGS) & ~no
    return Said(
        clock.to_ms(entry.at),
        entry.kind,
        yes=yes & ~no,
        no=no & ~int(Purpose.NECESSARY),
        signal=signal,
        notice=entry.policy_version,
        regime=entry.regime,
        is_known=entry.controls.get(IS_KNOWN) is True,
        key=entry.pk.hex,
    )


def noes_of(said: Said) -> Said:
    """Return only what an event refuses: what it means for somebody else it was said for."""
    if said.kind in _ABOUT_STATES:
        return said._replace(no=0)
    return said._replace(yes=0, no=said.no | said.signal, signal=0)


def _bits(entry: ConsentEvent, key: str) -> int:
    names = entry.signals.get(key, [])
    return sum(int(PURPOSE_NAMES.get(name, 0)) for name in names)
