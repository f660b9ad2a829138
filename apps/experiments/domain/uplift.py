"""How well a score finds the people whom a treatment moves.

Sources: Radcliffe (2007), Qini; Gutierrez and Gerardy (2017). Curves are normalised by the perfect
one, as scikit-uplift does, so that figures can be compared with its own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from apps.experiments.domain.comparing import Vector

# (conversions and people among the treated, the same among the controls), so far -> height
Curve = Callable[[Vector, Vector, Vector, Vector], Vector]


@dataclass(frozen=True, slots=True)
class Ranked:
    """Quality of a ranking by uplift."""

    ate: float | None = None
    uplift_at_k_overall: float | None = None
    uplift_at_k_by_group: float | None = None
    qini_auc: float | None = None
    uplift_auc: float | None = None
    reason: str | None = None


def rank_quality(
    y: Sequence[int], uplift: Sequence[float], treatment: Sequence[int], k: float
) -> Ranked:
    """Judge a ranking; `y` and `treatment` are 0 or 1 a unit, `k` the share at the top.

    Raises:
        ValueError: lengths that differ, or k outside (0, 1].
    """
    won, score = np.asarray(y, float), np.asarray(uplift, float)
    treated = np.asarray(treatment, float)
    if not len(won) == len(score) == len(treated) or not 0 < k <= 1:
        raise ValueError("Each unit has an outcome, a score and an arm; k lies above 0 up to 1.")
    if not 0 < treated.sum() < len(treated):
        return Ranked(reason="Both arms need people: one has none.")
    order = np.argsort(-score, kind="stable")
    won, score, treated = won[order], score[order], treated[order]
    perfect_uplift = 2.0 * (won == treated) + (
        won
        if ((won == 1) & (treated == 0)).sum() > ((won == 0) & (treated == 1)).sum()
        else treated
    )
    return Ranked(
        float(won[treated == 1].mean() - won[treated == 0].mean()),
        _top_overall(won, treated, int(len(won) * k)),
        _top_by_group(won, treated, k),
        _normalised(_qini, won, score, won * (2 * treated - 1), treated),
        _normalised(_uplift, won, score, perfect_uplift, treated),
    )


def _difference(treated: Vector, control: Vector) -> float | None:
    if not len(treated) or not len(control):
        return None
    return float(treated.mean() - control.mean())


def _top_overall(won: Vector, treated: Vector, n: int) -> float | None:
    won, treated = won[:n], treated[:n]
    return _difference(won[treated == 1], won[treated == 0])


def _top_by_group(won: Vector, treated: Vector, k: float) -> float | None:
    yes, no = won[treated == 1], won[treated == 0]
    return _difference(yes[: int(len(yes) * k)], no[: int(len(no) * k)])


def _uplift(y_yes: Vector, n_yes: Vector, y_no: Vector, n_no: Vector) -> Vector:
    """The difference of the rates among the first so many, times how many they are."""
    rates = _over(y_yes, n_yes) - _over(y_no, n_no)
    found: Vector = rates * (n_yes + n_no)
    return found


def _qini(y_yes: Vector, n_yes: Vector, y_no: Vector, n_no: Vector) -> Vector:
    """Conversions of the treated beyond those that as many controls would have had."""
    found: Vector = y_yes - y_no * _over(n_yes, n_no)
    return found


def _over(one: Vector, other: Vector) -> Vector:
    return np.divide(one, other, out=np.zeros_like(one), where=other > 0)


def _normalised(
    curve: Curve, won: Vector, score: Vector, perfect: Vector, treated: Vector
) -> float | None:
    """The area above chance, over that of the perfect ranking."""
    own, chance = _area(curve, won, score, treated)
    best, _ = _area(curve, won, perfect, treated)
    return None if best == chance else (own - chance) / (best - chance)


def _area(curve: Curve, won: Vector, score: Vector, treated: Vector) -> tuple[float, float]:
    """The area under a curve, and under the straight line to its end."""
    order = np.argsort(-score, kind="stable")
    won, score, treated = won[order], score[order], treated[order]
    last = np.r_[np.flatnonzero(np.diff(score)), len(score) - 1]  # ties are taken together
    n_yes = np.cumsum(treated)[last]
    n_no = last + 1.0 - n_yes
    y_yes, y_no = np.cumsum(won * treated)[last], np.cumsum(won * (1 - treated))[last]
    x, y = np.r_[0.0, last + 1.0], np.r_[0.0, curve(y_yes, n_yes, y_no, n_no)]
    return float(np.trapezoid(y, x)), float(x[-1] * y[-1] / 2)
