"""Whether what is seen now is still what a model learned from.

Sources: Siddiqi (2006) for the population stability index; Lin (1991) for the Jensen-Shannon
divergence; Yurdakul (2018) for the index expected when nothing has changed.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Vector = NDArray[np.float64]

BINS: Final = 10
EPS: Final = 1e-4  # the least share of a bin in the index
LEAST_ROWS: Final = 200  # of then and of now: fewer tell nothing about ten bins
SPREAD: Final = 0.95  # a column with more in one bin parted nobody before
WATCH: Final = 0.1  # of the index: the usual marks (Siddiqi)
DRIFTED: Final = 0.25
SURE: Final = 0.9999  # a look asks dozens of columns each day: chance must rarely be told
MORE_MISSING: Final = (0.1, 0.3)  # of the share of unknown values: watch, drifted


@dataclass(frozen=True, slots=True)
class Shift:
    """How far shares have moved. `psi_unchanged` is the mean index if nothing had changed."""

    expected_share: tuple[float, ...] = ()
    actual_share: tuple[float, ...] = ()
    psi: float | None = None
    js_divergence_nat: float | None = None
    psi_unchanged: float | None = None
    reason: str | None = None


def shift_of_counts(expected: Sequence[float], actual: Sequence[float], eps: float) -> Shift:
    """Compare counts by bin; shares below `eps` count as `eps`.

    Raises:
        ValueError: not one count for each bin, or a negative one.
    """
    before, now = np.asarray(expected, float), np.asarray(actual, float)
    if len(before) != len(now) or not len(before) or min(before.min(), now.min()) < 0 or eps <= 0:
        raise ValueError("Each bin has a count of then and of now, none is negative.")
    if before.sum() == 0 or now.sum() == 0:
        return Shift(reason="There is nobody to compare.")
    p, q = before / before.sum(), now / now.sum()
    floored_p, floored_q = np.maximum(p, eps), np.maximum(q, eps)
    middle = (p + q) / 2
    divergence = (_relative_entropy(p, middle) + _relative_entropy(q, middle)) / 2
    return Shift(
        tuple(map(float, p)),
        tuple(map(float, q)),
        float(((floored_q - floored_p) * np.log(floored_q / floored_p)).sum()),
        divergence,
        (len(p) - 1) * (1 / float(before.sum()) + 1 / float(now.sum())),
    )


def _relative_entropy(p: Vector, q: Vector) -> float:
    there = p > 0
    return float((p[there] * np.log(p[there] / q[there])).sum())


def shift_of_values(
    expected: Sequence[float], actual: Sequence[float], edges: Sequence[float], eps: float
) -> Shift:
    """Compare values, binned by inner edges; a value on an edge belongs to the lower bin.

    Raises:
        ValueError: edges that do not rise, or eps that is not above zero.
    """
    if list(edges) != sorted(set(edges)):
        raise ValueError("The edges rise.")
    if not len(expected) or not len(actual):
        return Shift(reason="There is nobody to compare.")
    then, now = (
        np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1)
        for values in (expected, actual)
    )
    return shift_of_counts(list(map(float, then)), list(map(float, now)), eps)


@dataclass(frozen=True, slots=True)
class Distance:
    """The Kolmogorov-Smirnov distance of two samples."""

    ks: float | None = None
    p_exact: float | None = None
    p_asymptotic: float | None = None
    reason: str | None = None


def distance(expected: Sequence[float], actual: Sequence[float]) -> Distance:
    """Compare two samples by their largest difference in distribution."""
    if not len(expected) or not len(actual):
        return Distance(reason="There is nobody to compare.")
    exact = stats.ks_2samp(expected, actual, method="exact")
    rough = stats.ks_2samp(expected, actual, method="asymp")
    p = float(exact.pvalue)
    return Distance(float(exact.statistic), p if math.isfinite(p) else None, float(rough.pvalue))


# How a column lay, and how it lies now


def binned(values: Vector) -> dict[str, Any]:
    """Return how a column lies, as JSON: what a later look is held against. Nobody is in it.

    `edges` are inner edges at tenths of the finite values, `counts` by bin, `missing` how many are
    unknown and `infinite` how many were no number that could be compared.
    """
    known = values[np.isfinite(values)]
    edges: list[float] = []
    if len(known):
        cuts = np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1], method="lower")
        # An edge at the largest value would leave nothing above it.
        edges = [float(one) for one in np.unique(cuts) if one < known.max()]
    return {"edges": edges, **counted(values, edges)}


def counted(values: Vector, edges: Sequence[float]) -> dict[str, Any]:
    """Return `counts` by bin, `missing` and `infinite` of a column, by the edges of a reference."""
    known = values[np.isfinite(values)]
    counts = np.bincount(np.searchsorted(edges, known, side="left"), minlength=len(edges) + 1)
    return {
        "counts": [int(one) for one in counts],
        "missing": int(np.isnan(values).sum()),
        "infinite": int(np.isinf(values).sum()),
    }


@dataclass(frozen=True, slots=True)
class Moved:
    """What is said of one column. `level` is fine, watch, drifted or unknown.

    Attributes:
        psi: the index; `expected` its mean if nothing had changed, `bound` what it then exceeds
            once in ten thousand looks.
        js_nat, ks: divergence in nats, and the largest difference of the two distributions at the
            edges (the whole distance is at least that).
    """

    level: str
    words: str
    psi: float | None = None
    expected: float | None = None
    bound: float | None = None
    js_nat: float | None = None
    ks: float | None = None


def moved(before: Mapping[str, Any], now: Mapping[str, Any]) -> Moved:
    """Compare how a column lies (`counted`) with its reference (`binned`).

    The index of two samples of one world is not 0: times n m / (n + m) it is a chi-squared of one
    less than the bins. Only what Pearson's test of the counts, which holds in small samples too,
    does not take for chance, and what exceeds the usual marks, is called drift.
    """
    then, today = [float(n) for n in before["counts"]], [float(n) for n in now["counts"]]
    if len(then) != len(today):
        return Moved("unknown", "It was counted by other bins.")
    n, m = sum(then), sum(today)
    if min(n, m) < LEAST_ROWS:
        fewer = f"{int(m)} visitors now and {int(n)} then"
        return Moved("unknown", f"Cannot be told: {fewer}, and {LEAST_ROWS} are needed.")
    if len(then) == 1:
        return Moved("fine", "It was the same for nearly everybody, and no edge parts them.", 0.0)
    shift = shift_of_counts(then, today, EPS)
    assert shift.psi is not None and shift.psi_unchanged is not None
    bound = float(stats.chi2.ppf(SURE, len(then) - 1)) * (1 / n + 1 / m)
    ks = float(np.abs(np.cumsum(shift.expected_share) - np.cumsum(shift.actual_share)).max())
    level = "fine"
    if _chance(then, today) < 1 - SURE:
        level = "drifted" if shift.psi >= DRIFTED else "watch" if shift.psi >= WATCH else "fine"
    if max(today) == m and max(then) < SPREAD * n:
        # Every visitor in one bin: what told them apart has gone.
        level = "drifted"
    if level == "fine" and bound >= DRIFTED:
        words = f"Too few to tell: chance alone makes up to {bound:.2f}."
        return Moved("unknown", words, shift.psi, shift.psi_unchanged, bound)
    return Moved(
        level,
        f"PSI {shift.psi:.3f}; unchanged it would be {shift.psi_unchanged:.3f}, by chance at most "
        f"{bound:.3f}. KS {ks:.3f}, Jensen-Shannon {shift.js_divergence_nat:.4f} nat.",
        shift.psi,
        shift.psi_unchanged,
        bound,
        shift.js_divergence_nat,
        ks,
    )


def _chance(then: Sequence[float], today: Sequence[float]) -> float:
    """Return how likely counts differ so much by chance (Pearson)."""
    table = np.array([then, today])
    return float(stats.chi2_contingency(table[:, table.sum(0) > 0]).pvalue)


def known_less(before: Mapping[str, Any], now: Mapping[str, Any]) -> Moved:
    """Compare how much of a column is unknown. Infinite values are among that, and are counted.

    One infinite value in thousands is no drift, but whoever sends it should know: watch.
    """
    n, m = _rows(before), _rows(now)
    infinite = int(now["infinite"])
    said = f" {infinite} of {m} values are infinite, and taken as unknown." if infinite else ""
    if min(n, m) < LEAST_ROWS:
        return Moved("unknown", f"Too few visitors to tell.{said}")
    unknown_then, unknown_now = (one["missing"] + one["infinite"] for one in (before, now))
    then, today = unknown_then / n, unknown_now / m
    pooled = (unknown_then + unknown_now) / (n + m)
    error = math.sqrt(max(pooled * (1 - pooled), 1e-12) * (1 / n + 1 / m))
    gap = abs(today - then)
    level = "fine"
    if gap > float(stats.norm.ppf(SURE)) * error:
        level = (
            "drifted" if gap >= MORE_MISSING[1] else "watch" if gap >= MORE_MISSING[0] else level
        )
    if level == "fine" and infinite and not before["infinite"]:
        level = "watch"
    words = f"Unknown of {today:.1%} of visitors; when it was trained of {then:.1%}.{said}"
    return Moved(level, words, today, then)


def _rows(one: Mapping[str, Any]) -> int:
    return int(sum(one["counts"]) + one["missing"] + one["infinite"])


def believed(foreseen: Vector, y: Vector) -> Moved:
    """Compare what was foreseen with what came: as many as foreseen, or not.

    `psi` is the number that came for each one foreseen, `expected` 1. The variance is that of
    independent chances, so that a model that is right is told wrong once in ten thousand looks.
    """
    if len(y) < LEAST_ROWS or float(foreseen.sum()) < 5:
        return Moved("unknown", f"Too little to tell: {len(y)} visitors, {int(y.sum())} came true.")
    hoped, came = float(foreseen.sum()), float(y.sum())
    error = math.sqrt(float((foreseen * (1 - foreseen)).sum()))
    z, ratio = (came - hoped) / max(error, 1e-9), came / hoped
    sure = float(stats.norm.ppf((1 + SURE) / 2))
    level = "fine"
    if abs(z) > sure:
        level = "drifted" if not 0.8 <= ratio <= 1.25 else "watch"
    words = (
        f"It foresaw {hoped:.0f} of {len(y)} visitors and {came:.0f} came: {ratio:.2f} for each "
        f"one foreseen, give or take {1.96 * error / hoped:.2f}."
    )
    return Moved(level, words, ratio, 1.0)
