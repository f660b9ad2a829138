"""Reads of the draft of rules: the documents that a publication freezes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import F

from apps.rules.findings import errors_of_site
from apps.rules.models import Rule
from apps.segments.selectors import gated_in_force, meant, request_keys
from apps.segments.types import Usage
from apps.work.clock import to_ms
from engine.conditions.canonical import to_json
from engine.conditions.nodes import Node
from engine.conditions.parse import parse_condition
from engine.conditions.scope import segment_keys, split_history
from engine.errors import InvalidCondition
from engine.snapshot import RuleDoc


@dataclass(frozen=True, slots=True)
class SplitConditions:
    """The rules' conditions as a request can answer them.

    Attributes:
        rules: the rules with their request conditions, by key.
        hidden: the parts that read history, by the key of the hidden segment that answers them.
    """

    rules: list[tuple[Rule, dict[str, Any]]]
    hidden: Mapping[str, Node]


def rule_documents(site_id: UUID) -> list[RuleDoc]:
    """Return the site's enabled rules whose placement has a block, by key. Three queries.

    The hidden segments that they name are made by `services.prepare_rules`.

    Raises:
        InvalidCondition: a condition is not one any more; the path begins with the rule.
    """
    return [
        RuleDoc(
            key=rule.key,
            placement=rule.placement.key,
            variant=rule.variant.key,
            condition=condition,
            priority=rule.priority,
            starts_at_ms=None if rule.starts_at is None else to_ms(rule.starts_at),
            ends_at_ms=None if rule.ends_at is None else to_ms(rule.ends_at),
            caps=sorted(cap.number for cap in rule.caps.all()),
        )
        for rule, condition in split_conditions(site_id).rules
    ]


def split_conditions(site_id: UUID) -> SplitConditions:
    """Split the conditions of the site's enabled rules into request and history.

    Two queries, and one for each rule that names a computed trait.

    Raises:
        InvalidCondition: as `rule_documents`.
    """
    rows = (
        Rule.objects.filter(site_id=site_id, is_enabled=True, placement__block__isnull=False)
        .select_related("placement", "variant")
        .prefetch_related("caps")
        .order_by("key")
    )
    published = gated_in_force(site_id)
    asking = request_keys(published)
    rules: list[tuple[Rule, dict[str, Any]]] = []
    hidden: dict[str, Node] = {}
    for rule in rows:
        try:
            whole = meant(site_id, parse_condition(rule.condition))
        except InvalidCondition as error:
            path = f"rules.{rule.key}.condition.{error.path}"
            raise InvalidCondition(path, error.problem) from error
        absent = sorted(segment_keys(whole) - published.keys())
        if absent:
            problem = f"names the segment '{absent[0]}', which is not published"
            raise InvalidCondition(f"rules.{rule.key}.condition", problem)
        node, parts = split_history(whole, asking)
        hidden.update(parts)
        rules.append((rule, to_json(node)))
    return SplitConditions(rules, hidden)


def rules_naming(site_id: UUID, kind: str, object_id: UUID) -> list[Usage]:
    """Return the site's rules whose condition names a segment. One query; none of other kinds."""
    if kind != "segment":
        return []
    rows = Rule.objects.filter(site_id=site_id, site__segments=object_id)
    found = []
    for rule in rows.annotate(asked=F("site__segments__key")).order_by("name"):
        try:
            named = segment_keys(parse_condition(rule.condition))
        except InvalidCondition:
            # Refused at the next publication; what it was meant to name cannot be known.
            continue
        if rule.asked in named:
            found.append(Usage("rule", rule.name))
    return found


def problems(site_id: UUID) -> list[str]:
    """Return in words what would make a publication of the site's rules refused. One query."""
    found = []
    rows = Rule.objects.filter(site_id=site_id, is_enabled=True)
    for rule in rows.select_related("placement", "variant").order_by("key"):
        try:
            parse_condition(rule.condition)
        except InvalidCondition as error:
            found.append(f"The condition of the rule '{rule.key}' is refused: {error}.")
        if rule.placement.block_id is None:
            found.append(f"The rule '{rule.key}' waits: no block fills its placement.")
        elif rule.placement.block_id != rule.variant.block_id:
            found.append(
                f"The rule '{rule.key}' serves the variant '{rule.variant.key}', which is not of "
                "the block that fills its placement now."
            )
    return found


def contradictions(site_id: UUID) -> list[str]:
    """Return in words which of the site's rules can never hold, or never serve; see `findings`."""
    found = errors_of_site(site_id)
    return [f"The rule '{key}': {one.text}" for key, own in found.items() for one in own]
