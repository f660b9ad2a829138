"""Experiments with several factors at once: main effects, and whether they depend on each other.

The logistic models are fitted by Newton's method on grouped counts (McCullagh and Nelder, 1989).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Final

import numpy as np
from scipy import special, stats

from apps.experiments.domain.comparing import Vector, two_sided

_STEPS: Final = 60
_CLOSE: Final = 1e-12


@dataclass(frozen=True, slots=True)
class Cell:
    """One combination of levels: n people, of whom x converted."""

    levels: Mapping[str, str]
    n: int
    x: int


@dataclass(frozen=True, slots=True)
class Marginal:
    """A factor of two levels: the second one's mean rate minus the first one's, cells alike."""

    diff: float
    se: float
    p: float | None


@dataclass(frozen=True, slots=True)
class Factors:
    """What each factor does, keyed "factor=level" against the alphabetically first level."""

    lr_interaction: float | None = None
    df: int | None = None
    p_interaction: float | None = None
    main_effect_logodds: Mapping[str, float] = field(default_factory=dict)
    main_effect_p: Mapping[str, float] = field(default_factory=dict)
    full_logodds: Mapping[str, float] = field(default_factory=dict)
    marginal_effect: Mapping[str, Marginal] = field(default_factory=dict)
    reason: str | None = None


Term = tuple[tuple[str, str], ...]


def analyse(cells: Sequence[Cell]) -> Factors:
    """Analyse a full factorial experiment on conversions.

    Raises:
        ValueError: cells of different factors, a factor of one level, or counts that cannot be.
    """
    factors = list(cells[0].levels) if cells else []
    if len(factors) < 2 or any(set(cell.levels) != set(factors) for cell in cells):
        raise ValueError("Every cell names the same factors, at least two.")
    if any(not 0 <= cell.x <= cell.n for cell in cells):
        raise ValueError("Each cell has 0 <= x <= n.")
    levels = {name: sorted({cell.levels[name] for cell in cells}) for name in factors}
    if any(len(own) < 2 for own in levels.values()):
        raise ValueError("A factor has at least two levels.")
    if any(cell.n == 0 for cell in cells):
        return Factors(reason="A cell has nobody in it.")
    marginal = _marginal(cells, levels)
    main: list[Term] = [((name, one),) for name in factors for one in levels[name][1:]]
    crossed: list[Term] = [
        (*one, *other) for one, other in combinations(main, 2) if one[0][0] != other[0][0]
    ]
    plain, full = _fit(cells, main), _fit(cells, [*main, *crossed])
    if plain is None or full is None:
        return Factors(
            marginal_effect=marginal,
            reason="In some cells nobody or everybody converted: their odds have no limit.",
        )
    ratio = max(2 * (full.log_likelihood - plain.log_likelihood), 0.0)
    return Factors(
        ratio,
        len(crossed),
        float(stats.chi2.sf(ratio, len(crossed))),
        {_name(term): plain.effects[term] for term in main},
        {_name(term): two_sided(plain.effects[term] / plain.errors[term]) for term in main},
        {_name(term): full.effects[term] for term in [*main, *crossed]},
        marginal,
    )


@dataclass(frozen=True, slots=True)
class _Fitted:
    effects: Mapping[Term, float]
    errors: Mapping[Term, float]
    log_likelihood: float


def _name(term: Term) -> str:
    return ",".join(f"{factor}={level}" for factor, level in term)


def _fit(cells: Sequence[Cell], terms: Sequence[Term]) -> _Fitted | None:
    """Fit log-odds = 1 + terms. None: some effect runs away to infinity."""
    design = np.array(
        [
            [1.0, *(all(cell.levels[name] == one for name, one in term) for term in terms)]
            for cell in cells
        ],
        float,
    )
    n = np.array([cell.n for cell in cells], float)
    x = np.array([cell.x for cell in cells], float)
    effects: Vector = np.zeros(design.shape[1])
    for _ in range(_STEPS):
        rate = special.expit(design @ effects)
        information = design.T @ (design * (n * rate * (1 - rate))[:, None])
        try:
            step = np.linalg.solve(information, design.T @ (x - n * rate))
        except np.linalg.LinAlgError:
            return None
        effects = effects + np.clip(step, -5, 5)
        if np.abs(effects).max() > 30:
            return None
        if np.abs(step).max() < _CLOSE:
            break
    errors = np.sqrt(np.diag(np.linalg.inv(information)))
    likelihood = float(special.xlogy(x, rate).sum() + special.xlogy(n - x, 1 - rate).sum())
    return _Fitted(
        dict(zip(terms, map(float, effects[1:]), strict=True)),
        dict(zip(terms, map(float, errors[1:]), strict=True)),
        likelihood,
    )


def _marginal(cells: Sequence[Cell], levels: Mapping[str, Sequence[str]]) -> dict[str, Marginal]:
    found = {}
    for name, own in levels.items():
        if len(own) != 2:
            continue
        means, variance = [], 0.0
        for level in own:
            there = [cell for cell in cells if cell.levels[name] == level]
            rates = [cell.x / cell.n for cell in there]
            means.append(sum(rates) / len(rates))
            variance += (
                sum(rate * (1 - rate) / cell.n for rate, cell in zip(rates, there, strict=True))
                / len(there) ** 2
            )
        diff, se = means[1] - means[0], math.sqrt(variance)
        found[name] = Marginal(diff, se, two_sided(diff / se) if se else None)
    return found


@dataclass(frozen=True, slots=True)
class Point:
    """One combination of levels: what a metric is there, and the variance of that figure."""

    levels: Mapping[str, str]
    value: float
    variance: float


@dataclass(frozen=True, slots=True)
class Contrast:
    """What one level, or two together, add, in the metric's unit.

    Attributes:
        levels: (factor, level): one of a main effect, two of an interaction.
        base: the levels that these are instead of, in their order.
    """

    levels: tuple[tuple[str, str], ...]
    base: tuple[str, ...]
    diff: float
    se: float


def contrasts(points: Sequence[Point], base: Mapping[str, str]) -> list[Contrast]:
    """Return the main effects and the interactions of two factors of a full factorial.

    Every combination counts alike, whatever its number of people. A main effect is the mean with a
    level minus the mean with the base level. An interaction is what two levels do together beyond
    what each does alone: a difference of differences.

    Args:
        base: the level of each factor that the others are compared with.

    Source: Box, Hunter, Hunter, "Statistics for Experimenters", ch. 5.
    """
    factors = list(base)
    others = {name: sorted({one.levels[name] for one in points} - {base[name]}) for name in factors}
    main = [((name, level),) for name in factors for level in others[name]]
    crossed = [(*one, *other) for one, other in combinations(main, 2) if one[0][0] != other[0][0]]
    return [_contrast(points, term, base) for term in [*main, *crossed]]


def _contrast(points: Sequence[Point], term: Term, base: Mapping[str, str]) -> Contrast:
    """Weigh the points by +1 or -1 for each level of the term, and divide by those of one sign."""
    diff = variance = 0.0
    plus = 0
    for point in points:
        sign = 1
        for name, level in term:
            own = point.levels[name]
            sign *= 1 if own == level else -1 if own == base[name] else 0
        if all(point.levels[name] == level for name, level in term):
            plus += 1
        diff += sign * point.value
        variance += abs(sign) * point.variance
    return Contrast(
        term, tuple(base[name] for name, _ in term), diff / plus, math.sqrt(variance) / plus
    )
