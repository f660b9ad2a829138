"""One rule of the drafts as it would serve if it were switched on: to see what that would do."""

from collections.abc import Mapping
from typing import NamedTuple
from uuid import UUID

import msgspec

from apps.rules.drafted import document_of
from apps.rules.errors import InvalidRule
from apps.rules.models import Rule
from apps.segments.selectors import gated_in_force, meant, request_keys
from engine.conditions.canonical import to_json
from engine.conditions.nodes import Node
from engine.conditions.parse import parse_condition
from engine.conditions.scope import segment_keys, split_history
from engine.snapshot import RuleDoc


class Tried(NamedTuple):
    """A rule with what it would need.

    Attributes:
        hidden: the parts of its condition that read history, by the key of the segment that would
            answer them.
        block: the key of the block that fills its placement.
    """

    name: str
    document: RuleDoc
    hidden: Mapping[str, Node]
    block: str


def tried(site_id: UUID, rule_id: UUID) -> Tried | None:
    """Return a rule of the site, switched on; None when there is none, or it is archived.

    Two queries, and one if it names a computed trait.

    Raises:
        InvalidCondition: its condition is none any more.
        InvalidRule: no block fills its placement, or it names what is not published.
    """
    rows = Rule.objects.filter(site_id=site_id, pk=rule_id, archived_at=None)
    rule = rows.select_related("placement__block", "variant").prefetch_related("caps").first()
    if rule is None:
        return None
    if rule.placement.block is None:
        raise InvalidRule("placement", f"No block fills the placement '{rule.placement.key}'.")
    whole = meant(site_id, parse_condition(rule.condition))
    published = gated_in_force(site_id)
    absent = sorted(segment_keys(whole) - published.keys())
    if absent:
        raise InvalidRule("condition", f"It names the segment '{absent[0]}', not published yet.")
    node, hidden = split_history(whole, request_keys(published))
    document = msgspec.structs.replace(document_of(rule, to_json(node)), enabled=True)
    return Tried(rule.name, document, hidden, rule.placement.block.key)


def names(site_id: UUID, query: str = "", most: int = 20) -> list[tuple[UUID, str, bool]]:
    """Return (id, name, is on) of rules whose name or key has a word in it, by name. One query."""
    rows = Rule.objects.filter(site_id=site_id, archived_at=None)
    if query:
        rows = rows.filter(name__icontains=query) | rows.filter(key__icontains=query)
    return list(rows.order_by("name", "pk").values_list("pk", "name", "is_enabled")[:most])


def named(site_id: UUID, rule_id: UUID) -> list[tuple[UUID, str, bool]]:
    """Return the same of one rule; nothing when there is none. One query."""
    rows = Rule.objects.filter(site_id=site_id, pk=rule_id, archived_at=None)
    return list(rows.values_list("pk", "name", "is_enabled"))
