"""A map of groups without people: cells of a plane, each of ten people at least.

Workers only: it imports scikit-learn. Source: van der Maaten and Hinton, JMLR 9 (2008), for t-SNE.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

MOST_POINTS: Final = 2_000
LEAST_POINTS: Final = 100
FEWEST: Final = 10  # people in a cell that is drawn
MOST_CELLS: Final = 14  # along each side

Matrix = NDArray[np.float64]
# (column, row, number of the group, people); -1 is nobody's group.
Cell = tuple[int, int, int, int]


def cells(rows: Matrix, labels: "NDArray[np.intp]", seed: int = 0) -> tuple[int, list[Cell]]:
    """Return (cells along each side, the cells with ten people or more).

    A cell is of the group that most of its people are in. Near people lie near each other; how far
    groups lie apart says nothing. Nobody's own place is kept.

    Args:
        rows: people x features, scaled; a sample is drawn of more than MOST_POINTS.
    """
    if len(rows) < LEAST_POINTS:
        return 0, []
    rng = np.random.default_rng(seed)
    drawn = np.sort(rng.choice(len(rows), min(len(rows), MOST_POINTS), replace=False))
    with threadpool_limits(1):
        flat = TSNE(init="pca", random_state=seed, perplexity=30, n_jobs=1).fit_transform(
            rows[drawn].astype(np.float32)
        )
    side = int(np.clip(np.sqrt(len(drawn) / (2 * FEWEST)), 3, MOST_CELLS))
    low, high = flat.min(0), flat.max(0)
    at = np.minimum((side * (flat - low) / np.maximum(high - low, 1e-9)).astype(int), side - 1)
    own = labels[drawn]
    found = []
    for column in range(side):
        for row in range(side):
            here = own[(at[:, 0] == column) & (at[:, 1] == row)]
            if len(here) >= FEWEST:
                names, counts = np.unique(here, return_counts=True)
                found.append((column, row, int(names[counts.argmax()]), len(here)))
    return side, found
