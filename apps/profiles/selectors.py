"""Reads of profiles: by any identity, merged ones included."""

from typing import Any
from uuid import UUID

from django.db import connection

from apps.profiles import vault
from apps.profiles.models import Identity, Profile, Trait
from apps.profiles.parts import Asked, Page, foreign_cursor, instant

KNOWN_KINDS = ("user_id", "anonymous_id", "email_sha256")

_METADATA = """
SELECT s.profile_id, s.version, s.event_count, s.first_seen_at, s.last_seen_at,
  s.last_message_id, s.consent_epoch, p.created_at
FROM profiles_identity i
JOIN profiles_profilestate s ON s.profile_id = i.profile_id
JOIN profiles_profile p ON p.id = i.profile_id
WHERE i.site_id = %s AND i.kind = %s AND i.value = %s
"""
# From the sites on, because the key of identities begins with the site.
_WITH = """
SELECT i.profile_id FROM access_site s JOIN profiles_identity i ON i.site_id = s.id
WHERE (i.kind, i.value) IN %s
"""


def find_profile(site_id: UUID, kind: str, value: str) -> UUID | None:
    """Return the profile that an identity points at, None when nobody has it. One statement."""
    found = Identity.objects.filter(site_id=site_id, kind=kind, value=value)
    return found.values_list("profile_id", flat=True).first()


def own_names_of(profile_id: UUID) -> list[tuple[str, str]]:
    """Return (kind, value) of what only this profile is known by, oldest first. One statement."""
    found = Identity.objects.filter(profile_id=profile_id, is_shared=False).order_by("id")
    return list(found.values_list("kind", "value"))


def ids_of_person(profile_id: UUID) -> list[UUID]:
    """Return a profile's id and those of the profiles merged into it. One statement.

    An export or erasure asks every holder for each of them: what was on its way when a merge
    happened (a decision record, a line of the feed) still carries the old id.
    """
    hulls = Profile.objects.filter(merged_into_id=profile_id).values_list("pk", flat=True)
    return [*hulls, profile_id]


def profiles_with(term: str) -> set[UUID]:
    """Return the profiles of any site that carry exactly this value, or "kind:value". 1 query."""
    kind, _, value = term.partition(":")
    wanted = [(known, term) for known in KNOWN_KINDS]
    with connection.cursor() as cursor:
        cursor.execute(_WITH, [(*wanted, (kind, value))])
        return {profile_id for (profile_id,) in cursor.fetchall()}


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
        "firstSeenAt": instant(first),
        "lastSeenAt": instant(last),
        "lastFoldedMessageId": message_id or None,
        "consentEpoch": epoch,
        "createdAt": instant(created),
    }


def traits_of(asked: Asked) -> Page:
    """Return traits by name. `include` (a,b) asks for some of them.

    One statement, two where some are kept encrypted.
    """
    traits = Trait.objects.filter(profile_id=asked.profile_id, key__gt=asked.after).order_by("key")
    wanted = asked.query.get("include")
    if wanted:
        traits = traits.filter(key__in=wanted.split(","))
    rows = list(traits.values("key", "value")[: asked.limit + 1])
    more = rows[asked.limit - 1]["key"] if len(rows) > asked.limit else ""
    values = {row["key"]: row["value"] for row in rows[: asked.limit]}
    if any(map(vault.is_sealed, values.values())):
        keys = vault.keys_of(asked.site_id, [asked.profile_id]).get(asked.profile_id)
        packed = () if keys is None else keys.packed
        values = dict(vault.opened(asked.site_id, packed, values))
    return Page([{"key": key, "value": value} for key, value in values.items()], more)


def external_ids_of(asked: Asked) -> Page:
    """Return the identities of a profile, oldest first. One statement."""
    after = _number(asked.after)
    found = Identity.objects.filter(profile_id=asked.profile_id, id__gt=after).order_by("id")
    rows = list(found.values("id", "kind", "value", "created_at")[: asked.limit + 1])
    more = str(rows[asked.limit - 1]["id"]) if len(rows) > asked.limit else ""
    return Page(
        [
            {"type": row["kind"], "id": row["value"], "createdAt": instant(row["created_at"])}
            for row in rows[: asked.limit]
        ],
        more,
    )


def _number(cursor: str) -> int:
    if not cursor:
        return 0
    if not cursor.isascii() or not cursor.isdigit() or len(cursor) > 18:
        raise foreign_cursor()
    return int(cursor)
