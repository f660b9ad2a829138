"""Does an effect differ between segments, and does a guardrail hold?

Sources: Cochran, Biometrics 10 (1954); Higgins and Thompson (2002) for I2; Wellek, Testing
Statistical Hypotheses of Equivalence and Noninferiority (2010).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from scipy import special

from apps.experiments.domain import multiplicity
from apps.experiments.domain.comparing import NO_VARIANCE, compare_rates, normal_quantile

TOO_SMALL: Final = "Too few people in some segments: nothing varies there."


@dataclass(frozen=True, slots=True)
class Heterogeneity:
    """Effects by segment; report one only with its adjusted p and the p of heterogeneity."""

    diffs: tuple[float | None, ...] = ()
    p_unadjusted: tuple[float | None, ...] = ()
    p_holm: tuple[float | None, ...] = ()
    pooled_diff: float | None = None
    pooled_se: float | None = None
    Q: float | None = None
    df: int | None = None
    p_heterogeneity: float | None = None
    I2: float | None = None
    reason: str | None = None


def effects_apart(segments: Sequence[tuple[int, int, int, int]]) -> Heterogeneity:
    """Compare the effect on a rate between segments, each (x_a, n_a, x_b, n_b).

    Segments in which nothing varies have no effect of their own and are left out of the rest.

    Raises:
        ValueError: counts that cannot be.
    """
    compared = [compare_rates(*segment, is_exact=False) for segment in segments]
    return heterogeneity(
        [
            # Not from diff / z: where the effect is nothing, that says nothing of the error.
            (one.diff, None if one.z_unpooled is None else _standard_error(one.ci_diff_wald))
            for one in compared
        ],
        [one.p_unpooled for one in compared],
    )


def heterogeneity(
    effects: Sequence[tuple[float | None, float | None]], p: Sequence[float | None]
) -> Heterogeneity:
    """Compare effects of any kind between segments, each (difference, standard error).

    Args:
        p: of each effect, None where there is none. What is adjusted is this.

    Effects without an error are left out. Q and its p are of one look at people who are each in one
    segment.
    """
    holm = iter(multiplicity.adjusted([one for one in p if one is not None], "holm"))
    by_segment = (
        tuple(diff for diff, _ in effects),
        tuple(p),
        tuple(None if one is None else next(holm) for one in p),
    )
    usable = [(diff, se) for diff, se in effects if diff is not None and se]
    if len(usable) < 2:
        return Heterogeneity(*by_segment, reason=TOO_SMALL)
    weights = [1 / se**2 for _, se in usable]
    pooled = sum(w * d for w, (d, _) in zip(weights, usable, strict=True)) / sum(weights)
    q = sum(w * (d - pooled) ** 2 for w, (d, _) in zip(weights, usable, strict=True))
    df = len(usable) - 1
    return Heterogeneity(
        *by_segment,
        pooled,
        1 / math.sqrt(sum(weights)),
        q,
        df,
        float(special.chdtrc(df, q)),
        max(0.0, (q - df) / q) if q > 0 else 0.0,
        None if len(usable) == len(effects) else TOO_SMALL,
    )


def _standard_error(interval: tuple[float, float] | None) -> float:
    assert interval is not None
    return (interval[1] - interval[0]) / (2 * normal_quantile(0.975))


Direction = Literal["increase_is_good", "decrease_is_good"]


@dataclass(frozen=True, slots=True)
class Guarded:
    """Whether a metric that must not suffer has suffered by less than its margin."""

    z: float | None = None
    p_noninferior: float | None = None
    noninferior: bool | None = None
    one_sided_bound_signed: float | None = None
    harm_confirmed: bool | None = None
    reason: str | None = None


def guard(diff: float, se: float, margin: float, alpha: float, direction: Direction) -> Guarded:
    """Judge a guardrail: treatment minus control, a margin above 0, a one-sided alpha.

    `harm_confirmed`: even the best that the data allow is worse than the margin. Stop then.

    Raises:
        ValueError: a margin that is not above zero.
    """
    if margin <= 0:
        raise ValueError("The margin is above zero: how much harm would still be borne.")
    signed = diff if direction == "increase_is_good" else -diff
    if se <= 0:
        return Guarded(reason=NO_VARIANCE)
    z, q = (signed + margin) / se, normal_quantile(1 - alpha)
    p = float(special.ndtr(-z))
    return Guarded(z, p, p < alpha, signed - q * se, signed + q * se < -margin)
