"""What this app keeps about a profile: moved on a merge, shown on request, made anonymous."""

from collections.abc import Iterator
from uuid import UUID

from django.db import connection, transaction

from apps.consent import dividing, endings
from apps.consent.models import ConsentEvent, Ending
from apps.consent.types import ERASING_SETTING
from apps.profiles.holders import JSON, PersonalDataHolder

_ALLOW = f"SET LOCAL {ERASING_SETTING} = 'on'"
_FORBID = f"SET LOCAL {ERASING_SETTING} = 'off'"


def _reassign(from_profile: UUID, to_profile: UUID) -> int:
    endings.forget([from_profile])  # the joint row notes its own
    return ConsentEvent.objects.filter(profile_id=from_profile).update(profile_id=to_profile)


def _export(profile_id: UUID) -> Iterator[JSON]:
    for event in ConsentEvent.objects.filter(profile_id=profile_id).order_by("id"):
        yield {
            "kind": event.kind,
            "at": event.at.isoformat(),
            "purposes": event.purposes,
            "states": event.states,
            "validUntil": event.valid_until,
            "basis": event.basis,
            "regime": event.regime,
            "place": event.place,
            "noticeLanguage": event.notice_language,
            "noticeSha256": event.text_sha256,
            "network": event.network,
            "browser": event.browser,
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
        count = rows.update(profile_id=None, signals={}, signals_salt=None, network="", browser="")
        cursor.execute(_FORBID)
    return count + endings.forget([profile_id])


HOLDER = PersonalDataHolder(
    name="consent",
    tables=(ConsentEvent._meta.db_table, Ending._meta.db_table),
    reassign=_reassign,
    export=_export,
    erase=_erase,
    divide=dividing.divide,
    keep=dividing.keep,
)
