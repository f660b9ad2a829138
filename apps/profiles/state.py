"""State rows in SQL: locked in id order, written back in one statement each way."""

import base64
import json
from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection

from apps.work import clock, numbers

MAX_IDENTITIES = 20
MAX_TRAIT_NAME = 120  # characters
# A sender who makes up names must not make a row that every event of theirs writes again.
MAX_TRAITS = 1_000
TraitEntry = tuple[Any, int, str]  # value, observed at in ms, message id


class StateRow(msgspec.Struct):
    """One profile's state as read under its row lock. `version` is raised by `save`."""

    profile_id: UUID
    site_id: UUID
    unit_id: str
    identities: list[str]
    version: int = 0
    consent_epoch: int = 0
    granted: int = 0
    denied: int = 0
    history: bytes = b""
    memberships: bytes = b""
    traits: dict[str, TraitEntry] = {}
    event_count: int = 0
    first_seen_ms: int | None = None
    last_seen_ms: int | None = None
    last_message_id: str = ""
    merged_into: UUID | None = None
    is_new: bool = False

    def trait_values(self) -> dict[str, Any]:
        """The traits as conditions and templates see them: key to value, nulls left out."""
        return {key: entry[0] for key, entry in self.traits.items() if entry[0] is not None}

    def add_identity(self, kind: str, value: str) -> None:
        """Note an identity as the newest of this profile."""
        name = f"{kind}:{value}"
        if name in self.identities:
            return
        self.identities = newest_identities([*self.identities, name])

    def drop_identity(self, kind: str, value: str) -> None:
        """Forget an identity that leads to somebody else now."""
        gone = f"{kind}:{value}"
        self.identities = [name for name in self.identities if name != gone]


def newest_identities(names: list[str]) -> list[str]:
    """Return the newest of a list of "kind:value"; logins stay, whatever their age."""
    surplus = len(names) - MAX_IDENTITIES
    if surplus <= 0:
        return names
    old = [n for n in names if not n.startswith("user_id:")][:surplus]
    return [name for name in names if name not in old]


_COLUMNS = (
    "profile_id, site_id, unit_id, identities, version, consent_epoch, granted, denied, history,"
    " memberships, traits, event_count, first_seen_at, last_seen_at, last_message_id, merged_into"
)
_SELECT = f"SELECT {_COLUMNS} FROM profiles_profilestate WHERE profile_id = ANY(%s::uuid[])"
_LOCK = _SELECT + " ORDER BY profile_id FOR UPDATE"
_LOCK_FREE = _SELECT + " ORDER BY profile_id FOR UPDATE SKIP LOCKED"

_RECORD = """
jsonb_to_recordset(%s::jsonb) AS r(profile_id uuid, site_id uuid, unit_id text, identities jsonb,
  version bigint, consent_epoch int, granted int2, denied int2, history text, memberships text,
  traits jsonb, event_count bigint, first_seen_at timestamptz, last_seen_at timestamptz,
  last_message_id text, merged_into uuid)
"""
_UPDATE = f"""
UPDATE profiles_profilestate AS s SET identities = r.identities, version = r.version,
  consent_epoch = r.consent_epoch, granted = r.granted, denied = r.denied,
  history = decode(r.history, 'base64'), memberships = decode(r.memberships, 'base64'),
  traits = r.traits, event_count = r.event_count, first_seen_at = r.first_seen_at,
  last_seen_at = r.last_seen_at, last_message_id = r.last_message_id,
  merged_into = r.merged_into
FROM {_RECORD} WHERE s.profile_id = r.profile_id
"""
_INSERT = f"""
INSERT INTO profiles_profilestate ({_COLUMNS})
SELECT profile_id, site_id, unit_id, identities, version, consent_epoch, granted, denied,
  decode(history, 'base64'), decode(memberships, 'base64'), traits, event_count, first_seen_at,
  last_seen_at, last_message_id, merged_into FROM {_RECORD} ORDER BY profile_id
"""


def uuid_array(ids: Collection[UUID]) -> str:
    """Return a Postgres array literal: adapting a Python list costs far more."""
    return "{" + ",".join(map(str, ids)) + "}"


def read(profile_ids: Collection[UUID]) -> list[StateRow]:
    """Read state rows without a lock. One statement on the primary key."""
    return _fetch(_SELECT, profile_ids)


def lock(profile_ids: Collection[UUID], *, skip_locked: bool = False) -> list[StateRow]:
    """Lock state rows in id order, as every writer does, and return them. One statement.

    Args:
        profile_ids: whose rows.
        skip_locked: leave out the rows that another transaction holds instead of waiting.
    """
    return _fetch(_LOCK_FREE if skip_locked else _LOCK, profile_ids)


def _fetch(statement: str, profile_ids: Collection[UUID]) -> list[StateRow]:
    if not profile_ids:
        return []
    with connection.cursor() as cursor:
        cursor.execute(statement, [uuid_array(profile_ids)])
        return [_row(columns) for columns in cursor.fetchall()]


def _row(columns: Sequence[Any]) -> StateRow:
    (profile_id, site_id, unit_id, identities, version, epoch, granted, denied, *rest) = columns
    history, memberships, traits, count, first_seen, last_seen, message_id, merged_into = rest
    return StateRow(
        profile_id=profile_id,
        site_id=site_id,
        unit_id=unit_id,
        identities=json.loads(identities),
        version=version,
        consent_epoch=epoch,
        granted=granted,
        denied=denied,
        history=bytes(history),
        memberships=bytes(memberships),
        traits={key: tuple(entry) for key, entry in numbers.loads(traits).items()},
        event_count=count,
        first_seen_ms=None if first_seen is None else clock.to_ms(first_seen),
        last_seen_ms=None if last_seen is None else clock.to_ms(last_seen),
        last_message_id=message_id,
        merged_into=merged_into,
    )


def save(rows: Collection[StateRow]) -> None:
    """Write rows back, each with a version one higher, or insert them. At most two statements.

    The caller holds the locks of the rows that exist.
    """
    fresh: list[dict[str, Any]] = []
    changed: list[dict[str, Any]] = []
    for row in rows:
        row.version += 1
        (fresh if row.is_new else changed).append(_document(row))
        row.is_new = False
    with connection.cursor() as cursor:
        if fresh:
            cursor.execute(_INSERT, [msgspec.json.encode(fresh).decode()])
        if changed:
            cursor.execute(_UPDATE, [msgspec.json.encode(changed).decode()])


def _document(row: StateRow) -> dict[str, Any]:
    return {
        "profile_id": row.profile_id,
        "site_id": row.site_id,
        "unit_id": row.unit_id,
        "identities": row.identities,
        "version": row.version,
        "consent_epoch": row.consent_epoch,
        "granted": row.granted,
        "denied": row.denied,
        "history": base64.b64encode(row.history).decode(),
        "memberships": base64.b64encode(row.memberships).decode(),
        "traits": row.traits,
        "event_count": row.event_count,
        "first_seen_at": _instant(row.first_seen_ms),
        "last_seen_at": _instant(row.last_seen_ms),
        "last_message_id": row.last_message_id,
        "merged_into": row.merged_into,
    }


def _instant(ms: int | None) -> str | None:
    return None if ms is None else clock.from_ms(ms).isoformat()
