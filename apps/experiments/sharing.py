"""New shares for bandits that run: worked out, kept, and asked to be served. Workers only (scipy).

Once the figures of each arm are worth something, each arm gets the chance that it is the best,
above its floor and no further from its share of now than a step (`domain/bandits.py`).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction

from apps.experiments import money, running
from apps.experiments.asking import publish_part
from apps.experiments.bandit_counting import contexts_in
from apps.experiments.bandit_figures import Cell, by_arm, cells_of
from apps.experiments.domain import bandits
from apps.experiments.domain.bandits import EVERYBODY
from apps.experiments.domain.weighted import Weighted
from apps.experiments.errors import NotAsItStands
from apps.experiments.models import Experiment, Goal, Metric, Phase

LEAST_MOVE: Final = 0.005  # a smaller change of every share is not worth a publication
JSON = Any


def share_anew(phase: Phase, *, now: datetime) -> bool:
    """Give a bandit the shares that its figures ask for; False: it keeps those that it has.

    So it is before the burn-in is over, more often than it asked for, when nothing much would
    change, and where its goal adds up several currencies. What works in the same moment waits for
    the experiment's row, and then finds it done.
    """
    if not phase.bandit or phase.ended_at is not None or not _is_due(phase, now):
        return False
    metric = goal_of(phase)
    if metric is None or money.has_several_currencies(phase, metric):
        return False
    cells = cells_of(phase, metric, until=now)
    if not is_ready(phase, cells):
        return False
    chances = best_of(phase, metric, cells)
    shares = {context: _wanted(phase, context, best) for context, best in chances.items()}
    if not any(_moves(phase, context, own) for context, own in shares.items()):
        return False
    return _set(phase, shares, now)


def goal_of(phase: Phase) -> Metric | None:
    """Return what a bandit is to raise: its one goal. One query."""
    goals = Goal.objects.filter(
        experiment_id=phase.experiment_id, role=Goal.Role.GOAL, added_at__lte=phase.started_at
    )
    found = goals.select_related("metric").order_by("pk").first()
    return None if found is None else found.metric


def is_ready(phase: Phase, cells: Mapping[Cell, Weighted]) -> bool:
    """Whether every arm that is open has as many participants as were asked for."""
    seen = by_arm(cells)
    least = min(seen.get(arm["number"], Weighted()).n for arm in open_arms(phase))
    return least >= int(phase.bandit["burn_in"])


def open_arms(phase: Phase) -> list[dict[str, JSON]]:
    """Return the arms that are not stopped; the control never is."""
    return [arm for arm in phase.arms if arm["key"] not in phase.stopped]


def best_of(
    phase: Phase, metric: Metric, cells: Mapping[Cell, Weighted]
) -> dict[str, dict[str, float]]:
    """Return the chance of each open arm to be the best, by context and the arm's key."""
    arms = open_arms(phase)
    contexts = [EVERYBODY, *contexts_in(phase)]
    table = {
        context: [cells.get((context, arm["number"]), Weighted()) for arm in arms]
        for context in contexts
    }
    found = bandits.best_by_context(
        table,
        is_rate=metric.kind != Metric.Kind.MEAN,
        is_more_better=metric.direction == Metric.Direction.UP,
    )
    keys = [arm["key"] for arm in arms]
    return {context: dict(zip(keys, best, strict=True)) for context, best in found.items()}


def shares_now(phase: Phase, context: str) -> dict[str, float]:
    """Return the shares of a context by the arm's key: of its own, or those of everybody else."""
    own = phase.bandit.get("contexts", {}).get(context)
    return own or {arm["key"]: arm["weight"] for arm in phase.arms}


def _is_due(phase: Phase, now: datetime) -> bool:
    before = phase.bandit.get("shared_at")
    since = phase.started_at if before is None else datetime.fromisoformat(before)
    return now - since >= timedelta(hours=phase.bandit["hours"])


def _wanted(phase: Phase, context: str, best: Mapping[str, float]) -> dict[str, float]:
    keys: Sequence[str] = [arm["key"] for arm in phase.arms]
    before = shares_now(phase, context)
    # So many arms may have been added to a design that the floors would be all there is.
    floor = min(phase.bandit["floor"], 1 / len(keys))
    found = bandits.wanted(
        [best.get(key, 0.0) for key in keys],
        [before[key] for key in keys],
        floor,
        [key in phase.stopped for key in keys],
    )
    return dict(zip(keys, found.shares, strict=True))


def _moves(phase: Phase, context: str, shares: Mapping[str, float]) -> bool:
    before = shares_now(phase, context)
    return any(abs(share - before[key]) >= LEAST_MOVE for key, share in shares.items())


def _set(phase: Phase, shares: dict[str, dict[str, float]], now: datetime) -> bool:
    experiment = Experiment.objects.get(pk=phase.experiment_id)
    everybody = shares.pop(EVERYBODY)
    try:
        with transaction.atomic():
            if not running.set_shares(
                experiment_id=experiment.pk,
                shares=everybody,
                contexts=shares,
                read=phase,
                now=now,
            ):
                return False
            publish_part(experiment, note=f"New shares of '{experiment.name}'", now=now)
    except NotAsItStands:
        return False  # paused or concluded in this very moment
    return True
