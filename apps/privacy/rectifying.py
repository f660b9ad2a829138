"""Rectification: a trait put right by an officer, with who and when in the history of the trait.

The reason stands in the request, not in the row: the row lives as long as the person's data.
"""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from apps.access.errors import InvalidRequest
from apps.privacy import told_recipients
from apps.privacy.errors import RequestNotOpen
from apps.privacy.models.requests import Request
from apps.privacy.request_log import log
from apps.privacy.subjects import subjects_of
from apps.profiles import contacts, state, trait_kinds, vault
from apps.profiles import services as profiles
from apps.profiles.services import TraitWrite
from apps.profiles.signals import states_changed, states_changing
from apps.profiles.state import StateRow
from apps.work import clock

SOURCE: Final = "officer:rectified"
MOST_KEY: Final = 120
# What the site works out itself: those are corrected at their source.
_DERIVED: Final = ("score.", "computed.", "list.", "group.")


@transaction.atomic
def rectify(
    *,
    request_id: UUID,
    key: str,
    value: object,
    actor: AbstractBaseUser,
    now: datetime,
) -> int:
    """Write a trait of the person of a request, or forget it (None); return how many profiles.

    Segments and everything else that reads the trait follow as after an event.

    Raises:
        RequestNotOpen: it is no rectification that is being carried out.
        InvalidRequest: the trait is not one that can be put right.
    """
    request = Request.objects.select_for_update().get(pk=request_id)
    if request.kind != Request.Kind.RECTIFICATION or request.state != Request.State.IN_PROGRESS:
        raise RequestNotOpen("This request is no rectification that is being carried out.")
    name = key.strip()
    if not name or len(name) > MOST_KEY or name.startswith(_DERIVED):
        raise InvalidRequest(
            "Name a trait that the person has told. What the site works out follows by itself."
        )
    rows = [row for row in state.lock(sorted(subjects_of(request))) if row.merged_into is None]
    if not rows:
        raise InvalidRequest("Nobody with these names is known here: there is nothing to correct.")
    message_id = f"{SOURCE}:{request.public_ref}"
    for row in rows:
        _put(row, name, value, message_id, now)
    state.save(rows)
    profiles.write_traits([_observed(row, name, message_id, now) for row in rows])
    contacts.renew(rows)
    profiles.look_at([row.profile_id for row in rows], now=now)
    states_changing.send(sender=None, rows=rows)
    transaction.on_commit(lambda: states_changed.send(sender=None, rows=rows))
    told = told_recipients.tell(request, [row.profile_id for row in rows], now=now)
    detail = {"trait": name, "profiles": len(rows), "recipients": told}
    log(request, "rectified", actor=actor, now=now, detail=detail)
    return len(rows)


def _put(row: StateRow, key: str, value: object, message_id: str, now: datetime) -> None:
    kept: Any = value
    if value is not None and trait_kinds.kinds_of(row.site_id).is_encrypted(key):
        kept = vault.seal_value(row.site_id, row.profile_id, key, value)
    now_ms = clock.to_ms(now)
    row.traits[key] = (kept, now_ms, message_id, now_ms, SOURCE)


def _observed(row: StateRow, key: str, message_id: str, now: datetime) -> TraitWrite:
    return TraitWrite(
        profile_id=row.profile_id,
        key=key,
        value=row.traits[key][0],
        source=SOURCE,
        observed_at=now,
        received_at=now,
        consent_epoch=row.consent_epoch,
        message_id=message_id,
        is_newest=True,
    )
