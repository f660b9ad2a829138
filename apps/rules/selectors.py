"""Reads of the draft of rules: the documents that a publication freezes."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Count, Q, QuerySet

from apps.consent.declared import problem_of
from apps.experiments.selectors import rules_in_arms
from apps.rules.drafted import document_of, drafted_triggers
from apps.rules.findings import errors_of_site
from apps.rules.models import Rule, Trigger
from apps.rules.ordering import digest_of, order_of
from apps.rules.reporting import report
from apps.rules.tables import review, table_of
from apps.rules.words import condition_words, schedule_words
from apps.segments.selectors import gated_in_force, hidden_conditions, meaning, request_keys
from engine.conditions.canonical import to_json
from engine.conditions.nodes import Node
from engine.conditions.parse import parse_condition
from engine.conditions.scope import segment_keys, split_history
from engine.errors import InvalidCondition
from engine.snapshot import RuleDoc

__all__ = [
    "SplitConditions",
    "condition_words",
    "contradictions",
    "digest_of",
    "hidden_parts",
    "order_of",
    "placements_with_rules",
    "problems",
    "report",
    "review",
    "rule_documents",
    "rules_in_use",
    "schedule_words",
    "split_conditions",
    "table_of",
    "trigger_troubles",
    "triggers_in",
]


@dataclass(frozen=True, slots=True)
class SplitConditions:
    """The rules' conditions as a request can answer them.

    Attributes:
        rules: the rules with their request conditions, by key.
        hidden: the parts that read history, by the key of the hidden segment that answers them.
    """

    rules: list[tuple[Rule, dict[str, Any]]]
    hidden: Mapping[str, Node]


def rules_in_use(site_id: UUID) -> QuerySet[Rule]:
    """The rules of the draft that are not archived, on or off."""
    return Rule.objects.filter(site_id=site_id, archived_at=None)


def rule_documents(site_id: UUID, ids: Collection[UUID] | None = None) -> list[RuleDoc]:
    """Return the site's enabled rules whose placement has a block, by key. Four queries.

    What triggers show stands among them. The hidden segments that they name are made by
    `services.prepare_rules`.

    Args:
        ids: of rules and triggers, where not all are asked for.

    Raises:
        InvalidCondition: a condition is not one any more; the path begins with the rule.
    """
    documents = [
        document_of(rule, condition) for rule, condition in split_conditions(site_id, ids).rules
    ]
    shown = [one.document for one in drafted_triggers(site_id, ids) if one.document is not None]
    return sorted([*documents, *shown], key=lambda one: one.key)


def split_conditions(site_id: UUID, ids: Collection[UUID] | None = None) -> SplitConditions:
    """Split the conditions of the site's rules that are published into request and history.

    Args:
        ids: of the rules, where not all are asked for.

    Three queries at most, and one for the caps.

    Raises:
        InvalidCondition: as `rule_documents`.
    """
    chosen = Q() if ids is None else Q(pk__in=ids)
    is_on = Q(is_enabled=True) | Q(key__in=rules_in_arms(site_id))
    rows = (
        rules_in_use(site_id)
        .filter(chosen, is_on, placement__block__isnull=False)
        .exclude(purpose="")
        .select_related("placement", "variant")
        .prefetch_related("caps")
        .order_by("key")
    )
    published = gated_in_force(site_id)
    asking, meant = request_keys(published), meaning(site_id)
    rules: list[tuple[Rule, dict[str, Any]]] = []
    hidden: dict[str, Node] = {}
    for rule in rows:
        try:
            whole = meant(parse_condition(rule.condition))
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


def hidden_parts(site_id: UUID, keys: Collection[str], rules: Collection[str]) -> dict[str, Node]:
    """Return what hidden segments ask, by key, those too that publishing would make.

    Args:
        keys: of the segments; rules: keys of the drafts that may name them.

    One query; for what is not made yet, those of `split_conditions`.
    """
    found = hidden_conditions(site_id, keys)
    if found.keys() >= set(keys):
        return found
    ids = rules_in_use(site_id).filter(key__in=list(rules)).values_list("pk", flat=True)
    try:
        drafted = split_conditions(site_id, list(ids)).hidden
    except InvalidCondition:
        return found  # it says so itself where it is refused
    return found | {key: node for key, node in drafted.items() if key in keys}


def problems(site_id: UUID) -> list[str]:
    """Return in words what would make a publication of the site's rules refused. One query."""
    found = []
    rows = rules_in_use(site_id).filter(is_enabled=True)
    for rule in rows.select_related("placement", "variant").order_by("key"):
        try:
            parse_condition(rule.condition)
        except InvalidCondition as error:
            found.append(f"The condition of the rule '{rule.key}' is refused: {error}.")
        if problem_of(rule.purpose) is not None:
            found.append(f"The rule '{rule.key}' is left out: it does not say what it is for.")
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


def trigger_troubles(site_id: UUID) -> list[str]:
    """Return in words which triggers have stopped by themselves. One query."""
    rows = Trigger.objects.filter(site_id=site_id, archived_at=None, is_enabled=True).filter(
        Q(paused_at__isnull=False) | Q(webhook_parked_at__isnull=False)
    )
    found = []
    for one in rows.order_by("name"):
        if one.paused_at is not None:
            found.append(
                f"The trigger “{one.name}” fired more than {one.most_per_minute:,} times in a "
                "minute and has paused itself."
            )
        if one.webhook_parked_at is not None:
            found.append(f"The webhook of the trigger “{one.name}” does not answer and is parked.")
    return found


def placements_with_rules(site_id: UUID, search: str, limit: int) -> list[tuple[str, str, int]]:
    """Return placements as (key, name, how many rules), those with most rules first. One query.

    Args:
        search: words that the key or the name must have; none: placements with rules only.
    """
    placements = Rule._meta.get_field("placement").related_model._default_manager
    rows = placements.filter(site_id=site_id, archived_at=None)
    for word in search.split()[:5]:
        rows = rows.filter(Q(key__icontains=word) | Q(name__icontains=word))
    counted = rows.annotate(asked=Count("rules", filter=Q(rules__archived_at=None)))
    if not search:
        counted = counted.filter(asked__gt=0)
    found = counted.order_by("-asked", "key").values_list("key", "name", "asked")
    return [(str(key), str(name), int(asked)) for key, name, asked in found[:limit]]


def triggers_in(site_id: UUID, placement_id: UUID) -> list[Trigger]:
    """Return the triggers that show something in a placement, the greatest priority first."""
    rows = Trigger.objects.filter(
        site_id=site_id, placement_id=placement_id, archived_at=None, is_enabled=True
    )
    return list(rows.select_related("segment", "variant").order_by("-priority", "key"))
