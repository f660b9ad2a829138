"""The blind index: by whose address or number somebody can be looked up, without it being kept.

An address is that of the trait `email`, a login that is one, or the hash of one that a site uses
as an identity. What is kept is a keyed digest (vault.blind) beside the profile.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Final
from uuid import UUID

import msgspec
from django.db import connection

from apps.profiles import vault
from apps.profiles.models import Contact
from apps.profiles.state import StateRow, uuid_array
from apps.profiles.trait_kinds import contact_kind
from apps.profiles.vault import EMAIL, Keys

EMAIL_HASH: Final = "email_sha256"
_LOGIN: Final = "user_id:"
_HASH: Final = f"{EMAIL_HASH}:"

Found = tuple[str, UUID]  # kind and digest

# Of a profile that is named, what it has no longer goes.
_REPLACE: Final = """
WITH w AS (
  SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb)
    AS r(site_id uuid, kind text, digest uuid, profile_id uuid)
), gone AS (
  DELETE FROM profiles_contact c WHERE c.profile_id = ANY(%(profiles)s::uuid[])
    AND NOT EXISTS (SELECT 1 FROM w
      WHERE w.profile_id = c.profile_id AND w.kind = c.kind AND w.digest = c.digest)
)
INSERT INTO profiles_contact (site_id, kind, digest, profile_id)
SELECT site_id, kind, digest, profile_id FROM w ORDER BY profile_id, kind, digest
ON CONFLICT (site_id, kind, digest, profile_id) DO NOTHING
"""
_MOVE: Final = """
WITH mine AS (DELETE FROM profiles_contact WHERE profile_id = %s RETURNING site_id, kind, digest)
INSERT INTO profiles_contact (site_id, kind, digest, profile_id)
SELECT site_id, kind, digest, %s FROM mine ON CONFLICT DO NOTHING
"""


def names_somebody(identity: str) -> bool:
    """Whether an identity ("kind:value") says by itself by which address it can be looked up."""
    return identity.startswith(_HASH) or (identity.startswith(_LOGIN) and "@" in identity)


def contacts_in(row: StateRow, keys: Keys | None) -> set[Found]:
    """Return what a person can be looked up by, of what their state row says. Mostly no statement.

    Args:
        keys: the person's; None: their row holds no tokens.
    """
    found: set[Found] = set()
    for name, entry in row.traits.items():
        kind = contact_kind(name)
        if kind is None:
            continue
        value = entry[0] if keys is None else keys.open(name, entry[0])
        if isinstance(value, str) and value.strip() and not vault.is_sealed(value):
            found.add((kind, UUID(bytes=vault.blind(row.site_id, kind, value))))
    for identity in row.identities:
        if names_somebody(identity):
            kind, _, value = identity.partition(":")
            kind = EMAIL if kind == "user_id" else kind
            found.add((EMAIL, UUID(bytes=vault.blind(row.site_id, kind, value))))
    return found


def replace(site_id: UUID, wanted: Mapping[UUID, Collection[Found]]) -> None:
    """Have these profiles of a site be found by this and nothing else. One statement."""
    if not wanted:
        return
    rows = [
        {"site_id": site_id, "kind": kind, "digest": digest, "profile_id": profile_id}
        for profile_id, own in wanted.items()
        for kind, digest in own
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            _REPLACE, {"rows": msgspec.json.encode(rows).decode(), "profiles": uuid_array(wanted)}
        )


def renew(rows: Iterable[StateRow]) -> None:
    """Have people be found by what their locked rows say now: for who writes them beside the fold.

    Two statements a person.
    """
    for row in rows:
        keys = vault.keys_of_profile(row.profile_id)
        replace(row.site_id, {row.profile_id: contacts_in(row, keys)})


def note_identity(site_id: UUID, profile_id: UUID, kind: str, value: str) -> None:
    """Note by which address a new identity can be looked up, if by one."""
    if names_somebody(f"{kind}:{value}"):
        digest = vault.blind(site_id, EMAIL if kind == "user_id" else kind, value)
        Contact.objects.get_or_create(
            site_id=site_id, kind=EMAIL, digest=UUID(bytes=digest), profile_id=profile_id
        )


def move(from_profile: UUID, to_profile: UUID) -> int:
    """Have one profile be found by what another one was found by. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(_MOVE, [str(from_profile), str(to_profile)])
        return int(cursor.rowcount)


def profiles_by(site_id: UUID, kind: str, value: str) -> list[UUID]:
    """Return the profiles of whoever gave an address or a number, the oldest first. One statement.

    Args:
        kind: "email", "phone", or "email_sha256" with the hash in hex.
    """
    digest = UUID(bytes=vault.blind(site_id, kind, value))
    known = Contact.objects.filter(
        site_id=site_id, kind=EMAIL if kind == EMAIL_HASH else kind, digest=digest
    )
    return list(known.order_by("profile_id").values_list("profile_id", flat=True))


def blinded(site_id: UUID, sha256_hex: str) -> str:
    """Return for the hash of an address the text under which lists keep it: 32 hex digits."""
    return vault.blind(site_id, EMAIL_HASH, sha256_hex).hex()
