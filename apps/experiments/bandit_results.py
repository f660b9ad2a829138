"""What a bandit says: how its shares moved, which arm is likely the best, and what that brought.

Its figures are weighted by one over the probability that each participant's arm had when they came:
plain averages of arms whose shares moved are of different times (`domain/weighted.py`).
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from apps.experiments import sharing
from apps.experiments.bandit_counting import COUNTED
from apps.experiments.bandit_figures import by_arm, cells_of
from apps.experiments.domain.bandits import EVERYBODY, gain_over_even
from apps.experiments.domain.sums import Sums
from apps.experiments.domain.weighted import Weighted
from apps.experiments.models import Change, Metric, Phase

MOST_POINTS = 400  # of the history, the newest
JSON = Any


def bandit_told(
    phase: Phase, mixed: Collection[UUID] = (), *, now: datetime
) -> dict[str, JSON] | None:
    """Return what a result says of a phase's shares; None for one that is no bandit.

    {"shares": [[at, {arm: share}], ...] and "contexts": {segment: {arm: share}} as they are now,
    "best": {arm: chance}, "best_by_segment": {segment: {arm: chance}}, "is_ready": whether shares
    may move, "burn_in", "matured": participants whose time for the goal is over, by arm,
    "gain": {"value", "interval"} over an even split in units of the goal, or null}.

    Args:
        mixed: metrics that add up several currencies: nothing is told of the best by them.
    """
    metric = sharing.goal_of(phase) if phase.bandit else None
    if metric is None:
        return None
    cells = cells_of(phase, metric, until=now)
    seen = by_arm(cells)
    is_ready = sharing.is_ready(phase, cells)
    is_mixed = metric.pk in mixed
    best = sharing.best_of(phase, metric, cells) if seen and not is_mixed else {}
    gain = None
    if not is_mixed:
        gain = gain_over_even(
            [seen.get(arm["number"], Weighted()) for arm in sharing.open_arms(phase)]
        )
    worth = 1 if metric.direction == Metric.Direction.UP else -1
    return {
        "goal": metric.key,
        "floor": phase.bandit["floor"],
        "burn_in": phase.bandit["burn_in"],
        "is_ready": is_ready,
        "matured": {arm["key"]: seen.get(arm["number"], Weighted()).n for arm in phase.arms},
        "shares": _history(phase),
        "contexts": phase.bandit.get("contexts", {}),
        "best": best.get(EVERYBODY, {}),
        "best_by_segment": {key: own for key, own in best.items() if key != EVERYBODY},
        "gain": None
        if gain is None
        else {
            "value": worth * gain.value,
            "interval": sorted((worth * gain.low, worth * gain.high)),
        },
    }


def _history(phase: Phase) -> list[list[JSON]]:
    """The shares of everybody since the start: [[at, {arm: share}], ...]. One query."""
    rows = Change.objects.filter(
        experiment_id=phase.experiment_id, phase=phase.number, action="shares"
    )
    changes = list(rows.order_by("-at", "-pk").values_list("at", "detail")[:MOST_POINTS])[::-1]
    now = {arm["key"]: arm["weight"] for arm in phase.arms}
    first = changes[0][1]["from"] if changes else now
    return [
        [phase.started_at.isoformat(), first],
        *([at.isoformat(), detail["to"]] for at, detail in changes),
    ]


def weighted_sums(phase: Phase, metrics: Iterable[Metric]) -> dict[tuple[UUID, int, str], Sums]:
    """Return sums of a bandit by (metric, arm, ""): of people of equal weights who say the same.

    Nothing of ratios and quantiles, which are not weighted. A query for each metric.
    """
    if not phase.bandit:
        return {}
    return {
        (metric.pk, arm, ""): sums.sums
        for metric in metrics
        if metric.kind in COUNTED
        for arm, sums in by_arm(cells_of(phase, metric)).items()
    }
