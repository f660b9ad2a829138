"""Writes to profiles that others may ask for."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import msgspec
from django.db import connection, transaction

from apps.profiles import contacts, holders, identities
from apps.profiles.identities import Name
from apps.profiles.models import IdentityLink, MergeRecord, Trait
from apps.profiles.state import StateRow, save, uuid_array
from apps.work import clock, numbers
from apps.work import services as work

PROFILE_MERGED = "profile.merged"

_WRITE_TRAITS = """
INSERT INTO profiles_trait (profile_id, key, value, source, observed_at, message_id)
SELECT DISTINCT ON (profile_id, key) profile_id, key, value, source, observed_at, message_id
FROM jsonb_to_recordset(%s::jsonb) AS r(profile_id uuid, key text, value jsonb, source text,
  observed_at timestamptz, message_id text, is_newest boolean)
WHERE is_newest AND value IS NOT NULL AND value <> 'null'::jsonb
ORDER BY profile_id, key, observed_at DESC, message_id COLLATE "C" DESC
ON CONFLICT (profile_id, key) DO UPDATE SET value = excluded.value, source = excluded.source,
  observed_at = excluded.observed_at, message_id = excluded.message_id
"""
_WRITE_CHANGES = """
INSERT INTO profiles_traitchange (profile_id, key, value, source, observed_at, received_at,
  consent_epoch, message_id, identity_id)
SELECT profile_id, key, value, source, observed_at, received_at, consent_epoch, message_id,
  identity_id
FROM jsonb_to_recordset(%s::jsonb) AS r(profile_id uuid, key text, value jsonb, source text,
  observed_at timestamptz, received_at timestamptz, consent_epoch int, message_id text,
  identity_id bigint)
"""
_FORGET_TRAITS = """
DELETE FROM profiles_trait t USING jsonb_to_recordset(%s::jsonb)
  AS r(profile_id uuid, key text, value jsonb, is_newest boolean)
WHERE t.profile_id = r.profile_id AND t.key = r.key AND r.is_newest
  AND (r.value IS NULL OR r.value = 'null'::jsonb)
"""
_MERGE_TRAITS = """
DELETE FROM profiles_trait t USING profiles_trait other
WHERE t.profile_id = ANY(%s::uuid[]) AND other.profile_id = ANY(%s::uuid[])
  AND t.profile_id <> other.profile_id AND t.key = other.key
  AND (t.observed_at, t.message_id COLLATE "C", t.id)
    < (other.observed_at, other.message_id COLLATE "C", other.id)
"""


# Null and forgotten are one: a trait that comes back has changed.
_CHANGED = """
WITH told AS (
    SELECT c.profile_id, c.key, c.observed_at,
        nullif(c.value, 'null'::jsonb) IS DISTINCT FROM lag(nullif(c.value, 'null'::jsonb)) OVER w
            OR row_number() OVER w = 1 AS is_other
    FROM profiles_traitchange c JOIN jsonb_to_recordset(%s::jsonb)
        AS r(profile_id uuid, key text) ON r.profile_id = c.profile_id AND r.key = c.key
    WINDOW w AS (PARTITION BY c.profile_id, c.key
        ORDER BY c.observed_at, c.message_id COLLATE "C", c.id)
)
SELECT profile_id, key, max(observed_at) FROM told WHERE is_other GROUP BY profile_id, key
"""


_OBSERVATIONS = """
SELECT observed_at, message_id, key, value::text, source FROM profiles_traitchange
WHERE profile_id = %s AND key = ANY(%s::text[])
ORDER BY observed_at, message_id COLLATE "C", id
"""


_LOOK_AT = """
INSERT INTO profiles_due (profile_id, due_at)
SELECT profile_id, %s FROM unnest(%s::uuid[]) AS u(profile_id) ORDER BY profile_id
ON CONFLICT (profile_id) DO UPDATE SET due_at = least(profiles_due.due_at, excluded.due_at)
"""


class TraitWrite(msgspec.Struct):
    """One observation of a trait, as the fold found it. A null value forgets the trait.

    `is_newest`: it is what the state row says now. Of a trait at most one observation is. The row
    also remembers what was forgotten, so an older observation that comes late does not revive it.
    `identity_id`: under which it was said, if under one; the merge may be undone.
    """

    profile_id: UUID
    key: str
    value: object
    source: str
    observed_at: datetime
    received_at: datetime
    consent_epoch: int
    message_id: str
    is_newest: bool
    identity_id: int | None = None


def write_traits(writes: Sequence[TraitWrite]) -> None:
    """Append observations and keep the newest of each trait. Two or three statements."""
    if not writes:
        return
    document = msgspec.json.encode(writes).decode()
    with connection.cursor() as cursor:
        cursor.execute(_WRITE_CHANGES, [document])
        cursor.execute(_WRITE_TRAITS, [document])
        if any(write.value is None for write in writes):
            cursor.execute(_FORGET_TRAITS, [document])


def changed_at(asked: Collection[tuple[UUID, str]]) -> dict[tuple[UUID, str], int]:
    """Since when traits have had their present values, in ms, from every observation there was.

    It does not matter in which order those came in. One statement.
    """
    if not asked:
        return {}
    rows = [{"profile_id": str(profile_id), "key": key} for profile_id, key in sorted(asked)]
    with connection.cursor() as cursor:
        cursor.execute(_CHANGED, [msgspec.json.encode(rows).decode()])
        return {(profile_id, key): clock.to_ms(at) for profile_id, key, at in cursor.fetchall()}


class Observed(NamedTuple):
    """One observation of a trait. `value` None: it was forgotten."""

    at_ms: int
    message_id: str
    key: str
    value: object
    source: str = ""


def observations_of(profile_id: UUID, keys: Collection[str]) -> list[Observed]:
    """Return every observation of these traits of a profile, in their order. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(_OBSERVATIONS, [str(profile_id), sorted(keys)])
        return [
            Observed(
                clock.to_ms(at),
                message_id,
                key,
                None if text is None else numbers.loads(text),
                source,
            )
            for at, message_id, key, text, source in cursor.fetchall()
        ]


