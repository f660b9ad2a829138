"""Lists chosen in the request: how long one takes, and how near folding in comes to a training."""

import os
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any, Final
from uuid import uuid4

import numpy as np
from scipy import sparse

from bench.report import Bar

PEOPLE, ITEMS, KINDS, MET = 3_000, 1_000, 12, 12
ASKED: Final = 500
ROUNDS: Final = 5
FACTORS: Final = (16, 32)


def measure(quick: bool) -> tuple[list[Bar], dict[str, Any]]:
    """Return the bars and the figures behind them: microseconds a list, shares of equal items."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.test")
    import django

    django.setup()
    asked = ASKED // 5 if quick else ASKED
    figures = {str(factors): _of(factors, asked) for factors in FACTORS}
    usual = figures["16"]
    bars = [
        Bar("ten items folded in, 16 factors", usual["ten_us"], 60, True, "us"),
        Bar("top 20 as the full fold-in", usual["overlap"], 0.95, False, ""),
    ]
    return bars, figures


def _liked() -> Any:
    """Who liked what: each person mostly of one kind, popular items more often."""
    rng = np.random.default_rng(1)
    taste, kind = rng.integers(0, KINDS, PEOPLE), rng.integers(0, KINDS, ITEMS)
    popularity = rng.zipf(1.3, ITEMS).clip(1, 200).astype(float)
    rows: list[int] = []
    columns: list[int] = []
    for person in range(PEOPLE):
        likely = popularity * np.where(kind == taste[person], 20, 1)
        columns += rng.choice(ITEMS, MET, replace=False, p=likely / likely.sum()).tolist()
        rows += [person] * MET
    return sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), (PEOPLE, ITEMS))


def _of(factors: int, asked: int) -> dict[str, float]:
    from apps.recommendations.domain.factorising import Hyperparameters, factorise
    from apps.recommendations.tables import Learned, Row, Table

    liked, by = _liked(), Hyperparameters(factors=factors)
    found = factorise(liked, by)
    gram = np.linalg.inv(found.items.T @ found.items + by.ridge * np.eye(factors))
    vectors = found.items @ np.linalg.cholesky(gram)
    near = vectors @ vectors.T
    rows = [
        Row(f"i{item}", "", "als", _first(near[item], item), vectors[item].tolist())
        for item in range(ITEMS)
    ]
    popular = [("i0", 0.1)]
    als = Table(uuid4(), learned=Learned(rows, popular, "als", {"alpha": by.alpha}))
    added = [row._replace(method="neighbours", vector=None) for row in rows]
    neighbours = Table(uuid4(), learned=Learned(added, popular, "neighbours"))
    people = [liked[person].indices[:5] for person in range(asked)]
    met = [[(f"i{item}", 1.0) for item in own] for own in people]
    shares: dict[int, list[float]] = {10: [], 20: []}
    for own, one in zip(people, met, strict=True):
        scores = found.items @ found.folded_in(own, np.ones(len(own)))
        scores[own] = -np.inf
        left_out = frozenset(code for code, _ in one)
        for count, known in shares.items():
            wanted = {f"i{item}" for item in np.argsort(-scores)[:count]}
            chosen = {item.code for item in als.choose(one, count, exclude=left_out)}
            known.append(len(wanted & chosen) / count)
    return {
        "overlap": float(np.mean(shares[20])),
        "overlap_of_ten": float(np.mean(shares[10])),
        "ten_us": _us(lambda: [als.choose(one, 10) for one in met], asked),
        "twenty_us": _us(lambda: [als.choose(one, 20) for one in met], asked),
        "neighbours_ten_us": _us(lambda: [neighbours.choose(one, 10) for one in met], asked),
    }


def _first(near: Any, item: int) -> Sequence[tuple[str, float]]:
    order = [int(other) for other in np.argsort(-near) if other != item][:200]
    return [(f"i{other}", float(near[other])) for other in order]


def _us(work: Callable[[], object], times: int) -> float:
    """The median of some rounds, in microseconds of computing a call."""
    took = []
    for _ in range(ROUNDS):
        start = time.process_time()
        work()
        took.append((time.process_time() - start) / times * 1e6)
    return statistics.median(took)
