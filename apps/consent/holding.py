"""What this app keeps about a profile: moved on a merge, shown on request, made anonymous."""

from collections.abc import Iterator
from uuid import UUID

from django.db import connection, transaction

from apps.consent import dividing
from apps.consent.models import ConsentEvent
from apps.consent.types import ERASING_SETTING
from apps.profiles.holders import JSON, PersonalDataHolder

_ALLOW = f"SET LOCAL {ERASING_SETTING} = 'on'"
_FORBID = f"SET LOCAL {ERASING_SETTING} = 'off'"


def _reassign(from_profile: UUID, to_profile: UUID) -> int:
    return ConsentEvent.objects.filter(profile_id=from_profile).update(profile_id=to_profile)


def _export(profile_id: UUID) -> Iterator[JSON]:
    for event in ConsentEvent.objects.filter(profile_id=profile_id).order_by("id"):
        yield {
            "kind": event.kind,
            "at": event.at.isoformat(),
            "purposes": event.purposes,
            "regime": event.regime,
            "policyVersion": event.policy_version,
            "method": event.method,
            "gpc": event.has_gpc,
            "signals": event.signals,
        }


def _erase(profile_id: UUID) -> int:
    """The proof stays, under the keyed pseudonym only; what was sent along with it goes."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_ALLOW)
        rows = ConsentEvent.objects.filter(profile_id=profile_id)
        count = rows.update(profile_id=None, signals={}, signals_salt=None)
        cursor.execute(_FORBID)
    return count


HOLDER = PersonalDataHolder(
    name="consent",
    tables=(ConsentEvent._meta.db_table,),
    reassign=_reassign,
    export=_export,
    erase=_erase,
    divide=dividing.divide,
    keep=dividing.keep,
)