def forget_traits(profile_id: UUID, keys: Sequence[str]) -> None:
    """Delete traits by name: what one of two joined profiles had forgotten since."""
    Trait.objects.filter(profile_id=profile_id, key__in=keys).delete()


def look_at(profile_ids: Collection[UUID], *, now: datetime) -> None:
    """Have the consumer ask all segments of these profiles at once, as if a timer were due.

    For whoever changes a state row beside the fold. The caller holds the rows' locks.
    """
    with connection.cursor() as cursor:
        cursor.execute(_LOOK_AT, [now, uuid_array(profile_ids)])


def find_or_make(names: Collection[Name], *, now: datetime) -> dict[Name, UUID]:
    """Return the profile of each identity, made if there is none; identities do not join here.

    Call it inside a transaction. A concurrent maker of the same identity is waited for.
    """
    known = identities.find(set(names))
    missing = sorted(set(names) - known.keys())
    found = {name: place.profile_id for name, place in known.items()}
    for name in missing:
        try:
            with transaction.atomic():
                found[name] = _make(name, now=now)
        except identities.IdentityMoved:
            found[name] = identities.find([name])[name].profile_id
    return found


def _make(name: Name, *, now: datetime) -> UUID:
    site_id, kind, value = name
    profile_id = identities.new_profile_id()
    key = value if len(value) <= 64 else profile_id.hex
    identities.add_profiles([(profile_id, site_id, key)], now=now)
    identities.add({name: profile_id}, now=now)
    contacts.note_identity(site_id, profile_id, kind, value)
    row = StateRow(profile_id, site_id, key, [f"{kind}:{value}"], is_new=True)
    save([row])
    return profile_id


def merge_profiles(
    into: StateRow, out: StateRow, *, message_id: str, now: datetime, cause: str = "event"
) -> None:
    """Move the rows of every holder from one profile to another and say so in the feed.

    The caller holds both state rows and folds their sections itself, afterwards: each holder notes
    here what it needs to undo the merge.
    """
    site_id, winner, loser = into.site_id, into.profile_id, out.profile_id
    kept = {
        holder.name: note
        for holder in holders.holders()
        if (note := holder.keep(into, out)) is not None
    }
    both = "{" + f"{winner},{loser}" + "}"
    with connection.cursor() as cursor:
        cursor.execute(_MERGE_TRAITS, [both, both])
        cursor.execute("DELETE FROM profiles_due WHERE profile_id = %s", [str(loser)])
    for holder in holders.holders():
        holder.reassign(loser, winner)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE profiles_profile SET merged_into_id = %s WHERE id = %s OR merged_into_id = %s",
            [str(winner), str(loser), str(loser)],
        )
    MergeRecord.objects.create(
        site_id=site_id,
        winner_id=winner,
        loser_id=loser,
        cause=cause,
        message_id=message_id,
        at=now,
        kept=kept,
    )
    work.record_change(
        PROFILE_MERGED, site_id=site_id, profile_id=winner, payload={"loser": str(loser)}, now=now
    )


def links_of(identity_ids: Collection[int]) -> dict[int, list[tuple[int, UUID]]]:
    """Return the links of shared identities, ascending: (since ms, profile). One statement."""
    found: dict[int, list[tuple[int, UUID]]] = {}
    links = IdentityLink.objects.filter(identity_id__in=identity_ids).order_by("since")
    for identity_id, since, profile_id in links.values_list("identity_id", "since", "profile_id"):
        found.setdefault(identity_id, []).append((clock.to_ms(since), profile_id))
    return found


def replace_links(identity_id: int, spans: Sequence[tuple[int, UUID]]) -> None:
    """Write the links of an identity that several people use, and point it at the last one."""
    IdentityLink.objects.filter(identity_id=identity_id).delete()
    IdentityLink.objects.bulk_create(
        IdentityLink(identity_id=identity_id, profile_id=profile_id, since=clock.from_ms(since))
        for since, profile_id in spans
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE profiles_identity SET is_shared = true, profile_id = %s WHERE id = %s",
            [str(spans[-1][1]), identity_id],
        )
