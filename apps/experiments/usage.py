"""What of the experiments uses what: asked before something is archived."""

from contextlib import suppress
from typing import Any
from uuid import UUID

from django.db.models import F, Q, QuerySet

from apps.experiments.models import Arm, Experiment, Goal, Layer
from apps.segments.types import Usage, UsageHolder
from engine.conditions.parse import parse_condition
from engine.conditions.scope import segment_keys
from engine.errors import InvalidCondition

PAGE = "admin:experiments_experiment_change"
_State = Experiment.State
_GOING = (_State.RUNNING, _State.PAUSED)


def used_by(site_id: UUID, kind: str, object_id: UUID) -> list[Usage]:
    """Return the experiments that use an object and are not over. A few queries for each.

    An experiment that runs uses itself: it is concluded before it is archived.
    """
    open_ones = Experiment.objects.filter(site_id=site_id, archived_at=None).exclude(
        state=_State.CONCLUDED
    )
    match kind:
        case "variant":
            arms = Arm.objects.filter(variant_id=object_id).values("experiment")
            frozen = Q(phases__ended_at=None, phases__arms__contains=[{"variant": str(object_id)}])
            return _told(open_ones.filter(Q(pk__in=arms) | frozen))
        case "block":
            arms = Arm.objects.filter(variant__block_id=object_id).values("experiment")
            return _told(open_ones.filter(pk__in=arms))
        case "placement":
            return _told(open_ones.filter(placement_id=object_id))
        case "metric":
            goals = Goal.objects.filter(metric_id=object_id).values("experiment")
            return _told(open_ones.filter(pk__in=goals))
        case "layer":
            key = Layer.objects.filter(pk=object_id).values("key")
            frozen = Q(phases__ended_at=None, phases__layer_key__in=key)
            return _told(open_ones.filter(Q(layer_id=object_id) | frozen))
        case "segment":
            return _naming(open_ones.filter(site__segments=object_id))
        case "rule":
            return _changing(open_ones.filter(site__rules=object_id), "rules")
        case "model":
            return _changing(open_ones.filter(site__model_specs=object_id), "models")
        case "recommender":
            return _changing(open_ones.filter(site__recommenders=object_id), "recommenders")
        case "experiment":
            return _told(open_ones.filter(pk=object_id, state__in=_GOING))
    return []


HOLDER = UsageHolder("experiments", used_by)


def _told(rows: QuerySet[Experiment]) -> list[Usage]:
    return [_usage(one) for one in rows.distinct().order_by("name")]


def _usage(one: Experiment) -> Usage:
    kind = "running experiment" if one.state in _GOING else "experiment"
    return Usage(kind, one.name, PAGE, one.pk)


def _naming(rows: QuerySet[Experiment]) -> list[Usage]:
    """The experiments whose audience or arms name a segment, or that tell effects apart for it.

    As they are drafted, and as they run: a design that is changed counts from the next phase on.
    """
    found = []
    for one in rows.annotate(asked=F("site__segments__key")).order_by("name"):
        known = set(one.segments) | _in_arms(one, "segments") | _in_condition(one.condition)
        for phase in one.phases.filter(ended_at=None):
            known |= set(phase.segments) | _in_condition(phase.condition)
        if one.asked in known:
            found.append(_usage(one))
    return found


def _in_condition(condition: Any) -> set[str]:
    """The segments that a condition names."""
    # A condition that is none is refused when it starts; what it meant cannot be known.
    with suppress(InvalidCondition):
        if condition is not None:
            return set(segment_keys(parse_condition(condition)))
    return set()


# What is related to a site under another name than the changes call it.
_RELATED = {"rules": "rules", "models": "model_specs", "recommenders": "recommenders"}


def _changing(rows: QuerySet[Experiment], part: str) -> list[Usage]:
    """The experiments whose arms change one thing, or put it in another one's place."""
    asked = rows.annotate(asked=F(f"site__{_RELATED[part]}__key")).order_by("name")
    return [_usage(one) for one in asked if one.asked in _in_arms(one, part)]


def _in_arms(experiment: Experiment, part: str) -> set[str]:
    """The keys that arms name, as they are drafted and as they run."""
    drafted = experiment.arms.values_list("changes", flat=True)
    frozen = experiment.phases.filter(ended_at=None).values_list("arms", flat=True)
    found: set[str] = set()
    for changes in [*drafted, *(arm.get("changes", {}) for arms in frozen for arm in arms)]:
        swaps = changes.get(part, {})
        found |= {key for pair in swaps.items() for key in pair if key is not None}
        if part == "rules":
            found |= {one["rule"] for one in changes.get("thresholds", ())}
    return found
