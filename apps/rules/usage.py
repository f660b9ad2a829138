"""What of the rules and triggers uses what: asked before something is archived."""

from uuid import UUID

from django.db.models import F

from apps.rules.models import Rule, Trigger
from apps.segments.types import Usage, UsageHolder
from engine.conditions.parse import parse_condition
from engine.conditions.scope import segment_keys
from engine.errors import InvalidCondition

RULE_PAGE = "admin:rules_rule_change"
TRIGGER_PAGE = "admin:rules_trigger_change"
_BY = {
    "placement": "placement_id",
    "variant": "variant_id",
    "block": "variant__block_id",
    "cap": "caps",
}


def used_by(site_id: UUID, kind: str, object_id: UUID) -> list[Usage]:
    """Return the rules and triggers that use an object. At most three queries; none of others."""
    if kind == "segment":
        return [*_rules_naming(site_id, object_id), *_triggers(site_id, "segment_id", object_id)]
    if kind in _BY:
        rules = Rule.objects.filter(site_id=site_id, archived_at=None, **{_BY[kind]: object_id})
        found = [_of_rule(one) for one in rules.order_by("name")]
        # A trigger's own cap goes where the trigger goes.
        return found if kind == "cap" else [*found, *_triggers(site_id, _BY[kind], object_id)]
    return []


def _triggers(site_id: UUID, column: str, object_id: UUID) -> list[Usage]:
    rows = Trigger.objects.filter(site_id=site_id, archived_at=None, **{column: object_id})
    return [Usage("trigger", one.name, TRIGGER_PAGE, one.pk) for one in rows.order_by("name")]


def _rules_naming(site_id: UUID, segment_id: UUID) -> list[Usage]:
    """The rules whose condition names a segment."""
    rows = Rule.objects.filter(site_id=site_id, archived_at=None, site__segments=segment_id)
    found = []
    for rule in rows.annotate(asked=F("site__segments__key")).order_by("name"):
        try:
            named = segment_keys(parse_condition(rule.condition))
        except InvalidCondition:
            # Refused at the next publication; what it was meant to name cannot be known.
            continue
        if rule.asked in named:
            found.append(_of_rule(rule))
    return found


def _of_rule(rule: Rule) -> Usage:
    return Usage("rule", rule.name, RULE_PAGE, rule.pk)


HOLDER = UsageHolder("rules", used_by)
