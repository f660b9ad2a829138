"""Writes to the draft of rules, and what a publication must prepare for them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from apps.content.selectors import cap_ids, find_placement, find_variant
from apps.content.types import KEY_RULE, is_key
from apps.rules.errors import InvalidRule
from apps.rules.models import Rule, everyone
from apps.rules.ordering import reorder, switch
from apps.rules.selectors import split_conditions
from apps.rules.tables import LARGE, ask_to_save
from apps.rules.tables import save as save_table
from apps.rules.triggers import begin_with, save_trigger
from apps.segments.services import ensure_hidden
from engine.conditions.parse import parse_condition

__all__ = [
    "LARGE",
    "ask_to_save",
    "begin_with",
    "create_rule",
    "prepare_rules",
    "reorder",
    "save_table",
    "save_trigger",
    "switch",
]


@transaction.atomic
def create_rule(
    *,
    site_id: UUID,
    key: str,
    placement_key: str,
    variant_key: str,
    name: str = "",
    priority: int = 0,
    condition: Mapping[str, Any] | None = None,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    is_enabled: bool = True,
    cap_keys: Sequence[str] = (),
) -> Rule:
    """Add a rule to the draft: serve a variant of the placement's block where `condition` holds.

    Without a condition everyone meets it.

    Raises:
        InvalidRule: the key is taken, the placement or the variant does not exist, or it would end
            before it starts.
        InvalidCondition: with the path of the trouble.
        InvalidContent: a cap does not exist.
    """
    if not is_key(key):
        raise InvalidRule("key", KEY_RULE)
    if Rule.objects.filter(site_id=site_id, key=key).exists():
        raise InvalidRule("key", f"This site has a rule '{key}' already.")
    placement = find_placement(site_id, placement_key)
    if placement is None or placement.block is None:
        raise InvalidRule("placement", f"No block fills the placement '{placement_key}'.")
    variant = find_variant(site_id, placement.block.key, variant_key)
    if variant is None:
        raise InvalidRule(
            "variant", f"The block '{placement.block.key}' has no variant '{variant_key}'."
        )
    if starts_at is not None and ends_at is not None and ends_at <= starts_at:
        raise InvalidRule("ends_at", "A rule must end after it starts.")
    document = dict(condition) if condition is not None else everyone()
    parse_condition(document)
    named = cap_ids(site_id, cap_keys)
    rule = Rule.objects.create(
        site_id=site_id,
        key=key,
        name=name or key,
        placement=placement,
        variant=variant,
        priority=priority,
        condition=document,
        starts_at=starts_at,
        ends_at=ends_at,
        is_enabled=is_enabled,
    )
    rule.caps.set(named)
    return rule


def prepare_rules(*, site_id: UUID, now: datetime) -> None:
    """Make the hidden segments that the site's enabled rules need for the history they read.

    A publication calls this in its own transaction before it reads segment and rule documents.

    Raises:
        InvalidCondition: a rule's condition is not one any more; the path begins with the rule.
    """
    hidden = split_conditions(site_id).hidden
    if hidden:
        ensure_hidden(site_id, hidden, now)
