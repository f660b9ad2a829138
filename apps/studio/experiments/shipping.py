"""The winner becomes what the placement serves, and the experiment is over.

Who was meant by the experiment sees it: everybody by the block's default, others by a rule.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.db.models import Min

from apps.content.services import make_default
from apps.experiments import services as experiments
from apps.experiments.services import InvalidExperiment
from apps.rules import services as rules
from apps.studio.experiments import part
from apps.studio.experiments.part import Served

DEFAULT: Final = "default"
RULE: Final = "rule"


@dataclass(frozen=True, slots=True)
class Way:
    """How an arm can be shipped: for everybody, or by a rule for those who were meant.

    Attributes:
        hints: what one should know before.
        refused: why it cannot; empty when it can.
    """

    name: str
    words: str
    hints: tuple[str, ...] = ()
    refused: str = ""


def ways_of(experiment: Any, arm: dict[str, Any]) -> list[Way]:
    """Return how an arm can be shipped, the fitting one first. A few queries."""
    if not arm.get("variant"):
        words = (
            "This arm changes how its placement decides. Make the same change in its rules or "
            "segments, publish it, and conclude the experiment with this arm."
        )
        return [Way(DEFAULT, "", refused=words)]
    variant = experiment.placement.block.variants.filter(pk=arm["variant"]).first()
    if variant is None or variant.archived_at is not None:
        return [Way(DEFAULT, "", refused="Its variant is archived, or of another block by now.")]
    phase = experiment.phases.get(ended_at=None)
    condition, stopped = phase.condition, _why_stopped(experiment, phase, arm)
    by_default = Way(
        DEFAULT,
        f"Make “{variant.name}” the default of “{experiment.placement.block.name}”",
        _hints(experiment, variant),
        _why_no_default(variant),
    )
    meant = "everybody" if condition is None else "those who were meant by the experiment"
    by_rule = Way(
        RULE,
        f"Serve “{variant.name}” to {meant} by a new rule of {experiment.placement.key}",
        ("The rule comes after the placement's other rules and before its segments.",),
    )
    fits_default = condition is None and not by_default.refused
    ways = [by_default, by_rule] if fits_default else [by_rule, by_default]
    return [replace(one, hints=(*stopped, *one.hints)) for one in ways]


@transaction.atomic
def ship(
    *,
    experiment: Any,
    arm_key: str,
    way: str,
    learnings: str,
    known_stopped: Collection[str],
    actor: Any,
    now: datetime,
) -> Served:
    """Conclude an experiment, make an arm what is served, and publish both, all or nothing.

    Args:
        known_stopped: the arms of which the person was told that they are stopped.

    Raises:
        NotAsItStands: it is over already.
        InvalidExperiment: there is no such arm, or it cannot be shipped like that.
        PersonalizationError: as its steps; nothing is done then.
    """
    phase = experiments.under_way(experiment_id=experiment.pk)
    arm = next((one for one in phase.arms if one["key"] == arm_key), None)
    if arm is None:
        raise _refusal("arm", f"There is no arm '{arm_key}'.")
    chosen = next((one for one in ways_of(experiment, arm) if one.name == way), None)
    if chosen is None or chosen.refused:
        raise _refusal("arm", chosen.refused if chosen else "Say how it is shipped.")
    if arm_key in phase.stopped and arm_key not in known_stopped:
        why = " ".join(_why_stopped(experiment, phase, arm))
        raise _refusal("arm", f"{why} That was not known when this page was opened: look again.")
    condition = phase.condition
    experiments.conclude(
        experiment_id=experiment.pk, winner=arm_key, learnings=learnings, actor=actor, now=now
    )
    names = [("experiment", experiment.key)]
    note = f"Ships “{arm['name']}” of the experiment “{experiment.name}”"
    if way == DEFAULT:
        make_default(variant_id=arm["variant"], note=note[:200], actor=actor, now=now)
        names.append(("block", experiment.placement.block.key))
    else:
        names.append(("rule", _rule(experiment, arm, condition)))
    return part.serve(
        site_id=experiment.site_id, names=names, note=note[:200], actor=actor, now=now
    )


def _rule(experiment: Any, arm: dict[str, Any], condition: Any) -> str:
    """Draft the rule that serves an arm after the placement's other rules; return its key."""
    placement = experiment.placement
    least = placement.rules.filter(archived_at=None).aggregate(least=Min("priority"))["least"]
    taken = set(
        placement.site.rules.filter(key__startswith=experiment.key).values_list("key", flat=True)
    )
    stem = f"{experiment.key[:90]}-won"
    key = next(
        name for n in range(1, 1000) if (name := stem if n == 1 else f"{stem}-{n}") not in taken
    )
    made = rules.create_rule(
        site_id=experiment.site_id,
        key=key,
        name=f"{experiment.name}: {arm['name']}"[:120],
        placement_key=placement.key,
        variant_key=arm["variant_key"],
        priority=max(-32_000, (0 if least is None else least) - 1),
        condition=condition,
    )
    return made.key


def _why_stopped(experiment: Any, phase: Any, arm: dict[str, Any]) -> tuple[str, ...]:
    """What is to be known of an arm that is stopped; nothing of another one."""
    if arm["key"] not in phase.stopped:
        return ()
    changes = experiment.changes.filter(
        action="arm_stopped", phase=phase.number, detail__arm=arm["key"]
    )
    note = changes.order_by("-id").values_list("note", flat=True).first()
    return (f"“{arm['name']}” is stopped. {note or ''}".strip(),)


def _why_no_default(variant: Any) -> str:
    if variant.is_default:
        return ""
    if variant.segments.exists():
        return "It is for segments, and a default is for everybody else."
    if variant.caps.exists() or variant.starts_at or variant.ends_at:
        return "It has a cap or a schedule, and a default is always there."
    return ""


def _hints(experiment: Any, variant: Any) -> tuple[str, ...]:
    found = []
    block = experiment.placement.block
    others = block.placements.filter(archived_at=None).exclude(pk=experiment.placement_id)
    keys = sorted(others.values_list("key", flat=True)[:5])
    if keys:
        found.append(f"The block fills {', '.join(keys)}, too: it changes there as well.")
    tagged = block.variants.filter(archived_at=None, segments__isnull=False)
    names = sorted({one.name for one in tagged.exclude(pk=variant.pk)})
    if names:
        found.append(f"Members of their segments see {', '.join(names)} again.")
    waits = part.waiting(experiment.site_id, [("block", block.key)])
    if waits:
        found.append(
            f"“{block.name}” has other changes that wait to be published: they go along with it."
        )
    if variant.is_default:
        found.append("It is the default already: the experiment only ends.")
    return tuple(found)


def _refusal(place: str, words: str) -> InvalidExperiment:
    return InvalidExperiment(
        [{"pointer": f"/{place}", "code": InvalidExperiment.code, "detail": words}]
    )
