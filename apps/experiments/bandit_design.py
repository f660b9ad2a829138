"""What a bandit needs before it starts, besides what every experiment needs."""

from collections.abc import Sequence
from typing import Final

from apps.experiments.errors import FieldProblem, problem
from apps.experiments.models import Arm, Experiment, Goal, Metric
from apps.segments.selectors import gated_in_force, request_keys

LEARNS_FROM: Final = (Metric.Kind.CONVERSION, Metric.Kind.MEAN)
_EVEN: Final = 1e-3


def of_bandit(
    experiment: Experiment, arms: Sequence[Arm], goals: Sequence[Goal]
) -> list[FieldProblem]:
    """Return what stands against a bandit; nothing against other experiments. One query at most."""
    if experiment.kind != Experiment.Kind.BANDIT or not arms:
        return []
    found = []
    if any(abs(arm.weight - 1 / len(arms)) > _EVEN for arm in arms):
        found.append(problem("arms", "A bandit begins with even shares, and moves them by itself."))
    if experiment.bandit_floor * len(arms) > 1:
        found.append(
            problem(
                "bandit_floor",
                f"{len(arms)} arms cannot all keep {experiment.bandit_floor:.0%}: at most "
                f"{1 / len(arms):.0%}.",
            )
        )
    own = [goal.metric for goal in goals if goal.role == Goal.Role.GOAL]
    if len(own) > 1:
        found.append(problem("goals", "A bandit follows one goal: make the others watched."))
    for metric in own:
        if metric.kind not in LEARNS_FROM:
            found.append(
                problem(
                    f"goals/{metric.key}",
                    f"A bandit cannot follow '{metric.name}': it has to be the share who did "
                    "something, or an average for each participant.",
                )
            )
    if experiment.is_contextual:
        found += _of_contexts(experiment)
    return found


def _of_contexts(experiment: Experiment) -> list[FieldProblem]:
    if not experiment.segments:
        return [problem("segments", "Name the segments that get shares of their own.")]
    published = gated_in_force(experiment.site_id)
    asking = request_keys(published)
    found = []
    for key in experiment.segments:
        if key not in published:
            found.append(problem("segments", f"The segment '{key}' is not published."))
        elif key in asking:
            found.append(
                problem(
                    "segments",
                    f"The segment '{key}' depends on the request: nobody is kept in it, so nothing "
                    "can be learned for it.",
                )
            )
    return found
