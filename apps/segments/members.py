"""Members of a segment in bulk, and who came and went since: both read on by a cursor."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection

from apps.profiles.parts import foreign_cursor, instant, uuid_after
from apps.segments.errors import SegmentNotFound, SegmentNotKept
from apps.segments.models import Segment, SegmentVersion
from apps.segments.selectors import request_segments
from apps.segments.stay_reads import Stayed, evaluated, stay_at
from apps.segments.stays import decode_stays
from apps.work import clock, feed

MAX_MEMBERS: Final = 100
MAX_CHANGES: Final = 100

# By profile, so that who stays throughout is met once, whoever comes and goes meanwhile.
_MEMBERS = """
SELECT m.profile_id, m.since, m.valid_until, s.memberships, s.identities::text
FROM segments_membership m LEFT JOIN profiles_profilestate s ON s.profile_id = m.profile_id
WHERE m.segment_id = %(segment)s AND m.left_at IS NULL
  AND (%(after)s::uuid IS NULL OR m.profile_id > %(after)s::uuid)
ORDER BY m.profile_id LIMIT %(limit)s
"""
_CHANGES = """
SELECT c.id, c.at, c.kind, c.profile_id, c.payload::text, s.identities::text
FROM work_changefeed c LEFT JOIN profiles_profilestate s ON s.profile_id = c.profile_id
WHERE c.site_id = %(site)s AND c.id > %(after)s AND c.id <= %(upto)s
  AND c.kind IN ('membership.entered', 'membership.left', 'profile.merged')
  AND c.profile_id IS NOT NULL
  AND (%(key)s::text IS NULL OR c.kind = 'profile.merged' OR c.payload->>'segment' = %(key)s)
ORDER BY c.id LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class Rows:
    """A page: its rows, the cursor of the next, and whether that has something already."""

    rows: list[dict[str, Any]]
    next: str
    has_more: bool


def kept_segment(site_id: UUID, key: str) -> Segment:
    """Return a segment whose members are kept. Two queries.

    Raises:
        SegmentNotFound: the site has no visible segment of this key.
        SegmentNotKept: it has no live version, or depends on the request.
    """
    rows = Segment.objects.filter(site_id=site_id, key=key, is_hidden=False, is_archived=False)
    segment = rows.first()
    if segment is None:
        raise SegmentNotFound(key)
    is_live = segment.versions.filter(state=SegmentVersion.State.LIVE).exists()
    if not is_live or key in request_segments(site_id):
        raise SegmentNotKept(key)
    return segment


def members_page(
    segment: Segment, *, after: str, limit: int, now: datetime, with_ids: bool = False
) -> Rows:
    """Return members by profile id, as of now. One statement; more where a forecast has run out.

    A page may hold fewer than `limit` rows although there are more: who has left by the passage of
    time is not shown, even before the timer has written it down.

    Raises:
        InvalidRequest: a cursor of something else.
    """
    params = {
        "segment": str(segment.pk),
        "after": str(uuid_after(after)) if after else None,
        "limit": limit + 1,
    }
    with connection.cursor() as cursor:
        cursor.execute(_MEMBERS, params)
        found = cursor.fetchall()
    now_ms = clock.to_ms(now)
    rows = []
    for profile_id, since, valid_until, blob, identities in found[:limit]:
        stay = decode_stays(bytes(blob or b"")).get(segment.number)
        state = None if stay is None else stay_at(stay, now_ms)
        if stay is not None and state is None:
            state = evaluated(segment.site_id, profile_id, segment.key, stay, now_ms)
        if state is False:
            continue
        row: dict[str, Any] = {
            "profileId": f"prf_{profile_id.hex}",
            "enteredAt": instant(since),
            "validUntil": instant(valid_until),
        }
        if isinstance(state, Stayed):
            until_ms = state.until_ms
            row["validUntil"] = None if until_ms is None else instant(clock.from_ms(until_ms))
        if with_ids:
            row["externalIds"] = _ids(identities)
        rows.append(row)
    has_more = len(found) > limit
    return Rows(rows, str(found[limit - 1][0]) if has_more else "", has_more)


def changes_page(
    site_id: UUID, *, after: int, limit: int, key: str | None = None, with_ids: bool = False
) -> Rows:
    """Return who came into segments, went out, or turned out to be somebody else, in order.

    Every line is met exactly once by who follows `next`. `late`: it became known by an event that
    came after later ones, so its time lies before lines that were told earlier.

    Args:
        after: the cursor, 0 for the beginning of the feed.
        key: of one segment; merges are told all the same.
    """
    upto = feed.settled_upto(after)
    params: dict[str, Any] = {
        "site": str(site_id), "after": after, "upto": upto, "key": key, "limit": limit + 1,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_CHANGES, params)
        found = cursor.fetchall()
    rows = [_change(line, with_ids) for line in found[:limit]]
    if len(found) > limit:
        return Rows(rows, str(found[limit - 1][0]), True)
    return Rows(rows, str(upto), upto - after >= feed.MAX_STEP)


def _change(line: tuple[Any, ...], with_ids: bool) -> dict[str, Any]:
    number, at, kind, profile_id, text, identities = line
    payload = json.loads(text)
    row: dict[str, Any] = {"id": str(number), "at": instant(at)}
    if kind == "profile.merged":
        row |= {
            "type": "merged",
            "profileId": f"prf_{UUID(payload['loser']).hex}",
            "into": f"prf_{profile_id.hex}",
        }
    else:
        row |= {
            "type": kind.removeprefix("membership."),
            "segment": payload.get("segment"),
            "profileId": f"prf_{profile_id.hex}",
            "late": bool(payload.get("late", False)),
        }
    if with_ids:
        row["externalIds"] = _ids(identities)
    return row


def _ids(identities: str | None) -> list[dict[str, str]]:
    """The newest identities of a person, as a state row keeps them."""
    return [_named(name) for name in _texts(json.loads(identities or "[]"))]


def _texts(names: object) -> Iterable[str]:
    return (name for name in names if isinstance(name, str)) if isinstance(names, list) else ()


def _named(name: str) -> dict[str, str]:
    kind, _, value = name.partition(":")
    return {"type": kind, "id": value}


def change_cursor(text: str) -> int:
    """Read a cursor of the changes; "" is the beginning.

    Raises:
        InvalidRequest: a cursor of something else, or of a feed that has never been so long.
    """
    if not text:
        return 0
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise foreign_cursor()
    number = int(text)
    if number > feed.newest():
        raise foreign_cursor()
    return number
