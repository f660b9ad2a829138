"""Consent when a merge is undone: each has what was said for it, and both every no of the time.

A yes counts for the profile whose identity said it. A no that was said while the two were one
person counts for both, whoever said it: the person who said it meant all that was joined.
"""

from collections.abc import Iterable
from uuid import UUID

from django.db.models import Q

from apps.consent.models import ConsentEvent
from apps.consent.selectors import subject_digest
from apps.consent.services import CONSENT_CHANGED, REFUSED_BY_STRINGS
from apps.consent.types import OPTED_OUT, WIRE_NAMES, Choice, Purpose, names_of
from apps.profiles.holders import JSON, Division
from apps.profiles.splitting import identities_of
from apps.profiles.state import StateRow
from apps.work import services as work

METHOD = "split"


def keep(winner: StateRow, loser: StateRow) -> JSON:
    """What both have said so far, the loser's entries, and the last epoch of before the merge."""
    entries = ConsentEvent.objects.filter(profile_id=loser.profile_id)
    return {
        "winner": [winner.granted, winner.denied],
        "loser": [loser.granted, loser.denied],
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
    for row, name in ((winner, "winner"), (loser, "loser")):
        granted, denied = note[name]
        mine = [
            (entry, (entry.identity_id in division.identity_ids) == (row is loser))
            for entry in since
        ]
        said = _after(Choice(granted, denied), mine)
        alone = _after(Choice(granted, denied), ((entry, True) for entry, is_own in mine if is_own))
        row.granted, row.denied, row.consent_epoch = said.granted, said.denied, epoch
        if said != alone:
            _note(row, alone, since[-1].regime, division)
        work.record_change(
            CONSENT_CHANGED,
            site_id=row.site_id,
            profile_id=row.profile_id,
            payload={"epoch": epoch, "granted": row.granted, "denied": row.denied},
            now=division.now,
        )
    return moved


def _after(choice: Choice, entries: Iterable[tuple[ConsentEvent, bool]]) -> Choice:
    """The choice after these entries in their order: all of one's own, the noes of the other's."""
    granted, denied = choice.granted, choice.denied
    for entry, is_own in entries:
        yes, no = 0, OPTED_OUT if entry.has_gpc else 0
        for name, is_yes in entry.purposes.items():
            bit = int(WIRE_NAMES.get(name, 0))
            yes, no = (yes | bit, no) if is_yes else (yes, no | bit)
        for name in entry.signals.get(REFUSED_BY_STRINGS, []):
            no |= int(WIRE_NAMES.get(name, 0))
        no &= ~Purpose.NECESSARY
        yes = yes & ~no if is_own else 0
        granted, denied = (granted | yes) & ~no, (denied | no) & ~yes
    return Choice(granted, denied)


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
