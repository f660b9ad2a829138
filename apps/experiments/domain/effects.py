"""What one metric says of one arm beside the control, valid however often it is looked at."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from apps.experiments.domain import multiplicity
from apps.experiments.domain.comparing import Interval, compare_rates, normal_quantile
from apps.experiments.domain.quantiles import Sampled, compare_quantiles
from apps.experiments.domain.segments_apart import Direction, Guarded, guard
from apps.experiments.domain.sequential import any_time, group_bounds
from apps.experiments.domain.sums import Sums, compare, compare_ratio, post_stratified

ANY_TIME: Final = "any_time"
PLANNED: Final = "planned"
SPENDING: Final = "obrien_fleming_ld"
SUPPOSED: Final = 20_000  # participants of both arms, where nobody planned how many
NOT_YET: Final = "The first planned look has not come yet: nothing is told before."
TOO_LARGE: Final = "The numbers are too large, or too small, to be worked with."
NOT_RELATIVE: Final = "The control is not above zero: there is no change in parts of it."
# Rarer than this in an arm, and the normal approximation of a rate is not to be trusted.
FEW: Final = 5
# An interval for any time is one of many people: with a handful it is too narrow.
FEWEST: Final = 10
TOO_FEW_PEOPLE: Final = "Fewer than ten people in an arm: too few to judge."


@dataclass(frozen=True, slots=True)
class Looking:
    """How an experiment may be looked at, all of it fixed before the start.

    Attributes:
        way: "any_time" or "planned"; looks: of the latter, at equal parts of `per_arm`.
        alpha: two-sided, of one comparison; per_arm: planned participants, None when nobody did.
        reached: the look that the figures are of, where that is known; else they say it themselves.
    """

    way: str
    alpha: float
    per_arm: int | None
    looks: int = 4
    reached: int | None = None

    def look(self, least: int) -> int:
        """Which planned look the smallest arm has come to; 0: none yet."""
        if self.reached is not None:
            return self.reached
        if self.way == ANY_TIME or not self.per_arm:
            return self.looks
        return min(self.looks, math.floor(self.looks * least / self.per_arm + 1e-9))


@dataclass(frozen=True, slots=True)
class Effect:
    """One arm beside the control in one metric. `reason`: why there is no figure, or what it lacks.

    Attributes:
        value, of_control: the means, rates or ratios.
        interval: of the difference, valid at this look.
        relative, relative_interval: in parts of the control's value.
        p, p_adjusted: likewise valid; adjusted for all that decides.
        reduction: the share of the variance that the time before took out (CUPED).
    """

    arm: str
    n: int = 0
    n_control: int = 0
    value: float | None = None
    of_control: float | None = None
    diff: float | None = None
    se: float | None = None
    interval: Interval | None = None
    relative: float | None = None
    relative_interval: Interval | None = None
    p: float | None = None
    p_adjusted: float | None = None
    reduction: float | None = None
    guarded: Guarded | None = None
    reason: str | None = None

    def is_sure(self, alpha: float) -> bool:
        """Whether there is a difference, at this look and beside all that decides."""
        return self.p_adjusted is not None and self.p_adjusted <= alpha


def effect_of(arm: str, control: Sums, own: Sums, kind: str, looking: Looking) -> Effect:
    """Compare an arm with the control. `kind` is that of the metric."""
    effect = Effect(arm, own.n, control.n)
    if not (control.is_workable and own.is_workable):
        return replace(effect, reason=TOO_LARGE)
    if kind == "ratio":
        ratios = compare_ratio(control, own)
        effect = replace(
            effect,
            value=ratios.ratio_b,
            of_control=ratios.ratio_a,
            diff=ratios.diff,
            se=ratios.se_diff,
            reason=ratios.reason,
        )
    else:
        compared = compare(control, own)
        effect = replace(
            effect,
            value=compared.plain.mean_b,
            of_control=compared.plain.mean_a,
            diff=compared.used.diff,
            se=compared.used.se,
            reduction=compared.reduction,
            reason=compared.plain.reason,
        )
        if kind in ("conversion", "retention") and min(control.y, own.y) < FEW:
            return replace(effect, reason="Fewer than five did it in an arm: too few to judge.")
    if effect.diff is None or not effect.se:
        return effect
    if min(control.n, own.n) < FEWEST:
        return replace(effect, reason=TOO_FEW_PEOPLE)
    return _valid(effect, looking)


def quantile_effect(
    arm: str, control: Sampled, own: Sampled, quantile: float, looking: Looking
) -> Effect:
    """Compare a quantile of an arm's single values with the control's."""
    found = compare_quantiles(control, own, quantile)
    effect = Effect(
        arm, own.people, control.people, value=found.of_b, of_control=found.of_a,
        diff=found.diff, se=found.se, reason=found.reason,
    )  # fmt: skip
    return _valid(effect, looking) if found.diff is not None and found.se else effect


def stratified(
    effect: Effect, strata: Sequence[tuple[Sums, Sums]], looking: Looking
) -> Effect | None:
    """Return the same effect worked out within strata (control, arm); None where it cannot be.

    The plain value of the control stays, so that both are parts of the same.
    """
    found = post_stratified(strata)
    if found.diff is None or not found.se:
        return None
    return _valid(replace(effect, diff=found.diff, se=found.se, reason=None), looking)


def _valid(effect: Effect, looking: Looking) -> Effect:
    """With the interval and p that hold at this look."""
    assert effect.diff is not None and effect.se is not None
    if looking.way == ANY_TIME:
        planned = 2 * looking.per_arm if looking.per_arm else SUPPOSED
        found = any_time(
            effect.diff, effect.se, effect.n + effect.n_control, looking.alpha, planned
        )
        interval, p = found.ci, found.p_always_valid
    else:
        seen = at_look(effect, looking.look(min(effect.n, effect.n_control)), looking)
        if seen.interval is None:
            return seen
        interval, p = seen.interval, seen.p
    relative = relative_interval = None
    if effect.of_control and effect.of_control > 0 and interval is not None:
        relative = effect.diff / effect.of_control
        low, high = (end / effect.of_control for end in interval)
        relative_interval = (low, high)
    reason = effect.reason if relative is not None else effect.reason or NOT_RELATIVE
    return replace(
        effect,
        interval=interval,
        p=p,
        relative=relative,
        relative_interval=relative_interval,
        reason=reason,
    )


def at_look(effect: Effect, look: int, looking: Looking) -> Effect:
    """Return an effect with the interval and the p of a planned look, 0 for none yet."""
    assert effect.diff is not None and effect.se
    if look == 0:
        return replace(effect, reason=NOT_YET)
    bound = _bound(look, looking.looks, looking.alpha)
    half = bound * effect.se
    p = _sequential_p(abs(effect.diff / effect.se), bound, looking.alpha)
    return replace(effect, interval=(effect.diff - half, effect.diff + half), p=p)


@lru_cache(maxsize=1024)
def _bound(look: int, looks: int, alpha: float) -> float:
    """The z that a planned look has to reach. It takes milliseconds, and few designs differ."""
    return group_bounds([one / looks for one in range(1, look + 1)], alpha, SPENDING).z[-1]


def _sequential_p(z: float, bound: float, alpha: float) -> float:
    """The p of a planned look on a scale on which alpha is the bound of this look."""
    nominal = math.erfc(z / math.sqrt(2))
    at_bound = math.erfc(bound / math.sqrt(2))
    if at_bound <= 0:
        return 1.0 if z < bound else 0.0
    return min(1.0, nominal * alpha / at_bound)


def adjusted(effects: Sequence[Effect], alpha: float, method: str) -> list[Effect]:
    """Adjust p for looking at several things: "holm" where it decides, else "bh"."""
    if all(one.p is None for one in effects):
        return list(effects)
    # What has no p yet belongs to the family: else the others would be judged twice as strictly
    # once it has one.
    found = multiplicity.adjusted([1.0 if one.p is None else one.p for one in effects], method)
    return [
        one if one.p is None else replace(one, p_adjusted=p)
        for one, p in zip(effects, found, strict=True)
    ]


def guarded(effect: Effect, margin: float, direction: str, looking: Looking) -> Effect:
    """Judge a guardrail; `margin` is in parts of the control's value.

    That harm is confirmed has to hold whenever it is looked. Harm has one side: the whole of alpha
    is for that one.
    """
    if effect.diff is None or not effect.se or not effect.of_control:
        return effect
    one_sided = replace(looking, alpha=min(2 * looking.alpha, 0.5))
    interval = _valid(replace(effect, interval=None), one_sided).interval
    if interval is None:
        return effect
    absolute = margin * abs(effect.of_control)
    way: Direction = "increase_is_good" if direction == "up" else "decrease_is_good"
    # The error with which the ordinary bound is as far away as the valid one.
    half = (interval[1] - interval[0]) / 2
    error = half / normal_quantile(1 - looking.alpha)
    return replace(effect, guarded=guard(effect.diff, error, absolute, looking.alpha, way))


def rates_of(control: Sums, own: Sums) -> Mapping[str, float | None]:
    """The chance that the arm is better, for those who want it: flat priors, no look counted."""
    from apps.experiments.domain.bayes import compare_posteriors

    found = compare_posteriors(int(control.y), control.n, int(own.y), own.n)
    plain = compare_rates(int(control.y), control.n, int(own.y), own.n, is_exact=False)
    return {
        "chance_to_win": found.prob_b_beats_a,
        "expected_loss": found.expected_loss_choose_b,
        "fixed_p": plain.p_pooled,
    }
