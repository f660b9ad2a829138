"""Who of a site's people was told to whom: noted with each telling, kept for twelve months."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection

from apps.consent.recipients import Disclosure, Recipient
from apps.profiles.holders import JSON, Division, PersonalDataHolder
from apps.profiles.state import StateRow

KEPT = timedelta(days=365)

_NOTE = """
INSERT INTO consent_disclosure (profile_id, recipient_id, what, first_at, last_at)
SELECT id, %(recipient)s, %(what)s, %(now)s, %(now)s
FROM profiles_profile WHERE id = ANY(%(profiles)s::uuid[])
ON CONFLICT (profile_id, recipient_id, what)
DO UPDATE SET last_at = greatest(consent_disclosure.last_at, excluded.last_at)
"""
_MERGE = """
INSERT INTO consent_disclosure (profile_id, recipient_id, what, first_at, last_at)
SELECT %(new)s, recipient_id, what, first_at, last_at
FROM consent_disclosure WHERE profile_id = %(old)s
ON CONFLICT (profile_id, recipient_id, what)
DO UPDATE SET first_at = least(consent_disclosure.first_at, excluded.first_at),
  last_at = greatest(consent_disclosure.last_at, excluded.last_at)
"""


@dataclass(frozen=True, slots=True)
class ToldTo:
    """That somebody was told to one recipient, by whatever did it.

    Attributes:
        what: what told it, such as "trigger:welcome"; sorted, each once.
    """

    recipient_id: UUID
    key: str
    name: str
    contact: str
    endpoint: str
    what: tuple[str, ...]
    first_at: datetime
    last_at: datetime


def note(profile_ids: Collection[UUID], recipient_id: UUID, what: str, now: datetime) -> int:
    """Keep that these people were told to a recipient. One statement; who is gone is left out.

    Args:
        what: what told it, such as "trigger:welcome", at most 100 characters.
    """
    if not profile_ids:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            _NOTE,
            {
                "profiles": [str(one) for one in profile_ids],
                "recipient": recipient_id,
                "what": what,
                "now": now,
            },
        )
        return int(cursor.rowcount)


def recipients_of(profile_ids: Collection[UUID], since: datetime) -> list[ToldTo]:
    """Return who was told about any of these profiles since a time, by name. One query."""
    rows = (
        Disclosure.objects.filter(profile_id__in=profile_ids, last_at__gte=since)
        .select_related("recipient")
        .order_by("recipient__name", "recipient_id", "what")
    )
    by_recipient: dict[UUID, list[Disclosure]] = {}
    for row in rows:
        by_recipient.setdefault(row.recipient_id, []).append(row)
    return [
        ToldTo(
            recipient_id=recipient_id,
            key=tellings[0].recipient.key,
            name=tellings[0].recipient.name,
            contact=tellings[0].recipient.contact,
            endpoint=tellings[0].recipient.endpoint,
            what=tuple(sorted({one.what for one in tellings})),
            first_at=min(one.first_at for one in tellings),
            last_at=max(one.last_at for one in tellings),
        )
        for recipient_id, tellings in by_recipient.items()
    ]


def forget_old(*, now: datetime) -> int:
    """Delete what was told for the last time more than twelve months ago; return how many."""
    return Disclosure.objects.filter(last_at__lt=now - KEPT).delete()[0]


def _reassign(from_profile: UUID, to_profile: UUID) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_MERGE, {"old": from_profile, "new": to_profile})
        moved = int(cursor.rowcount)
        cursor.execute("DELETE FROM consent_disclosure WHERE profile_id = %s", [from_profile])
        return moved


def _keep(winner: StateRow, loser: StateRow) -> JSON:
    """Who the loser was told to: after a division both have been told, as far as is known."""
    rows = Disclosure.objects.filter(profile_id=loser.profile_id)
    return [
        [str(row.recipient_id), row.what, row.first_at.isoformat(), row.last_at.isoformat()]
        for row in rows
    ]


def _export(profile_id: UUID) -> Iterator[JSON]:
    for row in Disclosure.objects.filter(profile_id=profile_id).select_related("recipient"):
        yield {
            "recipient": row.recipient.name,
            "country": row.recipient.country,
            "what": row.what,
            "firstAt": row.first_at.isoformat(),
            "lastAt": row.last_at.isoformat(),
        }


def _erase(profile_id: UUID) -> int:
    return Disclosure.objects.filter(profile_id=profile_id).delete()[0]


def _divide(division: Division) -> int:
    """Give back what was told of the loser; the winner keeps it: better one told too many."""
    rows = [
        Disclosure(
            profile_id=division.loser.profile_id,
            recipient_id=UUID(recipient),
            what=what,
            first_at=datetime.fromisoformat(first),
            last_at=datetime.fromisoformat(last),
        )
        for recipient, what, first, last in division.kept or []
        if Recipient.objects.filter(pk=recipient).exists()
    ]
    return len(Disclosure.objects.bulk_create(rows, ignore_conflicts=True))


HOLDER = PersonalDataHolder(
    name="disclosures",
    tables=(Disclosure._meta.db_table,),
    reassign=_reassign,
    export=_export,
    erase=_erase,
    divide=_divide,
    keep=_keep,
)
