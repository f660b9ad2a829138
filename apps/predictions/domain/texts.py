"""What a short text is about, learned from what was looked at after it: hashed n-grams, no more.

Nothing is downloaded and no vocabulary is kept: a text becomes numbers of buckets that its words,
pairs of words and letter triples fall into. What fewer than LEAST_PEOPLE people wrote weighs
nothing, so that nobody's own words are in a model or in what is told of it.
"""

import zlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from apps.predictions.domain.searches import INTENTS, MAX_QUERY, intents_of

Matrix = NDArray[np.float64]

BUCKETS: Final = 4_096
LEAST_PEOPLE: Final = 10
MOST_CLASSES: Final = 20
TOLD: Final = 5  # words of each class
DIGITS: Final = 5
STRENGTH: Final = 1.0  # of the weights, as scikit-learn's C


def grams_of(text: str) -> list[str]:
    """Return a text's words, pairs of words and letter triples, each once."""
    words = "".join(c if c.isalnum() else " " for c in text[:MAX_QUERY].lower()).split()
    pairs = [f"{a} {b}" for a, b in pairwise(words)]
    triples = [
        f"#{edged[place : place + 3]}"
        for edged in (f"_{word}_" for word in words)
        for place in range(len(edged) - 2)
    ]
    return list(dict.fromkeys([*words, *pairs, *triples]))


def bucket_of(gram: str) -> int:
    """Return the bucket of a gram: the same in every process."""
    return zlib.crc32(gram.encode()) % BUCKETS


def shared_grams(texts: Sequence[str], people: Sequence[Any]) -> dict[str, int]:
    """Return the grams that enough different people wrote, with how many did."""
    writers: dict[str, set[Any]] = defaultdict(set)
    for text, person in zip(texts, people, strict=True):
        for gram in grams_of(text):
            writers[gram].add(person)
    return {gram: len(who) for gram, who in sorted(writers.items()) if len(who) >= LEAST_PEOPLE}


def intent_of(texts: Sequence[str]) -> str | None:
    """Return the intent that most of a person's texts have by the lexicon, None for none."""
    counts = dict.fromkeys(INTENTS, 0)
    for text in texts:
        for intent in intents_of(text):
            counts[intent] += 1
    best = max(counts, key=lambda intent: counts[intent])
    return best if counts[best] else None


@dataclass(frozen=True, slots=True)
class Learned:
    """What texts are about.

    Attributes:
        classes: what can be said.
        kept: buckets that count.
        weights: float64 (classes, kept).
        bias: float64 (classes,).
    """

    classes: tuple[str, ...]
    kept: tuple[int, ...]
    weights: Matrix
    bias: Matrix

    def probabilities(self, texts: Sequence[str]) -> Matrix:
        """Return float64 (texts, classes), each row summing to 1."""
        raw = rows_of(texts, self.kept) @ self.weights.T + self.bias
        raw -= raw.max(1, keepdims=True)
        shares = np.exp(raw)
        return np.asarray(shares / shares.sum(1, keepdims=True))

    def about(self, texts: Sequence[str], least: float) -> str | None:
        """Return what a person's texts are about together, None where that is not clear enough."""
        if not texts:
            return None
        mean = self.probabilities(texts).mean(0)
        best = int(mean.argmax())
        return self.classes[best] if mean[best] >= least else None

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "classes": list(self.classes),
            "kept": list(self.kept),
            "weights": np.round(self.weights, DIGITS).tolist(),
            "bias": np.round(self.bias, DIGITS).tolist(),
        }

    @classmethod
    def of(cls, document: dict[str, Any]) -> "Learned":
        """Return what was kept as JSON."""
        return cls(
            tuple(document["classes"]),
            tuple(document["kept"]),
            np.array(document["weights"], dtype=np.float64),
            np.array(document["bias"], dtype=np.float64),
        )


def rows_of(texts: Sequence[str], kept: Sequence[int]) -> Any:
    """Return texts as rows of ones, each of length 1: sparse float64 (texts, kept)."""
    place = {bucket: n for n, bucket in enumerate(kept)}
    rows, columns, values = [], [], []
    for row, text in enumerate(texts):
        own = {place[b] for gram in grams_of(text) if (b := bucket_of(gram)) in place}
        for column in sorted(own):
            rows.append(row)
            columns.append(column)
            values.append(1.0 / len(own) ** 0.5)
    return csr_matrix((values, (rows, columns)), shape=(len(texts), len(kept)))


def learned(texts: Sequence[str], classes: Sequence[str], grams: Sequence[str]) -> Learned:
    """Learn from texts and what was looked at after each.

    Args:
        grams: those that count: `shared_grams`.
    """
    kept = sorted({bucket_of(gram) for gram in grams})
    model = LogisticRegression(C=STRENGTH, max_iter=500)
    model.fit(rows_of(texts, kept), list(classes))
    weights, bias = model.coef_, model.intercept_
    if len(model.classes_) == 2:  # scikit-learn keeps one row of two
        weights, bias = np.vstack([-weights[0], weights[0]]) / 2, np.array([-bias[0], bias[0]]) / 2
    found = Learned(tuple(map(str, model.classes_)), tuple(kept), weights, bias)
    return Learned.of(found.document())  # what is judged is what is kept, digit by digit


def telling_words(found: Learned, grams: Sequence[str]) -> dict[str, list[str]]:
    """Return the words that tell each class most, of those that enough people wrote."""
    place = {bucket: n for n, bucket in enumerate(found.kept)}
    words = [gram for gram in grams if not gram.startswith("#")]
    told = {}
    for row, name in enumerate(found.classes):
        weight = {word: float(found.weights[row, place[bucket_of(word)]]) for word in words}
        best = sorted(weight, key=lambda word: (-weight[word], word))[:TOLD]
        told[name] = [word for word in best if weight[word] > 0]
    return told
