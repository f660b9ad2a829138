"""Groups of people who behave alike: how many there are, whether they are there at all, and who is
who after a refresh. Workers only: it imports scikit-learn.

Sources: Tibshirani, Walther and Hastie, JRSS B 63 (2001), for the comparison with data that have no
groups; Hennig, Comput. Stat. Data Anal. 52 (2007), for stability under resampling.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import optimize
from sklearn import cluster, metrics, mixture
from threadpoolctl import threadpool_limits

from apps.predictions.domain.clustering import NOISE, Indices, indices

Matrix = NDArray[np.float64]
Labels = NDArray[np.intp]
Method = Literal["kmeans", "minibatch", "mixture", "hierarchical", "density"]

REFERENCES: Final = 10  # data sets without groups, for comparison
RESAMPLES: Final = 10
STABLE: Final = 0.75  # a mean Jaccard below it is a group that comes and goes (Hennig)
SAMPLED: Final = 1_000  # rows of which silhouettes and resamples are taken
NO_STRUCTURE: Final = "No clear structure: people differ gradually, not in groups."
TOO_FEW: Final = "Too few people to look for groups."


@dataclass(frozen=True, slots=True)
class Tried:
    """One labelling that was tried.

    Attributes:
        reference: the silhouette that data without groups reached, at most.
        stability: by group, the mean Jaccard with its like in resamples; 0..1.
    """

    method: Method
    k: int
    labels: Labels
    found: Indices
    reference: float
    stability: tuple[float, ...]

    @property
    def is_clear(self) -> bool:
        """More than chance makes, and there again in every resample."""
        own = self.found.silhouette
        return (
            own is not None and own > self.reference
            and min(self.stability, default=0.0) >= STABLE
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Grouping:
    """What came of the search: all that was tried, and the best of what is clear."""

    tried: tuple[Tried, ...]
    best: Tried | None
    reason: str | None = None


def search(
    rows: Matrix, ks: Sequence[int], methods: Sequence[Method] = ("kmeans",), seed: int = 0
) -> Grouping:
    """Try every method and number of groups; equal seeds give equal answers.

    Args:
        rows: people x features, scaled alike, finite.
        ks: numbers of groups, from 2; density finds its own.

    Raises:
        ValueError: rows that are not finite, or no number to try.
    """
    if not np.isfinite(rows).all() or not ks or min(ks) < 2:
        raise ValueError("Rows are finite, and there are at least two groups.")
    if len(rows) < 10 * max(ks):
        return Grouping((), None, TOO_FEW)
    with threadpool_limits(1):  # threads that wait for each other starve what visitors wait for
        return _search(rows, ks, methods, seed)


def _search(rows: Matrix, ks: Sequence[int], methods: Sequence[Method], seed: int) -> Grouping:
    rng = np.random.default_rng(seed)
    some = rows[_sample(rng, len(rows))]
    without = [_without_groups(rng, some) for _ in range(REFERENCES)]
    tried = []
    for method in methods:
        for k in ks if method != "density" else ks[:1]:
            labels = labelled(rows, method, k, seed)
            reference = max(_silhouette(other, method, k, seed) for other in without)
            stability = _stability(rng, rows, labels, method, k, seed)
            own = _sample(rng, len(rows))
            found = indices(rows[own].tolist(), labels[own].tolist())
            tried.append(Tried(method, k, labels, found, reference, stability))
    clear = [one for one in tried if one.is_clear]
    best = max(clear, key=lambda one: one.found.silhouette or 0.0, default=None)
    return Grouping(tuple(tried), best, None if best else NO_STRUCTURE)


def labelled(rows: Matrix, method: Method, k: int, seed: int) -> Labels:
    """Label each row with its group, 0.. in order of size; -1 is nobody's."""
    made: Mapping[Method, Callable[[], Labels]] = {
        "kmeans": lambda: cluster.KMeans(k, n_init=3, random_state=seed).fit_predict(rows),
        "minibatch": lambda: cluster.MiniBatchKMeans(k, n_init=3, random_state=seed).fit_predict(
            rows
        ),
        "mixture": lambda: mixture.GaussianMixture(
            k, n_init=2, random_state=seed, reg_covar=1e-4
        ).fit_predict(rows),
        "hierarchical": lambda: cluster.AgglomerativeClustering(k).fit_predict(rows),
        "density": lambda: cluster.HDBSCAN(
            min_cluster_size=max(10, len(rows) // (5 * k)), copy=True
        ).fit_predict(rows),
    }
    raw = made[method]()
    names, sizes = np.unique(raw[raw != NOISE], return_counts=True)
    renamed = np.full(len(raw), NOISE, np.intp)
    for number, name in enumerate(names[np.lexsort((names, -sizes))]):
        renamed[raw == name] = number
    return renamed


def _sample(rng: np.random.Generator, count: int) -> Labels:
    if count <= SAMPLED:
        return np.arange(count)
    return np.sort(rng.choice(count, SAMPLED, replace=False))


def _without_groups(rng: np.random.Generator, rows: Matrix) -> Matrix:
    """Even noise in a box along the data's own axes, so that their spread alone is no group."""
    center = rows.mean(0)
    _, _, axes = np.linalg.svd(rows - center, full_matrices=False)
    turned = (rows - center) @ axes.T
    noise = rng.uniform(turned.min(0), turned.max(0), turned.shape)
    found: Matrix = noise @ axes + center
    return found


def _silhouette(rows: Matrix, method: Method, k: int, seed: int) -> float:
    labels = labelled(rows, method, k, seed)
    kept = labels != NOISE
    if len(np.unique(labels[kept])) < 2:
        return -1.0
    return float(metrics.silhouette_score(rows[kept], labels[kept]))


def _stability(
    rng: np.random.Generator, rows: Matrix, labels: Labels, method: Method, k: int, seed: int
) -> tuple[float, ...]:
    """The mean Jaccard of each group with the nearest group of a resample, among those drawn."""
    groups = int(labels.max()) + 1
    sums = np.zeros(groups)
    size = min(len(rows), SAMPLED)
    for _ in range(RESAMPLES):
        drawn = np.unique(rng.integers(len(rows), size=size))
        again = labelled(rows[drawn], method, k, seed)
        sums += [overlap(labels[drawn] == group, again) for group in range(groups)]
    return tuple(float(one) for one in sums / RESAMPLES)


def overlap(members: "NDArray[np.bool_]", labels: Labels) -> float:
    """The Jaccard of a group with the group that is most like it."""
    own = labels[members & (labels != NOISE)]
    if not len(own):
        return 0.0
    names, common = np.unique(own, return_counts=True)
    sizes = np.bincount(labels[labels != NOISE])[names]
    return float((common / (members.sum() + sizes - common)).max())


def renamed_after(before: Mapping[str, str], now: Mapping[str, int]) -> dict[int, str | None]:
    """Say which group of now is which of before, by the people whom both know.

    Groups are matched so that as many people as possible stay where they were; one in which fewer
    than half of the people known before were together has no ancestor and is new: None.

    Args:
        before: person -> name of their group; now: person -> number of theirs, -1 nobody's.
    """
    names = sorted(set(before.values()))
    numbers = sorted({number for number in now.values() if number != NOISE})
    both = np.zeros((len(numbers), len(names)))
    place = {name: i for i, name in enumerate(names)}
    row = {number: i for i, number in enumerate(numbers)}
    for person, number in now.items():
        if number != NOISE and person in before:
            both[row[number], place[before[person]]] += 1
    found: dict[int, str | None] = dict.fromkeys(numbers)
    if not names or not numbers:
        return found
    known = both.sum(1)
    for i, j in zip(*optimize.linear_sum_assignment(-both), strict=True):
        if both[i, j] and 2 * both[i, j] >= known[i]:
            found[numbers[i]] = names[j]
    return found
