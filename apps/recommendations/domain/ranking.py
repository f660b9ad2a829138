"""How good ranked lists are, by what people did later. Pure arithmetic.

Sources: Järvelin and Kekäläinen (2002) for nDCG with binary gains; Manning et al., Introduction to
Information Retrieval, chapter 8.
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quality:
    """Means over the users who had something to find; `coverage`: share of the catalogue shown."""

    users_evaluated: int = 0
    precision: float | None = None
    recall: float | None = None
    map: float | None = None
    ndcg: float | None = None
    mrr: float | None = None
    hit_rate: float | None = None
    coverage: float | None = None
    reason: str | None = None


def quality(
    recommended: Sequence[Sequence[Hashable]],
    relevant: Sequence[Sequence[Hashable]],
    k: int,
    catalogue_size: int | None = None,
) -> Quality:
    """Judge the first k items of each list; users with nothing held out are skipped.

    Precision is over k, average precision over min(relevant, k).

    Raises:
        ValueError: not one list of each kind a user, or k below 1.
    """
    if len(recommended) != len(relevant) or k < 1:
        raise ValueError("Each user has a list and held-out items; k is at least 1.")
    users = [
        (list(dict.fromkeys(items))[:k], set(wanted))
        for items, wanted in zip(recommended, relevant, strict=True)
        if wanted
    ]
    shown = {item for items in recommended for item in items[:k]}
    coverage = len(shown) / catalogue_size if catalogue_size else None
    if not users:
        return Quality(coverage=coverage, reason="Nobody had anything to find.")
    sums = [0.0] * 6
    for items, wanted in users:
        for place, value in enumerate(_of_one(items, wanted, k)):
            sums[place] += value
    precision, recall, average, ndcg, mrr, hits = (value / len(users) for value in sums)
    return Quality(len(users), precision, recall, average, ndcg, mrr, hits, coverage)


def _of_one(items: Sequence[Hashable], wanted: set[Hashable], k: int) -> tuple[float, ...]:
    """Precision, recall, average precision, nDCG, reciprocal rank and hit of one user."""
    ranks = [rank for rank, item in enumerate(items, 1) if item in wanted]
    most = min(len(wanted), k)
    found = sum(1 / math.log2(rank + 1) for rank in ranks)
    best = sum(1 / math.log2(rank + 1) for rank in range(1, most + 1))
    return (
        len(ranks) / k,
        len(ranks) / len(wanted),
        sum(place / rank for place, rank in enumerate(ranks, 1)) / most,
        found / best,
        1 / ranks[0] if ranks else 0.0,
        1.0 if ranks else 0.0,
    )
