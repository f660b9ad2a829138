"""How good a forecast is, how sure that is, and whether it beats simpler ones. Workers only.

Everything is measured on rows that taught nobody, and all forecasts that are compared are measured
on the same rows, draw by draw.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import numpy as np

from apps.predictions.domain.classifying import best_thresholds, calibration
from apps.predictions.domain.judging import CONFIDENCE, advantage, log_losses
from apps.predictions.domain.resampling import (
    BINS,
    GRID,
    Judged,
    Ranked,
    Vector,
    draws,
    interval,
)

THRESHOLD: Final = 0.75
STEPS: Final = tuple(round(0.05 * step, 2) for step in range(1, 20))  # thresholds in a table
EDGE: Final = 1e-6  # probabilities are judged as they are served: never 0 or 1

# Beside the plain rate, what a model has to be surely better than; as a person would say it.
BASELINES: Final[Mapping[str, str]] = {
    "plain": "telling everyone the plain rate",
    "recency": "going by who was here last",
    "last_target": "going by who did it last",
    "rfm3": "three numbers alone: recency, frequency and value",
}


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two forecasts of the same rows. Intervals are (value, low, high), 95 %, paired.

    Attributes:
        log_loss: how much lower the first one's mean log loss is; above 0: it is better.
        auc: how much higher its AUC is.
    """

    log_loss: tuple[float, float, float]
    auc: tuple[float, float, float]
    is_surely_better: bool
    is_surely_worse: bool
    words: str


@dataclass(frozen=True, slots=True)
class Report:
    """What is known of a forecast. Everything in it is JSON.

    Attributes:
        figures: name -> [value, low, high], 95 %; auc, average_precision, ks, log_loss, brier, ece
            (ten bins of equal width), ece_quantile (of equal size), lift_top_decile; and at the
            threshold f1, mcc, precision, recall, flagged. None where nothing could be measured.
        deciles: of each tenth, the highest first: {"lift", "low", "high"}.
        curves: "roc" and "precision_recall": [x, y, low, high]; "reliability": [mean foreseen,
            share that happened, low, high, rows].
        thresholds: {"threshold", "precision", "recall", "flagged"}, ascending.
        proposal: the threshold that costs propose; empty where no costs are known.
        baselines: name -> {"words", "log_loss", "advantage", "auc", "is_beaten"}.
        is_better: whether it is surely better than all of them.
    """

    rows: int
    positives: int
    threshold: float
    figures: dict[str, list[float | None]]
    deciles: list[dict[str, float | None]]
    curves: dict[str, list[list[float | None]]]
    thresholds: list[dict[str, float | None]]
    proposal: dict[str, Any]
    baselines: dict[str, dict[str, Any]]
    is_better: bool
    words: str
    draws: int = field(default=0)

    def document(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self)


def judge(
    y: Vector,
    p: Vector,
    *,
    baselines: Mapping[str, Vector],
    seed: int,
    threshold: float = THRESHOLD,
    gain: float | None = None,
    cost: float | None = None,
) -> Report:
    """Judge probabilities by what happened, with intervals from `draws` of the rows.

    Args:
        y: 0 or 1, (rows,), both there; p: probabilities, (rows,).
        baselines: other forecasts of the same rows, by a name of BASELINES or another.
        gain: of reaching somebody who would do it; cost: of reaching anybody. Both or neither.

    Raises:
        ValueError: outcomes or probabilities that are none, or one outcome alone.
    """
    happened, foreseen = _checked(y, p)
    ranked = Ranked(happened, foreseen, threshold)
    whole = ranked.judge(np.ones(len(happened)))
    assert whole is not None, "checked"
    drawn = [one for w in draws(len(happened), seed=seed) if (one := ranked.judge(w)) is not None]
    compared = {
        name: compare(happened, foreseen, other, seed=seed) for name, other in baselines.items()
    }
    return Report(
        rows=len(happened),
        positives=int(happened.sum()),
        threshold=threshold,
        figures=_figures(happened, foreseen, whole, drawn),
        deciles=_deciles(whole, drawn),
        curves=_curves(happened, foreseen, whole, drawn),
        thresholds=[at_threshold(happened, foreseen, one) for one in sorted({*STEPS, threshold})],
        proposal=_proposal(happened, foreseen, gain, cost),
        baselines={
            name: _beside(name, one, happened, baselines[name]) for name, one in compared.items()
        },
        is_better=all(one.is_surely_better for one in compared.values()),
        words=_verdict(compared),
        draws=len(drawn),
    )


def compare(y: Vector, p: Vector, other: Vector, *, seed: int) -> Comparison:
    """Compare two forecasts of the same rows: a candidate and the champion, or a rule.

    Better or worse for sure: by the paired difference of log losses, one-sided 95 %.

    Raises:
        ValueError: as `judge`.
    """
    happened, first = _checked(y, p)
    _, second = _checked(y, other)
    by_row = np.array(log_losses(happened.tolist(), second.tolist())) - np.array(
        log_losses(happened.tolist(), first.tolist())
    )
    ranks = [Ranked(happened, one, THRESHOLD) for one in (first, second)]
    gained, sharper = [], []
    for weight in draws(len(happened), seed=seed):
        gained.append(float(np.sum(weight * by_row) / np.sum(weight)))
        sharper.append(ranks[0].auc(weight) - ranks[1].auc(weight))
    ones = np.ones(len(happened))
    losses = _with_interval(float(by_row.mean()), gained)
    auc = _with_interval(ranks[0].auc(ones) - ranks[1].auc(ones), sharper)
    mean = float(by_row.mean())
    error = float(by_row.std(ddof=1)) / math.sqrt(len(by_row)) if len(by_row) > 1 else math.inf
    better, worse = mean > CONFIDENCE * error, mean < -CONFIDENCE * error
    said = "surely better" if better else "surely worse" if worse else "not surely different"
    words = (
        f"{said}: log loss lower by {losses[0]:.4f} (between {losses[1]:.4f} and {losses[2]:.4f})"
    )
    return Comparison(losses, auc, better, worse, words)


