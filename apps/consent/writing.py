"""Consent events, written: each is a row of the ledger, and the state row follows at once.

Everything here runs under the locks of the state rows, in a transaction of the caller or its own.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from apps.access.errors import Unavailable
from apps.consent import endings, gates, state, withdrawing
from apps.consent.circumstances import Circumstances
from apps.consent.digests import subject_digest
from apps.consent.models import ConsentEvent
from apps.consent.regimes import is_opt_in
from apps.consent.state import Consents, Said
from apps.consent.types import NOT_ASKED, PURPOSE_NAMES, Choice, Hold, Purpose, names_of
from apps.profiles import identities as profile_identities
from apps.profiles import services as profiles
from apps.profiles import state as rows_of
from apps.profiles.identities import IdentityMoved, Name
from apps.profiles.signals import states_changed, states_changing
from apps.profiles.state import StateRow
from apps.work import clock
from apps.work import services as work

CONSENT_CHANGED: Final = "consent.changed"
_ATTEMPTS: Final = 5
_IN_SPITE: Final = int(Hold.ADVERTISING_CHOSEN | Hold.PERSONALIZATION_CHOSEN)
Kinds = ConsentEvent.Kind


@dataclass(frozen=True, slots=True)
class Entered:
    """One consent event about to be written.

    Attributes:
        yes, no: purposes as bits. Of "expired" and "conflict_notified" `no` says of which.
        opt_out: what an opt-out signal other than Global Privacy Control refuses, as bits.
        purposes: what was chosen, by name, as it was said.
        is_silent_twice: not written when it changes nothing: a signal comes with every request.
        residence: where the person says they live; None: nothing is said of that.
    """

    circumstances: Circumstances
    purposes: dict[str, bool]
    yes: int = 0
    no: int = 0
    opt_out: int = 0
    kind: str = ""
    is_known: bool = False
    is_silent_twice: bool = False
    residence: str | None = None


Write = Callable[[StateRow, int, Name], bool]  # a locked row, the identity and its name


def record(names: Sequence[Name], write: Write, now: datetime) -> Choice:
    """Write events for everybody these identities lead to, and return the strictest state.

    Raises:
        Unavailable: the identities kept moving under joins that went on meanwhile.
    """
    for _ in range(_ATTEMPTS):
        try:
            with transaction.atomic():
                return _record_once(names, write, now)
        except IdentityMoved:
            continue  # the locks went with the rolled back part: start again from the identities
    raise Unavailable("The visitor's identities are being joined: try again.")


def _record_once(names: Sequence[Name], write: Write, now: datetime) -> Choice:
    found = profiles.find_or_make(names, now=now)
    rows = {row.profile_id: row for row in rows_of.lock(set(found.values()))}
    # Again, under the locks: a merge or another owner may have gone ahead while we waited.
    places = profile_identities.find(names)
    told: dict[UUID, tuple[int, Name]] = {}
    for name in names:
        place = places.get(name)
        if place is None or place.profile_id != found[name] or place.profile_id not in rows:
            raise IdentityMoved
        told.setdefault(place.profile_id, (place.id, name))
    changed = [row for row in rows.values() if write(row, *told[row.profile_id])]
    save(changed, now, names=found)
    choice = NOT_ASKED
    for row in rows.values():
        choice = choice.stricter(gates.choice_of(row, row.consent_epoch))
    return choice


def save(changed: Sequence[StateRow], now: datetime, names: dict[Name, UUID] | None = None) -> None:
    """Write back rows whose consent has changed; hot states are marked now and follow after."""
    if not changed:
        return
    rows_of.save(changed)
    endings.note(changed)
    # Conditions ask for choices, and who has only just come has not been asked anything yet.
    profiles.look_at([row.profile_id for row in changed], now=now)
    states_changing.send(sender=ConsentEvent, rows=changed)
    transaction.on_commit(
        partial(states_changed.send, sender=ConsentEvent, rows=changed, names=names or {})
    )


def consents_of(row: StateRow) -> Consents:
    """Return the state of each purpose of a row."""
    packed = state.decode(row.consents)
    return state.with_bits(packed, row.granted, row.denied, row.consent_until_ms)


def put(row: StateRow, consents: Consents, now_ms: int) -> None:
    """Set what a row's states come to; the caller saves it."""
    granted, denied, until_ms = state.bits(consents, now_ms)
    row.consents = state.encode(consents)
    row.granted, row.denied, row.consent_until_ms = granted, denied, until_ms
    in_spite = state.chosen_in_spite(consents)
    row.holds &= ~_IN_SPITE
    if in_spite & (Purpose.ADVERTISING | Purpose.SALE):
        row.holds |= Hold.ADVERTISING_CHOSEN
    if in_spite & Purpose.PERSONALIZATION:
        row.holds |= Hold.PERSONALIZATION_CHOSEN


