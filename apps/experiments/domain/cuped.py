"""CUPED: what people did before, taken out of what they did after.

Source: Deng, Xu, Kohavi and Walker, WSDM 2013. One theta for the pair of arms, never one an arm:
two would let the adjustment itself make a difference.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from apps.experiments.domain.comparing import (
    NO_VARIANCE,
    TOO_FEW,
    Interval,
    Moments,
    Vector,
    compare_means,
)


@dataclass(frozen=True, slots=True)
class Adjusted:
    """A difference of means before and after the adjustment."""

    theta: float | None = None
    pooled_corr: float | None = None
    diff_unadjusted: float | None = None
    se_unadjusted: float | None = None
    diff_cuped: float | None = None
    se_cuped: float | None = None
    variance_reduction: float | None = None
    p_welch_cuped: float | None = None
    ci_cuped: Interval | None = None
    ancova_diff: float | None = None
    reason: str | None = None


def adjust(
    pre_a: Sequence[float],
    post_a: Sequence[float],
    pre_b: Sequence[float],
    post_b: Sequence[float],
    alpha: float = 0.05,
) -> Adjusted:
    """Adjust a mean by the same people's values from before they were exposed, one number a unit.

    Raises:
        ValueError: not one value before for each value after.
    """
    if len(pre_a) != len(post_a) or len(pre_b) != len(post_b):
        raise ValueError("Each unit needs a value from before and one from after.")
    if min(len(pre_a), len(pre_b)) < 2:
        return Adjusted(reason=TOO_FEW)
    x = np.concatenate([np.asarray(pre_a, float), np.asarray(pre_b, float)])
    y = np.concatenate([np.asarray(post_a, float), np.asarray(post_b, float)])
    plain = compare_means(Moments.of(post_a), Moments.of(post_b), alpha)
    table = np.cov(x, y, ddof=1)
    if table[0, 0] == 0 or table[1, 1] == 0 or not plain.se:
        return Adjusted(diff_unadjusted=plain.diff, se_unadjusted=plain.se, reason=NO_VARIANCE)
    theta = float(table[0, 1] / table[0, 0])
    rest = y - theta * x
    split = len(pre_a)
    found = compare_means(Moments.of(rest[:split]), Moments.of(rest[split:]), alpha)
    kept = 0.0 if found.se is None else (found.se / plain.se) ** 2
    return Adjusted(
        theta=theta,
        pooled_corr=float(table[0, 1] / math.sqrt(table[0, 0] * table[1, 1])),
        diff_unadjusted=plain.diff,
        se_unadjusted=plain.se,
        diff_cuped=found.diff,
        se_cuped=found.se,
        variance_reduction=1 - kept,
        p_welch_cuped=found.p,
        ci_cuped=found.ci_diff,
        ancova_diff=_ancova(x, y, split),
        reason=found.reason,
    )


def _ancova(x: Vector, y: Vector, split: int) -> float:
    """The arm's coefficient of the least squares of y on arm and x."""
    arm = np.r_[np.zeros(split), np.ones(len(x) - split)]
    design = np.column_stack([np.ones(len(x)), arm, x])
    return float(np.linalg.lstsq(design, y, rcond=None)[0][1])
