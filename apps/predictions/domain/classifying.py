"""How good a classifier is: ranking, calibration, and where to draw the line.

Sources: scikit-learn's definitions; Guo et al., ICML 2017 (calibration error). Workers only: it
imports scikit-learn.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics

Vector = NDArray[np.float64]
ONE_CLASS: Final = "Everybody did the same: nothing can be told apart."
_EDGE: Final = 1e-15


@dataclass(frozen=True, slots=True)
class Report:
    """A classifier at a threshold: who has a score of at least it is flagged."""

    roc_auc: float | None = None
    average_precision: float | None = None
    brier: float | None = None
    log_loss: float | None = None
    precision: float | None = None
    recall: float | None = None
    f1: float | None = None
    mcc: float | None = None
    ks_statistic: float | None = None
    confusion_tn_fp_fn_tp: tuple[int, int, int, int] | None = None
    lift_top_decile: float | None = None
    reason: str | None = None


def _checked(y: Sequence[int], p: Sequence[float]) -> tuple[Vector, Vector]:
    happened, scores = np.asarray(y, float), np.asarray(p, float)
    if len(happened) != len(scores) or not len(happened):
        raise ValueError("Each row has an outcome and a score, and there is at least one row.")
    if not np.isin(happened, (0, 1)).all() or not np.isfinite(scores).all():
        raise ValueError("Outcomes are 0 or 1, scores are finite.")
    return happened, scores


def report(y: Sequence[int], p: Sequence[float], threshold: float = 0.5) -> Report:
    """Judge scores of 0..1 by what happened. Ratios of nothing are None.

    Raises:
        ValueError: outcomes or scores that are none.
    """
    happened, scores = _checked(y, p)
    flagged = scores >= threshold
    tp = int((flagged & (happened == 1)).sum())
    fp = int((flagged & (happened == 0)).sum())
    fn, tn = int(happened.sum()) - tp, int((happened == 0).sum()) - fp
    counts = (tn, fp, fn, tp)
    if not 0 < happened.sum() < len(happened):
        return Report(confusion_tn_fp_fn_tp=counts, reason=ONE_CLASS)
    false_rate, true_rate, _ = metrics.roc_curve(happened, scores, drop_intermediate=False)
    top = np.argsort(-scores, kind="stable")[: max(1, len(scores) // 10)]
    return Report(
        roc_auc=float(metrics.roc_auc_score(happened, scores)),
        average_precision=float(metrics.average_precision_score(happened, scores)),
        brier=float(np.mean((scores - happened) ** 2)),
        log_loss=float(metrics.log_loss(happened, np.clip(scores, _EDGE, 1 - _EDGE))),
        precision=tp / (tp + fp) if tp + fp else None,
        recall=tp / (tp + fn),
        f1=2 * tp / (2 * tp + fp + fn),
        mcc=float(metrics.matthews_corrcoef(happened, flagged)) if 0 < tp + fp < len(y) else None,
        ks_statistic=float(np.max(true_rate - false_rate)),
        confusion_tn_fp_fn_tp=counts,
        lift_top_decile=float(happened[top].mean() / happened.mean()),
        reason=None if tp + fp else "Nobody reaches the threshold.",
    )


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """Rows of like scores: how many, their mean score, and the share that came true."""

    bin: int
    n: int
    mean_p: float
    rate: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """The mean and the largest gap between scores and what happened, over the bins."""

    ece: float
    mce: float
    table: tuple[CalibrationBin, ...]


def calibration(
    y: Sequence[int], p: Sequence[float], bins: int, strategy: Literal["uniform", "quantile"]
) -> Calibration:
    """Compare scores with outcomes, bin by bin; empty bins are left out.

    Raises:
        ValueError: outcomes or scores that are none, or scores outside 0..1.
    """
    happened, scores = _checked(y, p)
    if scores.min() < 0 or scores.max() > 1 or bins < 1:
        raise ValueError("Scores lie in 0..1, and there is at least one bin.")
    if strategy == "uniform":
        places = np.minimum((scores * bins).astype(int), bins - 1)
    else:
        edges = np.quantile(scores, np.linspace(0, 1, bins + 1)[1:-1])
        places = np.searchsorted(edges, scores, side="right")
    table = []
    for place in np.unique(places):
        there = places == place
        table.append(
            CalibrationBin(
                int(place), int(there.sum()), float(scores[there].mean()),
                float(happened[there].mean()),
            )
        )  # fmt: skip
    gaps = [abs(one.mean_p - one.rate) for one in table]
    weighted = sum(gap * one.n for gap, one in zip(gaps, table, strict=True))
    return Calibration(weighted / len(happened), max(gaps), tuple(table))


@dataclass(frozen=True, slots=True)
class Line:
    """Where to draw the line, by F1 and by what it earns."""

    t_max_f1: float
    max_f1: float
    t_max_value: float
    max_value: float
    break_even_probability: float | None


def best_thresholds(y: Sequence[int], p: Sequence[float], gain_tp: float, cost_fp: float) -> Line:
    """Return the best thresholds among the scores; of equal ones the highest.

    Args:
        gain_tp: what a rightly flagged row earns; cost_fp: what a wrongly flagged one costs.

    Raises:
        ValueError: outcomes or scores that are none.
    """
    happened, scores = _checked(y, p)
    order = np.argsort(-scores, kind="stable")
    ranked, won = scores[order], happened[order]
    last = np.r_[np.flatnonzero(np.diff(ranked)), len(ranked) - 1]  # equal scores go together
    tp, flagged = np.cumsum(won)[last], last + 1.0
    f1 = 2 * tp / (flagged + won.sum()) if won.sum() else np.zeros(len(last))
    value = gain_tp * tp - cost_fp * (flagged - tp)
    by_f1, by_value = int(np.argmax(f1)), int(np.argmax(value))
    both = gain_tp + cost_fp
    return Line(
        float(ranked[last[by_f1]]),
        float(f1[by_f1]),
        float(ranked[last[by_value]]),
        float(value[by_value]),
        cost_fp / both if both > 0 else None,
    )
