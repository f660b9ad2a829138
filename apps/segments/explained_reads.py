"""The segments of a profile for servers, with `?explain=1` also why: the trace of each.

`&segment=<key>` asks for one segment, whether the person is in it or not.
"""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet

from apps.profiles.parts import Asked, Page
from apps.segments import stay_reads
from apps.segments.errors import SegmentNotFound
from apps.segments.explaining import as_json, explain
from apps.segments.models import SegmentVersion
from apps.segments.previews import draft_of

MAX_EXPLAINED: Final = 20  # segments of one answer: each is evaluated with its whole history
_ALL: Final = 1_000_000  # more segments than a person can be in


def segments_part(asked: Asked) -> Page:
    """Return the segments of a profile by key; see `stay_reads.segments_part`.

    Explained is the instant of the request, also beside `at`.

    Raises:
        InvalidRequest: a time that cannot be read.
        SegmentNotFound: `segment` names none that is live.
    """
    key = asked.query.get("segment", "")
    if asked.query.get("explain") not in ("1", "true"):
        return stay_reads.segments_part(asked)
    if not key:
        page = stay_reads.segments_part(replace(asked, limit=min(asked.limit, MAX_EXPLAINED)))
        return Page([row | _why(asked, str(row["key"])) for row in page.rows], page.next)
    every = stay_reads.segments_part(replace(asked, limit=_ALL, after=""))
    row: dict[str, Any] = next((one for one in every.rows if one["key"] == key), {"key": key})
    why = _why(asked, key)
    if not why:
        raise SegmentNotFound(key)
    return Page([row | why])


def _why(asked: Asked, key: str) -> dict[str, Any]:
    """What there is to say of one segment; {} where nothing is live. About ten statements."""
    version = _live(asked.site_id).filter(segment__key=key, segment__is_hidden=False).first()
    found = _explained(version, asked.profile_id, asked.now)
    return {} if found is None else {"explanation": found}


def why_in(
    site_id: UUID, numbers: Collection[int], profile_id: UUID, *, now: datetime
) -> dict[int, dict[str, Any]]:
    """Return why somebody is in these segments or not, hidden ones included, by their numbers.

    As `explaining.as_json` words it; at most MAX_EXPLAINED. About ten statements each.
    """
    versions = _live(site_id).filter(segment__number__in=sorted(numbers)[:MAX_EXPLAINED])
    return {
        version.segment.number: found
        for version in versions
        if (found := _explained(version, profile_id, now)) is not None
    }


def _live(site_id: UUID) -> QuerySet[SegmentVersion]:
    live = SegmentVersion.objects.filter(
        segment__site_id=site_id,
        segment__is_archived=False,
        state=SegmentVersion.State.LIVE,
    )
    return live.select_related("segment")


def _explained(
    version: SegmentVersion | None, profile_id: UUID, now: datetime
) -> dict[str, Any] | None:
    if version is None:
        return None
    segment = version.segment
    draft = draft_of(segment.site_id, version.condition, version.policy, segment)
    found = explain(draft, profile_id, now=now)
    return None if found is None else as_json(found)
