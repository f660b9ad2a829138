"""Traits worked out from events: LTV, days active, favourite category. Named in conditions.

A publication freezes what they mean with the condition; a changed definition reaches a segment
when that is published again.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import IntegrityError, transaction

from apps.access.services import record_audit
from apps.segments.errors import SegmentKeyTaken
from apps.segments.models import ComputedTrait, Segment
from engine.conditions.computed import computed_json, computed_keys, computed_text, parse_computed
from engine.conditions.parse import parse_condition
from engine.errors import InvalidCondition

Actor = AbstractBaseUser | None


@transaction.atomic
def create(
    *,
    site_id: UUID,
    key: str,
    name: str,
    definition: Mapping[str, Any],
    unit: str = "",
    actor: Actor,
    now: datetime,
) -> ComputedTrait:
    """Define a trait, which conditions name `computed.<key>`.

    Raises:
        InvalidCondition: the definition is no aggregate of events.
        SegmentKeyTaken: the site has a computed trait of this key.
    """
    document = computed_json(parse_computed(definition))
    try:
        with transaction.atomic():
            made = ComputedTrait.objects.create(
                site_id=site_id, key=key, name=name, definition=document, unit=unit, created_at=now
            )
    except IntegrityError:
        raise SegmentKeyTaken(key) from None
    _audit("segments.computed_created", made, actor, now)
    return made


@transaction.atomic
def change(
    *,
    trait_id: UUID,
    name: str,
    definition: Mapping[str, Any],
    unit: str,
    actor: Actor,
    now: datetime,
) -> ComputedTrait:
    """Change a trait; segments that name it take that up with their next publication.

    Raises:
        InvalidCondition: the definition is no aggregate of events.
    """
    trait = ComputedTrait.objects.select_for_update().get(pk=trait_id)
    trait.name, trait.unit = name, unit
    trait.definition = computed_json(parse_computed(definition))
    trait.save(update_fields=["name", "unit", "definition"])
    _audit("segments.computed_changed", trait, actor, now)
    return trait


def words(definition: object) -> str:
    """Say a definition in plain words, or why it is none."""
    try:
        return computed_text(parse_computed(definition))
    except InvalidCondition as error:
        return f"refused: {error}"


def used_by(trait: ComputedTrait) -> list[str]:
    """Return the names of the segments whose drafts name the trait, sorted. One query."""
    drafts = Segment.objects.filter(site_id=trait.site_id, is_hidden=False, is_archived=False)
    return sorted(
        name for name, draft in drafts.values_list("name", "draft") if trait.key in _keys(draft)
    )


def _keys(draft: object) -> frozenset[str]:
    try:
        return computed_keys(parse_condition(draft))
    except InvalidCondition:
        return frozenset()


def _audit(action: str, trait: ComputedTrait, actor: Actor, now: datetime) -> None:
    record_audit(
        action=action,
        actor=actor,
        site_id=trait.site_id,
        target_kind="segments.computedtrait",
        target_id=str(trait.pk),
        detail={"key": trait.key},
        now=now,
    )
