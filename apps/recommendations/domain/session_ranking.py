"""What comes next in a visit: the likeliest followers of the last item, ranked by trees.

LightGBM's LambdaMART over what followed the last item and the one before it. What is known of a
candidate depends on these two items alone, so the ranking of every pair of items that visitors
often come by is worked out beforehand, and a request looks it up. Workers only.

Source: Burges, "From RankNet to LambdaRank to LambdaMART", Microsoft Research, 2010.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apps.recommendations.domain.alike import Rows, described
from apps.recommendations.domain.seen import Floats, ItemFacts, Pairs, Seen
from apps.recommendations.domain.session_counts import (
    FOLDS,
    WHOLE,
    Counts,
    Folds,
    Keys,
    counted,
    likeliest,
)

CANDIDATES = 50
LATER = 6
AT_ONCE = 5_000  # steps: what bounds the memory
Matrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Settings:
    """How the trees are grown; `taught` bounds the steps that are learned from (the newest)."""

    trees: int = 300
    leaves: int = 15
    rate: float = 0.06
    least_rows: int = 100
    share_of_features: float = 0.6
    taught: int = 60_000
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Steps:
    """Places of items: the one before the last (-1: none), the last, and what came then."""

    previous: Keys
    last: Keys
    following: Keys
    person: Keys


def steps_of(seen: Seen, pairs: Pairs) -> Steps:
    """Return every step of every visit that has one before it."""
    is_chained = np.zeros(len(pairs.first), bool)
    is_chained[1:] = pairs.first[1:] == pairs.second[:-1]
    item = seen.item.astype(np.int64)
    last = item[pairs.first]
    previous = np.where(is_chained, np.concatenate([[-1], last[:-1]]), -1)
    return Steps(previous, last, item[pairs.second], seen.person[pairs.first].astype(np.int64))


@dataclass(frozen=True, slots=True)
class Known:
    """Counts that candidates are told apart by, and what is known of the items."""

    items: int
    after: Counts  # last -> following
    skipping: Counts  # previous -> following
    after_both: Counts  # (previous, last) -> following
    totals: tuple[Counts, Counts, Counts]  # how often each of the three was followed
    popularity: Counts
    later: Counts  # an item -> any of the next LATER in the same visit
    later_total: Counts
    described: Rows  # items x anything, as `alike.described`
    candidates: NDArray[np.int64]
    category: Keys
    price: Floats
    number: Floats


def known_of(steps: Steps, facts: Sequence[ItemFacts], codes: Sequence[str]) -> Known:
    """Count what followed what, with each person's fold left out."""
    size, folds = len(codes), steps.person % FOLDS
    has = steps.previous >= 0
    previous, own = steps.previous[has], folds[has]
    both = previous * size + steps.last[has]
    after = steps.last * size + steps.following
    later = _later(steps)
    categories = {name: place for place, name in enumerate(sorted({f.category for f in facts}))}
    return Known(
        items=size,
        after=counted(after, folds),
        skipping=counted(previous * size + steps.following[has], own),
        after_both=counted(both * size + steps.following[has], own),
        totals=(counted(steps.last, folds), counted(previous, own), counted(both, own)),
        popularity=counted(steps.following, folds),
        later=counted(later[0] * size + later[1], later[2]),
        later_total=counted(later[0], later[2]),
        described=described(facts),
        candidates=likeliest(steps.last, steps.following, folds, size, CANDIDATES),
        category=np.array([categories[f.category] for f in facts], np.int64),
        price=np.array([np.nan if f.price is None else f.price for f in facts]),
        number=np.array([_number(code) for code in codes]),
    )


def _later(steps: Steps) -> tuple[Keys, Keys, Folds]:
    """Return (an item, one of the LATER steps behind it, fold) of all visits."""
    visit = np.cumsum(steps.previous < 0)
    found = []
    for lag in range(LATER):
        one, other = slice(0, len(visit) - lag), slice(lag, None)
        same = visit[one] == visit[other]
        rows = (steps.last[one], steps.following[other], steps.person[one] % FOLDS)
        found.append([part[same] for part in rows])
    first, second, folds = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return first, second, folds


