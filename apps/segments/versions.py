"""The history of a segment: what each version said, who published it and why, who came and went."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection

from apps.access import small_cells
from apps.segments.errors import VersionNotFound
from apps.segments.models import Segment, SegmentVersion
from apps.segments.outline import DiffLine, difference, outline
from apps.segments.selectors import meant
from engine.conditions.canonical import to_json
from engine.conditions.parse import parse_condition
from engine.errors import InvalidCondition


@dataclass(frozen=True, slots=True)
class VersionLine:
    """One version for people.

    Attributes:
        published_by: the login name, "" for the system or somebody gone.
        size, first_size, entered, left: now, and at its publication; None before it went live,
            where nobody is kept as a member, and below ten. Of `entered` and `left` both are None
            where one is small: the sizes would tell it.
        at_publication: the last three in words, "" before it went live.
        changes: beside the version before it.
    """

    number: int
    state: str
    published_at: datetime
    published_by: str
    note: str
    restored_from: int | None
    size: int | None
    first_size: int | None
    entered: int | None
    left: int | None
    at_publication: str
    changes: list[DiffLine]


def history(segment_id: UUID, *, limit: int = 50) -> list[VersionLine]:
    """Return the newest versions of a segment, newest first. One query."""
    rows = SegmentVersion.objects.filter(segment_id=segment_id)
    rows = rows.select_related("published_by", "restored_from").order_by("-number")
    found = list(rows[: limit + 1])
    texts = [outline(row.condition, row.policy) for row in found]
    return [
        VersionLine(
            number=row.number,
            state=row.state,
            published_at=row.published_at,
            published_by=row.published_by.get_username() if row.published_by is not None else "",
            note=row.note,
            restored_from=row.restored_from.number if row.restored_from is not None else None,
            size=_told(row.size),
            first_size=_told(row.first_size),
            entered=None if _is_small_move(row) else row.entered,
            left=None if _is_small_move(row) else row.left,
            at_publication=_at_publication(row),
            changes=difference(texts[i + 1] if i + 1 < len(texts) else [], texts[i]),
        )
        for i, row in enumerate(found[:limit])
    ]


def _told(size: int | None) -> int | None:
    return None if size is None else small_cells.told(size)


def _is_small_move(row: SegmentVersion) -> bool:
    moved = (row.entered, row.left)
    return any(one is None or small_cells.told(one) is None for one in moved)


def _at_publication(row: SegmentVersion) -> str:
    if row.first_size is None:
        return ""
    members = f"{small_cells.words(row.first_size)} members when it went live"
    if _is_small_move(row):
        return f"{members}; fewer than ten came in, or went out."
    return f"{members}: {row.entered:,} came in, {row.left:,} went out."


def draft_changes(segment: Segment) -> list[DiffLine]:
    """Return what the draft would change in what serves, line by line. One query.

    Without a live version every line is new.
    """
    live = segment.versions.filter(state=SegmentVersion.State.LIVE).first()
    before = outline(live.condition, live.policy) if live is not None else []
    return difference(before, outline(_frozen(segment), segment.draft_policy))


def _frozen(segment: Segment) -> object:
    """The draft as a publication would freeze it; as it is, where it cannot be frozen."""
    try:
        return to_json(meant(segment.site_id, parse_condition(segment.draft)))
    except InvalidCondition:
        return segment.draft


def changes_between(segment_id: UUID, older: int, newer: int) -> list[DiffLine]:
    """Return the difference of two versions by their numbers. One query.

    Raises:
        VersionNotFound: the segment has no such version.
    """
    rows = SegmentVersion.objects.filter(segment_id=segment_id, number__in=(older, newer))
    found = {row.number: outline(row.condition, row.policy) for row in rows}
    for number in (older, newer):
        if number not in found:
            raise VersionNotFound(number)
    return difference(found[older], found[newer])


# A stay that was open before keeps the version that it began under, so those of the new version are
# who came in; the old ones that ended since then are who went out.
_FIRST = """
UPDATE segments_segmentversion v SET first_size = v.size,
  entered = (SELECT count(*) FROM segments_membership m
    WHERE m.segment_id = v.segment_id AND m.version_id = v.id AND m.left_at IS NULL),
  "left" = (SELECT count(*) FROM segments_membership m
    WHERE m.segment_id = v.segment_id AND m.version_id <> v.id AND m.left_at >= v.published_at)
FROM segments_segment s
WHERE s.id = v.segment_id AND s.site_id = %s AND v.state = 'live' AND v.first_size IS NULL
  AND v.size IS NOT NULL
"""


def record_publications(site_id: UUID) -> int:
    """Note for versions that have gone live how many they found, who came in and went out.

    Called after a refresh; returns how many versions. One statement.
    """
    with connection.cursor() as cursor:
        cursor.execute(_FIRST, [str(site_id)])
        return int(cursor.rowcount)
