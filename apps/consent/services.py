"""Writes of consent: every choice and signal is a row, and the state row follows it at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction

from apps.consent.models import ConsentEvent
from apps.consent.types import WIRE_NAMES, Choice, Purpose
from apps.profiles import identities as profile_identities
from apps.profiles import services as profiles
from apps.profiles import state
from apps.profiles.signals import states_changed, states_changing
from apps.profiles.state import StateRow
from apps.work import services as work

CONSENT_CHANGED = "consent.changed"
OPTED_OUT = int(Purpose.ADVERTISING | Purpose.SALE)


@dataclass(frozen=True, slots=True)
class _Said:
    """One choice or signal and its circumstances, the same for every profile it applies to."""

    yes: int
    no: int
    purposes: dict[str, bool]
    method: str
    is_signal: bool
    policy_version: str
    has_gpc: bool
    signals: dict[str, Any]
    client_at: datetime | None
    regime: str
    source_id: UUID | None
    now: datetime


def record_choice(
    *,
    site_id: UUID,
    source_id: UUID | None,
    identities: Sequence[tuple[str, str]],
    purposes: Mapping[str, bool],
    method: str,
    policy_version: str,
    gpc: bool,
    signals: Mapping[str, Any],
    client_at: datetime | None,
    regime: str,
    now: datetime,
) -> Choice:
    """Append a choice for every identity given and return the strictest resulting state.

    Server time decides: the choice recorded last stands. A `Sec-GPC: 1` that came with it refuses
    advertising and sale whatever the choice says.

    Args:
        identities: (kind, value) of the person, at least one.
        purposes: wire names ("analytics") to yes or no; the other purposes stay as they are.
    """
    no = _bits(name for name, is_yes in purposes.items() if not is_yes)
    if gpc:
        no |= OPTED_OUT
    said = _Said(
        yes=_bits(name for name, is_yes in purposes.items() if is_yes) & ~no,
        no=no & ~Purpose.NECESSARY,
        purposes=dict(purposes),
        method=method,
        is_signal=False,
        policy_version=policy_version,
        has_gpc=gpc,
        signals=dict(signals),
        client_at=client_at,
        regime=regime,
        source_id=source_id,
        now=now,
    )
    return _record(site_id, identities, said)


def apply_gpc(
    *,
    site_id: UUID,
    source_id: UUID | None,
    identities: Sequence[tuple[str, str]],
    regime: str,
    now: datetime,
) -> Choice:
    """Record `Sec-GPC: 1`: opted out of advertising and sale. Nothing is written twice."""
    said = _Said(
        yes=0,
        no=OPTED_OUT,
        purposes={"advertising": False, "sale": False},
        method="signal",
        is_signal=True,
        policy_version="",
        has_gpc=True,
        signals={"gpc": True},
        client_at=None,
        regime=regime,
        source_id=source_id,
        now=now,
    )
    return _record(site_id, identities, said)


def _bits(names: Any) -> int:
    bits = 0
    for name in names:
        bits |= WIRE_NAMES[name]
    return bits


def _record(site_id: UUID, identities: Sequence[tuple[str, str]], said: _Said) -> Choice:
    names = [(site_id, kind, value) for kind, value in identities]
    with transaction.atomic():
        found = profiles.find_or_make(names, now=said.now)
        rows = {row.profile_id: row for row in state.lock(set(found.values()))}
        if any(row.merged_into is not None for row in rows.values()):
            # A merge went ahead while we waited for the lock: every identity has moved on.
            moved = profile_identities.find(names)
            found = {name: place.profile_id for name, place in moved.items()}
            rows = {row.profile_id: row for row in state.lock(set(found.values()))}
        told = {profile_id: _find_identity(name) for name, profile_id in found.items()}
        changed = [row for row in rows.values() if _apply(row, told[row.profile_id], said)]
        if changed:
            state.save(changed)
            states_changing.send(sender=ConsentEvent, rows=changed)
            transaction.on_commit(partial(states_changed.send, sender=ConsentEvent, rows=changed))
    choice = Choice()
    for row in rows.values():
        choice = choice.stricter(Choice(row.granted, row.denied, row.consent_epoch))
    return choice


def _find_identity(name: profile_identities.Name) -> int:
    return profile_identities.find([name])[name].id


def _apply(row: StateRow, identity_id: int, said: _Said) -> bool:
    """Append the event and change the locked row; False when a signal says nothing new."""
    granted = (row.granted | said.yes) & ~said.no
    denied = (row.denied | said.no) & ~said.yes
    if said.is_signal and denied == row.denied:
        return False
    epoch = row.consent_epoch + 1
    ConsentEvent.objects.create(
        site_id=row.site_id,
        profile_id=row.profile_id,
        identity_id=identity_id,
        kind=_kind(row, said),
        purposes=said.purposes,
        granted_before=row.granted,
        denied_before=row.denied,
        granted_after=granted,
        denied_after=denied,
        epoch=epoch,
        regime=said.regime,
        policy_version=said.policy_version,
        method=said.method,
        has_gpc=said.has_gpc,
        signals=said.signals,
        client_at=said.client_at,
        at=said.now,
        source_id=said.source_id,
    )
    row.granted, row.denied, row.consent_epoch = granted, denied, epoch
    work.record_change(
        CONSENT_CHANGED,
        site_id=row.site_id,
        profile_id=row.profile_id,
        payload={"epoch": epoch, "granted": granted, "denied": denied},
        now=said.now,
    )
    return True


def _kind(row: StateRow, said: _Said) -> ConsentEvent.Kind:
    if said.is_signal:
        return ConsentEvent.Kind.SIGNAL_APPLIED
    if said.no & row.granted:
        return ConsentEvent.Kind.WITHDRAWN
    return ConsentEvent.Kind.REFUSED if said.no else ConsentEvent.Kind.GIVEN
