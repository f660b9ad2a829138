"""The JSON beside the form of a rule: the language, and what is known of a half-written one."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.http import HttpRequest

from apps.rules.findings import NEW, Written, findings_of
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


def _written(site_id: UUID, body: Mapping[str, Any]) -> Written:
    rule_id = _uuid(body.get("rule"))
    key = None
    if rule_id is not None:
        saved = Rule.objects.filter(site_id=site_id, pk=rule_id)
        key = saved.values_list("key", flat=True).first()
    return Written(
        key=key or NEW,
        placement_id=_uuid(body.get("placement")),
        priority=_number(str(body.get("priority", ""))),
        condition=body.get("condition"),
        is_always=not any(body.get(name) for name in ("starts_at_0", "ends_at_0")),
    )


def _uuid(given: object) -> UUID | None:
    try:
        return UUID(str(given))
    except ValueError:
        return None


def _number(text: str) -> int:
    digits = text.removeprefix("-")
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) < 10 else 0
