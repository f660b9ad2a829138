"""A group as a rule that an editor can read: a small tree that says who is in it.

Workers only: it imports scikit-learn. Source: Bastani, Kim and Bastani (2017) for surrogate trees.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn import tree

FIDELITY: Final = 0.85  # below it a rule is another group than the one it is meant to be
MAX_DEPTH: Final = 4
SIMPLER: Final = 0.02  # of fidelity, that a rule of fewer questions may cost
MIN_LEAF: Final = 0.005  # of the people: a smaller corner is an accident


@dataclass(frozen=True, slots=True)
class Bound:
    """One feature between two values: at least `low` and below `high`; None: no bound."""

    feature: str
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Surrogate:
    """Who is in a group: anybody whom one of the boxes holds.

    Attributes:
        boxes: each a list of bounds that all hold.
        precision: of those whom it names, the share in the group; recall: the other way round.
        fidelity: their harmonic mean, on people whom the tree has not seen.
    """

    boxes: tuple[tuple[Bound, ...], ...]
    precision: float
    recall: float
    fidelity: float

    @property
    def is_faithful(self) -> bool:
        """Whether it may stand for the group."""
        return self.fidelity >= FIDELITY


def surrogate_of(
    rows: NDArray[np.float64],
    members: "NDArray[np.bool_]",
    features: Sequence[str],
    seed: int = 0,
) -> Surrogate:
    """Grow a tree on two thirds of the people and judge it on the others.

    The fewest questions are asked that come as near as more would.

    Args:
        rows: people x features, in the units that an editor knows; members: who is in the group.

    Raises:
        ValueError: nobody or everybody is in the group.
    """
    if not 0 < members.sum() < len(members):
        raise ValueError("Some are in the group, and some are not.")
    order = np.random.default_rng(seed).permutation(len(rows))
    taught, judged = order[: 2 * len(rows) // 3], order[2 * len(rows) // 3 :]
    found = [
        _grown(rows, members, features, taught, judged, depth, seed)
        for depth in range(1, MAX_DEPTH + 1)
    ]
    enough = max(one.fidelity for one in found) - SIMPLER
    return next(one for one in found if one.fidelity >= enough)


def _grown(
    rows: NDArray[np.float64],
    members: "NDArray[np.bool_]",
    features: Sequence[str],
    taught: "NDArray[np.intp]",
    judged: "NDArray[np.intp]",
    depth: int,
    seed: int,
) -> Surrogate:
    """A rule of at most so many questions, judged on people whom it has not seen."""
    model = tree.DecisionTreeClassifier(
        max_depth=depth, min_samples_leaf=max(1, int(MIN_LEAF * len(taught))),
        class_weight="balanced", random_state=seed,
    ).fit(rows[taught], members[taught])  # fmt: skip
    boxes = _boxes(model.tree_, rows[taught], members[taught], features)
    inside = held(boxes, rows[judged], features)
    right = float((inside & members[judged]).sum())
    precision = right / float(inside.sum()) if inside.any() else 0.0
    wanted = float(members[judged].sum())
    recall = right / wanted if wanted else 0.0
    both = precision + recall
    return Surrogate(boxes, precision, recall, 2 * precision * recall / both if both else 0.0)


def held(
    boxes: Sequence[Sequence[Bound]], rows: NDArray[np.float64], features: Sequence[str]
) -> "NDArray[np.bool_]":
    """Tell for each row whether one of the boxes holds it."""
    column = {name: place for place, name in enumerate(features)}
    inside = np.zeros(len(rows), bool)
    for box in boxes:
        here = np.ones(len(rows), bool)
        for bound in box:
            values = rows[:, column[bound.feature]]
            if bound.low is not None:
                here &= values >= bound.low
            if bound.high is not None:
                here &= values < bound.high
        inside |= here
    return inside


Box = dict[str, Bound]


def _boxes(
    grown: Any, rows: NDArray[np.float64], members: "NDArray[np.bool_]", features: Sequence[str]
) -> tuple[tuple[Bound, ...], ...]:
    """The leaves in which most are members, as boxes of rounded bounds; two halves are one box."""

    def walk(node: int, box: Box, here: "NDArray[np.bool_]") -> list[Box]:
        if grown.children_left[node] < 0:
            return [box] if here.any() and members[here].mean() > 0.5 else []
        name = features[grown.feature[node]]
        values = rows[:, grown.feature[node]]
        cut = rounded(float(grown.threshold[node]), values)
        known = box.get(name, Bound(name, None, None))
        low = cut if known.low is None else max(known.low, cut)
        high = cut if known.high is None else min(known.high, cut)
        lower, upper = Bound(name, known.low, high), Bound(name, low, known.high)
        below = walk(grown.children_left[node], {**box, name: lower}, here & (values < cut))
        above = walk(grown.children_right[node], {**box, name: upper}, here & (values >= cut))
        if below == [{**box, name: lower}] and above == [{**box, name: upper}]:
            return [box]
        return below + above

    found = walk(0, {}, np.ones(len(rows), bool))
    return tuple(tuple(box[name] for name in sorted(box)) for box in found)


def rounded(cut: float, values: NDArray[np.float64]) -> float:
    """Return the shortest number that divides the values as the cut does."""
    below, above = values[values <= cut], values[values > cut]
    if not len(below) or not len(above):
        return cut
    low, high = float(below.max()), float(above.min())
    for digits in range(-6, 13):
        near = round(cut, digits)
        if low < near <= high:
            return near
    return high
