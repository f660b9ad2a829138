"""A design checked before it starts: what runs cannot be changed silently."""

import itertools
import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db.models import Q

from apps.experiments import event_reads
from apps.experiments.bandit_design import of_bandit
from apps.experiments.changes import problems_of
from apps.experiments.errors import FieldProblem, InvalidExperiment, problem
from apps.experiments.models import Arm, Experiment, Goal, Metric
from apps.experiments.money import adds_amounts
from engine.conditions.parse import parse_condition
from engine.errors import InvalidCondition

WEIGHTS_TOLERANCE = 1e-6
# What a started experiment is judged by, and what its phases do not freeze: it stays as it is.
SETTLED: Final = (
    "key", "placement", "kind", "factors", "looking", "looks", "alpha", "power", "baseline",
    "mde_relative", "per_arm", "min_days",
)  # fmt: skip


# What a metric measures.
METRIC_SETTLED: Final = (
    "kind", "event", "of", "property", "per_event", "per_of", "per_property", "direction",
    "currency", "window_hours", "after_hours", "most", "quantile", "stands_for",
)  # fmt: skip
KEPT_OPEN: Final = timedelta(days=30)  # late events count so long after a phase has ended
MIXED_MONEY: Final = (
    "Amounts in {} are added up as if they were one currency: give the metric a currency."
)


def judges_now(now: datetime) -> Q:
    """The metrics whose figures are still worked out: by a going experiment, or one ended lately.

    What they measure stays as it is: changed now, a day counted again would be of another metric.
    """
    going = [Experiment.State.RUNNING, Experiment.State.PAUSED]
    return Q(goals__experiment__state__in=going) | Q(
        goals__experiment__phases__ended_at__gt=now - KEPT_OPEN
    )


def mixed_money(metric: Metric, since: datetime, *, at_most_ms: int = 0) -> str | None:
    """Return what is wrong with amounts of a metric that no currency was given for. A query.

    Args:
        at_most_ms: after so long it is not known, and nothing is said; 0: whatever it takes.
    """
    if not adds_amounts(metric):
        return None
    found = event_reads.currencies(metric, since, at_most_ms=at_most_ms)
    return MIXED_MONEY.format(" and ".join(found)) if len(found) > 1 else None


def money_problems(experiment_id: UUID, now: datetime) -> list[FieldProblem]:
    """Return the metrics of an experiment that would add up several currencies, each a problem.

    It reads events, 2.5 seconds of them for a metric at the most: ask it before a row is locked.
    """
    goals = Goal.objects.filter(experiment_id=experiment_id).select_related("metric")
    found = []
    for goal in goals.order_by("pk"):
        money = mixed_money(goal.metric, now - KEPT_OPEN, at_most_ms=event_reads.LIMIT_MS)
        if money is not None:
            found.append(problem(f"goals/{goal.metric.key}", f"'{goal.metric.name}': {money}"))
    return found


def check_design(experiment: Experiment) -> list[Arm]:
    """Return the arms, in order, of a design that can be started.

    Some five queries; six more where arms change how is decided.

    Raises:
        InvalidExperiment: with every wrong place.
    """
    arms = list(experiment.arms.select_related("variant").order_by("number"))
    goals = list(experiment.goals.select_related("metric"))
    errors = [
        *_of_place(experiment),
        *_of_arms(experiment, arms),
        *problems_of(experiment, arms),
        *_of_factors(experiment, arms),
        *_of_goals(goals),
        *_of_audience(experiment),
        *_of_looks(experiment),
        *of_bandit(experiment, arms, goals),
    ]
    if errors:
        raise InvalidExperiment(errors)
    return arms


def _of_place(experiment: Experiment) -> list[FieldProblem]:
    """A placement runs one experiment at a time; one that is paused comes back."""
    others = Experiment.objects.filter(
        placement_id=experiment.placement_id,
        state__in=[Experiment.State.RUNNING, Experiment.State.PAUSED],
    ).exclude(pk=experiment.pk)
    placement, layer = experiment.placement, experiment.layer
    found = _of_archived("placement", placement.key, placement.archived_at)
    if layer is not None:
        found += _of_archived("layer", layer.name, layer.archived_at)
    for name in others.values_list("name", flat=True)[:1]:
        words = f"'{name}' runs in this placement: conclude it first, or choose another placement."
        found.append(problem("placement", words))
    return found


