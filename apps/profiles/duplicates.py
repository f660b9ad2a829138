"""Profiles that may be one person: found by exact keys, decided by people.

A key is an address or a number that both gave (contacts.py). A device is none: two people may use
one, and then they are never suggested. Nor are those whom somebody has parted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection, transaction

from apps.access.services import Actor
from apps.profiles import splitting
from apps.profiles.models import Duplicate, IdentityLink, SubjectKey

# An address that so many gave is nobody's own: info@, none@.
MOST_SHARING: Final = 5
SHOWN: Final = 100
OPEN: Final = Duplicate.State.OPEN.value
MERGED: Final = Duplicate.State.MERGED.value
APART: Final = Duplicate.State.APART.value
WORDS: Final = {"email": "the same e-mail address", "phone": "the same telephone number"}

_FIND: Final = """
WITH told AS (
  SELECT digest, kind FROM profiles_contact WHERE site_id = %(site)s
  GROUP BY digest, kind HAVING count(*) BETWEEN 2 AND %(most)s
), pairs AS (
  SELECT a.profile_id AS one, b.profile_id AS other, jsonb_agg(DISTINCT a.kind) AS why
  FROM told t
  JOIN profiles_contact a ON a.site_id = %(site)s AND a.kind = t.kind AND a.digest = t.digest
  JOIN profiles_contact b ON b.site_id = %(site)s AND b.kind = t.kind AND b.digest = t.digest
    AND a.profile_id < b.profile_id
  JOIN profiles_profile p ON p.id = a.profile_id AND p.merged_into_id IS NULL
  JOIN profiles_profile q ON q.id = b.profile_id AND q.merged_into_id IS NULL
  GROUP BY 1, 2
)
INSERT INTO profiles_duplicate (site_id, one_id, other_id, why, state, found_at)
SELECT %(site)s, one, other, why, 'open', %(now)s FROM pairs
WHERE NOT EXISTS (SELECT FROM profiles_keptapart k WHERE k.one_id = one AND k.other_id = other)
  AND NOT EXISTS (SELECT FROM profiles_identitylink l
    JOIN profiles_identitylink m ON m.identity_id = l.identity_id
    WHERE l.profile_id = one AND m.profile_id = other)
ON CONFLICT (one_id, other_id) DO UPDATE SET why = excluded.why
  WHERE profiles_duplicate.state = 'open' AND profiles_duplicate.why <> excluded.why
"""
_DROP_OLD: Final = """
DELETE FROM profiles_duplicate d WHERE d.site_id = %s AND d.state = 'open' AND (
  EXISTS (SELECT FROM profiles_profile p
    WHERE p.id IN (d.one_id, d.other_id) AND p.merged_into_id IS NOT NULL)
  OR NOT EXISTS (SELECT FROM profiles_contact a JOIN profiles_contact b
    ON b.site_id = a.site_id AND b.kind = a.kind AND b.digest = a.digest
    WHERE a.profile_id = d.one_id AND b.profile_id = d.other_id))
"""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two profiles that may be one person. `why`: kinds of what they have in common."""

    number: int
    site_id: UUID
    one: UUID
    other: UUID
    why: tuple[str, ...]
    state: str
    found_at: datetime

    @property
    def reason(self) -> str:
        """What they have in common, in words."""
        return " and ".join(WORDS.get(kind, kind) for kind in self.why)


def sites() -> list[UUID]:
    """Return the sites that have a blind index: the key of it is theirs."""
    keys = SubjectKey.objects.filter(profile=None)
    return list(keys.order_by("site_id").values_list("site_id", flat=True))


@transaction.atomic
def look(site_id: UUID, *, now: datetime) -> int:
    """Find pairs of a site that are new, forget those that are none any more; how many are new.

    Two statements, over the blind index: no value is read.
    """
    open_pairs = Duplicate.objects.filter(site_id=site_id, state=OPEN)
    with connection.cursor() as cursor:
        cursor.execute(_DROP_OLD, [str(site_id)])
        before = open_pairs.count()
        cursor.execute(_FIND, {"site": str(site_id), "most": MOST_SHARING, "now": now})
    return open_pairs.count() - before


def waiting(site_id: UUID) -> list[Pair]:
    """Return the pairs that somebody has to look at, the newest first, at most SHOWN."""
    rows = Duplicate.objects.filter(site_id=site_id, state=OPEN)
    return [_pair(row) for row in rows.order_by("-found_at", "-pk")[:SHOWN]]


def waiting_count(site_id: UUID) -> int:
    """How many pairs wait."""
    return Duplicate.objects.filter(site_id=site_id, state=OPEN).count()


def pair_of(number: int, *, is_locked: bool = False) -> Pair | None:
    """Return a pair by its number, None if there is none."""
    rows = Duplicate.objects.select_for_update() if is_locked else Duplicate.objects
    row = rows.filter(pk=number).first()
    return None if row is None else _pair(row)


def share_a_device(one: UUID, other: UUID) -> bool:
    """Whether both have identified from one device: two people, as far as anybody can tell."""
    devices = IdentityLink.objects.filter(profile_id=one).values("identity_id")
    return IdentityLink.objects.filter(profile_id=other, identity_id__in=devices).exists()


@transaction.atomic
def keep_apart(number: int, *, actor: Actor, now: datetime) -> Pair | None:
    """Decide that two are two: no event joins them, and nobody suggests it again. Repeatable."""
    pair = pair_of(number, is_locked=True)
    if pair is not None and pair.state == OPEN:
        splitting.keep_apart(pair.site_id, [(pair.one, pair.other)], now=now)
        decide(number, APART, actor=actor, now=now)
    return pair


def decide(number: int, state: str, *, actor: Actor, now: datetime) -> None:
    """Note what was decided of a pair."""
    Duplicate.objects.filter(pk=number).update(
        state=state, decided_by_id=None if actor is None else actor.pk, decided_at=now
    )


def keys_in_common(one: UUID, other: UUID) -> Sequence[str]:
    """The kinds of address or number that both gave. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT a.kind FROM profiles_contact a JOIN profiles_contact b"
            " ON b.site_id = a.site_id AND b.kind = a.kind AND b.digest = a.digest"
            " WHERE a.profile_id = %s AND b.profile_id = %s ORDER BY 1",
            [str(one), str(other)],
        )
        return [kind for (kind,) in cursor.fetchall()]


def _pair(row: Duplicate) -> Pair:
    return Pair(
        row.pk, row.site_id, row.one_id, row.other_id, tuple(row.why), row.state, row.found_at
    )
