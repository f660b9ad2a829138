"""Whom a treatment moves, person by person: an X-learner, judged on people it has not seen.

Source: Künzel, Sekhon, Bickel and Yu, PNAS 116 (2019). Two models say what people do with and
without the treatment; what is left over of each side teaches what the treatment adds; the two
answers are weighed by the probability of the treatment. Every person is scored by models of the
other folds, so the curve is not drawn from what was learned by heart.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor

from apps.experiments.domain.choices import FOLDS, Gain, gain_of
from apps.experiments.domain.comparing import Vector
from apps.experiments.domain.uplift import rank_quality

Matrix = NDArray[np.float64]
LEAST: Final = 500  # people of each side; with fewer nothing about single people can be learned
POINTS: Final = 40  # of the curve
FEW: Final = f"Fewer than {LEAST} people in an arm: too few to learn whom it moves."
FLAT: Final = "The models see no difference between people."


@dataclass(frozen=True, slots=True)
class Uplift:
    """What is known of whom a treatment moves.

    Attributes:
        qini, auuc: areas above chance, in parts of the perfect ranking's; None unless outcomes are
            yes or no.
        share: of the people whom the models would treat.
        gain: of treating only these, beside treating everybody (or nobody, if that is better).
        curve: (share treated, gained for each 1,000 people), the best first; straight: its end.
    """

    n: int
    qini: float | None = None
    auuc: float | None = None
    share: float | None = None
    best: str = ""
    gain: Gain | None = None
    curve: tuple[tuple[float, float], ...] = ()
    top: NDArray[np.bool_] | None = None
    reason: str | None = None


def uplift_of(
    x: Matrix, treated: NDArray[np.bool_], probability: Vector, y: Vector, fold: NDArray[np.int64]
) -> Uplift:
    """Learn and judge.

    Args:
        x: a row a person, known before the treatment; treated: who got it.
        probability: of the treatment; y: more is better; fold: as `choices.folds_of`.
    """
    n = len(y)
    if min(int(treated.sum()), int((~treated).sum())) < LEAST:
        return Uplift(n, reason=FEW)
    tau, rest = np.zeros(n), np.zeros((n, 2))
    for number in range(FOLDS):
        test = fold == number
        if test.any():
            tau[test], rest[test] = _scores(x, treated, probability, y, ~test, test)
    if np.ptp(tau) < 1e-12:
        return Uplift(n, reason=FLAT)
    effect = _effects(treated, probability, y, rest)
    is_yes_or_no = bool(np.isin(y, (0.0, 1.0)).all())
    ranked = (
        rank_quality(y.astype(int).tolist(), tau.tolist(), treated.astype(int).tolist(), 0.3)
        if is_yes_or_no
        else None
    )
    chosen = tau > 0
    mean = float(effect.mean())
    best = "everybody" if mean >= 0 else "nobody"
    score = np.where(chosen, 0.0, -effect) if mean >= 0 else np.where(chosen, effect, 0.0)
    order = np.argsort(-tau, kind="stable")
    heights = np.r_[0.0, np.cumsum(effect[order])] / n * 1_000
    places = np.unique(np.linspace(0, n, POINTS + 1).astype(int))
    return Uplift(
        n,
        None if ranked is None else ranked.qini_auc,
        None if ranked is None else ranked.uplift_auc,
        float(chosen.mean()),
        best,
        gain_of(score),
        tuple((float(at / n), float(heights[at])) for at in places),
        chosen,
    )


def _effects(treated: NDArray[np.bool_], p: Vector, y: Vector, rest: Matrix) -> Vector:
    """What the treatment adds for each person, doubly robust: right on average over any group."""
    with_it, without = rest[:, 1], rest[:, 0]
    found: Vector = (
        with_it - without
        + treated * (y - with_it) / p
        - ~treated * (y - without) / (1 - p)
    )  # fmt: skip
    return found


def _scores(
    x: Matrix, treated: NDArray[np.bool_], probability: Vector, y: Vector,
    teach: NDArray[np.bool_], test: NDArray[np.bool_],
) -> tuple[Vector, Matrix]:  # fmt: skip
    """The uplift of those who are tested, and what they would do without and with it."""
    one, other = teach & treated, teach & ~treated
    with_it, without = _fitted(x[one], y[one]), _fitted(x[other], y[other])
    gained = _fitted(x[one], y[one] - without.predict(x[one]))
    missed = _fitted(x[other], with_it.predict(x[other]) - y[other])
    p = probability[test]
    tau = p * missed.predict(x[test]) + (1 - p) * gained.predict(x[test])
    return tau, np.column_stack([without.predict(x[test]), with_it.predict(x[test])])


def _fitted(x: Matrix, y: Vector) -> Any:
    return HistGradientBoostingRegressor(
        max_iter=60, learning_rate=0.08, max_leaf_nodes=8, min_samples_leaf=40,
        l2_regularization=5.0, random_state=7,
    ).fit(x, y)  # fmt: skip