def _of_archived(where: str, name: str, archived_at: datetime | None) -> list[FieldProblem]:
    """What is out of use comes back by a person: a copy of an old design may still name it."""
    if archived_at is None:
        return []
    return [problem(where, f"'{name}' is archived: bring it back, or choose another one.")]


def _of_arms(experiment: Experiment, arms: Sequence[Arm]) -> list[FieldProblem]:
    block_id = experiment.placement.block_id
    found = []
    if len(arms) < 2:
        found.append(problem("arms", "Give at least two arms: one of them is the control."))
    elif sum(arm.is_control for arm in arms) != 1:
        found.append(problem("arms", "Say which one arm is the control."))
    if block_id is None:
        found.append(
            problem("placement", "No block fills this placement: there is nothing to show.")
        )
    total = sum(arm.weight for arm in arms)
    if arms and not (math.isfinite(total) and abs(total - 1) <= WEIGHTS_TOLERANCE):
        found.append(problem("arms", f"The shares of the arms add up to {total:.4g}, not to 1."))
    for arm in arms:
        where = f"arms/{arm.key}"
        if not arm.weight >= 0:
            found.append(problem(where, f"The share of the arm '{arm.name}' is below 0."))
        if arm.variant is None:
            continue
        if arm.variant.archived_at is not None:
            found.append(problem(where, f"The variant of the arm '{arm.name}' is archived."))
        elif block_id is not None and arm.variant.block_id != block_id:
            found.append(
                problem(where, f"The variant of the arm '{arm.name}' is of another block.")
            )
    return found


def _of_factors(experiment: Experiment, arms: Sequence[Arm]) -> list[FieldProblem]:
    if experiment.kind != Experiment.Kind.FACTORIAL:
        return []
    factors = {
        str(one["key"]): [str(level) for level in one["levels"]] for one in experiment.factors
    }
    if len(factors) < 2 or any(len(set(levels)) < 2 for levels in factors.values()):
        return [problem("factors", "A factorial needs two factors, with two levels each.")]
    wanted = set(itertools.product(*factors.values()))
    given = [tuple(str(arm.levels.get(key)) for key in factors) for arm in arms]
    if len(given) != len(set(given)) or set(given) != wanted:
        return [
            problem("arms", f"Give one arm for each of the {len(wanted)} combinations of levels.")
        ]
    return []


def _of_looks(experiment: Experiment) -> list[FieldProblem]:
    if experiment.looking != Experiment.Looking.PLANNED:
        return []
    if experiment.kind == Experiment.Kind.BANDIT:
        return [problem("looking", "The shares of a bandit move: look at it at any time.")]
    if experiment.per_arm is None:
        words = "Planned looks need a planned size: say how many participants, or look at any time."
        return [problem("per_arm", words)]
    return []


def _of_goals(goals: Sequence[Goal]) -> list[FieldProblem]:
    found = []
    if not any(one.role == Goal.Role.GOAL for one in goals):
        found.append(problem("goals", "Say by which metric it is decided: give one goal."))
    for one in goals:
        where, name = f"goals/{one.metric.key}", one.metric.name
        found += _of_archived(where, name, one.metric.archived_at)
        if one.role == Goal.Role.GUARDRAIL and not one.margin:
            found.append(problem(where, f"Say how much worse '{name}' may get at the most."))
        if one.role != Goal.Role.WATCHED and one.metric.kind == Metric.Kind.QUANTILE:
            found.append(problem(where, f"'{name}' is a quantile: it can be watched, not decide."))
    return found


def _of_audience(experiment: Experiment) -> list[FieldProblem]:
    found = []
    if not 0 < experiment.coverage <= 1:
        found.append(problem("coverage", "Say which share of the visitors takes part."))
    if experiment.condition is not None:
        try:
            parse_condition(experiment.condition)
        except InvalidCondition as error:
            found.append(problem("condition", f"Who takes part is not a condition: {error}."))
    return found
