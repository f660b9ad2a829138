"""Consent when a merge is undone.

Each has what was said for it, and both every no of the time: a yes counts for the profile whose
identity said it. A no that was said while the two were one person counts for both, whoever said it:
the person who said it meant all that was joined.
"""

import base64
from collections.abc import Iterable
from uuid import UUID

from django.db.models import Q

from apps.consent import endings, state, writing
from apps.consent.circumstances import policy_of
from apps.consent.digests import subject_digest
from apps.consent.models import ConsentEvent
from apps.consent.replaying import noes_of, said_of
from apps.consent.services import CONSENT_CHANGED
from apps.consent.state import Consents, Policy
from apps.consent.types import Choice, names_of
from apps.profiles.holders import JSON, Division
from apps.profiles.splitting import identities_of
from apps.profiles.state import StateRow
from apps.work import clock
from apps.work import services as work

METHOD = "split"


def keep(winner: StateRow, loser: StateRow) -> JSON:
    """What both have said so far, the loser's entries, and the last epoch of before the merge."""
    entries = ConsentEvent.objects.filter(profile_id=loser.profile_id)
    return {
        "winner": _kept(winner),
        "loser": _kept(loser),
        "entries": [pk.hex for pk in entries.values_list("pk", flat=True)],
        "epoch": max(winner.consent_epoch, loser.consent_epoch),
    }


def divide(division: Division) -> int:
    """Work out both choices anew and give the loser its entries back. Both epochs rise."""
    winner, loser, note = division.winner, division.loser, division.kept
    entries = ConsentEvent.objects.filter(profile_id=winner.profile_id)
    since = list(entries.filter(epoch__gt=note["epoch"]).order_by("epoch", "pk"))
    own = Q(identity_id__in=division.identity_ids) | Q(pk__in=[UUID(h) for h in note["entries"]])
    moved = entries.filter(own).update(profile_id=loser.profile_id)
    epoch = max(winner.consent_epoch, loser.consent_epoch) + 1
    now_ms, holds = clock.to_ms(division.now), winner.holds
    policy = policy_of(winner.site_id)
    for row, name in ((winner, "winner"), (loser, "loser")):
        before = _before(row, note, name, holds)
        mine = [
            (entry, (entry.identity_id in division.identity_ids) == (row is loser))
            for entry in since
        ]
        said = _after(before, mine, policy)
        alone = _after(before, ((entry, True) for entry, is_own in mine if is_own), policy)
        writing.put(row, said, now_ms)
        row.consent_epoch = epoch
        if state.bits(said, now_ms)[:2] != state.bits(alone, now_ms)[:2]:
            _note(row, Choice(*state.bits(alone, now_ms)[:2]), since[-1].regime, division)
        work.record_change(
            CONSENT_CHANGED,
            site_id=row.site_id,
            profile_id=row.profile_id,
            payload={"epoch": epoch, "granted": row.granted, "denied": row.denied},
            now=division.now,
        )
    endings.note([winner, loser])
    return moved


def _kept(row: StateRow) -> JSON:
    packed = base64.b64encode(row.consents).decode()
    return [row.granted, row.denied, packed, row.consent_until_ms, row.holds, row.residence]


def _before(row: StateRow, note: JSON, name: str, holds: int) -> Consents:
    """Set what a row had besides choices, and return the states it had before the merge.

    A hold that was lifted since then is lifted, one that was put since is for both.
    """
    granted, denied, *rest = note[name]
    packed, until_ms, own_holds, residence = rest or ["", 0, 0, ""]
    both = own_holds
    for other in ("winner", "loser"):
        both |= (note[other][4:5] or [0])[0]
    row.holds = own_holds & holds | holds & ~both
    row.residence = residence
    kept = state.decode(base64.b64decode(packed))
    return state.with_bits(kept, granted, denied, until_ms)


def _after(
    consents: Consents, entries: Iterable[tuple[ConsentEvent, bool]], policy: Policy
) -> Consents:
    """The states after these entries: all of one's own, the noes of the other's."""
    for entry, is_own in entries:
        said = said_of(entry)
        heard = said if is_own else noes_of(said)
        consents = state.after(consents, heard, policy=policy)
    return consents


def _note(row: StateRow, alone: Choice, regime: str, division: Division) -> None:
    """Write into the ledger what a profile has been refused by the other's word."""
    no = row.denied & ~alone.denied
    identity = next(iter(identities_of(row.profile_id)), None)
    if identity is None or not no:
        return
    kinds = ConsentEvent.Kind
    ConsentEvent.objects.create(
        site_id=row.site_id,
        profile_id=row.profile_id,
        identity_id=identity.pk,
        subject_digest=subject_digest(row.site_id, identity.kind, identity.value),
        kind=kinds.WITHDRAWN if no & alone.granted else kinds.REFUSED,
        purposes=dict.fromkeys(names_of(no), False),
        granted_before=alone.granted,
        denied_before=alone.denied,
        granted_after=row.granted,
        denied_after=row.denied,
        epoch=row.consent_epoch,
        regime=regime,
        method=METHOD,
        at=division.now,
    )
