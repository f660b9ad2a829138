"""Every method's learning: from what people met to the lists that decisions serve.

Deterministic: the same input gives the same lists, bit for bit. Workers only.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from apps.recommendations.domain import alike, session_ranking
from apps.recommendations.domain.diversifying import diversified
from apps.recommendations.domain.factorising import Hyperparameters, Matrix, factorise, kernel_of
from apps.recommendations.domain.followers import followers_of
from apps.recommendations.domain.neighbours import similar_items
from apps.recommendations.domain.seen import (
    ItemFacts,
    Seen,
    facts_in_order,
    pairs_of,
    popularity_of,
    strengths_of,
)
from apps.recommendations.domain.shelf import (
    ALS,
    CONTENT,
    FOLLOWED_BY,
    NEIGHBOURS,
    POPULAR,
    SESSION,
    ListRow,
    Ranked,
    Shelf,
)
from apps.work.types import Progress
from engine.facts import SESSION_IDLE_MS

METHODS: Final = (FOLLOWED_BY, ALS, NEIGHBOURS, SESSION, CONTENT, POPULAR)

POPULAR_LENGTH: Final = 200
KERNEL_LENGTH, KERNEL_SHORT, MANY_ITEMS = 200, 50, 10_000
NEIGHBOURS_LENGTH: Final = 100
ALIKE_LENGTH: Final = 50
PAIR_LENGTH: Final = 30
DIVERSE: Final = 20  # places of a list that are made different from each other
NEW: Final = 50  # newest items that few have met: for the place that explores
NEW_VIEWS: Final = 20


@dataclass(frozen=True, slots=True)
class Params:
    """What learning depends on besides the events.

    Attributes:
        diversity: 0: the likeliest only; 1: as different from each other as can be.
        pair_least, most_pairs: of a session's pairs of items, those come by so often have a list,
            the commonest first.
    """

    half_life_days: float = 21.0
    diversity: float = 0.0
    idle_s: float = SESSION_IDLE_MS / 1000
    factors: Hyperparameters = field(default_factory=Hyperparameters)
    session: session_ranking.Settings = field(default_factory=session_ranking.Settings)
    pair_least: int = 3
    most_pairs: int = 10_000


@dataclass(frozen=True, slots=True)
class Learned:
    """What one training gave.

    Attributes:
        rows: lists, the most popular item's first; those of a pair of items behind the others.
        params: what serving needs to know, as JSON.
        sha256: of all lists.
        kernel: where the method has one, (items, factors) by place, to list for everybody at once.
    """

    method: str
    rows: list[ListRow]
    popular: Ranked
    params: dict[str, Any]
    sha256: str
    kernel: Matrix | None = field(default=None, repr=False)

    @property
    def lists(self) -> Mapping[str, Ranked]:
        """The lists that depend on one item."""
        return {row.item: row.ranked for row in self.rows if not row.previous}

    def shelf(self) -> Shelf:
        """Return the lists as they are asked."""
        return Shelf(self.method, self.rows, self.popular, float(self.params.get("alpha", 1.0)))


@dataclass(frozen=True, slots=True)
class _Given:
    seen: Seen
    facts: Sequence[ItemFacts]
    params: Params
    as_of_s: float
    progress: Progress


def silent(done: int, total: int, note: str = "") -> None:
    """Nobody watches."""


def learn(
    method: str,
    seen: Seen,
    facts: Mapping[str, ItemFacts],
    params: Params,
    *,
    as_of_s: float,
    progress: Progress = silent,
) -> Learned:
    """Learn one method from what is seen.

    Args:
        facts: of items by code; items that nobody has met get lists by them.
        as_of_s: the moment at which likings fade, in Unix seconds.

    Raises:
        KeyError: no such method.
        ValueError: there is too little to learn from; the sentence says what is missing.
    """
    own, shared = _LEARNING[method], facts_in_order(seen, facts)
    given = _Given(seen, shared, params, as_of_s, progress)
    popularity = popularity_of(seen, params.half_life_days, as_of_s)
    rows, extra, *kernel = own(given)
    if method in (FOLLOWED_BY, SESSION):
        rows = _diverse(rows, given)
    if method != POPULAR:
        rows = rows + _unmet(method, given, popularity, {row.item for row in rows})
    popular = _popular(seen, popularity)
    document = [popular, [[r.item, r.previous, r.method, r.ranked, r.vector] for r in rows]]
    told = {"half_life_days": params.half_life_days, "new": _new(given, facts), **extra}
    digest = hashlib.sha256(json.dumps(document).encode()).hexdigest()
    return Learned(method, rows, popular, told, digest, kernel[0] if kernel else None)


def _popular(seen: Seen, popularity: Any) -> Ranked:
    total = float(popularity.sum())
    order = np.lexsort((np.arange(len(seen.codes)), -popularity))
    some = [place for place in order[:POPULAR_LENGTH] if popularity[place] > 0]
    return [(seen.codes[place], round(float(popularity[place]) / total, 6)) for place in some]


def _new(given: _Given, facts: Mapping[str, ItemFacts]) -> list[str]:
    """The newest items that are offered and that few have met."""
    views = dict(zip(given.seen.codes, given.seen.counts, strict=True))
    fresh = [
        (-one.first_seen_s, code)
        for code, one in facts.items()
        if one.is_offered and one.first_seen_s is not None and views.get(code, 0) < NEW_VIEWS
    ]
    return [code for _, code in sorted(fresh)[:NEW]]


def _by_popularity(seen: Seen) -> list[int]:
    return [int(p) for p in np.lexsort((np.arange(len(seen.codes)), -seen.counts))]


_Found = tuple[list[ListRow], dict[str, Any]] | tuple[list[ListRow], dict[str, Any], Matrix]


def _followers(given: _Given) -> _Found:
    seen, codes = given.seen, given.seen.codes
    pairs = pairs_of(seen, given.params.idle_s)
    size = len(codes)
    keys = seen.item[pairs.first].astype(np.int64) * size + seen.item[pairs.second]
    own, times = np.unique(keys, return_counts=True)
    views = Counter({codes[place]: int(n) for place, n in enumerate(seen.counts) if n})
    lists = followers_of(
        (
            (codes[key // size], codes[key % size], n)
            for key, n in zip(own.tolist(), times.tolist(), strict=True)
        ),
        views,
    )
    order = sorted(lists, key=lambda item: (-views[item], item))
    return [ListRow(item, lists[item], FOLLOWED_BY) for item in order], {"pairs": len(keys)}


def _like_minded(given: _Given) -> _Found:
    seen, by = given.seen, given.params.factors
    strengths = strengths_of(seen, given.params.half_life_days, given.as_of_s)
    if strengths.nnz == 0:
        raise ValueError("Nobody has met anything.")
    given.progress(0, 2, "Finding tastes")
    vectors = kernel_of(factorise(strengths, by))
    given.progress(1, 2, "Listing what suits them")
    asked = [place for place in _by_popularity(seen) if seen.counts[place]]
    most = KERNEL_LENGTH if len(asked) <= MANY_ITEMS else KERNEL_SHORT
    rows = []
    for begin in range(0, len(asked), 1000):
        some = np.array(asked[begin : begin + 1000])
        rows += _kernel_rows(seen.codes, vectors, some, most)
    return rows, {"alpha": by.alpha, "factors": by.factors, "sweeps": by.sweeps}, vectors


def _kernel_rows(codes: Sequence[str], vectors: Matrix, some: Any, most: int) -> list[ListRow]:
    entries = vectors[some] @ vectors.T
    entries[np.arange(len(some)), some] = 0.0
    kept = min(most, entries.shape[1])
    top = np.argpartition(-entries, kept - 1, axis=1)[:, :kept]
    values = np.take_along_axis(entries, top, 1)
    order = np.lexsort((top, -values), axis=1)
    top, values = np.take_along_axis(top, order, 1), np.take_along_axis(values, order, 1)
    return [
        ListRow(
            codes[place],
            [(codes[t], float(f"{v:.6g}")) for t, v in zip(own, of, strict=True) if v > 0],
            ALS,
            vector=[float(f"{number:.7g}") for number in vectors[place].tolist()],
        )
        for place, own, of in zip(some.tolist(), top.tolist(), values.tolist(), strict=True)
    ]


def _similar(given: _Given) -> _Found:
    seen = given.seen
    strengths = strengths_of(seen, given.params.half_life_days, given.as_of_s)
    similar = similar_items(strengths, NEIGHBOURS_LENGTH)
    rows = []
    for place in _by_popularity(seen):
        there = slice(similar.indptr[place], similar.indptr[place + 1])
        columns, values = similar.indices[there].tolist(), similar.data[there].tolist()
        if columns:
            ranked = [(seen.codes[c], round(v, 6)) for c, v in zip(columns, values, strict=True)]
            rows.append(ListRow(seen.codes[place], ranked, NEIGHBOURS))
    return rows, {}


def _session(given: _Given) -> _Found:
    seen, params = given.seen, given.params
    steps = session_ranking.steps_of(seen, pairs_of(seen, params.idle_s))
    if len(steps.last) < 1_000:
        raise ValueError(f"{len(steps.last)} steps are too few: trees need 1,000.")
    given.progress(0, 3, "Counting what follows what")
    known = session_ranking.known_of(steps, given.facts, seen.codes)
    given.progress(1, 3, "Growing trees")
    score = session_ranking.taught(known, steps, params.session)
    given.progress(2, 3, "Ranking what comes next")
    met = np.bincount(steps.last, minlength=len(seen.codes))
    asked = np.array([place for place in _by_popularity(seen) if met[place]])
    nobody = np.full(len(asked), -1)
    rows = _session_rows(seen.codes, known, score, (nobody, asked), ALIKE_LENGTH)
    has = steps.previous >= 0
    keys = steps.previous[has] * len(seen.codes) + steps.last[has]
    own, times = np.unique(keys, return_counts=True)
    order = np.lexsort((own, -times))[: params.most_pairs]
    own = own[order][times[order] >= params.pair_least]
    pairs = (own // len(seen.codes), own % len(seen.codes))
    rows += _session_rows(seen.codes, known, score, pairs, PAIR_LENGTH)
    told = {"trees": params.session.trees, "pairs": len(steps.last), "pair_lists": len(own)}
    return rows, told


def _session_rows(
    codes: Sequence[str],
    known: session_ranking.Known,
    score: session_ranking.Score,
    pairs: tuple[Any, Any],
    most: int,
) -> list[ListRow]:
    """The ranking of each (previous, last) as a list; its numbers are shares by the trees."""
    rows = []
    for begin in range(0, len(pairs[1]), 2_000):
        previous, last = (part[begin : begin + 2_000] for part in pairs)
        items, scores = session_ranking.ranked(known, score, previous, last)
        shares = np.exp(scores - scores.max(1, keepdims=True))
        shares /= shares.sum(1, keepdims=True)
        for a, b, own, of in zip(
            previous.tolist(), last.tolist(), items.tolist(), shares.tolist(), strict=True
        ):
            ranked = [
                (codes[item], round(share, 6))
                for item, share in zip(own[:most], of[:most], strict=True)
                if item >= 0
            ]
            rows.append(ListRow(codes[b], ranked, SESSION, codes[a] if a >= 0 else ""))
    return rows


def _nothing(given: _Given) -> _Found:
    return [], {}


_LEARNING: Final[Mapping[str, Callable[[_Given], _Found]]] = {
    FOLLOWED_BY: _followers,
    ALS: _like_minded,
    NEIGHBOURS: _similar,
    SESSION: _session,
    CONTENT: _nothing,
    POPULAR: _nothing,
}


def _unmet(method: str, given: _Given, popularity: Any, has: set[str]) -> list[ListRow]:
    """Lists of items alike, for every item of which the method knows nothing."""
    codes = given.seen.codes
    missing = [place for place in _by_popularity(given.seen) if codes[place] not in has]
    may = np.array([one.is_offered for one in given.facts], bool)
    if not missing or not any(one.category or one.words for one in given.facts):
        return []
    rows = alike.described(given.facts)
    found = alike.nearest(rows, np.array(missing), ALIKE_LENGTH, popularity=popularity, may=may)
    made = [
        ListRow(codes[place], [(codes[other], round(value, 6)) for other, value in own], CONTENT)
        for place, own in zip(missing, found, strict=True)
        if own
    ]
    return _diverse(made, given)


def _diverse(rows: list[ListRow], given: _Given) -> list[ListRow]:
    """The same lists with their first places made different from each other."""
    weight = 1.0 - given.params.diversity
    if weight >= 1.0 or not rows:
        return rows
    places = {code: place for place, code in enumerate(given.seen.codes)}
    looks = alike.described(given.facts)
    return [_diverse_row(row, looks, places, weight) for row in rows]


def _diverse_row(row: ListRow, looks: Any, places: Mapping[str, int], weight: float) -> ListRow:
    most = max((value for _, value in row.ranked), default=0.0)
    if most <= 0 or len(row.ranked) < 3:
        return row
    own = looks[[places[code] for code, _ in row.ranked]]
    likeness = (own @ own.T).toarray()
    relevance = [(place, value / most) for place, (_, value) in enumerate(row.ranked)]
    chosen = diversified(relevance, lambda a, b: float(likeness[a, b]), DIVERSE, weight)
    first = [place for place, _ in chosen]
    rest = [place for place in range(len(row.ranked)) if place not in set(first)]
    ranked = [row.ranked[place] for place in [*first, *rest]]
    return ListRow(row.item, ranked, row.method, row.previous, row.vector)
