"""The plan of an experiment as its form tells it: measured, worked out, said. Needs scipy."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from apps.experiments.domain.planning import Asked, Plan, plan
from apps.experiments.event_reads import Baseline, baseline
from apps.experiments.models import Metric

RATES: Final = (Metric.Kind.CONVERSION, Metric.Kind.RETENTION)
SMALLEST: Final = 10  # people of whom a baseline is told


@dataclass(frozen=True, slots=True)
class Question:
    """What the form says so far. `given` is a baseline that an editor knows better."""

    placement: str
    metric: Metric
    mde: float | None
    alpha: float = 0.05
    power: float = 0.8
    arms: int = 2
    goals: int = 1
    looking: str = "any_time"
    looks: int = 4
    coverage: float = 1.0
    layer_share: float = 1.0
    given: float | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """The answer: a plan, where its numbers come from, and both in words."""

    plan: Plan
    measured: Baseline | None
    mean: float | None
    weekly: float
    lines: tuple[str, ...]

    @property
    def rows(self) -> list[tuple[int, str, str]]:
        """The table by week: weeks, people in each arm, the least change that is found."""
        return [
            (row.weeks, f"{row.per_arm:,}", "none at all" if row.mde is None else _pct(row.mde))
            for row in self.plan.by_week
        ]

    @property
    def top_words(self) -> str:
        """What the upper edge of the plot says."""
        return _pct(self.plan.top)

    @property
    def last_week(self) -> int:
        """Where the plot ends."""
        return self.plan.by_week[-1].weeks if self.plan.by_week else 0


def _pct(share: float) -> str:
    return f"{share:.1%}" if share < 10 else f"{share:,.0%}"


def told(question: Question, now: datetime) -> Told:
    """Measure the baseline, and work out what it takes. Four queries, time-boxed."""
    metric = question.metric
    measured = baseline(metric, question.placement, now)
    known = measured is not None and measured.n >= SMALLEST
    mean = question.given
    if mean is None and measured is not None and known:
        mean = measured.mean
    visitors = 0 if measured is None else measured.visitors
    weekly = visitors / 4 * question.coverage * question.layer_share
    is_rate = metric.kind in RATES
    sd = measured.sd if measured is not None and known else None
    if metric.kind == Metric.Kind.QUANTILE:
        found = Plan(reason="A quantile is watched only: no size is worked out for it.")
    else:
        found = plan(
            Asked(
                mean=mean, sd=sd, is_rate=is_rate, mde=question.mde, alpha=question.alpha,
                power=question.power, arms=question.arms,
                comparisons=max(1, question.arms - 1) * max(1, question.goals),
                looking=question.looking, looks=question.looks, weekly=weekly,
            )
        )  # fmt: skip
    return Told(found, measured, mean, weekly, tuple(_lines(question, measured, mean, found)))


def _lines(
    question: Question, measured: Baseline | None, mean: float | None, found: Plan
) -> list[str]:
    lines = [_where_from(question, measured, mean)]
    if measured is not None and measured.is_early and measured.n >= SMALLEST:
        lines.append(
            "Nobody's time to come to the goal is over yet, so the baseline is rather too low."
        )
    if found.reason:
        lines.append(found.reason)
    if found.per_arm is not None and found.fixed is not None:
        lines.append(
            f"To find a change of {question.mde:.1%} with a chance of "
            f"{question.power:.0%}, each of {question.arms} arms needs {found.per_arm:,} "
            f"participants: {_weeks(found.weeks)}."
        )
        way = "any time" if question.looking == "any_time" else f"{question.looks} planned looks"
        lines.append(
            f"With one look at the end it would be {found.fixed:,}; looking at {way} takes "
            f"{found.factor:.2f} times as many."
        )
    return lines


def _where_from(question: Question, measured: Baseline | None, mean: float | None) -> str:
    if measured is None:
        return "The site has too many events to measure the baseline while you wait: give it."
    if not measured.visitors:
        return "Nobody has been shown this placement in the last 28 days: no traffic is known."
    told_n = f"{measured.visitors:,} visitors saw this placement in the last 28 days"
    if question.given is not None:
        return f"{told_n}. The baseline is the one that you gave: {_value(question, mean)}."
    if mean is None:
        return f"{told_n}: too few to measure the baseline by."
    return f"{told_n}. The goal without a change: {_value(question, mean)}, of {measured.n:,}."


def _value(question: Question, mean: float | None) -> str:
    if mean is None:
        return "unknown"
    return f"{mean:.2%}" if question.metric.kind in RATES else f"{mean:.4g}"


def _weeks(weeks: int | None) -> str:
    if weeks is None:
        return "how long that takes is not known, as nobody sees the placement"
    return f"{weeks} whole week" if weeks == 1 else f"{weeks:,} whole weeks"


def metric_of(site_id: UUID, metric_id: object) -> Metric | None:
    """Return a metric of a site, None where it has no such. One query."""
    try:
        wanted = UUID(str(metric_id))
    except ValueError:
        return None
    return Metric.objects.filter(site_id=site_id, pk=wanted).first()
