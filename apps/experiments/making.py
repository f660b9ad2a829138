"""Making metrics and designs from code, as the forms of the admin make them.

What is made is a draft: it is checked when it starts (`designing.check_design`), and nothing that
visitors see is changed here.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction

from apps.access.services import Actor, record_audit
from apps.content.selectors import find_placement, find_variant
from apps.experiments.errors import InvalidExperiment, problem
from apps.experiments.models import Arm, Experiment, Goal, Metric
from apps.work.ids import uuid7


@dataclass(frozen=True, slots=True)
class MetricPlan:
    """What is measured: the fields of `Metric` by their names."""

    key: str
    name: str
    event: str
    kind: str = "conversion"
    of: str = "count"
    property: str = ""
    per_event: str = ""
    direction: str = "up"
    currency: str = ""
    window_hours: int = 168
    most: float | None = None
    quantile: float = 0.9


@dataclass(frozen=True, slots=True)
class ArmPlan:
    """One arm, which shows a variant of the placement's block. `weight` in [0, 1]."""

    key: str
    name: str
    variant: str
    weight: float
    is_control: bool = False


@dataclass(frozen=True, slots=True)
class GoalPlan:
    """By which metric it is judged, and how: `role` and `margin` as `Goal` has them."""

    metric: Metric
    role: str = "goal"
    margin: float | None = None


@dataclass(frozen=True, slots=True)
class DesignPlan:
    """One question. Rates and changes in [0, 1]; see `Experiment` for each."""

    key: str
    name: str
    hypothesis: str
    placement: str
    arms: Sequence[ArmPlan]
    goals: Sequence[GoalPlan]
    condition: dict[str, Any] | None = None
    baseline: float | None = None
    mde_relative: float | None = None
    per_arm: int | None = None


def create_metric(*, site_id: UUID, plan: MetricPlan) -> Metric:
    """Make a metric.

    Raises:
        InvalidExperiment: the key is taken, or a field is not what it may be.
    """
    metric = Metric(site_id=site_id, **asdict(plan))
    try:
        metric.full_clean()
    except ValidationError as error:
        raise InvalidExperiment(
            [
                problem(f"metrics/{plan.key}/{name}", " ".join(said))
                for name, said in error.message_dict.items()
            ]
        ) from None
    metric.save(force_insert=True)
    return metric


@transaction.atomic
def create_experiment(
    *,
    site_id: UUID,
    plan: DesignPlan,
    experiment_id: UUID | None = None,
    actor: Actor = None,
    now: datetime,
) -> Experiment:
    """Make a design with its arms and goals, as a draft.

    Args:
        experiment_id: the seeds of its phases come of it, and so who gets which arm; None: a new
            one.

    Raises:
        InvalidExperiment: the key is taken, or a placement or variant does not exist.
    """
    if Experiment.objects.filter(site_id=site_id, key=plan.key).exists():
        raise InvalidExperiment(
            [problem("key", f"This site has an experiment '{plan.key}' already.")]
        )
    placement = find_placement(site_id, plan.placement)
    if placement is None or placement.block is None:
        said = f"No block fills the placement '{plan.placement}'."
        raise InvalidExperiment([problem("placement", said)])
    experiment = Experiment.objects.create(
        id=experiment_id or uuid7(), site_id=site_id, key=plan.key, name=plan.name,
        hypothesis=plan.hypothesis, placement=placement, condition=plan.condition,
        baseline=plan.baseline, mde_relative=plan.mde_relative, per_arm=plan.per_arm,
        created_at=now, created_by_id=None if actor is None else actor.pk,
    )  # fmt: skip
    _create_arms(experiment, placement.block.key, plan.arms)
    for goal in plan.goals:
        Goal.objects.create(
            experiment=experiment, metric=goal.metric, role=goal.role, margin=goal.margin,
            added_at=now,
        )  # fmt: skip
    record_audit(
        action="experiments.created",
        actor=actor,
        site_id=site_id,
        target_kind="experiments.experiment",
        target_id=str(experiment.pk),
        detail={"key": experiment.key},
        now=now,
    )
    return experiment


def _create_arms(experiment: Experiment, block: str, plans: Sequence[ArmPlan]) -> None:
    for number, arm in enumerate(plans):
        variant = find_variant(experiment.site_id, block, arm.variant)
        if variant is None:
            said = f"The block '{block}' has no variant '{arm.variant}'."
            raise InvalidExperiment([problem(f"arms/{arm.key}", said)])
        Arm.objects.create(
            experiment=experiment, number=number, key=arm.key, name=arm.name, variant=variant,
            weight=arm.weight, is_control=arm.is_control,
        )  # fmt: skip
