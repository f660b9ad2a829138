"""Segments made exclusive: of an order of them a person is in the first that takes them.

That is a group with a priority in the policy of each, as editors write it by hand; publications
compile it into conditions ("in the second, and not in the first"). Here only drafts are changed:
whoever owns a segment looks at it, and publishes.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction

from apps.segments.domain.overlaps import MAX_SETS
from apps.segments.errors import InvalidStudy
from apps.segments.models import Segment
from apps.segments.services import Actor, change_draft


@transaction.atomic
def make_exclusive(
    *, site_id: UUID, segment_ids: Sequence[UUID], group: str, actor: Actor, now: datetime
) -> list[Segment]:
    """Write a group with priorities into the drafts of segments, the first one first; return them.

    Everything else that a draft says stays as it is. Repeatable.

    Raises:
        InvalidStudy: fewer than two segments, or more than twelve; one of another site, one that is
            archived, or one whose draft is in another group already.
        InvalidCondition: the group is no key.
    """
    ids = list(dict.fromkeys(segment_ids))
    if not 2 <= len(ids) <= MAX_SETS:
        raise InvalidStudy(f"Choose 2 to {MAX_SETS} segments.")
    rows = Segment.objects.select_for_update().filter(
        site_id=site_id, pk__in=ids, is_hidden=False, is_archived=False
    )
    known = {row.pk: row for row in rows.order_by("pk")}
    if len(known) != len(ids):
        raise InvalidStudy("One of these segments is gone: look at the page again.")
    for row in known.values():
        other = row.draft_policy.get("group")
        if other not in (None, group):
            raise InvalidStudy(
                f"The draft of {row.name} is in the group “{other}” already: take it out there, or "
                "name that group here."
            )
    return [
        change_draft(
            site_id=site_id,
            segment_id=pk,
            condition=known[pk].draft,
            policy={**known[pk].draft_policy, "group": group, "priority": len(ids) - place},
            actor=actor,
            now=now,
        )
        for place, pk in enumerate(ids)
    ]
