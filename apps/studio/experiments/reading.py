"""An experiment as its pages show it: arms side by side, who takes part, what it is judged by."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.apps import apps
from django.http import Http404, HttpRequest
from django.urls import reverse

from apps.access.site_staff import narrowed
from apps.content.revisions import kind_named
from apps.content.revisions_words import Line, lines_between
from engine.conditions.parse import parse_condition
from engine.conditions.sentences import people
from engine.errors import InvalidCondition

_SHOWN = ("fields", "template", "value", "translations")


@dataclass(frozen=True, slots=True)
class Compared:
    """One arm beside the control.

    Attributes:
        lines: what it shows otherwise; empty for the control.
        changes: what it decides otherwise, in words.
        preview: where it is edited and looked at.
        frame: the address of its picture, as it would be shown now; empty: it has none by itself.
    """

    arm: Any
    share: str
    lines: list[Line]
    changes: list[str]
    preview: str
    frame: str
    is_same: bool


def experiment_of(request: HttpRequest, experiment_id: UUID) -> Any:
    """Return an experiment of somebody's sites. One query.

    Raises:
        Http404: there is no such.
    """
    model: Any = apps.get_model("experiments.experiment")
    rows = narrowed(request.user, model._default_manager.all())
    found = rows.select_related("placement__block", "site", "layer").filter(pk=experiment_id)
    experiment = found.first()
    if experiment is None:
        raise Http404
    return experiment


def compared(experiment: Any) -> list[Compared]:
    """Return the arms beside the control, the control first. A few queries for the block."""
    arms = list(experiment.arms.select_related("variant").order_by("-is_control", "number"))
    shown = _variants(experiment)
    control = next((one for one in arms if one.is_control), None)
    found = []
    for arm in arms:
        own = shown.get(str(arm.variant_id), {})
        against = shown.get(str(control.variant_id), {}) if control is not None else {}
        lines = [] if arm.is_control else _lines(against, own)
        changes = _changes(arm)
        found.append(
            Compared(
                arm=arm,
                share=f"{arm.weight:.1%}",
                lines=lines,
                changes=changes,
                preview=_preview(experiment, arm),
                frame=_frame(experiment, arm),
                is_same=not (arm.is_control or lines or changes),
            )
        )
    return found


def audience_words(condition: Any) -> str:
    """Return who is meant, in words."""
    if condition is None:
        return "everybody who sees the placement"
    try:
        return str(people(parse_condition(condition)))
    except InvalidCondition as error:
        return f"refused: {error}"


def _variants(experiment: Any) -> dict[str, Any]:
    placement = experiment.placement
    kind = kind_named("block")
    if placement is None or placement.block_id is None or kind is None:
        return {}
    found = kind.document_of(placement.block_id).get("variants")
    return found if isinstance(found, dict) else {}


def _lines(before: Any, after: Any) -> list[Line]:
    """What one variant shows otherwise than another, field by field."""
    kind = kind_named("block")
    assert kind is not None
    sides: list[Any] = [
        {"variants": {"one": {name: side[name] for name in _SHOWN if name in side}}}
        for side in (before, after)
    ]
    one, other = sides
    return [
        Line(line.words.partition(": ")[2] or line.words, line.before, line.after)
        for line in lines_between(kind, one, other)
    ]


def _changes(arm: Any) -> list[str]:
    changes = getattr(arm, "changes", None)
    if not changes:
        return []
    from apps.experiments.selectors import changes_in_words

    return list(changes_in_words(changes))


def _preview(experiment: Any, arm: Any) -> str:
    placement = experiment.placement
    if placement is None or arm.variant_id is None:
        return ""
    return f"{reverse('admin:content_block_change', args=[arm.variant.block_id])}#variant"


def _frame(experiment: Any, arm: Any) -> str:
    """The picture of what an arm shows, from the drafts: what begins is published from them.

    A flag's value is not drawn, and an arm that changes how is decided has no picture of its own.
    """
    placement = experiment.placement
    if placement is None or placement.block is None or arm.variant is None:
        return ""
    if placement.block.kind == "flag":
        return ""
    asked = {
        "site": experiment.site.key,
        "block": placement.block.key,
        "variant": arm.variant.key,
        "by": "drafts",
    }
    return f"{reverse('admin:preview_frame')}?{urlencode(asked)}"
