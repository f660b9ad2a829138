"""The JSON beside the form of a rule: the language, and what is known of a half-written one."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.http import HttpRequest

from apps.rules.findings import NEW, Written, findings_of
from apps.rules.forms import variants_in
from apps.rules.models import Rule
from apps.segments import editing
from engine.errors import InvalidCondition

_json = editing.json_view("rules.view_rule")


@_json
def schema(request: HttpRequest, body: Mapping[str, Any]) -> dict[str, Any]:
    """{"site"}: the language, and the names that this site has seen."""
    return editing.schema(_uuid(body.get("site")))


@_json
def live(request: HttpRequest, body: Mapping[str, Any]) -> dict[str, Any]:
    """{"site", "condition", "rule"?, "placement"?, "priority"?, "is_enabled"?, ...}: see `editing`.

    The others are the values of the form's fields, as texts.
    """
    site_id = _uuid(body.get("site"))
    if site_id is None:
        raise InvalidCondition("site", "expected the id of a site")
    rule = _written(site_id, body)
    answer = editing.beside(
        body,
        draft=lambda: editing.draft_of(site_id, body["condition"]),
        findings=lambda _: findings_of(site_id, rule),
        may_see_people=request.user.has_perm(editing.SEES_PEOPLE),
    )
    # A rule has no members who come in and go out.
    for name in ("entered", "left"):
        answer.get("counted", {}).pop(name, None)
    return answer


@_json
def variants(request: HttpRequest, body: Mapping[str, Any]) -> dict[str, Any]:
    """{"site", "placement"}: the variants of the block that fills it, the default first."""
    site_id = _uuid(body.get("site"))
    placement = None if site_id is None else _placement(site_id, body.get("placement"))
    return {
        "variants": [
            {"key": one.key, "name": one.name, "isDefault": one.is_default}
            for one in variants_in(placement)
        ],
        "block": "" if placement is None or placement.block is None else placement.block.name,
    }


@_json
def people(request: HttpRequest, body: Mapping[str, Any]) -> dict[str, Any]:
    """{"site", "rule"}: how many people a saved rule means now, in words."""
    site_id, rule_id = _uuid(body.get("site")), _uuid(body.get("rule"))
    rule = None
    if site_id is not None and rule_id is not None:
        rule = Rule.objects.filter(site_id=site_id, pk=rule_id).first()
    if site_id is None or rule is None:
        raise InvalidCondition("rule", "expected the id of a rule")
    whole = {"condition": rule.condition}
    answer = editing.beside(
        whole,
        draft=lambda: editing.draft_of(site_id, rule.condition),
        findings=lambda _: [],
        may_see_people=False,
    )
    counted = answer.get("counted")
    if counted is None:
        return {"people": answer["note"] or "its condition is refused"}
    if counted["dependsOnRequest"] or counted["everyone"] == "0":
        is_empty = not counted["dependsOnRequest"]
        return {"people": "nobody is known yet" if is_empty else counted["size"]}
    return {"people": f"{counted['size']} of {counted['everyone']} people"}


def _placement(site_id: UUID, given: object) -> Any:
    """The placement that a field names by its key or its id."""
    placements = Rule._meta.get_field("placement").related_model._default_manager
    named = Q(pk=_uuid(given)) if _uuid(given) else Q(key=str(given or "").strip()[:100])
    return placements.filter(named, site_id=site_id).select_related("block").first()


def _written(site_id: UUID, body: Mapping[str, Any]) -> Written:
    rule_id = _uuid(body.get("rule"))
    key = None
    if rule_id is not None:
        saved = Rule.objects.filter(site_id=site_id, pk=rule_id)
        key = saved.values_list("key", flat=True).first()
    return Written(
        key=key or NEW,
        placement_id=getattr(_placement(site_id, body.get("placement")), "pk", None),
        priority=_number(str(body.get("priority", ""))),
        condition=body.get("condition"),
        is_always=not any(body.get(name) for name in ("starts_at", "ends_at")),
    )


def _uuid(given: object) -> UUID | None:
    try:
        return UUID(str(given))
    except ValueError:
        return None


def _number(text: str) -> int:
    digits = text.removeprefix("-")
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) < 10 else 0
