"""What an experiment said, as its page shows it: reads, and one request. Nothing heavy is needed.

A page costs a fixed number of queries, however many took part: what is told was worked out before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from apps.experiments.models import Change, DaySum, Experiment, Look, Phase, Result
from apps.experiments.tasks import REFRESH
from apps.work import services as work
from apps.work.selectors import open_work
from apps.work.types import Standing

JSON = Any
CHANGES: Final = 100  # that are shown, the newest first
LOOKS: Final = 400  # days


@dataclass(frozen=True, slots=True)
class PhaseName:
    """One of the phases that can be looked at."""

    number: int
    started_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class ChangeTold:
    """What was done. `by` is empty for the system."""

    at: datetime
    phase: int
    action: str
    by: str
    note: str
    detail: Mapping[str, JSON]


@dataclass(frozen=True, slots=True)
class Shown:
    """An experiment and one of its phases, with everything that its page tells.

    Attributes:
        design: the row of the experiment, with placement and site.
        phase: the one that is looked at, None before the start.
        worked_out_at, document: None while nothing is worked out; see `analysing`.
        looks: (day, [[metric, arm, estimate, low, high], ...]), ascending.
    """

    design: Experiment
    phase: Phase | None
    phases: Sequence[PhaseName]
    worked_out_at: datetime | None
    document: Mapping[str, JSON] | None
    looks: Sequence[tuple[date, Sequence[Sequence[JSON]]]]
    changes: Sequence[ChangeTold]


def shown(experiment_id: UUID, number: int | None = None) -> Shown | None:
    """Return what the page shows of a phase, without a number of the newest one. Five queries.

    None where there is no such experiment, or no such phase of it.
    """
    rows = Experiment.objects.select_related("placement", "site")
    design = rows.filter(pk=experiment_id).first()
    if design is None:
        return None
    phases = list(design.phases.order_by("number"))
    wanted = number if number is not None else (phases[-1].number if phases else None)
    phase = next((one for one in phases if one.number == wanted), None)
    if number is not None and phase is None:
        return None
    result, looks = None, []
    if phase is not None:
        result = Result.objects.filter(phase=phase).first()
        newest = Look.objects.filter(phase=phase).order_by("-day").values_list("day", "figures")
        looks = list(newest[:LOOKS])[::-1]
    return Shown(
        design,
        phase,
        [PhaseName(one.number, one.started_at, one.ended_at) for one in phases],
        None if result is None else result.worked_out_at,
        None if result is None else result.document,
        looks,
        _changes(design),
    )


def _changes(experiment: Experiment) -> list[ChangeTold]:
    rows = Change.objects.filter(experiment=experiment).select_related("by").order_by("-at", "-pk")
    return [
        ChangeTold(
            one.at,
            one.phase,
            one.action,
            "" if one.by is None else one.by.get_full_name() or one.by.get_username(),
            one.note,
            one.detail,
        )
        for one in rows[:CHANGES]
    ]


@dataclass(frozen=True, slots=True)
class DayTold:
    """The sums of one arm and metric over those who joined on one day."""

    day: date
    arm: int
    metric: str
    n: int
    sums: Mapping[str, float]
    left_out: int


_SUMS: Final = ("y", "yy", "d", "dd", "yd", "x", "xx", "xy")


def days_of(phase_id: UUID) -> list[DayTold]:
    """Return the sums by day of everybody, in order. One query."""
    rows = DaySum.objects.filter(phase_id=phase_id, segment="")
    return [
        DayTold(day, arm, metric, n, dict(zip(_SUMS, values, strict=True)), left_out)
        for day, arm, metric, n, left_out, *values in rows.order_by(
            "day", "metric__key", "arm"
        ).values_list("day", "arm", "metric__key", "n", "left_out", *_SUMS)
    ]


def ask_refresh(experiment: Experiment, *, now: datetime) -> None:
    """Ask for an experiment's sums and results to be brought up to date now."""
    work.ask(
        REFRESH,
        key=f"experiment:{experiment.pk}",
        site_id=experiment.site_id,
        payload={"experiment": str(experiment.pk)},
        queue="fast",
        now=now,
    )


def refresh_of(experiment: Experiment) -> Standing | None:
    """Return how far the site's experiments are being worked out now, None: not. One query."""
    return open_work(experiment.site_id, (REFRESH,))
