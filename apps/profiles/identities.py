"""From identifiers to profiles: found, made, and re-read once their state rows are locked."""

import json
from collections.abc import Collection, Iterable
from datetime import datetime
from uuid import UUID

import msgspec
from django.db import connection

from apps.work.ids import uuid7
from apps.work.prepared import Prepared

Name = tuple[UUID, str, str]  # site, kind, value


class Known(msgspec.Struct):
    """Where one identity points.

    `seen_version` is the version of the profile's state when the identity was read: if it is still
    that under the lock, the identity has not moved meanwhile. `users` are the logins of that
    profile: with one, an anonymous identity is no longer free to join another.
    """

    id: int
    profile_id: UUID
    is_shared: bool = False
    seen_version: int = 0
    users: frozenset[str] = frozenset()


class IdentityMoved(Exception):
    """Another transaction moved or made an identity between the read and the lock: start again."""


_FIND = Prepared(
    "attune_identities",
    """
SELECT i.site_id, i.kind, i.value, i.id, i.profile_id, i.is_shared, s.version, s.identities
FROM jsonb_to_recordset(%s::jsonb) AS w(site_id uuid, kind text, value text)
JOIN profiles_identity i ON i.site_id = w.site_id AND i.kind = w.kind AND i.value = w.value
JOIN profiles_profilestate s ON s.profile_id = i.profile_id
""",
    ("jsonb",),
)
_ADD_PROFILES = """
INSERT INTO profiles_profile (id, site_id, bucketing_key, created_at)
SELECT id, site_id, bucketing_key, %s FROM jsonb_to_recordset(%s::jsonb)
  AS r(id uuid, site_id uuid, bucketing_key text) ORDER BY id
"""
_ADD_IDENTITIES = """
INSERT INTO profiles_identity (site_id, kind, value, profile_id, is_shared, created_at)
SELECT site_id, kind, value, profile_id, false, %s FROM jsonb_to_recordset(%s::jsonb)
  AS r(site_id uuid, kind text, value text, profile_id uuid)
ORDER BY site_id, kind COLLATE "C", value COLLATE "C"
ON CONFLICT (site_id, kind, value) DO NOTHING
RETURNING site_id, kind, value, id
"""


def find(names: Collection[Name]) -> dict[Name, Known]:
    """Return the identities that exist. One statement on the unique key."""
    if not names:
        return {}
    wanted = json.dumps([{"site_id": str(s), "kind": k, "value": v} for s, k, v in names])
    return {
        (site_id, kind, value): Known(number, profile_id, shared, version, users_in(names))
        for site_id, kind, value, number, profile_id, shared, version, names in _FIND.fetch(
            [wanted]
        )
    }


def users_in(identities: str) -> frozenset[str]:
    """Return the logins among a state row's identities (JSON text of "kind:value")."""
    if '"user_id:' not in identities:
        return frozenset()
    return frozenset(name[8:] for name in json.loads(identities) if name.startswith("user_id:"))


def add(wanted: dict[Name, UUID], *, now: datetime) -> dict[Name, Known]:
    """Insert identities that did not exist, pointing at the given profiles. One statement.

    Sorted by key, so that two writers wait for one another in one order.

    Raises:
        IdentityMoved: somebody else made one of them first.
    """
    if not wanted:
        return {}
    rows = json.dumps(
        [
            {"site_id": str(s), "kind": k, "value": v, "profile_id": str(profile_id)}
            for (s, k, v), profile_id in wanted.items()
        ]
    )
    with connection.cursor() as cursor:
        cursor.execute(_ADD_IDENTITIES, [now, rows])
        made = {(s, k, v): number for s, k, v, number in cursor.fetchall()}
    if len(made) < len(wanted):
        raise IdentityMoved
    return {name: Known(made[name], wanted[name]) for name in wanted}


def add_profiles(profiles: Iterable[tuple[UUID, UUID, str]], *, now: datetime) -> None:
    """Insert profiles given as (id, site, bucketing key). One statement."""
    rows = [
        {"id": str(profile_id), "site_id": str(site_id), "bucketing_key": key}
        for profile_id, site_id, key in profiles
    ]
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(_ADD_PROFILES, [now, json.dumps(rows)])


def new_profile_id() -> UUID:
    """A fresh profile id. Its time order says which of two profiles is the older."""
    return uuid7()
