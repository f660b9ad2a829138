"""Items that the same people like: cosine, with what everybody likes counting less. Workers only.

Sources: Sarwar et al., WWW 2001; the damping of popular items and of few people in common after
Deshpande and Karypis, ACM TOIS 22 (2004).
"""

from typing import Any

import numpy as np
from scipy import sparse

Strengths = Any  # scipy.sparse.csr_matrix
Similar = Any  # scipy.sparse.csr_matrix: items x items


def similar_items(strengths: Strengths, most: int = 100, damping: float = 5.0) -> Similar:
    """Return the similarity of each item to its `most` nearest, none to itself.

    Args:
        strengths: people x items, positive.
        damping: people in common count by n / (n + damping): one person is no proof.
    """
    rows = sparse.csr_matrix(strengths, dtype=float)
    lengths = np.sqrt(np.asarray(rows.multiply(rows).sum(0)).ravel())
    scale = sparse.diags(np.divide(1, lengths, out=np.zeros_like(lengths), where=lengths > 0))
    unit = rows @ scale
    cosine = sparse.csr_matrix(unit.T @ unit)
    met = sparse.csr_matrix((np.ones(rows.nnz), rows.indices, rows.indptr), rows.shape)
    common = sparse.csr_matrix(met.T @ met)
    # Both have an entry where two items have a person in common, in the same order once sorted.
    cosine.sort_indices()
    common.sort_indices()
    cosine.data *= common.data / (common.data + damping)
    cosine.setdiag(0)
    cosine.eliminate_zeros()
    return _nearest(cosine, most)


def _nearest(similar: Similar, most: int) -> Similar:
    """Keep the largest entries of each row; of equal ones the first item."""
    kept_columns, kept_values, ends = [], [], [0]
    for row in range(similar.shape[0]):
        there = slice(similar.indptr[row], similar.indptr[row + 1])
        columns, values = similar.indices[there], similar.data[there]
        order = np.lexsort((columns, -values))[:most]
        kept_columns.append(columns[order])
        kept_values.append(values[order])
        ends.append(ends[-1] + len(order))
    parts = (np.concatenate(kept_values), np.concatenate(kept_columns), np.array(ends))
    return sparse.csr_matrix(parts, similar.shape)


def scores(similar: Similar, strengths: Strengths) -> Strengths:
    """Return people x items: the sum of the similarities to what each has met, by strength."""
    return sparse.csr_matrix(strengths @ similar)
