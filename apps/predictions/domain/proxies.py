"""Which features tell a trait that a model is not to go by, alone or together.

A feature that is in the model in the place of a trait treats its groups apart although nobody has
named it. Only workers import this module (scikit-learn).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict

Matrix = NDArray[np.float64]

AUC: Final = 0.7
REST: Final = 0.55  # what the features that remain may tell together
LEAST_TOGETHER: Final = 400  # people: of fewer a sum of many features tells groups by chance
CRAMERS_V: Final = 0.3
FOLDS: Final = 3
MOST_ROWS: Final = 5_000
LEAST: Final = 30  # rows of a group
LEAST_TOLD: Final = 10  # people who have something a name tells of; fewer are not told
MOST_TOGETHER: Final = 5  # groups, the largest, that all features together are asked about
ROUND: Final = 0.15  # share of the features that a round takes out


@dataclass(frozen=True, slots=True)
class Proxy:
    """A feature that tells a group. `alone`: by itself; else only with others."""

    name: str
    group: str
    auc: float
    cramers_v: float | None
    alone: bool


@dataclass(frozen=True, slots=True)
class Told:
    """How well a trait is told by the features.

    Attributes:
        proxies: what tells a group by itself; and, where all together tell one with an AUC above
            0.7, what would have to go, so that the rest tells none with one above 0.55.
        together, rest: the AUC of the group told best, by all features and by those that remain.
    """

    proxies: list[Proxy]
    together: float | None
    rest: float | None


def told_by(names: Sequence[str], x: Matrix, group: Sequence[str], *, seed: int) -> Told:
    """Find which features tell the group of a person.

    Args:
        x: float64 (rows, names), NaN where unknown.
        group: one a row; "" where it is not known: such rows are left out.
    """
    known = np.array([bool(one) for one in group])
    x, groups = x[known], np.array(group)[known]
    if len(x) > MOST_ROWS:
        rows = np.random.default_rng(seed).permutation(len(x))[:MOST_ROWS]
        x, groups = x[rows], groups[rows]
    labels, counts = np.unique(groups, return_counts=True)
    by_size = sorted(zip(-counts, labels, strict=True))
    judged = [str(label) for size, label in by_size if -size >= LEAST]
    told = [place for place in range(len(names)) if _is_told(x[:, place])]
    if len(judged) < 2 or not told:
        return Told([], None, None)
    found: dict[int, Proxy] = {}
    for place in told:
        proxy = _alone(names[place], x[:, place], groups, judged)
        if proxy is not None:
            found[place] = proxy
    if len(x) < LEAST_TOGETHER:
        return Told([found[place] for place in sorted(found)], None, None)
    together, _, _ = _together(x[:, told], groups, judged)
    if together <= AUC:
        return Told([found[place] for place in sorted(found)], together, together)
    left = [place for place in told if place not in found]
    rest, weights, best = _together(x[:, left], groups, judged) if left else (None, None, "")
    while rest is not None and rest > REST and weights is not None:
        take = max(1, round(len(left) * ROUND))
        for place in np.argsort(-weights, kind="stable")[:take].tolist():
            name = names[left[place]]
            auc = _auc(x[:, left[place]], groups == best)
            found[left[place]] = Proxy(name, best, auc, None, False)
        left = [place for place in left if place not in found]
        rest, weights, best = _together(x[:, left], groups, judged) if left else (None, None, "")
    return Told([found[place] for place in sorted(found)], together, rest)


def _is_told(column: Matrix) -> bool:
    """Whether the column differs, and nothing in it is of a few people only."""
    finite = column[np.isfinite(column)]
    if len(finite) < LEAST_TOLD:
        return False
    usual = np.bincount(np.unique(finite, return_inverse=True)[1]).max()
    return bool(len(column) - usual >= LEAST_TOLD)


def _alone(name: str, column: Matrix, groups: NDArray[Any], judged: Sequence[str]) -> Proxy | None:
    aucs = {label: _auc(column, groups == label) for label in judged}
    best = max(judged, key=lambda label: aucs[label])
    v = _cramers_v(column, groups)
    if aucs[best] <= AUC and v <= CRAMERS_V:
        return None
    return Proxy(name, best, aucs[best], v, True)


def _auc(column: Matrix, is_group: NDArray[np.bool_]) -> float:
    filled = np.where(np.isfinite(column), column, -1e300)
    if is_group.all() or not is_group.any():
        return 0.5
    auc = float(roc_auc_score(is_group, filled))
    return max(auc, 1 - auc)


def _cramers_v(column: Matrix, groups: NDArray[Any]) -> float:
    """Return how strongly the groups and the fifths of a column go together, in [0, 1]."""
    known = np.isfinite(column)
    edges = np.unique(np.quantile(column[known], [0.2, 0.4, 0.6, 0.8]))
    bins = np.where(known, np.searchsorted(edges, np.where(known, column, 0), side="left"), -1)
    _, rows = np.unique(bins, return_inverse=True)
    _, columns = np.unique(groups, return_inverse=True)
    table = np.zeros((rows.max() + 1, columns.max() + 1))
    np.add.at(table, (rows, columns), 1)
    n, least = table.sum(), min(table.shape) - 1
    if least < 1:
        return 0.0
    expected = np.outer(table.sum(1), table.sum(0)) / n
    phi = ((table - expected) ** 2 / expected).sum() / n
    # By chance alone phi is (r - 1)(c - 1) / (n - 1): Bergsma (2013).
    corrected = max(0.0, phi - (table.shape[0] - 1) * (table.shape[1] - 1) / (n - 1))
    return float(np.sqrt(corrected / least))


def _together(x: Matrix, groups: NDArray[Any], judged: Sequence[str]) -> tuple[float, Matrix, str]:
    """Return the AUC of the group told best by all columns, their weights, and the group."""
    unknown = ~np.isfinite(x)
    filled = np.where(unknown, 0.0, np.arcsinh(np.where(unknown, 0.0, x)))
    both = np.hstack([filled, unknown.astype(float)])
    spread = both.std(0)
    scaled = (both - both.mean(0)) / np.where(spread > 0, spread, 1)
    # Two groups mirror each other: one is enough.
    only_two = len(judged) == 2 and len(set(groups.tolist())) == 2
    asked = judged[: 1 if only_two else MOST_TOGETHER]
    best: tuple[float, Matrix, str] = (0.0, np.zeros(x.shape[1]), judged[0])
    for label in asked:
        is_group = groups == label
        model = LogisticRegression(max_iter=300)
        said = cross_val_predict(model, scaled, is_group, cv=FOLDS, method="predict_proba")[:, 1]
        auc = float(roc_auc_score(is_group, said))
        if auc > best[0]:
            size = np.abs(model.fit(scaled, is_group).coef_[0])
            best = (auc, np.maximum(size[: x.shape[1]], size[x.shape[1] :]), label)
    return best
