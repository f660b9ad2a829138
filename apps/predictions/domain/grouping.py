"""Groups of people who behave alike: how many there are, whether they are there at all, and who is
who after a refresh. Workers only: it imports scikit-learn.

Sources: Tibshirani, Walther and Hastie, JRSS B 63 (2001), for the comparison with data that have no
groups; Hennig, Comput. Stat. Data Anal. 52 (2007), for stability under resampling; Ester et al.
(1996) for the knee of the distances to neighbours.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import optimize
from scipy.spatial import cKDTree
from sklearn import cluster, metrics, mixture
from threadpoolctl import threadpool_limits

from apps.predictions.domain.clustering import NOISE, Indices, indices
from apps.work.types import Progress

Matrix = NDArray[np.float64]
Labels = NDArray[np.intp]
Method = Literal["kmeans", "minibatch", "mixture", "hierarchical", "density", "dbscan"]

METHODS: Final[tuple[Method, ...]] = (
    "kmeans", "minibatch", "mixture", "hierarchical", "density", "dbscan",
)  # fmt: skip
# They find the number of groups themselves.
OWN_NUMBER: Final[frozenset[Method]] = frozenset({"density", "dbscan"})
# Their time or memory grows with the square of the rows: the others follow their neighbours.
SQUARE: Final[frozenset[Method]] = frozenset({"hierarchical", "density", "dbscan"})
MOST_SQUARE: Final = 4_000
MOST_PEOPLE: Final = 20_000  # that groups are looked for among
KS: Final = (2, 10)  # from, to

REFERENCES: Final = 10  # data sets without groups, for comparison
RESAMPLES: Final = 10
STABLE: Final = 0.75  # a mean Jaccard below it is a group that comes and goes (Hennig)
SAMPLED: Final = 1_000  # rows of which silhouettes and resamples are taken
MOST_NOISE: Final = 0.3  # of people whom density puts nowhere: with more it has not grouped them
VALLEY: Final = 0.5  # how deep the density falls between two groups, of the lower of their peaks
NEARLY: Final = 0.85  # of what the clearest is worth: from there on, more groups say more
BETTER: Final = 0.01  # of a silhouette, before a later method takes the place of an earlier one
NEIGHBOURS: Final = 8
STARTS: Final = 10  # of k-means on few rows, where a poor start is soon made and looks unsteady
NO_STRUCTURE: Final = "No clear structure: people differ gradually, not in groups."
TOO_FEW: Final = "Too few people to look for groups."


@dataclass(frozen=True, slots=True)
class Tried:
    """One labelling that was tried.

    Attributes:
        k: how many groups it was to find; found_k: how many it did.
        reference: the silhouette that data without groups reached, at most.
        gap: how much tighter the groups are than in data without groups, in logarithms, and its
            standard error.
        bic: of the mixture, in which lower is better; None for the others.
        noise: the share of people in no group.
        valley: how dense it is, at most, between two groups, of the lower of their two peaks; at 1
            one runs into the other. None for methods that go by density themselves.
        stability: by group, the mean Jaccard with its like in resamples; 0..1.
    """

    method: Method
    k: int
    found_k: int
    found: Indices
    reference: float
    gap: tuple[float, float] | None
    bic: float | None
    noise: float
    valley: float | None
    stability: tuple[float, ...]

    @property
    def is_clear(self) -> bool:
        """More than chance makes, apart from each other, there again, and of nearly everybody."""
        own = self.found.silhouette
        return (
            own is not None and own > self.reference and self.noise <= MOST_NOISE
            and (self.valley is None or self.valley <= VALLEY)
            and min(self.stability, default=0.0) >= STABLE
        )  # fmt: skip

    @property
    def worth(self) -> float:
        """The silhouette over everybody, less what lies between groups.

        Who is in no group has no silhouette. Methods that go by density are taken where the others
        find nothing clear, so what they leave between groups counts as what is just allowed.
        """
        between = VALLEY if self.valley is None else self.valley
        return (self.found.silhouette or 0.0) * (1 - self.noise) * (1 - between)


@dataclass(frozen=True, slots=True)
class Grouping:
    """What came of the search: all that was tried, and the best of what is clear.

    Attributes:
        labels: of the best, by row: 0.. in order of size, -1 nobody's.
    """

    tried: tuple[Tried, ...]
    best: Tried | None
    labels: Labels | None = None
    reason: str | None = None


def silent(done: int, total: int, note: str = "") -> None:
    """Nobody watches."""


def search(
    rows: Matrix,
    ks: Sequence[int],
    methods: Sequence[Method] = ("kmeans",),
    seed: int = 0,
    progress: Progress = silent,
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
        return Grouping((), None, None, TOO_FEW)
    with threadpool_limits(1):  # threads that wait for each other starve what visitors wait for
        return _search(rows, ks, methods, seed, progress)


def _search(
    rows: Matrix, ks: Sequence[int], methods: Sequence[Method], seed: int, progress: Progress
) -> Grouping:
    rng = np.random.default_rng(seed)
    own = _sample(rng, len(rows))
    without = [_without_groups(rng, rows[own]) for _ in range(REFERENCES)]
    pairs = [(method, k) for method in methods for k in (ks[:1] if method in OWN_NUMBER else ks)]
    tried: list[Tried] = []
    clear: list[tuple[Tried, Labels]] = []
    for place, (method, k) in enumerate(pairs):
        progress(place, len(pairs), f"Looking for {k} groups ({method})")
        labels, bic = _labelled(rows, method, k, seed)
        one = _judged(rng, rows, labels, own, without, method, k, seed, bic)
        tried.append(one)
        if one.is_clear:
            clear.append((one, labels))
    if not clear:
        return Grouping(tuple(tried), None, None, NO_STRUCTURE)
    best, kept = _best(clear)
    return Grouping(tuple(tried), best, kept)


def _best(clear: Sequence[tuple[Tried, Labels]]) -> tuple[Tried, Labels]:
    """The most groups that are nearly as clear as any; of as many, the clearest, the plain first.

    Two that stand apart are always clearer than the three that they are made of.
    """
    enough = NEARLY * max(one.worth for one, _ in clear)
    near = [pair for pair in clear if pair[0].worth >= enough]
    most = max(one.found_k for one, _ in near)
    best, *others = [pair for pair in near if pair[0].found_k == most]
    for pair in others:
        if pair[0].worth > best[0].worth + BETTER:
            best = pair
    return best


def _judged(
    rng: np.random.Generator,
    rows: Matrix,
    labels: Labels,
    own: Labels,
    without: Sequence[Matrix],
    method: Method,
    k: int,
    seed: int,
    bic: float | None,
) -> Tried:
    found = indices(rows[own].tolist(), labels[own].tolist())
    others = [_of_reference(one, method, k, seed) for one in without]
    return Tried(
        method,
        k,
        int(labels.max()) + 1,
        found,
        max(silhouette for silhouette, _ in others),
        _gap(found, [inertia for _, inertia in others]) if method not in OWN_NUMBER else None,
        bic,
        float((labels == NOISE).mean()),
        None if method in OWN_NUMBER else valley(rows, labels),
        _stability(rng, rows, labels, method, k, seed),
    )


def labelled(rows: Matrix, method: Method, k: int, seed: int) -> Labels:
    """Label each row with its group, 0.. in order of size; -1 is nobody's."""
    return _labelled(rows, method, k, seed)[0]


