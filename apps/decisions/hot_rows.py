"""State rows as decisions read them: from Postgres, for what Redis does not have."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec
from django.db import connection

from apps.decisions import record_reads
from apps.decisions.cap_counts import session_since_ms
from apps.decisions.types import IDENTITIES_KEPT, HotProfile
from apps.events import history
from apps.profiles.state import scored_ms, told_meta
from apps.segments import live
from apps.work import clock, numbers

_COLUMNS: Final = """
s.profile_id::text, s.unit_id, s.consent_epoch, s.version, s.granted, s.denied, s.memberships,
s.traits::text, s.history, s.last_seen_at, s.identities::text, s.caps, s.consent_until, s.holds,
s.residence,
(SELECT l.request_reads::text FROM segments_liveset l WHERE l.site_id = s.site_id),
(SELECT array_agg(uuid_send(k.id) || k.wrapped ORDER BY k.id) FROM profiles_subjectkey k
  WHERE k.profile_id = s.profile_id)
"""
_BY_PROFILE = f"""
SELECT {_COLUMNS} FROM profiles_profilestate s WHERE s.profile_id = ANY(%s::uuid[])
"""  # nosec B608 - constant text
_BY_IDENTITY = f"""
SELECT a.kind || ':' || a.value, {_COLUMNS}
FROM profiles_identity a JOIN profiles_profilestate s ON s.profile_id = a.profile_id
WHERE a.site_id = %s::uuid AND (a.kind, a.value) IN %s
"""  # nosec B608 - constant text


class Found(NamedTuple):
    """The profile behind one of the identities that were asked for."""

    identity: str
    profile: HotProfile


def by_profile(profile_ids: Iterable[UUID]) -> list[HotProfile]:
    """Return the hot state of profiles, from the caller's connection. One statement.

    A profile that was merged away has no identities left: no reader believes its state.
    """
    wanted = "{" + ",".join(str(one) for one in profile_ids) + "}"
    if wanted == "{}":
        return []
    with connection.cursor() as cursor:
        cursor.execute(_BY_PROFILE, [wanted])
        return [_profile(row) for row in cursor.fetchall()]


def by_identity(site_id: UUID, asked: Sequence[tuple[str, str]]) -> list[Found]:
    """Return the profiles behind (kind, value) pairs. One statement on unique keys, time-boxed.

    Raises:
        RecordAway: Postgres did not answer within the box.
    """
    if not asked:
        return []
    found = []
    for identity, *row in record_reads.rows(_BY_IDENTITY, (str(site_id), tuple(asked))):
        profile = _profile(row)
        if identity not in profile.identities:
            # An old one of a profile with many: this reader must recognise what it wrote back.
            profile.identities = [identity, *profile.identities[: IDENTITIES_KEPT - 1]]
        found.append(Found(identity, profile))
    return found


def _profile(row: Sequence[Any]) -> HotProfile:
    traits: dict[str, list[Any]] = numbers.loads(row[7])
    kept = history.decode(bytes(row[8]))
    return HotProfile(
        profile_id=UUID(row[0]).bytes,
        unit_id=row[1],
        epoch=row[2],
        version=row[3],
        granted=row[4],
        denied=row[5],
        memberships=bytes(row[6]),
        # A trait is kept with when and by which message it was seen: decisions read the value.
        traits={key: entry[0] for key, entry in traits.items() if entry[0] is not None},
        last_items=[item for _, item in kept.items],
        # Of what may be used: the row counts what is only stored, too.
        last_seen_ms=kept.times[-1] if kept.times else 0,
        identities=msgspec.json.decode(row[10], type=list[str])[::-1],
        scored_ms=scored_ms(traits),
        recent=history.recent(kept),
        trait_meta=told_meta(traits, live.traits_told_of(row[15])),
        caps=bytes(row[11]),
        session_since_ms=session_since_ms(kept.times, bool(row[11])),
        consent_until_ms=clock.to_ms(row[12]) if row[12] is not None else 0,
        holds=row[13],
        residence=row[14],
        keys=[bytes(key) for key in row[16] or ()],
    )