def _likeness(rows: Rows, one: Keys, other: Keys) -> Floats:
    """Return how alike items are, of two arrays of one shape; each pair is worked out once."""
    size = rows.shape[0]
    own, places = np.unique(one * size + other, return_inverse=True)
    product = rows[own // size].multiply(rows[own % size])
    found: Floats = np.asarray(product.sum(1)).ravel()[places].reshape(one.shape)
    return found


def _number(code: str) -> float:
    """The number that a code ends with: shops often number what they list together."""
    digits = len(code) - len(code.rstrip("0123456789"))
    return float(code[-digits:][-9:]) if digits else float("nan")


FEATURES = (
    "share after the last", "rank after the last", "times after the last", "the last is followed",
    "share after the one before", "times after the one before",
    "share after both", "times after both", "both are followed",
    "followed the one before directly", "leads to the last", "popularity",
    "is the last", "is the one before", "category of the last", "category of the one before",
    "both of one category", "price beside the last", "price beside the one before",
    "number beside the last", "number beside the one before", "the last beside the one before",
    "last price beside the one before", "comes later after the last",
    "comes later after the one before", "like the last", "like the one before",
)  # fmt: skip


def features(known: Known, previous: Keys, last: Keys, folds: Folds) -> tuple[Matrix, Keys]:
    """Return what is known of each candidate, and the candidates.

    Returns:
        (steps, CANDIDATES, features) and (steps, CANDIDATES): places of items, -1 for none.
    """
    size = known.items
    candidates = known.candidates[folds, last]
    there = np.maximum(candidates, 0)
    fold, a, b = folds[:, None], np.maximum(previous, 0)[:, None], last[:, None]
    has = (previous >= 0)[:, None]
    ab = a * size + b
    after = known.after.of(b * size + there, fold)
    after_n = known.totals[0].of(b, fold)
    skipping = np.where(has, known.skipping.of(a * size + there, fold), 0.0)
    skipping_n = np.where(has, known.totals[1].of(a, fold), 0.0)
    both = np.where(has, known.after_both.of(ab * size + there, fold), 0.0)
    both_n = np.where(has, known.totals[2].of(ab, fold), 0.0)
    direct = np.where(has, known.after.of(a * size + there, fold), 0.0)
    direct_n = np.where(has, known.totals[0].of(a, fold), 0.0)
    leading = known.after.of(there * size + b, fold)
    leading_n = known.totals[0].of(there, fold)
    popularity = known.popularity.of(there, fold)
    category, price, number = known.category, known.price, known.number
    rank = np.broadcast_to(np.arange(CANDIDATES), candidates.shape)

    def beside(values: Floats, one: Keys, other: Keys) -> Floats:
        found: Floats = values[one] - values[other]
        return found

    def before(values: Floats) -> Floats:
        return np.where(has, values, np.nan)

    columns = (
        _share(after, after_n), rank, after, after_n,
        before(_share(skipping, skipping_n)), skipping,
        before(_share(both, both_n)), both, both_n,
        before(_share(direct, direct_n)), _share(leading, leading_n), popularity,
        there == b, has & (there == a), category[there] == category[b],
        before(category[there] == category[a]), before(category[b] == category[a]),
        beside(price, there, b), before(beside(price, there, a)),
        beside(number, there, b), before(beside(number, there, a)),
        before(beside(number, b, a)), before(beside(price, b, a)),
        _share(known.later.of(b * size + there, fold), known.later_total.of(b, fold)),
        before(_share(known.later.of(a * size + there, fold), known.later_total.of(a, fold))),
        _likeness(known.described, there, np.broadcast_to(b, there.shape)),
        before(_likeness(known.described, there, np.broadcast_to(a, there.shape))),
    )  # fmt: skip
    shape = candidates.shape
    found = np.stack([np.broadcast_to(one, shape).astype(np.float32) for one in columns], -1)
    return found, candidates


def _share(times: Floats, total: Floats) -> Floats:
    """Times of a total, with half an item's worth of doubt."""
    found: Floats = (times + 0.05) / (total + 5.0)
    return found


def _lessons(
    known: Known, steps: Steps, chosen: Keys, folds: Folds
) -> tuple[Matrix, NDArray[np.int8], Keys]:
    """Rows of the steps whose next item is a candidate, which row it was, and rows of each step."""
    x, candidates = features(known, steps.previous[chosen], steps.last[chosen], folds[chosen])
    hit = candidates == steps.following[chosen][:, None]
    has = hit.any(1)
    present = candidates[has] >= 0
    return x[has][present], hit[has][present].astype(np.int8), present.sum(1)


Score = Callable[[Matrix], Floats]


def taught(known: Known, steps: Steps, by: Settings) -> Score:
    """Grow the trees; return what scores rows of features.

    Raises:
        ValueError: no step whose next item was among the candidates.
    """
    import lightgbm

    folds = steps.person % FOLDS
    chosen = np.arange(len(steps.last))
    if len(chosen) > by.taught:
        rng = np.random.default_rng(by.seed)
        chosen = np.sort(rng.choice(chosen, by.taught, replace=False))
    parts = [
        _lessons(known, steps, chosen[begin : begin + AT_ONCE], folds)
        for begin in range(0, len(chosen), AT_ONCE)
    ]
    x, hit, sizes = (np.concatenate(own) for own in zip(*parts, strict=True))
    if not len(sizes):
        raise ValueError("No next item was among the likeliest.")
    data = lightgbm.Dataset(x, hit, group=sizes, free_raw_data=True)
    parameters = {
        "objective": "lambdarank", "lambdarank_truncation_level": 15, "num_leaves": by.leaves,
        "learning_rate": by.rate, "min_data_in_leaf": by.least_rows,
        "feature_fraction_bynode": by.share_of_features, "num_threads": 1, "deterministic": True,
        "force_row_wise": True, "seed": by.seed, "verbosity": -1, "max_bin": 127,
    }  # fmt: skip
    trees = lightgbm.train(parameters, data, num_boost_round=by.trees)

    def score(rows: Matrix) -> Floats:
        flat = rows.reshape(-1, rows.shape[-1])
        found: Floats = np.asarray(trees.predict(flat, num_threads=1)).reshape(rows.shape[:-1])
        return found

    return score


def ranked(known: Known, score: Score, previous: Keys, last: Keys) -> tuple[Keys, Floats]:
    """Return the candidates of each (previous, last), best first, and their scores; -1: none."""
    folds = np.full(len(last), WHOLE)
    x, candidates = features(known, previous, last, folds)
    scores = np.where(candidates >= 0, score(x), -np.inf)
    order = np.argsort(-scores, axis=1, kind="stable")
    return np.take_along_axis(candidates, order, 1), np.take_along_axis(scores, order, 1)
