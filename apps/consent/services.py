"""Writes of consent: every choice and signal is a row, and the state row follows it at once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction

from apps.access.errors import Unavailable
from apps.consent.models import ConsentEvent
from apps.consent.selectors import subject_digest
from apps.consent.types import NOT_ASKED, OPTED_OUT, WIRE_NAMES, Choice, Purpose, names_of
from apps.profiles import identities as profile_identities
from apps.profiles import services as profiles
from apps.profiles import state
from apps.profiles.identities import IdentityMoved, Name
from apps.profiles.signals import states_changed, states_changing
from apps.profiles.state import StateRow
from apps.work import services as work

CONSENT_CHANGED = "consent.changed"
# In the `signals` of an entry: wire names of what the strings beside it refused.
REFUSED_BY_STRINGS = "refused"
_ATTEMPTS = 5


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
    refused: int = 0,
) -> Choice:
    """Append a choice for every identity given and return the strictest resulting state.

    Server time decides: the choice recorded last stands. A `Sec-GPC: 1` that came with it refuses
    advertising and sale whatever the choice says, and strings of a consent platform what they
    refuse; the row keeps both, so the conflict can be seen.

    Args:
        identities: (kind, value) of the person, at least one.
        purposes: wire names ("analytics") to yes or no; the other purposes stay as they are.
        method: how it was said: "banner", "preferences", "api", "event".
        signals: what came along, such as a TCF string; stored as it is.
        regime: the rule set that applied.
        refused: purposes that the strings among `signals` refuse, as bits.

    Raises:
        Unavailable: the identities kept moving under joins that went on meanwhile.
    """
    no = _bits(name for name, is_yes in purposes.items() if not is_yes)
    if gpc:
        no |= OPTED_OUT
    no |= refused
    evidence = dict(signals)
    if refused:
        evidence[REFUSED_BY_STRINGS] = names_of(refused)
    said = _Said(
        yes=_bits(name for name, is_yes in purposes.items() if is_yes) & ~no,
        no=no & ~Purpose.NECESSARY,
        purposes=dict(purposes),
        method=method,
        is_signal=False,
        policy_version=policy_version,
        has_gpc=gpc,
        signals=evidence,
        client_at=client_at,
        regime=regime,
        source_id=source_id,
        now=now,
    )
    return _record(site_id, identities, said)


def apply_opt_out(
    *,
    site_id: UUID,
    source_id: UUID | None,
    identities: Sequence[tuple[str, str]],
    gpc: bool,
    strings: Mapping[str, str],
    regime: str,
    now: datetime,
) -> Choice:
    """Record a signal that opts out of advertising and sale. Nothing is written twice.

    Args:
        gpc: it is (also) `Sec-GPC: 1`.
        strings: the GPP and US Privacy strings that say it, by name; kept as evidence.
    """
    said = _Said(
        yes=0,
        no=OPTED_OUT,
        purposes={"advertising": False, "sale": False},
        method="signal",
        is_signal=True,
        policy_version="",
        has_gpc=gpc,
        signals={"gpc": True, **strings} if gpc else dict(strings),
        client_at=None,
        regime=regime,
        source_id=source_id,
        now=now,
    )
    return _record(site_id, identities, said)


def _bits(names: Iterable[str]) -> int:
    bits = 0
    for name in names:
        bits |= WIRE_NAMES[name]
    return bits


def _record(site_id: UUID, identities: Sequence[tuple[str, str]], said: _Said) -> Choice:
    names = [(site_id, kind, value) for kind, value in dict.fromkeys(identities)]
    for _ in range(_ATTEMPTS):
        try:
            with transaction.atomic():
                return _record_once(names, said)
        except IdentityMoved:
            continue  # the locks went with the rolled back part: start again from the identities
    raise Unavailable("The visitor's identities are being joined: try again.")


def _record_once(names: Sequence[Name], said: _Said) -> Choice:
    found = profiles.find_or_make(names, now=said.now)
    rows = {row.profile_id: row for row in state.lock(set(found.values()))}
    # Again, under the locks: a merge or another owner may have gone ahead while we waited.
    places = profile_identities.find(names)
    told: dict[UUID, tuple[int, Name]] = {}
    for name in names:
        place = places.get(name)
        if place is None or place.profile_id != found[name] or place.profile_id not in rows:
            raise IdentityMoved
        told.setdefault(place.profile_id, (place.id, name))
    changed = [row for row in rows.values() if _apply(row, *told[row.profile_id], said)]
    if changed:
        state.save(changed)
        # Conditions ask for choices, and who has only just come has not been asked anything yet.
        profiles.look_at([row.profile_id for row in changed], now=said.now)
        states_changing.send(sender=ConsentEvent, rows=changed)
        transaction.on_commit(
            partial(states_changed.send, sender=ConsentEvent, rows=changed, names=found)
        )
    choice = NOT_ASKED
    for row in rows.values():
        choice = choice.stricter(Choice(row.granted, row.denied, row.consent_epoch))
    return choice


def _apply(row: StateRow, identity_id: int, name: Name, said: _Said) -> bool:
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
        subject_digest=subject_digest(*name),
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
    """Taking back counts most, then a yes to anything that needs one."""
    if said.is_signal:
        return ConsentEvent.Kind.SIGNAL_APPLIED
    if said.no & row.granted:
        return ConsentEvent.Kind.WITHDRAWN
    has_yes = said.yes & ~Purpose.NECESSARY
    return ConsentEvent.Kind.GIVEN if has_yes or not said.no else ConsentEvent.Kind.REFUSED