def _labelled(rows: Matrix, method: Method, k: int, seed: int) -> tuple[Labels, float | None]:
    """The labels, and the BIC of a mixture."""
    if method in SQUARE and len(rows) > MOST_SQUARE:
        drawn = np.sort(np.random.default_rng(seed).choice(len(rows), MOST_SQUARE, replace=False))
        some, _ = _labelled(rows[drawn], method, k, seed)
        _, nearest = cKDTree(rows[drawn]).query(rows)
        return _renamed(some[nearest]), None
    if method == "mixture":
        model = mixture.GaussianMixture(k, n_init=2, random_state=seed, reg_covar=1e-4)
        raw = model.fit_predict(rows)
        return _renamed(raw), float(model.bic(rows))
    made: Mapping[Method, Callable[[], Labels]] = {
        "kmeans": lambda: cluster.KMeans(
            k, n_init=STARTS if len(rows) <= 2 * SAMPLED else 3, random_state=seed
        ).fit_predict(rows),
        "minibatch": lambda: cluster.MiniBatchKMeans(k, n_init=3, random_state=seed).fit_predict(
            rows
        ),
        "hierarchical": lambda: cluster.AgglomerativeClustering(k).fit_predict(rows),
        "density": lambda: cluster.HDBSCAN(
            min_cluster_size=max(10, len(rows) // (5 * k)), copy=True
        ).fit_predict(rows),
        "dbscan": lambda: cluster.DBSCAN(eps=knee(rows), min_samples=NEIGHBOURS).fit_predict(rows),
    }
    return _renamed(_without_crumbs(made[method](), len(rows), method)), None


def knee(rows: Matrix) -> float:
    """The distance to the eighth neighbour at which the sorted distances bend most upward."""
    distances, _ = cKDTree(rows).query(rows, min(NEIGHBOURS, len(rows) - 1) + 1)
    sorted_up = np.sort(distances[:, -1])
    low, high = sorted_up[0], sorted_up[-1]
    if high <= low:
        return float(high) or 1.0
    along = np.linspace(0.0, 1.0, len(sorted_up))
    bend = int(np.argmax(along - (sorted_up - low) / (high - low)))
    return float(sorted_up[bend]) or 1.0


def _without_crumbs(labels: Labels, people: int, method: Method) -> Labels:
    """DBSCAN calls any ten neighbours a cluster: below one in a hundred they are nobody's."""
    if method != "dbscan":
        return labels
    names, sizes = np.unique(labels[labels != NOISE], return_counts=True)
    small = names[sizes < max(10, people // 100)]
    return np.where(np.isin(labels, small), NOISE, labels)


def _renamed(raw: Labels) -> Labels:
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


def _of_reference(rows: Matrix, method: Method, k: int, seed: int) -> tuple[float, float]:
    """The silhouette and the inertia that a method reaches where there are no groups."""
    labels = labelled(rows, method, k, seed)
    kept = labels != NOISE
    names = np.unique(labels[kept])
    inertia = sum(
        float(((rows[labels == one] - rows[labels == one].mean(0)) ** 2).sum()) for one in names
    )
    if not 2 <= len(names) < int(kept.sum()):
        return -1.0, inertia
    return float(metrics.silhouette_score(rows[kept], labels[kept])), inertia


def valley(rows: Matrix, labels: Labels) -> float:
    """How dense it is between two groups, at most, of the lower of their two peaks; at most 1.

    People of every two groups are laid on the line between the groups' centers. Cutting a cloud, or
    a heavy tail, into parts leaves no valley where it was cut.
    """
    groups = int(labels.max()) + 1
    if groups < 2:
        return 1.0
    centers = [rows[labels == one].mean(0) for one in range(groups)]
    deepest = 0.0
    for one in range(groups):
        for other in range(one + 1, groups):
            line = centers[other] - centers[one]
            length = float(np.linalg.norm(line))
            if length <= 1e-12:
                return 1.0
            left = (rows[labels == one] - centers[one]) @ line / length**2
            right = (rows[labels == other] - centers[one]) @ line / length**2
            deepest = max(deepest, _dip(left, right))
    return deepest


def _dip(left: Matrix, right: Matrix) -> float:
    """The least density between two clouds on a line, at 0 and at 1, of the lower peak.

    Both count alike, so that a small group beside a large one is seen.
    """
    at = np.linspace(-0.5, 1.5, 201)
    density = np.zeros_like(at)
    for values in (left, right):
        values = np.sort(values)[:: max(1, len(values) // SAMPLED)]
        width = max(0.9 * float(values.std()) * len(values) ** -0.2, 0.01)
        apart = (at[:, None] - values[None]) / width
        density += np.exp(-0.5 * apart**2).mean(1) / width
    middle = len(at) // 2
    first = int(density[:middle].argmax())
    second = middle + int(density[middle:].argmax())
    peaks = min(float(density[first]), float(density[second]))
    return float(density[first : second + 1].min()) / peaks if peaks > 0 else 1.0


def _gap(found: Indices, others: Sequence[float]) -> tuple[float, float] | None:
    if not found.inertia or min(others) <= 0:
        return None
    logs = np.log(others)
    error = float(logs.std() * np.sqrt(1 + 1 / len(logs)))
    return float(logs.mean() - np.log(found.inertia)), error


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
