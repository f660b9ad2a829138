"""Items of the same sort: shared words, category and price band. What nobody has met has these too.

Workers only (numpy, scikit-learn).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from apps.recommendations.domain.seen import Floats, ItemFacts

WORDS, CATEGORY, PRICE = 0.5, 0.35, 0.15  # how much each says; the sum is 1
BANDS = 5  # of prices, equally many items in each
LEAST = 0.3  # a common price band alone is no likeness
AT_ONCE = 500

Rows = Any  # scipy.sparse.csr_matrix: items x anything; the likeness of two is their product


def described(facts: Sequence[ItemFacts]) -> Rows:
    """Return a row for each item: the product of two rows is their likeness, 0 to 1."""
    parts = [
        _words([one.words for one in facts]) * np.sqrt(WORDS),
        _one_of([one.category or None for one in facts]) * np.sqrt(CATEGORY),
        _one_of(bands([one.price for one in facts])) * np.sqrt(PRICE),
    ]
    return sparse.csr_matrix(sparse.hstack(parts, format="csr"))


def _words(texts: Sequence[str]) -> Rows:
    from sklearn.feature_extraction.text import TfidfVectorizer

    if not any(text.split() for text in texts):
        return sparse.csr_matrix((len(texts), 0))
    split = r"\S+"
    words = TfidfVectorizer(token_pattern=split, sublinear_tf=True, max_features=20_000)
    return words.fit_transform(texts)


def _one_of(values: Sequence[object]) -> Rows:
    names = {value: place for place, value in enumerate(dict.fromkeys(values)) if value is not None}
    places = {value: place for place, value in enumerate(names)}
    rows = [row for row, value in enumerate(values) if value is not None]
    columns = [places[values[row]] for row in rows]
    shape = (len(values), len(places))
    return sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), shape)


def bands(prices: Sequence[float | None]) -> list[int | None]:
    """Return the price band of each item, None where there is no price."""
    known = [price for price in prices if price is not None]
    if not known:
        return [None] * len(prices)
    edges = np.quantile(known, np.linspace(0, 1, BANDS + 1)[1:-1])
    return [None if price is None else int(np.searchsorted(edges, price)) for price in prices]


def nearest(
    rows: Rows, asked: NDArray[np.intp], most: int, *, popularity: Floats, may: NDArray[np.bool_]
) -> list[list[tuple[int, float]]]:
    """Return the items that are most alike each asked one, best first, with their likeness.

    Args:
        popularity: of equally alike items the more popular comes first.
        may: which items may be named.
    """
    found: list[list[tuple[int, float]]] = []
    turned = rows.T.tocsr()
    order = np.lexsort((np.arange(rows.shape[0]), -popularity))
    for begin in range(0, len(asked), AT_ONCE):
        some = asked[begin : begin + AT_ONCE]
        likeness = (rows[some] @ turned).toarray()
        likeness[:, ~may] = 0.0
        likeness[np.arange(len(some)), some] = 0.0
        by_popularity = likeness[:, order]
        top = np.argsort(-by_popularity, axis=1, kind="stable")[:, :most]
        values = np.take_along_axis(by_popularity, top, 1)
        found += [
            [(int(order[place]), float(value)) for place, value in zip(t, v, strict=True)
             if value >= LEAST]
            for t, v in zip(top, values, strict=True)
        ]  # fmt: skip
    return found
