"""The segments of a profile for servers, with `?explain=1` also why: the trace of each.

`&segment=<key>` asks for one segment, whether the person is in it or not.
"""

from dataclasses import replace
from typing import Any, Final

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
    live = SegmentVersion.objects.filter(
        segment__site_id=asked.site_id,
        segment__key=key,
        segment__is_hidden=False,
        segment__is_archived=False,
        state=SegmentVersion.State.LIVE,
    )
    version = live.select_related("segment").first()
    if version is None:
        return {}
    draft = draft_of(asked.site_id, version.condition, version.policy, version.segment)
    found = explain(draft, asked.profile_id, now=asked.now)
    return {} if found is None else {"explanation": as_json(found)}
