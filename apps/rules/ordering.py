"""The order in which a placement asks its rules: shown, changed as a whole, and taken back."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from apps.access.services import record_audit
from apps.content.revisions import changing
from apps.rules.errors import OrderChanged
from apps.rules.models import Rule

STEP: Final = 10  # between priorities that are given anew: room for one more by hand
GREATEST: Final = 32_767


def order_of(site_id: UUID, placement_id: UUID) -> list[Rule]:
    """Return a placement's rules as they are asked, switched off ones among them. One query."""
    rows = Rule.objects.filter(site_id=site_id, placement_id=placement_id, archived_at=None)
    return list(
        rows.select_related("site", "placement__block", "variant").order_by("-priority", "key")
    )


def digest_of(rules: Sequence[Rule]) -> str:
    """Return what stands for an order: another one means that somebody has changed it."""
    seen = "\n".join(f"{one.key} {one.priority} {one.is_enabled}" for one in rules)
    return hashlib.sha256(seen.encode()).hexdigest()[:32]


@transaction.atomic
def reorder(
    *,
    site_id: UUID,
    placement_id: UUID,
    keys: Sequence[str],
    seen: str,
    actor: Any,
    now: datetime,
    note: str = "",
) -> list[str]:
    """Have the rules asked in this order; return the order of before.

    Rules change places and take each other's priorities, where no two are equal: then only those
    that moved are written.

    Args:
        keys: all rules of the placement, the first to be asked first.
        seen: `digest_of` the order that the change began with.

    Raises:
        OrderChanged: it is another one by now, or these are not its rules.
    """
    _lock(site_id, placement_id)
    rules = order_of(site_id, placement_id)
    before = [one.key for one in rules]
    if digest_of(rules) != seen or sorted(keys) != sorted(before):
        raise OrderChanged
    by_key = {one.key: one for one in rules}
    wanted = dict(zip(keys, _priorities([one.priority for one in rules]), strict=True))
    moved = [by_key[key] for key in sorted(keys) if by_key[key].priority != wanted[key]]
    for rule in moved:
        words = note or f"Priority {rule.priority} became {wanted[rule.key]}, by the order"
        with changing("rule", rule.pk, actor=actor, now=now, note=words):
            Rule.objects.filter(pk=rule.pk).update(priority=wanted[rule.key])
    if moved:
        record_audit(
            action="rules.reordered",
            actor=actor,
            site_id=site_id,
            target_kind="content.placement",
            target_id=str(placement_id),
            detail={"moved": len(moved), "rules": len(rules)},
            now=now,
        )
    return before


@transaction.atomic
def switch(
    *, site_id: UUID, rule_id: UUID, is_enabled: bool, actor: Any, now: datetime
) -> Rule | None:
    """Switch a rule of the draft on or off; None when the site has none of this id."""
    rule = Rule.objects.filter(site_id=site_id, pk=rule_id, archived_at=None).first()
    if rule is None or rule.is_enabled is is_enabled:
        return rule
    note = f"Switched {'on' if is_enabled else 'off'}"
    with changing("rule", rule.pk, actor=actor, now=now, note=note):
        Rule.objects.filter(pk=rule.pk).update(is_enabled=is_enabled)
    rule.is_enabled = is_enabled
    record_audit(
        action="rules.switched",
        actor=actor,
        site_id=site_id,
        target_kind="rules.rule",
        target_id=str(rule_id),
        detail={"isEnabled": is_enabled},
        now=now,
    )
    return rule


def _priorities(before: Sequence[int]) -> list[int]:
    """As many priorities, falling: those that were there, or new ones where two were equal."""
    if len(set(before)) == len(before):
        return sorted(before, reverse=True)
    count = len(before)
    step = STEP if count * STEP <= GREATEST else 1
    return [step * (count - place) for place in range(count)]


def _lock(site_id: UUID, placement_id: UUID) -> None:
    """One editor at a time: a rule that is added meanwhile is seen in the digest."""
    placements = Rule._meta.get_field("placement").related_model._default_manager
    placements.select_for_update(no_key=True).filter(site_id=site_id, pk=placement_id).first()
