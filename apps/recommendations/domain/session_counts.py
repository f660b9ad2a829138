"""How often things followed each other, with each visit left out of what is told about itself.

Who learns from counts that hold the answer learns to trust them too much; so people are divided
into folds, and what is told about a fold was counted without it. Workers only (numpy).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.int64]
Floats = NDArray[np.float64]
Folds = NDArray[np.intp]

FOLDS = 5
WHOLE = FOLDS  # the fold of nobody: everything is counted


@dataclass(frozen=True, slots=True)
class Counts:
    """Counts by key, without each fold, and without none.

    Attributes:
        keys: sorted, each once.
        times: (FOLDS + 1, keys): how often, without the fold; the last row leaves nothing out.
    """

    keys: Keys
    times: Floats

    def of(self, keys: Keys, folds: Folds) -> Floats:
        """Return how often each key was seen outside of its fold; both broadcast."""
        if not len(self.keys):
            return np.zeros(np.broadcast_shapes(keys.shape, folds.shape))
        places = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        found: Floats = np.where(self.keys[places] == keys, self.times[folds, places], 0.0)
        return found


def counted(keys: Keys, folds: Folds, weights: Floats | None = None) -> Counts:
    """Count keys, each in its fold."""
    own, places = np.unique(keys, return_inverse=True)
    amounts = np.ones(len(keys)) if weights is None else weights
    inside = np.zeros((FOLDS + 1, len(own)))
    np.add.at(inside, (folds, places), amounts)
    whole = inside.sum(0)
    without = whole - inside
    without[WHOLE] = whole
    return Counts(own, without)


def likeliest(first: Keys, second: Keys, folds: Folds, items: int, most: int) -> NDArray[np.int64]:
    """Return what followed each item most often, without each fold.

    Returns:
        (FOLDS + 1, items, most) places of items, best first; -1 where fewer followed. Equal counts:
        the one seen more often after anything, then the first place.
    """
    found = np.full((FOLDS + 1, items, most), -1, np.int64)
    pairs = counted(first * items + second, folds)
    own = pairs.keys // items
    following = pairs.keys % items
    popularity = np.bincount(second, minlength=items)
    for fold in range(FOLDS + 1):
        there = np.flatnonzero(pairs.times[fold] > 0)
        order = there[
            np.lexsort(
                (
                    following[there],
                    -popularity[following[there]],
                    -pairs.times[fold][there],
                    own[there],
                )
            )
        ]
        begins = np.searchsorted(own[order], np.arange(items))
        rank = np.arange(len(order)) - begins[own[order]]
        kept = rank < most
        found[fold, own[order][kept], rank[kept]] = following[order][kept]
    return found
