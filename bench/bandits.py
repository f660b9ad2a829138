"""What bandits do when the truth is known: how much traffic the best arm gets, what is lost, and
whether the weighted figures can be believed. Part of the operating characteristics."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from apps.experiments.domain import bandits
from apps.experiments.domain.bandits import EVERYBODY
from apps.experiments.domain.weighted import Weighted, together

RATES: Final = (0.08, 0.10, 0.13)
# The best arm of three segments is the third; of the last one, which is small, the first.
BY_SEGMENT: Final = {
    "a": (0.08, 0.10, 0.13), "b": (0.16, 0.19, 0.24), "c": (0.04, 0.05, 0.066),
    "d": (0.15, 0.10, 0.08),
}  # fmt: skip
SIZES: Final = {"a": 0.4, "b": 0.3, "c": 0.2, "d": 0.1}
A_DAY: Final = 400
DAYS: Final = 60
MATURES: Final = 2  # days until the goal is over
FLOOR: Final = 0.05
BURN_IN: Final = 100


class Ran(NamedTuple):
    """One run: participants by (day, arm), the least share given, and the weighted sums by arm."""

    shown: np.ndarray
    least: float
    arms: Sequence[Weighted]


def run(rng: np.random.Generator, rates: Sequence[float], a_day: int = A_DAY) -> Ran:
    """A bandit whose shares move once a day, by the participants whose time is over."""
    count = len(rates)
    shares: tuple[float, ...] = tuple([1 / count] * count)
    days: list[list[Weighted]] = []
    shown, least = [], 1.0
    for _ in range(DAYS):
        n = rng.multinomial(a_day, shares)
        days.append([_cell(rng, int(n[k]), rates[k], shares[k]) for k in range(count)])
        shown.append(n)
        least = min(least, *shares)
        shares = _next(days, shares)
    return Ran(np.array(shown), least, _sums(days, count))


def _cell(rng: np.random.Generator, n: int, rate: float, share: float) -> Weighted:
    y = int(rng.binomial(n, rate))
    return Weighted(n, n / share, n / share**2, y / share, y / share**2, y / share**2)


def _sums(days: Sequence[Sequence[Weighted]], count: int) -> list[Weighted]:
    return [together(day[k] for day in days) for k in range(count)]


def _next(days: Sequence[Sequence[Weighted]], shares: tuple[float, ...]) -> tuple[float, ...]:
    matured = days[: max(len(days) - MATURES, 0)]
    arms = _sums(matured, len(shares))
    if min((one.n for one in arms), default=0) < BURN_IN:
        return shares
    return bandits.wanted(bandits.best_of_rates(arms), shares, FLOOR).shares


def lost(shown: np.ndarray, rates: Sequence[float]) -> float:
    """Conversions lost for each 1,000 visitors, beside showing the best arm to everybody."""
    return float((shown.sum(0) * (max(rates) - np.asarray(rates))).sum() / shown.sum() * 1_000)


def even_then_best(rng: np.random.Generator, rates: Sequence[float], days: int) -> np.ndarray:
    """A fixed even split for so many days, then the arm that looks best for the rest."""
    count = len(rates)
    n = rng.multinomial(A_DAY * days, [1 / count] * count)
    seen = rng.binomial(n, rates) / np.maximum(n, 1)
    n[int(np.argmax(seen))] += A_DAY * (DAYS - days)
    found: np.ndarray = n[None, :]
    return found


def by_segment(rng: np.random.Generator, *, is_contextual: bool) -> float:
    """What is lost for each 1,000 visitors where one small segment has another best arm."""
    keys, count = list(BY_SEGMENT), len(RATES)
    contexts = keys if is_contextual else [EVERYBODY]
    shares = {key: tuple([1 / count] * count) for key in contexts}
    days: list[dict[str, list[Weighted]]] = []
    shortfall = people = 0.0
    for _ in range(DAYS):
        day: dict[str, list[Weighted]] = {key: [Weighted()] * count for key in contexts}
        for key in keys:
            own = key if is_contextual else EVERYBODY
            n = rng.multinomial(round(A_DAY * SIZES[key]), shares[own])
            rates = BY_SEGMENT[key]
            cells = [_cell(rng, int(n[k]), rates[k], shares[own][k]) for k in range(count)]
            day[own] = [a + b for a, b in zip(day[own], cells, strict=True)]
            shortfall += float((n * (max(rates) - np.asarray(rates))).sum())
            people += float(n.sum())
        days.append(day)
        matured = days[: max(len(days) - MATURES, 0)]
        table = {key: _sums([one[key] for one in matured], count) for key in contexts}
        if min(sum(table[key][k].n for key in contexts) for k in range(count)) < BURN_IN:
            continue
        for key, best in bandits.best_by_context(table, is_rate=True).items():
            shares[key] = bandits.wanted(best, shares[key], FLOOR).shares
    return shortfall / people * 1_000


class Figures(NamedTuple):
    """What many runs came to.

    Attributes:
        best_in_the_end, best_overall: share of the best arm in the last week, and in all days.
        lost, lost_even, lost_ab: conversions lost for each 1,000 visitors: by the bandit, by an
            even split all the time, and by one of two weeks whose winner is shown from then on.
        wrong: runs in which the best arm was not the most shown in the last week.
        held, runs: 95 % intervals of the best arm's advantage over the first that hold it.
        segments, segments_whole: lost where a segment differs: shares by segment, and for all.
    """

    best_in_the_end: float
    best_overall: float
    least: float
    lost: float
    lost_even: float
    lost_ab: float
    wrong: int
    held: int
    runs: int
    segments: float
    segments_whole: float


def figures(rng: np.random.Generator, runs: int) -> Figures:
    """Run so many bandits, and what they are held against."""
    ended, overall, short, ab = [], [], [], []
    least, held, wrong = 1.0, 0, 0
    best = int(np.argmax(RATES))
    for _ in range(runs):
        one = run(rng, RATES)
        week = one.shown[-7:].sum(0)
        ended.append(week[best] / week.sum())
        overall.append(one.shown[:, best].sum() / one.shown.sum())
        wrong += int(np.argmax(week)) != best
        short.append(lost(one.shown, RATES))
        least = min(least, one.least)
        ab.append(lost(even_then_best(rng, RATES, 14), RATES))
        diff = one.arms[best].mean - one.arms[0].mean
        half = 1.96 * float(np.hypot(one.arms[best].se, one.arms[0].se))
        held += abs(diff - (RATES[best] - RATES[0])) <= half
    few = max(5, runs // 4)
    return Figures(
        float(np.mean(ended)), float(np.mean(overall)), least, float(np.mean(short)),
        1_000 * (max(RATES) - float(np.mean(RATES))), float(np.mean(ab)), wrong, held, runs,
        float(np.mean([by_segment(rng, is_contextual=True) for _ in range(few)])),
        float(np.mean([by_segment(rng, is_contextual=False) for _ in range(few)])),
    )  # fmt: skip
