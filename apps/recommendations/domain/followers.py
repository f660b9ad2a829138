"""Ranking what follows what. Pure: counts in, lists out."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

LIST_LENGTH = 50

Ranked = list[tuple[str, float]]  # (item, share), best first


def ranked(counts: Mapping[str, int], popularity: Mapping[str, int], most: int) -> Ranked:
    """Return the most frequent items with their share of all counts.

    Ties: the more popular in training first, then by item code.
    """
    total = sum(counts.values())
    order = sorted(counts, key=lambda item: (-counts[item], -popularity.get(item, 0), item))
    return [(item, round(counts[item] / total, 6)) for item in order[:most]]


def followers_of(
    pairs: Iterable[tuple[str, str, int]], popularity: Mapping[str, int]
) -> dict[str, Ranked]:
    """Return what follows each item (itself too), from (item, next item, how often)."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for item, following, times in pairs:
        counts[item][following] += times
    return {item: ranked(own, popularity, LIST_LENGTH) for item, own in counts.items()}


def filled(ranking: Sequence[tuple[str, float]], popular: Ranked, count: int) -> Ranked:
    """Return the first `count` of a list, filled up with popular items that it lacks."""
    found = list(ranking[:count])
    if len(found) < count:
        present = {item for item, _ in found}
        found += [pair for pair in popular if pair[0] not in present][: count - len(found)]
    return found


def hit_rate(
    steps: Iterable[tuple[str, str, int]],
    followers: Mapping[str, Ranked],
    popular: Ranked,
    count: int = 10,
) -> float | None:
    """Share of steps (item, next item, how often) whose next item is among the first `count`.

    None without a step.
    """
    hits = total = 0
    for item, following, times in steps:
        total += times
        shown = filled(followers.get(item, ()), popular, count)
        hits += times * any(following == code for code, _ in shown)
    return None if total == 0 else hits / total
