"""Four eyes are not switched off by whoever would publish their own work by it."""

from typing import Final
from uuid import UUID

from apps.content.others_at_work import stands_on, wrote_since
from apps.decisions import parts
from apps.decisions.models import Release
from apps.decisions.release_contents import own_hand, words_serving
from apps.segments.awaiting import awaiting_segments

LOOKED_AT: Final = 50  # releases under way, the newest
_WAITS: Final = (Release.State.OPEN, Release.State.SUBMITTED, Release.State.REFUSED)
_ELSE: Final = "another administrator has to switch this off."


def own_work_waits(site_id: UUID, user_id: int) -> str:
    """Return in a sentence what of somebody's waits to be looked at; empty: nothing.

    A release that they had a part in, or a draft that they wrote, alone or with others. About ten
    queries, and one for each release under way.
    """
    rows = Release.objects.filter(site_id=site_id, state__in=_WAITS).order_by("-number")
    for release in rows[:LOOKED_AT]:
        if own_hand(release, user_id):
            return f"{release} waits to be looked at, and you had a part in it: {_ELSE}"
    parts.refresh_parts(site_id, is_patient=False)
    waiting = [
        (row.object_id, row.served_at)
        for row in parts.waiting(site_id)
        if row.is_listed and row.object_id is not None
    ]
    waiting += [(one.segment_id, one.since) for one in awaiting_segments(site_id)]
    under = stands_on([one for one, _ in waiting])
    serving = words_serving(site_id, {one for own in under.values() for _, one in own})
    if wrote_since(user_id, waiting, serving):
        return f"A draft that you wrote waits to be published: {_ELSE}"
    return ""
