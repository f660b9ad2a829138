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


AT_ONCE = 2_000_000  # numbers of one batch: what bounds the memory


def _side(rows: Strengths, other: Matrix, by: Hyperparameters) -> Matrix:
    """Solve for each row, given the factors of the columns; rows of one length all at once."""
    gram = other.T @ other
    gram[np.diag_indices_from(gram)] += by.ridge
    return _all_solved(rows, other, gram, by.alpha)


def _all_solved(rows: Strengths, other: Matrix, gram: Matrix, alpha: float) -> Matrix:
    size = other.shape[1]
    found = np.zeros((rows.shape[0], size))
    lengths = np.diff(rows.indptr)
    for length in np.unique(lengths[lengths > 0]):
        same = np.flatnonzero(lengths == length)
        step = max(1, AT_ONCE // (size * (int(length) + size)))
        for begin in range(0, len(same), step):
            some = same[begin : begin + step]
            places = rows.indptr[some][:, None] + np.arange(length)
            own = other[rows.indices[places]]
            extra = alpha * rows.data[places]
            left = gram + own.transpose(0, 2, 1) @ (own * extra[..., None])
            right = own.transpose(0, 2, 1) @ (1.0 + extra)[..., None]
            found[some] = np.linalg.solve(left, right)[..., 0]
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
    """Return the best items for everybody: see `best_for`."""
    return best_for(factors.people, factors.items, met, count, at_once=at_once)


def best_for(
    people_rows: Matrix, item_rows: Matrix, met: Strengths, count: int, *, at_once: int = 1_000
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the best items for everybody, (people, count), and their scores, best first.

    Args:
        met: people x items; what somebody has met is never among theirs. Where fewer are left the
            places hold -1 and a score of minus infinity.
    """
    rows = sparse.csr_matrix(met)
    people, items = len(people_rows), len(item_rows)
    kept = min(count, items)
    found = np.full((people, count), -1, np.intp)
    values = np.full((people, count), -np.inf)
    for begin in range(0, people, at_once):
        end = min(begin + at_once, people)
        scores = people_rows[begin:end] @ item_rows.T
        known = rows[begin:end].tocoo()
        scores[known.row, known.col] = -np.inf
        top = np.argpartition(-scores, kept - 1, axis=1)[:, :kept]
        own = np.take_along_axis(scores, top, 1)
        order = np.lexsort((top, -own), axis=1)  # equal scores: the first item, always
        found[begin:end, :kept] = np.take_along_axis(top, order, 1)
        values[begin:end, :kept] = np.take_along_axis(own, order, 1)
    found[~np.isfinite(values)] = -1
    return found, values


def kernel_of(factors: Factors) -> Matrix:
    """Return a vector v for each item: with them a new person is scored by items alone.

    v_i . v_j is entry (i, j) of Y (Y'Y + ridge I)^-1 Y', Y being the items' factors.
    """
    gram = factors.items.T @ factors.items
    gram[np.diag_indices_from(gram)] += factors.by.ridge
    lower = np.linalg.cholesky(gram)
    found: Matrix = np.linalg.solve(lower, factors.items.T).T
    return found


def everybody(strengths: Strengths, vectors: Matrix, alpha: float) -> Matrix:
    """Return a row for each person whose product with an item's vector is how well it suits them.

    Args:
        vectors: as `kernel_of`. The scores are those of `Factors.folded_in`.
    """
    return _all_solved(sparse.csr_matrix(strengths), vectors, np.eye(vectors.shape[1]), alpha)
