"""What stands in the way of a person's data whatever they chose: put there, and lifted.

An erasure under way, a restriction, an objection, a child. Each is an entry of the ledger and, as a
withdrawal is, effective when this is committed: a higher epoch, hot states marked and denied, the
feed told.
"""

from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from django.db import transaction

from apps.access.selectors import regime_of
from apps.access.services import Actor
from apps.consent import withdrawing, writing
from apps.consent.circumstances import Circumstances
from apps.consent.models import ConsentEvent
from apps.consent.regimes import Found
from apps.consent.types import OPTED_OUT, Hold, Purpose
from apps.profiles import identities
from apps.profiles import state as rows_of
from apps.profiles.splitting import identities_of
from apps.profiles.state import StateRow

Name = Literal["erasing", "restricted", "objected", "minor", "clearing"]
_PERSONAL: Final = OPTED_OUT | int(Purpose.PERSONALIZATION)
_KINDS: Final = {
    "restricted": ConsentEvent.Kind.RESTRICTED,
    "objected": ConsentEvent.Kind.OBJECTED,
}


def put(
    site_id: UUID,
    profile_id: UUID,
    hold: Name,
    *,
    actor: Actor = None,
    reason_code: str,
    now: datetime,
) -> bool:
    """Put a hold on a profile; False when it is there already, or there is no such profile.

    Args:
        actor: the officer; None: the system, or the person by a request of their own.
        reason_code: a few fixed letters, "art_18_1_a"; nothing of the person.
    """
    return _set(site_id, profile_id, hold, True, actor, reason_code, now)


def lift(
    site_id: UUID,
    profile_id: UUID,
    hold: Name,
    *,
    actor: Actor = None,
    reason_code: str,
    now: datetime,
) -> bool:
    """Take a hold away; False when there is none."""
    return _set(site_id, profile_id, hold, False, actor, reason_code, now)


def mark_minor(site_id: UUID, user_id: str, *, is_minor: bool, now: datetime) -> bool:
    """Put or lift the hold of a child, as the site's own server says of a person it knows.

    False when nothing changes, or nobody has this id.
    """
    name = (site_id, "user_id", user_id)
    found = identities.find([name]).get(name)
    if found is None:
        return False
    change = put if is_minor else lift
    return change(site_id, found.profile_id, "minor", reason_code="told_by_site", now=now)


def held(row: StateRow, hold: Name) -> bool:
    """Whether a state row has a hold."""
    return bool(row.holds & Hold[hold.upper()])


@transaction.atomic
def _set(
    site_id: UUID,
    profile_id: UUID,
    hold: Name,
    is_on: bool,
    actor: Actor,
    reason_code: str,
    now: datetime,
) -> bool:
    rows = [row for row in rows_of.lock([profile_id]) if row.site_id == site_id]
    bit = int(Hold[hold.upper()])
    if not rows or bool(rows[0].holds & bit) is is_on or rows[0].merged_into is not None:
        return False
    row = rows[0]
    row.holds = row.holds | bit if is_on else row.holds & ~bit
    row.consent_epoch += 1
    if is_on:
        _stop_use(row, hold, now)
    kinds = ConsentEvent.Kind
    _append(row, kinds.LIFTED if not is_on else _KINDS.get(hold, kinds.HELD), hold, actor,
            reason_code, now)  # fmt: skip
    writing.save([row], now)
    return True


def _stop_use(row: StateRow, hold: Name, now: datetime) -> None:
    """Take what is derived out of use; what an objection was about is cleared, as if taken back.

    Of a child nothing stays but what is necessary.
    """
    if hold in ("objected", "minor"):
        taken = _PERSONAL if hold == "objected" else _PERSONAL | int(Purpose.ANALYTICS)
        withdrawing.take_back(row, taken, now=now)
    else:
        withdrawing.suspend(row, now=now)


def _append(
    row: StateRow, kind: str, hold: Name, actor: Actor, reason_code: str, now: datetime
) -> None:
    identity = next(iter(identities_of(row.profile_id)), None)
    if identity is None:
        return  # nobody: the profile of an imported row without a name, say
    how = Circumstances(
        method="system" if actor is None else "officer",
        now=now,
        found=Found(regime_of(row.site_id), "site"),
        controls={"hold": hold},
        actor_kind="system" if actor is None else "officer",
        actor_id="" if actor is None else str(actor.pk),
        reason_code=reason_code[:60],
    )
    writing.append(
        row,
        identity.pk,
        (row.site_id, identity.kind, identity.value),
        how,
        kind=kind,
        purposes={},
        bits_before=(row.granted, row.denied),
        changed={},
    )
