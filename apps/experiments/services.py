"""What others may ask of experiments."""

from collections.abc import Callable, Mapping
from typing import Any

from apps.experiments.designing import check_design, money_problems
from apps.experiments.errors import InvalidExperiment, NotAsItStands
from apps.experiments.making import (
    ArmPlan,
    DesignPlan,
    GoalPlan,
    MetricPlan,
    create_experiment,
    create_metric,
)
from apps.experiments.running import (
    begin_phase,
    conclude,
    let_go_on,
    pause,
    ramp,
    resume,
    start,
    stop_arm,
    under_way,
)

__all__ = [
    "ArmPlan",
    "DesignPlan",
    "GoalPlan",
    "InvalidExperiment",
    "MetricPlan",
    "NotAsItStands",
    "begin_phase",
    "check_design",
    "conclude",
    "create_experiment",
    "create_metric",
    "let_go_on",
    "money_problems",
    "pause",
    "ramp",
    "resume",
    "start",
    "stat_ops",
    "stop_arm",
    "under_way",
]


def stat_ops() -> Mapping[str, Callable[[Mapping[str, Any]], Any]]:
    """Return the statistics of experiments by name, for `stats_eval`. Needs scipy: workers only."""
    from apps.experiments.domain.ops import OPS

    return OPS
