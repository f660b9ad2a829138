"""Reads of profiles: by any identity, merged ones included."""

from typing import Any
from uuid import UUID

from django.db import connection

from apps.profiles.models import Identity, Trait
from apps.profiles.parts import Asked, Page

_METADATA = """
SELECT s.profile_id, s.version, s.event_count, s.first_seen_at, s.last_seen_at,
  s.last_message_id, s.consent_epoch, p.created_at
FROM profiles_identity i
JOIN profiles_profilestate s ON s.profile_id = i.profile_id
JOIN profiles_profile p ON p.id = i.profile_id
WHERE i.site_id = %s AND i.kind = %s AND i.value = %s
"""


def find_profile(site_id: UUID, kind: str, value: str) -> UUID | None:
    """Return the profile that an identity points at, None when nobody has it. One statement."""
    found = Identity.objects.filter(site_id=site_id, kind=kind, value=value)
    return found.values_list("profile_id", flat=True).first()


def metadata_of(site_id: UUID, kind: str, value: str) -> dict[str, Any] | None:
    """Return counts, times and the message folded last. One statement on unique keys."""
    with connection.cursor() as cursor:
        cursor.execute(_METADATA, [str(site_id), kind, value])
        row = cursor.fetchone()
    if row is None:
        return None
    profile_id, version, count, first, last, message_id, epoch, created = row
    return {
        "profileId": f"prf_{profile_id.hex}",
        "version": version,
        "eventCount": count,
        "firstSeenAt": first,
        "lastSeenAt": last,
        "lastFoldedMessageId": message_id or None,
        "consentEpoch": epoch,
        "createdAt": created,
    }


def traits_of(asked: Asked) -> Page:
    """Return traits by name with their source and time. One statement."""
    traits = Trait.objects.filter(profile_id=asked.profile_id, key__gt=asked.after).order_by("key")
    wanted = asked.query.get("include")
    if wanted:
        traits = traits.filter(key__in=wanted.split(","))
    rows = list(traits.values("key", "value", "source", "observed_at")[: asked.limit + 1])
    more = rows[asked.limit - 1]["key"] if len(rows) > asked.limit else ""
    return Page([dict(row) for row in rows[: asked.limit]], more)


def external_ids_of(asked: Asked) -> Page:
    """Return the identities of a profile, oldest first. One statement."""
    after = int(asked.after) if asked.after.isdigit() else 0
    found = Identity.objects.filter(profile_id=asked.profile_id, id__gt=after).order_by("id")
    rows = list(found.values("id", "kind", "value", "created_at")[: asked.limit + 1])
    more = str(rows[asked.limit - 1]["id"]) if len(rows) > asked.limit else ""
    return Page(
        [
            {"type": row["kind"], "id": row["value"], "createdAt": row["created_at"]}
            for row in rows[: asked.limit]
        ],
        more,
    )
