"""Shares that follow what works: Thompson sampling, with the chances integrated, not sampled.

An arm's share is the chance that it is the best, as far as the data tell (Thompson 1933; Scott
2010), above a floor, so that no arm is ever given up while it may still be learned from. Everything
is exact and repeatable: the same figures give the same shares.

Segments borrow from each other: each arm's advantage in a segment is pulled towards its advantage
in the others, the more the less the segment has to say for itself and the less the segments differ
(DerSimonian and Laird 1986 for how much they differ; the others' data only, so nothing counts
twice).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import stats

from apps.experiments.domain.bayes import LEVELS, SHARES, chances_to_be_best
from apps.experiments.domain.weighted import Weighted, together

EVERYBODY: Final = ""  # the context of those who are in no segment
MOST_STEP: Final = 0.2  # no share moves by more at a time
PARTS: Final = 10_000  # shares are whole parts of it: so fine are visitors dealt
_STEADIED_BY: Final = 10.0  # participants' worth of the spread of all arms, in each arm's own
_VAST: Final = 1e12


@dataclass(frozen=True, slots=True)
class Wanted:
    """Shares that the figures ask for, arm by arm.

    Attributes:
        best: the chance that each arm is the best; 0 for one that is stopped.
        shares: above the floor, not further from the present ones than a step, of the sum 1.
    """

    best: tuple[float, ...]
    shares: tuple[float, ...]


def best_of_rates(arms: Sequence[Weighted], *, is_more_better: bool = True) -> list[float]:
    """Return the chance of each arm that its rate is the best, under flat priors."""
    posteriors = []
    for arm in arms:
        done = arm.effective * min(max(arm.mean, 0.0), 1.0)
        yes, no = 1.0 + done, 1.0 + arm.effective - done
        posteriors.append((yes, no) if is_more_better else (no, yes))
    return chances_to_be_best(posteriors)


def best_of_means(arms: Sequence[Weighted], *, is_more_better: bool = True) -> list[float]:
    """Return the chance of each arm that its average is the best; even while nothing varies."""
    found = _means(arms)
    if found is None:
        return [1 / len(arms)] * len(arms)
    return best_of_normals(*found, is_more_better=is_more_better)


def best_of_normals(
    means: Sequence[float], errors: Sequence[float], *, is_more_better: bool = True
) -> list[float]:
    """Return the chance of each normal posterior that it is the best. They sum to 1."""
    at = np.asarray(means, float) * (1 if is_more_better else -1)
    spread = np.maximum(np.asarray(errors, float), 1e-300)
    scores = stats.norm.ppf(LEVELS)
    found = []
    for place in range(len(at)):
        values = at[place] + spread[place] * scores
        under = np.ones_like(values)
        for other in range(len(at)):
            if other != place:
                under = under * stats.norm.cdf((values - at[other]) / spread[other])
        found.append(float(under @ SHARES))
    total = sum(found)
    return [one / total for one in found]


def best_by_context(
    table: Mapping[str, Sequence[Weighted]], *, is_rate: bool, is_more_better: bool = True
) -> dict[str, list[float]]:
    """Return for each context the chance of each arm that it is the best there."""
    if len(table) == 1:
        [(key, arms)] = table.items()
        best = best_of_rates if is_rate else best_of_means
        return {key: best(arms, is_more_better=is_more_better)}
    found = {}
    for key, (means, errors) in pooled(table, is_rate=is_rate).items():
        found[key] = best_of_normals(means, errors, is_more_better=is_more_better)
    return found


def pooled(
    table: Mapping[str, Sequence[Weighted]], *, is_rate: bool
) -> dict[str, tuple[list[float], list[float]]]:
    """Return for each context (posterior means, standard errors), arm by arm.

    Rates are on the scale of log odds. Only differences between the arms of one context mean
    anything: what is common to all arms is not borrowed.
    """
    keys, values, errors = _grid(table, is_rate=is_rate)
    between = _between(values, errors)
    weights = 1 / (errors + between)
    found = {}
    for row, key in enumerate(keys):
        others = [place for place in range(len(keys)) if place != row]
        effects, spread = _effects(values[others], weights[others])
        prior = spread + between
        own = errors[row]
        # Where this context stands as a whole, by its own figures.
        trust = 1 / (own + prior)
        base = float(((values[row] - effects) * trust).sum() / trust.sum())
        precision = 1 / own + 1 / prior
        means = (values[row] / own + (base + effects) / prior) / precision
        found[key] = (means.tolist(), np.sqrt(1 / precision).tolist())
    return found


def _grid(
    table: Mapping[str, Sequence[Weighted]], *, is_rate: bool
) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Keys, values and their squared errors, (contexts, arms)."""
    keys = list(table)
    rows = []
    for key in keys:
        if is_rate:
            rows.append([_log_odds(arm) for arm in table[key]])
            continue
        known = _means(table[key])
        if known is None:
            rows.append([(0.0, _VAST)] * len(table[key]))
        else:
            rows.append([(mean, error * error) for mean, error in zip(*known, strict=True)])
    both = np.asarray(rows, float)
    return keys, both[:, :, 0], np.clip(both[:, :, 1], 1e-12, _VAST)


def _log_odds(arm: Weighted) -> tuple[float, float]:
    """Log odds and their variance, with half a participant on each side (Anscombe 1956)."""
    if arm.effective <= 0:
        return 0.0, _VAST
    rate = (arm.effective * min(max(arm.mean, 0.0), 1.0) + 0.5) / (arm.effective + 1)
    return math.log(rate / (1 - rate)), 1 / ((arm.effective + 1) * rate * (1 - rate))


