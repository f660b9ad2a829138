"""How good a clustering is, and how much two agree. Workers only: it imports scikit-learn.

Sources: Rousseeuw (1987), Calinski and Harabasz (1974), Davies and Bouldin (1979), Hubert and
Arabie (1985), Ester et al. (1996).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from sklearn import cluster, metrics

NOISE: Final = -1


@dataclass(frozen=True, slots=True)
class Indices:
    """Internal indices of a labelling, Euclidean; noise is left out."""

    silhouette: float | None = None
    calinski_harabasz: float | None = None
    davies_bouldin: float | None = None
    inertia: float | None = None
    reason: str | None = None


def indices(x: Sequence[Sequence[float]], labels: Sequence[int]) -> Indices:
    """Judge a labelling of rows (rows x features); -1 is noise.

    Raises:
        ValueError: not one label for each row.
    """
    rows, own = np.asarray(x, float), np.asarray(labels)
    if rows.ndim != 2 or len(rows) != len(own):
        raise ValueError("Each row has a label.")
    rows, own = rows[own != NOISE], own[own != NOISE]
    found = np.unique(own)
    inertia = float(
        sum(((rows[own == one] - rows[own == one].mean(0)) ** 2).sum() for one in found)
    )
    if not 2 <= len(found) < len(rows):
        return Indices(
            inertia=inertia, reason="An index needs two clusters, and one of more than a row."
        )
    return Indices(
        float(metrics.silhouette_score(rows, own)),
        float(metrics.calinski_harabasz_score(rows, own)),
        float(metrics.davies_bouldin_score(rows, own)),
        inertia,
    )


@dataclass(frozen=True, slots=True)
class Dense:
    """Clusters by density; `labels` are -1 for noise."""

    n_clusters: int
    n_noise: int
    labels_up_to_renaming: tuple[int, ...]


def dbscan(x: Sequence[Sequence[float]], eps: float, min_samples: int) -> Dense:
    """Cluster rows by density; the point itself counts among `min_samples`.

    Raises:
        ValueError: eps or min_samples that are not above zero.
    """
    labels = cluster.DBSCAN(eps=eps, min_samples=min_samples).fit_predict(np.asarray(x, float))
    names = {int(one) for one in labels} - {NOISE}
    return Dense(len(names), int((labels == NOISE).sum()), tuple(map(int, labels)))


@dataclass(frozen=True, slots=True)
class Agreement:
    """How much two labellings agree; `best_match_jaccard` by cluster of the first."""

    ari: float | None = None
    ami: float | None = None
    nmi: float | None = None
    v_measure: float | None = None
    best_match_jaccard: Mapping[str, float] = field(default_factory=dict)
    reason: str | None = None


def agreement(a: Sequence[int], b: Sequence[int]) -> Agreement:
    """Compare two labellings of the same rows.

    Raises:
        ValueError: lengths that differ.
    """
    if len(a) != len(b):
        raise ValueError("Both label the same rows.")
    if not len(a):
        return Agreement(reason="Nothing is labelled.")
    one, other = np.asarray(a), np.asarray(b)
    return Agreement(
        float(metrics.adjusted_rand_score(one, other)),
        float(metrics.adjusted_mutual_info_score(one, other)),
        float(metrics.normalized_mutual_info_score(one, other)),
        float(metrics.v_measure_score(one, other)),
        {
            str(own): max(
                float(((one == own) & (other == its)).sum() / ((one == own) | (other == its)).sum())
                for its in np.unique(other)
            )
            for own in np.unique(one)
        },
    )
