"""What can be said against the rules of a placement, in the order in which they are asked."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from apps.rules.models import Rule
from apps.segments.linter import (
    Finding,
    RuleAsked,
    Severity,
    findings_for_placements,
    findings_for_rules,
)
from apps.segments.selectors import meaning
from engine.conditions.nodes import Node
from engine.conditions.parse import parse_condition
from engine.errors import InvalidCondition

NEW = "?new"  # no rule has this key


@dataclass(frozen=True, slots=True)
class Written:
    """A rule as it stands in a form, saved or not.

    Attributes:
        placement_id: None before one is chosen: nothing is asked before it then.
        is_always: it has neither a beginning nor an end, and is switched on.
    """

    key: str
    placement_id: Any
    priority: int
    condition: Any
    is_always: bool = True


def written(rule: Rule) -> Written:
    """A saved rule, the same way."""
    is_always = rule.is_enabled and rule.starts_at is None and rule.ends_at is None
    return Written(rule.key, rule.placement_id, rule.priority, rule.condition, is_always)


def findings_of(site_id: UUID, rule: Written) -> list[Finding]:
    """Return what can be said against a rule among the others of its placement, errors first.

    Three queries at most.

    Raises:
        InvalidCondition: its condition is none. Others that cannot be read are left out.
    """
    meant = meaning(site_id)
    node = meant(parse_condition(rule.condition))
    others = Rule.objects.filter(
        site_id=site_id, placement_id=rule.placement_id, is_enabled=True, archived_at=None
    )
    around = [written(one) for one in others.exclude(key=rule.key)] if rule.placement_id else []
    asked = [(rule, RuleAsked(rule.key, node, rule.is_always)), *_readable(meant, around)]
    return findings_for_rules(site_id, _in_order(asked))[rule.key]


def errors_of_site(site_id: UUID) -> dict[str, list[Finding]]:
    """Return what cannot be meant so, by the key of the rule: it can never hold, or never serve.

    Three queries at most.
    """
    rules = Rule.objects.filter(
        site_id=site_id, is_enabled=True, archived_at=None, placement__block__isnull=False
    )
    by_placement: dict[Any, list[Written]] = {}
    for rule in rules.order_by("key"):
        by_placement.setdefault(rule.placement_id, []).append(written(rule))
    meant = meaning(site_id)
    asked = [_in_order(_readable(meant, placed)) for placed in by_placement.values()]
    errors = {
        key: [one for one in own if one.severity is Severity.ERROR]
        for found in findings_for_placements(site_id, asked)
        for key, own in found.items()
    }
    return {key: own for key, own in sorted(errors.items()) if own}


_Asked = tuple[Written, RuleAsked]


def _readable(meant: Callable[[Node], Node], rules: Iterable[Written]) -> Iterator[_Asked]:
    """The rules with what they mean, without those that cannot be read: their pages say so."""
    for rule in rules:
        with suppress(InvalidCondition):
            node = meant(parse_condition(rule.condition))
            yield rule, RuleAsked(rule.key, node, rule.is_always)


def _in_order(asked: Iterable[_Asked]) -> list[RuleAsked]:
    """As the placement asks them: the greatest priority first, then by key."""
    return [one for _, one in sorted(asked, key=lambda pair: (-pair[0].priority, pair[0].key))]
