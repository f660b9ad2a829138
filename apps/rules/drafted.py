"""The drafts of rules one by one, as a publication would hold each, or why it cannot."""

import hashlib
from collections.abc import Callable, Collection
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Q

from apps.experiments.selectors import rules_in_arms
from apps.rules.models import Rule, Trigger
from apps.rules.types import rule_key_of
from apps.segments.selectors import gated_in_force, meaning, request_keys
from apps.work.clock import to_ms
from engine.conditions.canonical import to_json
from engine.conditions.nodes import Node
from engine.conditions.parse import parse_condition
from engine.conditions.scope import segment_keys, split_history
from engine.errors import InvalidCondition
from engine.snapshot import RuleDoc


class DraftedRule(NamedTuple):
    """One rule that takes part, or would.

    Attributes:
        document: None when it is refused, or waits for a block in its placement.
        refusal: why a publication of it would be refused, in a sentence.
        hint: what an editor should know that refuses nothing.
    """

    object_id: UUID
    key: str
    document: RuleDoc | None
    refusal: str = ""
    hint: str = ""


def drafted_rules(site_id: UUID, ids: Collection[UUID] | None = None) -> list[DraftedRule]:
    """Return the site's rules that are in use, and what triggers show; of `ids` only, where given.

    One that is off is among them while an experiment's arm puts it in a place: it is published as
    it is, and serves nobody else. What does not say what it is for is left out. Seven queries at
    most.
    """
    rows = Rule.objects.filter(
        Q(is_enabled=True) | Q(key__in=rules_in_arms(site_id)), site_id=site_id, archived_at=None
    )
    rows = rows.exclude(purpose="")
    if ids is not None:
        rows = rows.filter(pk__in=list(ids))
    rules = list(
        rows.select_related("placement", "variant").prefetch_related("caps").order_by("key")
    )
    shown = drafted_triggers(site_id, ids)
    if not rules:
        return shown
    published = gated_in_force(site_id)
    asking = request_keys(published)
    known, meant = frozenset(published), meaning(site_id)
    return [*(_drafted(rule, known, asking, meant) for rule in rules), *shown]


def rules_of_arms(site_id: UUID, experiments: Collection[UUID] | None) -> set[UUID]:
    """Return the ids of rules that arms of these experiments put, or did put, in a place.

    They are published while they do, though they are off. Two queries at most.

    Args:
        experiments: None: all of the site.
    """
    keys = rules_in_arms(site_id, experiments, that_run=False)
    found = Rule.objects.filter(site_id=site_id, key__in=keys) if keys else Rule.objects.none()
    return set(found.values_list("pk", flat=True))


def drafted_triggers(site_id: UUID, ids: Collection[UUID] | None = None) -> list[DraftedRule]:
    """Return what the site's triggers show to whoever is in their segment, as rules, by key.

    A trigger that shows nothing is not among them. One query, and those of the segments in force.
    """
    rows = Trigger.objects.filter(
        site_id=site_id,
        is_enabled=True,
        paused_at=None,
        archived_at=None,
        on=Trigger.On.ENTERED,
        for_ms=0,
        variant__isnull=False,
    ).exclude(purpose="")
    if ids is not None:
        rows = rows.filter(pk__in=list(ids))
    found = list(rows.select_related("segment", "placement", "variant", "cap").order_by("key"))
    published = frozenset(gated_in_force(site_id)) if found else frozenset()
    return [_shown_by(one, published) for one in found]


def _shown_by(trigger: Trigger, published: frozenset[str]) -> DraftedRule:
    placement, variant = trigger.placement, trigger.variant
    assert placement is not None and variant is not None, "those without were left out"
    key, name = rule_key_of(trigger.key), f"The trigger '{trigger.key}'"
    if trigger.segment.key not in published:
        hint = f"{name} shows nothing yet: its segment is not published."
        return DraftedRule(trigger.pk, key, None, hint=hint)
    if placement.block_id is None or placement.archived_at is not None:
        hint = f"{name} shows nothing yet: no block fills its placement."
        return DraftedRule(trigger.pk, key, None, hint=hint)
    if variant.archived_at is not None or placement.block_id != variant.block_id:
        hint = f"{name} shows nothing: its variant does not fill its placement any more."
        return DraftedRule(trigger.pk, key, None, hint=hint)
    document = RuleDoc(
        key=key,
        placement=placement.key,
        variant=variant.key,
        condition={"v": 1, "where": {"kind": "segment", "key": trigger.segment.key}},
        priority=trigger.priority,
        starts_at_ms=None if trigger.starts_at is None else to_ms(trigger.starts_at),
        ends_at_ms=None if trigger.ends_at is None else to_ms(trigger.ends_at),
        caps=[] if trigger.cap is None else [trigger.cap.number],
    )
    return DraftedRule(trigger.pk, key, document)


def surroundings(site_id: UUID) -> str:
    """Return a digest of all that the documents of rules depend on in segments. One query."""
    published = gated_in_force(site_id)
    said = "\n".join([*sorted(published), "", *sorted(request_keys(published))])
    return hashlib.sha256(said.encode()).hexdigest()


def document_of(rule: Rule, condition: dict[str, Any]) -> RuleDoc:
    """Return the document of a rule whose condition a request can answer."""
    return RuleDoc(
        key=rule.key,
        placement=rule.placement.key,
        variant=rule.variant.key,
        condition=condition,
        priority=rule.priority,
        starts_at_ms=None if rule.starts_at is None else to_ms(rule.starts_at),
        ends_at_ms=None if rule.ends_at is None else to_ms(rule.ends_at),
        enabled=rule.is_enabled,
        caps=sorted(cap.number for cap in rule.caps.all()),
    )


def _drafted(
    rule: Rule,
    published: frozenset[str],
    asking: frozenset[str],
    meant: Callable[[Node], Node],
) -> DraftedRule:
    try:
        whole = meant(parse_condition(rule.condition))
    except InvalidCondition as error:
        refusal = f"The condition of the rule '{rule.key}' is refused: {error}."
        return DraftedRule(rule.pk, rule.key, None, refusal)
    absent = sorted(segment_keys(whole) - published)
    if absent:
        refusal = f"The rule '{rule.key}' names the segment '{absent[0]}', which is not published."
        return DraftedRule(rule.pk, rule.key, None, refusal)
    if rule.placement.archived_at is not None:
        hint = f"The rule '{rule.key}' waits: its placement is archived."
        return DraftedRule(rule.pk, rule.key, None, hint=hint)
    if rule.variant.archived_at is not None:
        refusal = f"The rule '{rule.key}' serves the variant '{rule.variant.key}', now archived."
        return DraftedRule(rule.pk, rule.key, None, refusal)
    if rule.placement.block_id is None:
        hint = f"The rule '{rule.key}' waits: no block fills its placement."
        return DraftedRule(rule.pk, rule.key, None, hint=hint)
    if rule.placement.block_id != rule.variant.block_id:
        refusal = (
            f"The rule '{rule.key}' serves the variant '{rule.variant.key}', which is not of "
            "the block that fills its placement now."
        )
        return DraftedRule(rule.pk, rule.key, None, refusal)
    node, _ = split_history(whole, asking)
    return DraftedRule(rule.pk, rule.key, document_of(rule, to_json(node)))
