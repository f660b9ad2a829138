"""The weighted sums of a bandit as they are read. Workers only (numpy)."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from apps.experiments.bandit_counting import SUMS
from apps.experiments.domain.weighted import Weighted, together
from apps.experiments.models import BanditSum, Metric, Phase

Cell = tuple[str, int]  # context, the arm's number


def cells_of(
    phase: Phase, metric: Metric, *, until: datetime | None = None
) -> dict[Cell, Weighted]:
    """Return the sums by context and arm. One query.

    Args:
        until: only of participants whose time for the metric was over then: the others may still
            come to it, and an arm that got more of late has more of them. None: of all.
    """
    rows = BanditSum.objects.filter(phase=phase, metric=metric)
    if until is not None:
        # A day's participants came until its end.
        last = until - timedelta(hours=metric.window_hours) - timedelta(days=1)
        rows = rows.filter(day__lte=last.date())
    found: dict[Cell, list[Weighted]] = {}
    for context, arm, *sums in rows.order_by("day", "pk").values_list("context", "arm", *SUMS):
        found.setdefault((context, arm), []).append(Weighted(*sums))
    return {cell: together(parts) for cell, parts in found.items()}


def by_arm(cells: Mapping[Cell, Weighted]) -> dict[int, Weighted]:
    """Return the sums of all contexts together, by the arm's number."""
    found: dict[int, Weighted] = {}
    for (_, arm), one in cells.items():
        found[arm] = found.get(arm, Weighted()) + one
    return found
