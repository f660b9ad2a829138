"""How large and how long an experiment has to be, as its page tells it before the start. Pure.

Looking before the end costs participants: with planned looks a few percent, at any time about twice
as many. The factor is that of the squared sums of critical value and power's quantile.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from apps.experiments.domain.comparing import normal_quantile
from apps.experiments.domain.power import (
    days_to_run,
    detectable_rise,
    size_for_means,
    size_for_rates,
)
from apps.experiments.domain.sequential import group_bounds, tuning

WEEKS: Final = (1, 2, 3, 4, 5, 6, 8, 10, 12)
LONGEST_WEEKS: Final = 26
WIDTH: Final = 520.0  # of the plot
HEIGHT: Final = 150.0
# Below these there is nothing to plan: a rate that nobody has, a change that nobody can find.
LEAST: Final = 1e-9
LEAST_CHANGE: Final = 1e-6
LEAST_EFFECT: Final = 1e-4  # in standard deviations: a billion people


@dataclass(frozen=True, slots=True)
class Asked:
    """What a plan is asked for.

    Attributes:
        mean, sd: of the goal for each participant without a change; sd is not read for a rate.
        mde: the least relative change worth finding, above 0.
        alpha: two-sided, of all comparisons together; comparisons: that decide.
        looking: "any_time" or "planned"; looks: of the latter.
        weekly: people who would take part in a week, all arms together.
    """

    mean: float | None
    sd: float | None
    is_rate: bool
    mde: float | None
    alpha: float
    power: float
    arms: int
    comparisons: int
    looking: str
    looks: int
    weekly: float


@dataclass(frozen=True, slots=True)
class Week:
    """After so many weeks: people in each arm, and the least relative change that is found."""

    weeks: int
    per_arm: int
    mde: float | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What an experiment takes. `reason`: why there is no number.

    Attributes:
        fixed: people in each arm if nobody looked before the end.
        factor: how many times that it takes with the looks.
        weeks: whole weeks, so that each weekday counts alike; None: nobody comes.
    """

    per_arm: int | None = None
    fixed: int | None = None
    factor: float = 1.0
    weeks: int | None = None
    reason: str = ""
    by_week: tuple[Week, ...] = ()
    line: tuple[tuple[float, float], ...] = ()
    top: float = 0.0


def plan(asked: Asked) -> Plan:
    """Return people in each arm, whole weeks, and what smaller and larger ones would find."""
    if asked.mean is None:
        return Plan(reason="Nothing is known of the goal yet: give the baseline yourself.")
    if not math.isfinite(asked.mean) or asked.mean < LEAST:
        return Plan(
            reason="The baseline is zero: nobody has come to the goal, so no relative change of it "
            "can be planned. Choose another goal, or give a baseline that you expect."
        )
    if asked.is_rate and asked.mean >= 1:
        return Plan(reason="Everybody comes to the goal already: nothing can become better.")
    if not asked.is_rate and (not asked.sd or asked.sd < LEAST * asked.mean):
        return Plan(reason="The goal does not vary between people: no size can be worked out.")
    alpha = asked.alpha / max(1, asked.comparisons)
    factor = cost_of_looking(asked.looking, asked.looks, alpha, asked.power)
    by_week = tuple(_week(asked, weeks, alpha, factor) for weeks in WEEKS) if asked.weekly else ()
    line, top = _line(by_week)
    told = Plan(factor=factor, by_week=by_week, line=line, top=top)
    fixed, reason = _fixed(asked, alpha)
    if fixed is None:
        return Plan(reason=reason, factor=factor, by_week=by_week, line=line, top=top)
    per_arm = math.ceil(fixed * factor)
    days = days_to_run(per_arm, asked.arms, asked.weekly / 7, 1.0)
    return Plan(
        per_arm=per_arm,
        fixed=math.ceil(fixed),
        factor=factor,
        weeks=None if days is None else days[1] // 7,
        reason="" if days is not None else "Nobody sees this placement: it would never end.",
        by_week=told.by_week,
        line=line,
        top=top,
    )


def cost_of_looking(looking: str, looks: int, alpha: float, power: float) -> float:
    """Return how many times the participants of a fixed end it takes."""
    z_a, z_b = normal_quantile(1 - alpha / 2), normal_quantile(power)
    if looking == "planned":
        fractions = [(place + 1) / looks for place in range(looks)]
        bound = group_bounds(fractions, alpha, "obrien_fleming_ld").z[-1]
    else:
        grown = tuning(alpha, 1.0) ** 2  # of the planned total: the same for each size
        bound = math.sqrt(2 * (grown + 1) / grown * math.log(math.sqrt(grown + 1) / alpha))
    return max(1.0, ((bound + z_b) / (z_a + z_b)) ** 2)


def _fixed(asked: Asked, alpha: float) -> tuple[float | None, str]:
    if not asked.mde or asked.mde < LEAST_CHANGE:
        return None, "Say which relative change is the least that is worth finding."
    assert asked.mean is not None
    spread = asked.sd or 1.0
    if asked.is_rate:
        spread = math.sqrt(asked.mean * (1 - asked.mean))
    if asked.mean * asked.mde < LEAST_EFFECT * spread:
        return None, "That takes more people than there are: ask for a larger change."
    if asked.is_rate:
        rates = size_for_rates(asked.mean, asked.mean * (1 + asked.mde), alpha, asked.power)
        if rates.n_per_arm_unpooled is None:
            return None, "So large a change would be more than everybody: ask for a smaller one."
        return rates.n_per_arm_unpooled, ""
    assert asked.sd is not None
    means = size_for_means(asked.mean * asked.mde, asked.sd, alpha, asked.power)
    return means.n_per_arm_t, means.reason or ""


def _week(asked: Asked, weeks: int, alpha: float, factor: float) -> Week:
    per_arm = asked.weekly * weeks / asked.arms
    return Week(weeks, int(per_arm), _found(asked, per_arm / factor, alpha))


def _found(asked: Asked, n: float, alpha: float) -> float | None:
    """The least relative change that so many in each arm find."""
    assert asked.mean is not None
    if n < 2:
        return None
    if asked.is_rate:
        rise = detectable_rise(asked.mean, n, alpha, asked.power).mde_abs
        return None if rise is None else rise / asked.mean
    assert asked.sd is not None
    z = normal_quantile(1 - alpha / 2) + normal_quantile(asked.power)
    return z * asked.sd * math.sqrt(2 / n) / asked.mean


def _line(rows: Sequence[Week]) -> tuple[tuple[tuple[float, float], ...], float]:
    """Points of the plot, x of the weeks and y of the change downward from `top`."""
    known = [(row.weeks, row.mde) for row in rows if row.mde is not None]
    if len(known) < 2:
        return (), 0.0
    top = max(mde for _, mde in known)
    last = known[-1][0]
    return (
        tuple(
            (round(WIDTH * weeks / last, 1), round(HEIGHT * (1 - mde / top), 1))
            for weeks, mde in known
        ),
        top,
    )
