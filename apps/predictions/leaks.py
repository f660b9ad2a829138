"""Features that know what they are to foresee. Light: of the libraries only numpy.

A leak looks like a very good model, and foresees nothing: the feature is filled in after the fact,
counts what it foresees, or is worked out from it. Nothing here proves one. A flag names a feature
that a person has to vouch for: that it is known before, and not because of, what is foreseen.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

ALONE: Final = 0.98  # AUC of one feature alone: nothing known beforehand is so sure
STRONG: Final = 0.75  # from here on it is asked what the model is without it
CARRIES: Final = 0.1  # AUC that a model loses without one feature
DRIFTS: Final = 0.1  # AUC that a model loses from rows drawn at random to rows of a later time
MOST_LEFT_OUT: Final = 3  # features: each costs one more training


@dataclass(frozen=True, slots=True)
class Leak:
    """A feature that may know too much. `kind`: alone, carries or random; `words` say why."""

    name: str
    kind: str
    auc: float
    words: str


def auc_of(y: Vector, scores: Vector) -> float:
    """Return how often a yes has the higher score of a pair; equal ones count half."""
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    yeses = float(y.sum())
    return float((ranks[y > 0].sum() - yeses * (yeses + 1) / 2) / (yeses * (len(y) - yeses)))


def auc_alone(values: Vector, y: Vector) -> float:
    """Return how well one feature ranks by itself, in 0.5..1, whichever way it points.

    What is unknown is ranked lowest and highest in turn: the better one counts.
    """
    if not 0 < y.sum() < len(y):
        return 0.5
    best = 0.5
    finite = np.where(np.isfinite(values), values, np.nan)
    known = finite[~np.isnan(finite)]
    if not len(known):
        return 0.5
    beyond = 1.0 + float(np.abs(known).max())
    for instead in (-beyond, beyond) if len(known) < len(values) else (0.0,):
        auc = auc_of(y, np.where(np.isnan(finite), instead, finite))
        best = max(best, auc, 1 - auc)
    return best


def alone(names: Sequence[str], y: Vector, x: Matrix) -> list[Leak]:
    """Return the features that tell nearly everything by themselves, on rows of any part."""
    found = []
    for name, column in zip(names, x.T, strict=True):
        auc = auc_alone(column, y)
        if auc > ALONE:
            found.append(
                Leak(
                    name,
                    "alone",
                    auc,
                    f"'{name}' alone ranks {auc:.1%} of pairs right: that is more than anything "
                    "known beforehand tells. Is it filled in after the fact?",
                )
            )
    return found


def carrying(
    names: Sequence[str],
    y: Vector,
    x: Matrix,
    *,
    auc: float,
    without: Callable[[int], float],
) -> list[Leak]:
    """Return the features that carry the model alone: strong by themselves, and it falls without.

    Args:
        names, y, x: the rows that judge.
        auc: of the model on them.
        without: the AUC of a model on them that was taught without this column; asked of the
            strongest MOST_LEFT_OUT at most.
    """
    by_itself = [(auc_alone(column, y), place) for place, column in enumerate(x.T)]
    strong = sorted((one for one in by_itself if one[0] >= STRONG), reverse=True)
    found = []
    for own, place in strong[:MOST_LEFT_OUT]:
        rest = without(place)
        if auc - rest >= CARRIES:
            found.append(
                Leak(
                    names[place],
                    "carries",
                    own,
                    f"'{names[place]}' carries the model: with it the AUC is {auc:.3f}, without it "
                    f"{rest:.3f}. Make sure that it is known before what is foreseen, and not "
                    "worked out from it.",
                )
            )
    return found


def over_time(random_auc: float, later_auc: float, *, error: float = 0.0) -> list[Leak]:
    """Return a flag where rows drawn at random do much better than rows of a later time.

    Args:
        error: standard error of the difference; what may be luck is no flag.
    """
    if random_auc - later_auc <= max(DRIFTS, 1.96 * error):
        return []
    return [
        Leak(
            "",
            "random",
            random_auc,
            f"On rows drawn at random the AUC is {random_auc:.3f}, at a later time {later_auc:.3f}:"
            " something that it looks at tells one time from the other.",
        )
    ]
