"""What people may like, from who liked what: implicit feedback, factorised. Workers only (scipy).

Source: Hu, Koren and Volinsky, ICDM 2008. Every strength r of a person for an item is a confidence
1 + alpha * r that they like it; what they have not met counts a little as a no.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Matrix = NDArray[np.float64]
Strengths = Any  # scipy.sparse.csr_matrix: people x items, positive


@dataclass(frozen=True, slots=True)
class Hyperparameters:
    """How to factorise.

    Attributes:
        factors: numbers that describe a person, and an item.
        alpha: how much more a strength of 1 says than having met nothing.
        ridge: what keeps the numbers small.
        sweeps: how often people and items are solved for in turn.
    """

    factors: int = 16
    alpha: float = 5.0
    ridge: float = 20.0
    sweeps: int = 12
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Factors:
    """The numbers of people (people x factors) and items (items x factors)."""

    people: Matrix
    items: Matrix
    by: Hyperparameters

    def scores(self, person: int) -> NDArray[np.float64]:
        """Return how well each item suits a person."""
        found: NDArray[np.float64] = self.items @ self.people[person]
        return found

    def folded_in(self, items: NDArray[np.intp], strengths: NDArray[np.float64]) -> Matrix:
        """Return the numbers of somebody new, or of somebody as of now, without a training."""
        gram = self.items.T @ self.items
        return _solved(self.items, gram, items, strengths, self.by)


def factorise(strengths: Strengths, by: Hyperparameters) -> Factors:
    """Find factors for (people x items) strengths; the same input gives the same, bit for bit.

    Raises:
        ValueError: nobody, nothing, or a strength that is not above zero.
    """
    rows = sparse.csr_matrix(strengths, dtype=float)
    if not min(rows.shape) or not rows.nnz or float(rows.data.min()) <= 0:
        raise ValueError("There are people and items, and every strength is above zero.")
    columns = sparse.csr_matrix(rows.T)
    rng = np.random.default_rng(by.seed)
    items: Matrix = rng.normal(0, 0.1 / np.sqrt(by.factors), (rows.shape[1], by.factors))
    people: Matrix = np.zeros((rows.shape[0], by.factors))
    for _ in range(by.sweeps):
        people = _side(rows, items, by)
        items = _side(columns, people, by)
    return Factors(_side(rows, items, by), items, by)


def _side(rows: Strengths, other: Matrix, by: Hyperparameters) -> Matrix:
    """Solve for each row, given the factors of the columns."""
    gram = other.T @ other
    found = np.zeros((rows.shape[0], by.factors))
    for row in range(rows.shape[0]):
        there = slice(rows.indptr[row], rows.indptr[row + 1])
        if there.start < there.stop:
            found[row] = _solved(other, gram, rows.indices[there], rows.data[there], by)
    return found


def _solved(
    other: Matrix,
    gram: Matrix,
    columns: NDArray[np.intp],
    strengths: NDArray[np.float64],
    by: Hyperparameters,
) -> Matrix:
    own = other[columns]
    extra = by.alpha * strengths
    left = gram + own.T @ (own * extra[:, None])
    left[np.diag_indices_from(left)] += by.ridge
    solved: Matrix = np.linalg.solve(left, own.T @ (1.0 + extra)).astype(np.float64)
    return solved


def best(
    factors: Factors, met: Strengths, count: int, *, at_once: int = 1_000
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the best items for everybody, (people, count), and their scores, best first.

    Args:
        met: people x items; what somebody has met is never among theirs. Where fewer are left the
            places hold -1 and a score of minus infinity.
    """
    rows = sparse.csr_matrix(met)
    people, items = len(factors.people), len(factors.items)
    kept = min(count, items)
    found = np.full((people, count), -1, np.intp)
    values = np.full((people, count), -np.inf)
    for begin in range(0, people, at_once):
        end = min(begin + at_once, people)
        scores = factors.people[begin:end] @ factors.items.T
        known = rows[begin:end].tocoo()
        scores[known.row, known.col] = -np.inf
        top = np.argpartition(-scores, kept - 1, axis=1)[:, :kept]
        own = np.take_along_axis(scores, top, 1)
        order = np.lexsort((top, -own), axis=1)  # equal scores: the first item, always
        found[begin:end, :kept] = np.take_along_axis(top, order, 1)
        values[begin:end, :kept] = np.take_along_axis(own, order, 1)
    found[~np.isfinite(values)] = -1
    return found, values