def _means(arms: Sequence[Weighted]) -> tuple[list[float], list[float]] | None:
    """Averages and standard errors; None while nothing varies.

    An arm with few participants has the spread of all of them for the most part.
    """
    whole = together(arms)
    if whole.n < 2:
        return None
    everyone = sum(arm.effective * arm.variance for arm in arms)
    everyone /= max(sum(arm.effective for arm in arms), 1e-300)
    if everyone <= 0:
        return None
    means, errors = [], []
    for arm in arms:
        known = arm.effective
        spread = (known * arm.variance + _STEADIED_BY * everyone) / (known + _STEADIED_BY)
        means.append(arm.mean if known > 0 else whole.mean)
        errors.append(math.sqrt(spread / known) if known > 0 else math.sqrt(_VAST))
    return means, errors


def _effects(values: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What is each arm's advantage over some contexts, and the squared error of that."""
    if not len(values):
        arms = values.shape[1]
        return np.zeros(arms), np.full(arms, _VAST)
    base = (values * weights).sum(1, keepdims=True) / weights.sum(1, keepdims=True)
    total = weights.sum(0)
    return ((values - base) * weights).sum(0) / total, np.minimum(1 / total, _VAST)


def _between(values: np.ndarray, errors: np.ndarray) -> float:
    """How much the arms' advantages differ between contexts: a variance, 0 if no more than chance.

    By the method of moments, on what is left of each cell after its context and its arm.
    """
    weights = np.where(errors < _VAST / 10, 1 / errors, 0.0)
    known = int((weights > 0).sum())
    free = known - values.shape[0] - values.shape[1] + 1
    if free <= 0:
        return float(np.median(errors))  # nothing is known of it: half of what is seen is believed
    left = values.copy()
    for _ in range(50):
        left = left - _average(left, weights, 1)
        left = left - _average(left, weights, 0)
    excess = float((weights * left * left).sum()) - free
    scale = float(weights.sum() - (weights * weights).sum() / weights.sum())
    return max(excess / scale, 1e-12) if scale > 0 else 1e-12


def _average(values: np.ndarray, weights: np.ndarray, axis: int) -> np.ndarray:
    total = weights.sum(axis, keepdims=True)
    found: np.ndarray = (values * weights).sum(axis, keepdims=True) / np.maximum(total, 1e-300)
    return found


def wanted(
    best: Sequence[float],
    now: Sequence[float],
    floor: float,
    stopped: Sequence[bool] | None = None,
    most_step: float = MOST_STEP,
) -> Wanted:
    """Return the shares to give next.

    Args:
        best: the chance of each arm to be the best.
        now: the present shares.
        floor: of every arm that is not stopped; the floors of all arms are at most 1 together.
        stopped: arms that get nothing any more.

    Raises:
        ValueError: every arm is stopped, or the floors leave nothing.
    """
    is_open = [not one for one in stopped] if stopped else [True] * len(best)
    count = sum(is_open)
    if not count or floor < 0 or floor * count > 1:
        raise ValueError("Some arm has to be open, and the floors together are at most 1.")
    chances = _of_open(best, is_open)
    target = [
        floor + (1 - count * floor) * chance if open_ else 0.0
        for chance, open_ in zip(chances, is_open, strict=True)
    ]
    start = [max(one, floor) if open_ else 0.0 for one, open_ in zip(now, is_open, strict=True)]
    start = [one / sum(start) for one in start]
    furthest = max(abs(to - at) for to, at in zip(target, start, strict=True))
    part = 1.0 if furthest <= most_step else most_step / furthest
    shares = [at + part * (to - at) for to, at in zip(target, start, strict=True)]
    return Wanted(tuple(chances), in_parts(shares, floor, is_open))


def _of_open(best: Sequence[float], is_open: Sequence[bool]) -> list[float]:
    chances = [one if open_ else 0.0 for one, open_ in zip(best, is_open, strict=True)]
    total = sum(chances)
    if total <= 0:
        return [1 / sum(is_open) if open_ else 0.0 for open_ in is_open]
    return [one / total for one in chances]


def in_parts(shares: Sequence[float], floor: float, is_open: Sequence[bool]) -> tuple[float, ...]:
    """Return shares as whole ten-thousandths of the sum 1: then they are the exact chances.

    What rounding down leaves goes to those who lost most by it; nobody falls below the floor.
    """
    least = math.floor(floor * PARTS)
    parts = [
        max(math.floor(share * PARTS + 1e-9), least) if open_ else 0
        for share, open_ in zip(shares, is_open, strict=True)
    ]
    order = sorted(range(len(parts)), key=lambda n: parts[n] - shares[n] * PARTS)
    open_order = [n for n in order if is_open[n]]
    while (left := PARTS - sum(parts)) != 0:
        for place in open_order if left > 0 else reversed(open_order):
            if left == 0:
                break
            if left > 0 or parts[place] > least:
                step = 1 if left > 0 else -1
                parts[place] += step
                left -= step
    return tuple(part / PARTS for part in parts)


@dataclass(frozen=True, slots=True)
class Gain:
    """What the moving shares brought, beside even ones: in units of the goal, with 95 %."""

    value: float
    low: float
    high: float


def gain_over_even(arms: Sequence[Weighted]) -> Gain | None:
    """Return what was gained by showing the arms as often as they were; None: nobody knows yet.

    Each arm is taken at its weighted average: (participants it had - those an even split would have
    given it) x its average, over the arms.
    """
    total = sum(arm.n for arm in arms)
    if not total or any(arm.n < 2 for arm in arms):
        return None
    more = [arm.n - total / len(arms) for arm in arms]
    value = sum(extra * arm.mean for extra, arm in zip(more, arms, strict=True))
    error = math.sqrt(sum((extra * arm.se) ** 2 for extra, arm in zip(more, arms, strict=True)))
    half = float(stats.norm.ppf(0.975)) * error
    return Gain(value, value - half, value + half)
