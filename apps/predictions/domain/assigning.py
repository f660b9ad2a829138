"""Which group somebody belongs to, by numbers that are stored as text: no pickle, no library.

A row of raw features is made comparable (`Scaling`), and belongs to the group whose nearest center
is nearest. A group of any shape has several centers. Who is far from all of them is in no group,
and who has a group leaves it only for one that is clearly nearer: people on a border would
otherwise change it with every visit.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn import cluster
from threadpoolctl import threadpool_limits

from apps.predictions.domain.clustering import NOISE

Matrix = NDArray[np.float64]
Labels = NDArray[np.intp]

CLIP: Final = 5.0  # robust widths from the middle: beyond it everybody is "very much"
MOST_AXES: Final = 10
KEPT_SPREAD: Final = 0.95
CENTERS: Final = 8  # of a group that is no ball
LEAST_AROUND: Final = 10  # people around each center: fewer would be a portrait
HYSTERESIS: Final = 0.10  # how much nearer another group has to be before somebody moves
REACH: Final = 1.5  # times what 99 % of a group keep from its centers


@dataclass(frozen=True, slots=True)
class Scaling:
    """How raw features become comparable coordinates.

    Attributes:
        columns: which raw columns vary, with (place, is_log, fill, middle, width) for each.
        mean: of the scaled columns; axes: (axes, columns), the directions in which people differ.
    """

    columns: tuple[tuple[int, bool, float, float, float], ...]
    mean: tuple[float, ...]
    axes: tuple[tuple[float, ...], ...]

    def scaled(self, x: Matrix) -> Matrix:
        """Return float64 (rows, axes); infinite values count as missing."""
        found: Matrix = (self._columns(x) - np.asarray(self.mean)) @ np.asarray(self.axes).T
        return found

    def _columns(self, x: Matrix) -> Matrix:
        found = np.empty((len(x), len(self.columns)))
        for at, (place, is_log, fill, middle, width) in enumerate(self.columns):
            values = np.where(np.isfinite(x[:, place]), x[:, place], fill)
            if is_log:
                values = np.log1p(np.maximum(values, 0.0))
            found[:, at] = np.clip((values - middle) / width, -CLIP, CLIP)
        return found


def scaling_of(x: Matrix, fills: Sequence[float]) -> Scaling | None:
    """Learn how to make raw features comparable; None where nothing varies.

    Counts are taken by their logarithm and measured in robust widths: one heavy tail is no group.

    Args:
        x: float64 (people, features), NaN or infinite where there is nothing to measure.
        fills: what stands for nothing, by feature.
    """
    columns = []
    for place, fill in enumerate(fills):
        values = np.where(np.isfinite(x[:, place]), x[:, place], fill)
        is_log = bool((values >= 0).all())
        if is_log:
            values = np.log1p(values)
        low, middle, high = np.quantile(values, [0.1, 0.5, 0.9])
        # Of what most people never do, the width is that of all, and not of the few in between.
        width = (high - low) / 2.563 or float(values.std())
        if width > 1e-9 and float(values.std()) > 1e-9:
            columns.append((place, is_log, float(fill), float(middle), float(width)))
    if not columns:
        return None
    plain = Scaling(tuple(columns), (0.0,) * len(columns), ())
    scaled = plain._columns(x)
    mean = scaled.mean(0)
    _, spread, axes = np.linalg.svd(scaled - mean, full_matrices=False)
    shares = np.cumsum(spread**2) / max(float((spread**2).sum()), 1e-12)
    kept = min(int(np.searchsorted(shares, KEPT_SPREAD)) + 1, MOST_AXES, len(axes))
    return Scaling(
        tuple(columns),
        tuple(map(float, mean)),
        tuple(tuple(map(float, axis)) for axis in _signed(axes[:kept])),
    )


def _signed(axes: Matrix) -> Matrix:
    """Axes have no direction: the largest part of each is made positive, so that files repeat."""
    largest = np.abs(axes).argmax(1)
    signs = np.sign(axes[np.arange(len(axes)), largest])
    found: Matrix = axes * np.where(signs == 0, 1.0, signs)[:, None]
    return found


@dataclass(frozen=True, slots=True)
class Circle:
    """One group: its key, its centers, and how far from them its people are."""

    key: str
    centers: tuple[tuple[float, ...], ...]
    reach: float


@dataclass(frozen=True, slots=True)
class Assigning:
    """What is stored of groups: enough to tell anybody's, and nobody's own numbers."""

    features: tuple[str, ...]
    scaling: Scaling
    groups: tuple[Circle, ...]

    def labels(self, x: Matrix, before: Sequence[str | None] | None = None) -> list[str | None]:
        """Return the key of each row's group, None for who is near none.

        Args:
            x: float64 (rows, features), raw.
            before: the key each had; a group is left only for one that is a tenth nearer.
        """
        if not len(x):
            return []
        away = self.distances(x)
        nearest = away.argmin(1)
        if before is not None:
            self._stay(away, nearest, before)
        reach = np.asarray([group.reach for group in self.groups])
        near = away[np.arange(len(away)), nearest] <= reach[nearest]
        return [
            self.groups[number].key if is_near else None
            for number, is_near in zip(nearest, near, strict=True)
        ]

    def distances(self, x: Matrix) -> Matrix:
        """Return float64 (rows, groups): how far each is from the nearest center of each group."""
        return _away(self.scaling.scaled(x), self.groups)

    def _stay(self, away: Matrix, nearest: Labels, before: Sequence[str | None]) -> None:
        place = {group.key: number for number, group in enumerate(self.groups)}
        own = np.asarray([place.get(key or "", NOISE) for key in before])
        rows = np.flatnonzero(own != NOISE)
        still = away[rows, nearest[rows]] >= (1 - HYSTERESIS) * away[rows, own[rows]]
        nearest[rows[still]] = own[rows[still]]

    def text(self) -> str:
        """Return what `restored` reads: one line of JSON."""
        scaling = self.scaling
        return json.dumps(
            {
                "method": "groups",
                "features": self.features,
                "columns": scaling.columns,
                "mean": scaling.mean,
                "axes": scaling.axes,
                "groups": [[one.key, one.centers, one.reach] for one in self.groups],
            }
        )


def restored(text: str) -> Assigning:
    """Return the groups that `Assigning.text` wrote."""
    found: dict[str, Any] = json.loads(text)
    scaling = Scaling(
        tuple(tuple(one) for one in found["columns"]),
        tuple(found["mean"]),
        tuple(tuple(one) for one in found["axes"]),
    )
    groups = tuple(
        Circle(key, tuple(tuple(one) for one in centers), reach)
        for key, centers, reach in found["groups"]
    )
    return Assigning(tuple(found["features"]), scaling, groups)


def circles(rows: Matrix, labels: Labels, *, is_round: bool, seed: int) -> tuple[Circle, ...]:
    """Describe labelled rows by centers, the groups in the order of their numbers.

    Args:
        rows: scaled; labels: -1 is nobody's.
        is_round: one center each, as k-means has it; else up to eight, of ten people at least.
    """
    with threadpool_limits(1):
        drawn = [
            (str(number), _centers(rows[labels == number], is_round, seed))
            for number in range(int(labels.max()) + 1)
        ]
    bare = tuple(Circle(key, centers, 0.0) for key, centers in drawn)
    away = _away(rows, bare)
    return tuple(
        Circle(one.key, one.centers, REACH * float(np.quantile(away[labels == place, place], 0.99)))
        for place, one in enumerate(bare)
    )


def _centers(rows: Matrix, is_round: bool, seed: int) -> tuple[tuple[float, ...], ...]:
    wanted = 1 if is_round else min(CENTERS, max(1, len(rows) // (2 * LEAST_AROUND)))
    while wanted > 1:
        found = cluster.KMeans(wanted, n_init=2, random_state=seed).fit(rows)
        if np.bincount(found.labels_).min() >= LEAST_AROUND:
            return tuple(tuple(map(float, one)) for one in found.cluster_centers_)
        wanted -= 1
    return (tuple(map(float, rows.mean(0))),)


def _away(rows: Matrix, groups: Sequence[Circle]) -> Matrix:
    found = np.empty((len(rows), len(groups)))
    for place, group in enumerate(groups):
        centers = np.asarray(group.centers)
        apart = ((rows[:, None, :] - centers[None]) ** 2).sum(2)
        found[:, place] = np.sqrt(apart.min(1))
    return found