def at_threshold(y: Vector, p: Vector, threshold: float) -> dict[str, float | None]:
    """Return whom a threshold flags: precision (None: nobody), recall, and the share of all."""
    flagged = p >= threshold
    right, count = float(y[flagged].sum()), int(flagged.sum())
    return {
        "threshold": threshold,
        "precision": right / count if count else None,
        "recall": right / float(y.sum()) if y.sum() else None,
        "flagged": count / len(y),
    }


def _checked(y: Vector, p: Vector) -> tuple[Vector, Vector]:
    happened, foreseen = np.asarray(y, np.float64), np.asarray(p, np.float64)
    if len(happened) != len(foreseen) or not np.isfinite(foreseen).all():
        raise ValueError("Each row has an outcome and a probability.")
    if not 0 < happened.sum() < len(happened):
        raise ValueError("Everybody did the same: nothing can be told apart.")
    return happened, np.clip(foreseen, EDGE, 1 - EDGE)


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _with_interval(value: float, drawn: list[float]) -> tuple[float, float, float]:
    low, high = interval(np.array(drawn))
    return value, float(low), float(high)


def _figures(
    y: Vector, p: Vector, whole: Judged, drawn: list[Judged]
) -> dict[str, list[float | None]]:
    found = {}
    for name, value in whole.numbers.items():
        low, high = interval(np.array([one.numbers[name] for one in drawn]))
        found[name] = [_number(value), _number(float(low)), _number(float(high))]
    by_size = calibration(y.astype(int).tolist(), p.tolist(), BINS, "quantile")
    found["ece_quantile"] = [by_size.ece, None, None]
    return found


def _deciles(whole: Judged, drawn: list[Judged]) -> list[dict[str, float | None]]:
    low, high = interval(np.array([one.lift for one in drawn]))
    return [
        {"lift": _number(a), "low": _number(b), "high": _number(c)}
        for a, b, c in zip(whole.lift, low, high, strict=True)
    ]


def _curves(
    y: Vector, p: Vector, whole: Judged, drawn: list[Judged]
) -> dict[str, list[list[float | None]]]:
    roc = interval(np.array([one.roc for one in drawn]))
    precision = interval(np.array([one.precision for one in drawn]))
    table = calibration(y.astype(int).tolist(), p.tolist(), BINS, "uniform").table
    return {
        "roc": [[_number(v) for v in row] for row in zip(GRID, whole.roc, *roc, strict=True)],
        "precision_recall": [
            [_number(v) for v in row] for row in zip(GRID, whole.precision, *precision, strict=True)
        ],
        "reliability": [
            [one.mean_p, one.rate, *wilson(one.rate, one.n), float(one.n)] for one in table
        ],
    }


def wilson(rate: float, rows: int) -> tuple[float, float]:
    """The 95 % interval of a share. Source: Wilson, JASA 22 (1927)."""
    z = 1.959964
    centre = (rate + z * z / (2 * rows)) / (1 + z * z / rows)
    half = z / (1 + z * z / rows) * math.sqrt(
        rate * (1 - rate) / rows + z * z / (4 * rows * rows)
    )  # fmt: skip
    return max(centre - half, 0.0), min(centre + half, 1.0)


def _proposal(y: Vector, p: Vector, gain: float | None, cost: float | None) -> dict[str, Any]:
    """The threshold at which reaching people pays, and the best on the judged rows."""
    if gain is None or cost is None:
        return {}
    if cost < 0 or gain <= cost:
        return {"words": "Reaching somebody costs as much as it brings, or more: nobody pays."}
    break_even = cost / gain
    line = best_thresholds(y.astype(int).tolist(), p.tolist(), gain - cost, cost)
    beside = at_threshold(y, p, break_even)
    earned = (beside["recall"] or 0.0) * float(y.sum()) * gain - (beside["flagged"] or 0.0) * len(
        y
    ) * cost
    return {
        **beside,
        "value": earned,
        "best_threshold": line.t_max_value,
        "best_value": line.max_value,
        "words": (
            f"From a probability of {break_even:.2f} on, reaching somebody brings more than it "
            f"costs: of those judged {beside['flagged']:.1%} would be reached, for a gain of "
            f"{earned:,.2f}."
        ),
    }


def _beside(name: str, one: Comparison, y: Vector, other: Vector) -> dict[str, Any]:
    clipped = np.clip(other, EDGE, 1 - EDGE)
    losses = log_losses(y.tolist(), clipped.tolist())
    return {
        "words": BASELINES.get(name, name),
        "log_loss": sum(losses) / len(losses),
        "advantage": list(one.log_loss),
        "auc": list(one.auc),
        "is_beaten": one.is_surely_better,
    }


def _verdict(compared: Mapping[str, Comparison]) -> str:
    lost = [BASELINES.get(name, name) for name, one in compared.items() if not one.is_surely_better]
    if not compared:
        return "It was compared with nothing."
    if lost:
        return f"It is not surely better than {'; nor than '.join(lost)}."
    beaten = ", ".join(BASELINES.get(name, name) for name in compared)
    return f"It is surely better than {beaten}."


__all__ = [
    "BASELINES",
    "Comparison",
    "Report",
    "advantage",
    "at_threshold",
    "compare",
    "judge",
    "wilson",
]