def enter(row: StateRow, identity_id: int, name: Name, entered: Entered) -> bool:
    """Append one event and change the locked row; False when it says nothing new and need not."""
    how = entered.circumstances
    if entered.residence is not None:
        row.residence = entered.residence
    found = how.regime_for(row.residence)
    now_ms = clock.to_ms(how.now)
    before = consents_of(row)
    kind = entered.kind or _kind(before, entered)
    said = Said(
        now_ms,
        kind,
        yes=entered.yes,
        no=entered.no,
        signal=entered.opt_out | how.refused_by_gpc(found.regime),
        notice=how.notice.version,
        regime=found.regime,
        is_known=entered.is_known,
    )
    after = state.after(before, said, policy=how.policy)
    if entered.is_silent_twice and after == before:
        return False
    granted, denied = row.granted, row.denied
    put(row, after, now_ms)
    row.consent_epoch += 1
    withdrawing.follow(row, granted=granted, denied=denied, now=how.now)
    append(
        row,
        identity_id,
        name,
        how,
        kind=kind,
        purposes=entered.purposes,
        bits_before=(granted, denied),
        changed=_changed(before, after),
    )
    return True


def append(
    row: StateRow,
    identity_id: int,
    name: Name,
    how: Circumstances,
    *,
    kind: str,
    purposes: dict[str, bool],
    bits_before: tuple[int, int],
    changed: dict[str, tuple[str, str, int]],
) -> None:
    """Append the ledger's row of what has just been done to a state row, and tell the feed.

    Args:
        changed: name of a purpose -> (state before, state after, until when in ms or 0).
    """
    found = how.regime_for(row.residence)
    ConsentEvent.objects.create(
        site_id=row.site_id,
        profile_id=row.profile_id,
        identity_id=identity_id,
        subject_digest=subject_digest(*name),
        kind=kind,
        purposes=purposes,
        granted_before=bits_before[0],
        denied_before=bits_before[1],
        granted_after=row.granted,
        denied_after=row.denied,
        epoch=row.consent_epoch,
        regime=found.regime,
        regime_source=found.source,
        place=found.place,
        basis="consent" if is_opt_in(found.regime) else "opt_out",
        states={key: list(one[:2]) for key, one in changed.items()},
        valid_until={key: _instant(one[2]) for key, one in changed.items() if one[2]},
        **_columns_of(how),
    )
    work.record_change(
        CONSENT_CHANGED,
        site_id=row.site_id,
        profile_id=row.profile_id,
        payload={"epoch": row.consent_epoch, "granted": row.granted, "denied": row.denied},
        now=how.now,
    )


def _columns_of(how: Circumstances) -> dict[str, Any]:
    """How a choice came about, as the ledger has it."""
    return {
        "policy_version": how.notice.version,
        "notice_id": how.notice.id,
        "notice_language": how.notice.language,
        "text_sha256": how.notice.text_sha256,
        "method": how.method,
        "has_gpc": how.has_gpc,
        "signals": dict(how.signals),
        "controls": dict(how.controls),
        "client_at": how.client_at,
        "at": how.now,
        "source_id": how.source_id,
        "network": how.network,
        "browser": how.browser,
        "actor_kind": how.actor_kind,
        "actor_id": how.actor_id,
        "reason_code": how.reason_code,
    }


def _changed(before: Consents, after: Consents) -> dict[str, tuple[str, str, int]]:
    """What an event did to each purpose that it changed, or confirmed."""
    found = {}
    for bit, entry in after.items():
        was = before.get(bit)
        if was != entry:
            was_called = "not_asked" if was is None else state.name_of(was.code)
            found[names_of(bit)[0]] = (was_called, state.name_of(entry.code), entry.until_ms)
    return found


def _kind(before: Consents, entered: Entered) -> str:
    """Taking back counts most, then a yes to anything that needs one."""
    granted = _in_state(before, state.Code.GRANTED)
    if entered.circumstances.method == "import":
        return Kinds.IMPORTED
    if (entered.no | entered.opt_out) & granted:
        return Kinds.WITHDRAWN
    yes = entered.yes & ~Purpose.NECESSARY
    if yes and not yes & ~granted and not entered.no:
        return Kinds.RECONFIRMED
    if entered.no == Purpose.SENSITIVE and not yes:
        return Kinds.LIMITED
    return Kinds.GIVEN if yes or not entered.no else Kinds.REFUSED


def _in_state(consents: Consents, code: int) -> int:
    return sum(bit for bit, entry in consents.items() if entry.code == code)


def bits_named(names: Iterable[str]) -> int:
    """Return purposes by name as bits. Raises KeyError for one that there is not."""
    found = 0
    for name in names:
        found |= int(PURPOSE_NAMES[name])
    return found


def _instant(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
