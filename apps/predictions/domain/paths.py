"""How somebody moves through a site: purposeful or wandering. Entropies are in bits."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Path:
    """A click path in numbers.

    Attributes:
        entropy_bits: of the pages visited.
        normalised: the same over what it could be at most, 0..1; 0 for a single page.
        transition_entropy_bits: of where one goes from a page, averaged over departures.
        self_loop_share: of the steps, those that stay on the same page.
    """

    entropy_bits: float | None = None
    normalised: float | None = None
    transition_entropy_bits: float | None = None
    distinct_pages: int = 0
    self_loop_share: float | None = None
    reason: str | None = None


def path_of(pages: Sequence[str]) -> Path:
    """Return the entropies of pages or categories in the order visited."""
    if not pages:
        return Path(reason="Nothing was visited.")
    visits = Counter(pages)
    entropy = _entropy(visits.values())
    steps = list(pairwise(pages))
    leaving: dict[str, Counter[str]] = {}
    for here, there in steps:
        leaving.setdefault(here, Counter())[there] += 1
    wandering = sum(
        ways.total() / len(steps) * _entropy(ways.values()) for ways in leaving.values()
    )
    return Path(
        entropy,
        entropy / math.log2(len(visits)) if len(visits) > 1 else 0.0,
        wandering,
        len(visits),
        sum(here == there for here, there in steps) / len(steps) if steps else None,
    )


def _entropy(counts: Iterable[int]) -> float:
    known = list(counts)
    total = sum(known)
    return -sum(n / total * math.log2(n / total) for n in known) + 0.0
