"""Segments that stand in where a model has nothing to say: no score, or one that is too old."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction

from apps.segments import services
from apps.segments.errors import NoModelAsked, SegmentNotFound
from apps.segments.models import Segment
from engine.conditions.canonical import to_json
from engine.conditions.nodes import AnyOf, ModelLeaf, Op
from engine.conditions.parse import parse_condition
from engine.conditions.scope import leaves_of


def condition_for(draft: object) -> dict[str, Any]:
    """Return the condition of those for whom a model that `draft` asks has no usable score.

    Raises:
        InvalidCondition: the draft is none.
        NoModelAsked: it asks no model.
    """
    leaves = [leaf for leaf in leaves_of(parse_condition(draft)) if isinstance(leaf, ModelLeaf)]
    missing = {
        (leaf.name, leaf.max_age_ms): ModelLeaf(leaf.name, Op.IS_MISSING, None, leaf.max_age_ms)
        for leaf in leaves
    }
    if not missing:
        raise NoModelAsked
    parts = tuple(missing[key] for key in sorted(missing))
    return to_json(parts[0] if len(parts) == 1 else AnyOf(parts))


@transaction.atomic
def create_fallback(
    *, site_id: UUID, segment_id: UUID, actor: AbstractBaseUser | None, now: datetime
) -> Segment:
    """Create the draft of a segment for whom the model of another one has no usable score.

    Raises:
        NoModelAsked: that segment's draft asks no model.
        SegmentKeyTaken: it has one already.
        SegmentNotFound: no such segment in this site.
    """
    segment = Segment.objects.filter(site_id=site_id, pk=segment_id, is_hidden=False).first()
    if segment is None:
        raise SegmentNotFound(segment_id)
    made = services.create_segment(
        site_id=site_id,
        key=f"{segment.key[:51]}-fallback",
        name=f"{segment.name[:100]}: no score"[:120],
        condition=condition_for(segment.draft),
        actor=actor,
        now=now,
    )
    made.fallback_for = segment
    made.save(update_fields=["fallback_for"])
    return made
