"""Probability thresholds of models: whom each flags now, and which one a cost proposes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction

from apps.segments import services
from apps.segments.domain.costs import Step, steps
from apps.segments.errors import SegmentNotFound
from apps.segments.fallbacks import create_fallback
from apps.segments.models import Segment
from apps.segments.studies import boxed
from apps.segments.studies.counting import everyone_and_counts
from engine.conditions.nodes import ModelLeaf
from engine.conditions.parse import parse_condition
from engine.conditions.scope import leaves_of
from engine.errors import InvalidCondition

THRESHOLDS: Final = (0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)

_NAMES: Final = """
SELECT substr(key, 7) FROM (
  SELECT DISTINCT jsonb_object_keys(traits) AS key FROM profiles_profilestate
  WHERE site_id = %(site)s::uuid AND merged_into IS NULL
) k WHERE key LIKE 'score.%%' ORDER BY key LIMIT 100
"""


@dataclass(frozen=True, slots=True)
class Flagged:
    """Whom the thresholds of a model flag now.

    Attributes:
        missing: people without a usable score: whom a fallback segment takes in.
    """

    everyone: int
    scored: int
    missing: int
    steps: list[Step]


def model_names(site_id: UUID) -> list[str]:
    """Return the models with a score in any profile of the site. One statement.

    Raises:
        StudyTooSlow: it took more than five seconds.
    """
    return [row[0] for row in boxed.rows(_NAMES, {"site": str(site_id)})]


def leaf(name: str, op: str, value: float | None = None, max_age: str = "") -> dict[str, Any]:
    """Return the condition that asks a model."""
    found: dict[str, Any] = {"kind": "model", "name": name, "op": op}
    if value is not None:
        found["value"] = value
    if max_age:
        found["max_age"] = max_age
    return {"v": 1, "where": found}


def flagged(
    site_id: UUID,
    name: str,
    *,
    thresholds: Sequence[float] = THRESHOLDS,
    max_age: str = "",
    now: datetime,
) -> Flagged:
    """Count whom each threshold flags by the scores of now. One statement.

    Args:
        max_age: such as "7d": older scores are missing; empty: none is too old.

    Raises:
        InvalidCondition: there is no such model name, or no such age.
        StudyTooSlow: it took more than five seconds.
    """
    documents = [
        leaf(name, "is_set", max_age=max_age),
        *(leaf(name, "gte", value, max_age) for value in thresholds),
    ]
    nodes = [parse_condition(document) for document in documents]
    everyone, (scored, *counts) = everyone_and_counts(site_id, nodes, now=now)
    return Flagged(everyone, scored, everyone - scored, steps(thresholds, counts, scored))


@transaction.atomic
def draft(
    site_id: UUID,
    *,
    key: str,
    label: str,
    name: str,
    threshold: float,
    max_age: str,
    with_fallback: bool,
    actor: AbstractBaseUser | None,
    now: datetime,
) -> list[Segment]:
    """Make a segment of a threshold and, if asked, that of those without a score, as drafts.

    Raises:
        InvalidCondition: as `flagged`.
        SegmentKeyTaken: keys are never reused in a site.
    """
    made = services.create_segment(
        site_id=site_id,
        key=key,
        name=label,
        condition=leaf(name, "gte", threshold, max_age),
        actor=actor,
        now=now,
    )
    if not with_fallback:
        return [made]
    return [made, create_fallback(site_id=site_id, segment_id=made.pk, actor=actor, now=now)]


def without_fallback(site_id: UUID) -> list[Segment]:
    """Return the segments that ask a model and have no fallback yet, by name. Two queries."""
    rows = Segment.objects.filter(site_id=site_id, is_hidden=False, is_archived=False)
    covered = set(rows.exclude(fallback_for=None).values_list("fallback_for_id", flat=True))
    return [one for one in rows.order_by("name") if one.pk not in covered and _asks(one)]


def _asks(segment: Segment) -> bool:
    """Whether it asks for a score, and not for the lack of one."""
    try:
        leaves = leaves_of(parse_condition(segment.draft))
    except InvalidCondition:
        return False
    return any(isinstance(one, ModelLeaf) and one.op != "is_missing" for one in leaves)


def add_fallback(
    site_id: UUID, key: str, *, actor: AbstractBaseUser | None, now: datetime
) -> Segment:
    """Make the fallback of a segment, by its key.

    Raises:
        SegmentNotFound: no such segment in this site.
        NoModelAsked, SegmentKeyTaken: as `fallbacks.create_fallback`.
    """
    segment = Segment.objects.filter(site_id=site_id, key=key.replace("\0", "")).first()
    if segment is None:
        raise SegmentNotFound(key)
    return create_fallback(site_id=site_id, segment_id=segment.pk, actor=actor, now=now)
