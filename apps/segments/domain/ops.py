"""The arithmetic of segments by name, JSON in and JSON out: what `stat_ops` offers."""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Mapping
from datetime import date
from typing import Any, Final

from apps.segments.domain import rfm
from apps.segments.domain.overlaps import overlap

JSON = Any
Op = Callable[[Mapping[str, JSON]], JSON]


def _overlap(given: Mapping[str, JSON]) -> JSON:
    names = sorted(given["members"])
    masks: dict[Hashable, int] = defaultdict(int)
    for place, name in enumerate(names):
        for member in given["members"][name]:
            masks[member] |= 1 << place
    found = overlap(len(names), Counter(masks.values()))
    pairs = {f"{names[a]}|{names[b]}": pair for (a, b), pair in found.pairs.items()}
    return {
        "jaccard": {name: pair.jaccard for name, pair in pairs.items()},
        "overlap_coefficient": {name: pair.coefficient for name, pair in pairs.items()},
    }


def _rfm(given: Mapping[str, JSON]) -> JSON:
    as_of, bins = date.fromisoformat(given["as_of"]), given.get("bins", rfm.MAX_BINS)
    days: dict[str, set[date]] = defaultdict(set)
    spent: dict[str, float] = defaultdict(float)
    for customer, day, amount in given["transactions"]:
        bought = date.fromisoformat(day)
        if bought > as_of:
            raise ValueError("A transaction is after the day that recency is counted to.")
        days[customer].add(bought)
        spent[customer] += amount
    names = list(days)
    ages = [(as_of - max(days[name])).days for name in names]
    counts = [len(days[name]) for name in names]
    by_letter = {
        rfm.R: rfm.scores([-age for age in ages], bins),
        rfm.F: rfm.scores(counts, bins),
        rfm.M: rfm.scores([spent[name] for name in names], bins),
    }
    return {
        "customers": {
            name: {
                "recency_days": ages[place],
                "frequency": counts[place],
                "monetary": spent[name],
                **{letter: scores[place] for letter, scores in by_letter.items()},
            }
            for place, name in enumerate(names)
        }
    }


OPS: Final[Mapping[str, Op]] = {"segment.overlap": _overlap, "rfm.score": _rfm}
