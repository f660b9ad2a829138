"""How one version did on the newest time: against the plain rate, simple rules, and what serves.

Only workers import this module.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

from apps.predictions import baselines, judging
from apps.predictions.domain.judging import (
    Advantage,
    advantage,
    calibration_bins,
    calibration_error,
    log_losses,
)
from apps.predictions.estimators import Calibrated, Vector
from apps.predictions.models import ModelSpec
from apps.predictions.reading import CALIBRATE, JUDGE, TEACH, Looked


@dataclass(frozen=True, slots=True)
class Judged:
    """One output on the visitors of the newest time.

    Attributes:
        y: 0 or 1, (rows,).
        foreseen: probabilities, (rows,).
        losses: each row's log loss; `plain` those of telling everyone `base_rate`.
        rules: simple rules in words, with their rows' log losses.
        auc, auc_before: of the newest time and of the one before, neither of which taught.
        gains: feature -> share of what it tells apart.
        report: JSON of every figure with its interval.
    """

    y: Vector
    foreseen: Vector
    losses: list[float]
    plain: list[float]
    base_rate: float
    rules: dict[str, list[float]]
    auc: float
    auc_before: float
    gains: list[tuple[str, float]]
    report: dict[str, Any]

    @property
    def rows(self) -> int:
        """How many visitors it was judged on."""
        return len(self.y)

    @property
    def positives(self) -> int:
        """For how many of them it came true."""
        return int(self.y.sum())

    @property
    def gained(self) -> Advantage:
        """How much better it is than the plain rate."""
        return advantage(self.losses, self.plain)

    def words(self) -> str:
        """Why it is refused."""
        return (
            f"It foresees no better than the plain rate of {self.base_rate:.1%}: log loss "
            f"{np.mean(self.losses):.4f} against {np.mean(self.plain):.4f} on {self.rows} "
            "visitors, which may be luck."
        )


@dataclass(frozen=True, slots=True)
class Compared:
    """Two forecasts of the same rows: mean log losses, and how sure the difference is."""

    own: float
    other: float
    gained: Advantage


def judge(spec: ModelSpec, looked: Looked, model: Calibrated, output: int) -> Judged:
    """Judge one model on the newest time."""
    x, y = looked.x(JUDGE), looked.y(JUDGE, output)
    foreseen, raw = model.probabilities(x), model.raw_scores(x)
    known = np.concatenate([looked.y(TEACH, output), looked.y(CALIBRATE, output)])
    rules = baselines.baselines_of(
        looked.all_names,
        looked.x(TEACH, looked.all_names),
        looked.y(TEACH, output),
        looked.x(JUDGE, looked.all_names),
        target_event=spec.target_event,
    )
    base_rate = float(known.mean())
    report = judging.judge(
        y,
        foreseen,
        baselines=rules,
        seed=spec.seed,
        threshold=spec.threshold,
        gain=spec.gain,
        cost=spec.cost,
    )
    before = looked.y(CALIBRATE, output)
    gains = zip(looked.names, model.estimator.gains(), strict=True)
    happened = y.tolist()
    return Judged(
        y=y,
        foreseen=foreseen,
        losses=log_losses(happened, foreseen.tolist()),
        plain=log_losses(happened, [base_rate] * len(happened)),
        base_rate=base_rate,
        rules={
            judging.BASELINES.get(name, name): log_losses(happened, found.tolist())
            for name, found in rules.items()
            if name != "plain"
        },
        auc=float(roc_auc_score(y, raw)),
        auc_before=float(roc_auc_score(before, model.raw_scores(looked.x(CALIBRATE)))),
        gains=sorted(((name, gain) for name, gain in gains if gain > 0), key=lambda one: -one[1]),
        report=report.document(),
    )


def compared(judged: Mapping[str, Judged], old: Mapping[str, Vector]) -> Compared:
    """Hold a version's outputs against what another says of the same rows."""
    own = _summed([one.losses for one in judged.values()])
    other = _summed(
        [log_losses(one.y.tolist(), old[output].tolist()) for output, one in judged.items()]
    )
    return Compared(float(np.mean(own)), float(np.mean(other)), advantage(own, other))


def over_rules(judged: Mapping[str, Judged]) -> dict[str, tuple[float, float]]:
    """Return how much less surprised a version is than each simple rule, with the error."""
    own = _summed([one.losses for one in judged.values()])
    names = {name for one in judged.values() for name in one.rules}
    found = {}
    for name in sorted(names):
        rule = _summed([one.rules[name] for one in judged.values() if name in one.rules])
        gained = advantage(own, rule)
        found[name] = (gained.mean, gained.standard_error)
    return found


def card_of(judged: Mapping[str, Judged]) -> dict[str, Any]:
    """Return the card: of several outputs their means, and each of its own under `outputs`."""
    cards = {output: _card(one) for output, one in judged.items()}
    if "" in cards:
        return cards[""]
    means = {
        name: float(np.mean([card[name] for card in cards.values()]))
        for name in ("base_rate", "auc", "average_precision", "log_loss", "base_log_loss")
    }
    own = _summed([one.losses for one in judged.values()])
    plain = _summed([one.plain for one in judged.values()])
    y = np.concatenate([one.y for one in judged.values()]).tolist()
    foreseen = np.concatenate([one.foreseen for one in judged.values()]).tolist()
    gains: dict[str, float] = {}
    for one in judged.values():
        for name, gain in one.gains:
            gains[name] = gains.get(name, 0.0) + gain / len(judged)
    return means | {
        "rows": next(iter(judged.values())).rows,
        "positives": sum(one.positives for one in judged.values()),
        "advantage": list(advantage(own, plain)),
        "calibration_error": calibration_error(y, foreseen),
        "bins": [list(one) for one in calibration_bins(y, foreseen)],
        "gains": [[name, round(gain, 4)] for name, gain in sorted(
            gains.items(), key=lambda one: -one[1])],
        "champion_log_loss": None,
        "outputs": cards,
    }  # fmt: skip


def _card(one: Judged) -> dict[str, Any]:
    y, foreseen = one.y.tolist(), one.foreseen.tolist()
    return {
        "base_rate": one.base_rate,
        "rows": one.rows,
        "positives": one.positives,
        "auc": one.auc,
        "average_precision": float(average_precision_score(one.y, one.foreseen)),
        "log_loss": float(np.mean(one.losses)),
        "base_log_loss": float(np.mean(one.plain)),
        "advantage": list(one.gained),
        "calibration_error": calibration_error(y, foreseen),
        "bins": [list(bin_) for bin_ in calibration_bins(y, foreseen)],
        "gains": [[name, round(gain, 4)] for name, gain in one.gains],
        "champion_log_loss": None,
        "report": one.report,
    }


def _summed(losses: list[list[float]]) -> list[float]:
    """Each row's mean over the outputs."""
    return [float(value) for value in np.mean(np.array(losses), axis=0)]
