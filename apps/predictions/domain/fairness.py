"""Whether a decision treats groups alike. Definitions of fairlearn; pure arithmetic.

Sources: Hardt, Price and Srebro, NIPS 2016 (equalized odds); 29 CFR 1607.4(D) (four fifths);
Newcombe, Statistics in Medicine 17 (1998) (difference of two shares).
"""

import math
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

FOUR_FIFTHS: Final = 0.8


@dataclass(frozen=True, slots=True)
class Group:
    """What one group got; a rate is None where nobody could have had it."""

    selection_rate: float
    tpr: float | None
    fpr: float | None
    n: int


@dataclass(frozen=True, slots=True)
class Audit:
    """The groups side by side: largest differences, smallest ratios."""

    by_group: Mapping[str, Group] = field(default_factory=dict)
    demographic_parity_difference: float | None = None
    demographic_parity_ratio: float | None = None
    equalized_odds_difference: float | None = None
    equalized_odds_ratio: float | None = None
    equal_opportunity_difference: float | None = None
    four_fifths_pass: bool | None = None
    reason: str | None = None


def audit(y_true: Sequence[int], y_pred: Sequence[int], group: Sequence[str]) -> Audit:
    """Audit decisions of 0 and 1 by group.

    Raises:
        ValueError: not one outcome, decision and group a row.
    """
    if not len(y_true) == len(y_pred) == len(group):
        raise ValueError("Each row has an outcome, a decision and a group.")
    by_group = {
        name: _group(
            [(t, p) for t, p, own in zip(y_true, y_pred, group, strict=True) if own == name]
        )
        for name in dict.fromkeys(group)
    }
    if len(by_group) < 2:
        return Audit(by_group, reason="There is only one group: nothing to compare.")
    selected = _spread([one.selection_rate for one in by_group.values()])
    hits = _spread([one.tpr for one in by_group.values()])
    alarms = _spread([one.fpr for one in by_group.values()])
    odds = [one for one in (hits, alarms) if one is not None]
    assert selected is not None
    ratios = [ratio for _, ratio in odds if ratio is not None]
    parity = selected[1]
    return Audit(
        by_group,
        selected[0],
        parity,
        max((gap for gap, _ in odds), default=None),
        min(ratios, default=None),
        None if hits is None else hits[0],
        None if parity is None else parity >= FOUR_FIFTHS,
        "Nobody is selected in any group." if parity is None else None,
    )


def _group(rows: Sequence[tuple[int, int]]) -> Group:
    yes = [p for t, p in rows if t == 1]
    no = [p for t, p in rows if t == 0]
    return Group(
        sum(p for _, p in rows) / len(rows),
        sum(yes) / len(yes) if yes else None,
        sum(no) / len(no) if no else None,
        len(rows),
    )


def _spread(rates: Sequence[float | None]) -> tuple[float, float | None] | None:
    """The largest difference and the smallest ratio; None where too few groups have the rate."""
    known = [one for one in rates if one is not None]
    if len(known) < 2:
        return None
    return max(known) - min(known), min(known) / max(known) if max(known) > 0 else None


# With intervals: what may be told of groups that are samples

LEAST_JUDGED: Final = 30  # people of a group, below which nothing is judged
LEAST_TOLD: Final = 10  # below which nothing is told: single people would show
ERROR: Final = 0.05  # of all comparisons of one measure together
SELECTED: Final = "selected"
CAME_TRUE: Final = "came_true"
HITS: Final = "hits"
ALARMS: Final = "alarms"
MEASURES: Final[dict[str, str]] = {
    SELECTED: "are selected",
    CAME_TRUE: "did it",
    HITS: "are selected, of those who did it",
    ALARMS: "are selected, of those who did not",
}


@dataclass(frozen=True, slots=True)
class Rate:
    """A share of a group, with its Wilson interval of 95 %."""

    yes: int
    of: int

    @property
    def share(self) -> float:
        """The share itself."""
        return self.yes / self.of

    def interval(self, z: float = 1.959964) -> tuple[float, float]:
        """Return (low, high)."""
        n, p = self.of, self.share
        middle = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return max(0.0, middle - half), min(1.0, middle + half)


@dataclass(frozen=True, slots=True)
class Pair:
    """A group beside the one that has most of something.

    Attributes:
        ratio: of its share to that of the most; None where nobody has it.
        low, high: interval of the difference (most minus own), all pairs of a measure together
            right with 95 %.
        finding: "unfair": below four fifths, and surely less; "unknown": below four fifths, which
            may be chance; "fine" else.
    """

    measure: str
    group: str
    most: str
    share: float
    most_share: float
    difference: float
    low: float
    high: float
    ratio: float | None
    finding: str


def rates(
    y_true: Sequence[int], y_pred: Sequence[int], group: Sequence[str]
) -> dict[str, dict[str, Rate]]:
    """Return each measure's rate by group; a rate that nobody could have is left out."""
    cells: dict[str, dict[str, list[int]]] = {}
    for t, p, name in zip(y_true, y_pred, group, strict=True):
        one = cells.setdefault(name, {measure: [0, 0] for measure in MEASURES})
        for measure, yes in ((SELECTED, p), (CAME_TRUE, t), (HITS if t else ALARMS, p)):
            one[measure][0] += yes
            one[measure][1] += 1
    return {
        name: {measure: Rate(yes, of) for measure, (yes, of) in one.items() if of}
        for name, one in sorted(cells.items())
    }


def pairs(by_group: Mapping[str, Mapping[str, Rate]], measure: str) -> list[Pair]:
    """Hold every group that is large enough against the one with the highest rate."""
    judged = {
        name: one[measure]
        for name, one in by_group.items()
        if measure in one and one[measure].of >= LEAST_JUDGED
    }
    if len(judged) < 2:
        return []
    most = max(judged, key=lambda name: (judged[name].share, name))
    z = statistics.NormalDist().inv_cdf(1 - ERROR / (len(judged) - 1) / 2)
    return [
        _pair(measure, name, rate, most, judged[most], z)
        for name, rate in judged.items()
        if name != most
    ]


def _pair(measure: str, name: str, rate: Rate, most: str, top: Rate, z: float) -> Pair:
    """The interval of a difference is Newcombe's (1998, method 10)."""
    gap = top.share - rate.share
    own_low, own_high = rate.interval(z)
    top_low, top_high = top.interval(z)
    low = gap - math.hypot(top.share - top_low, own_high - rate.share)
    high = gap + math.hypot(top_high - top.share, rate.share - own_low)
    ratio = rate.share / top.share if top.share else None
    finding = "fine"
    if ratio is not None and ratio < FOUR_FIFTHS:
        finding = "unfair" if low > 0 else "unknown"
    return Pair(measure, name, most, rate.share, top.share, gap, low, high, ratio, finding)


def reweighed(y: Sequence[int], group: Sequence[str]) -> list[float]:
    """Return a weight for each row under which outcome and group are independent.

    Kamiran and Calders, Knowledge and Information Systems 33 (2012): what would be expected of a
    cell if they were, over what is there. Rows of the group "" keep 1: nothing is known of them.
    """
    rows = [(t, name) for t, name in zip(y, group, strict=True) if name]
    both = Counter(rows)
    of_y, of_group = Counter(t for t, _ in rows), Counter(name for _, name in rows)
    return [
        of_y[t] * of_group[name] / (len(rows) * both[t, name]) if name else 1.0
        for t, name in zip(y, group, strict=True)
    ]


def thresholds(scores: Sequence[float], group: Sequence[str], share: float) -> dict[str, float]:
    """Return for each group the score that `share` of it reaches."""
    found = {}
    for name in sorted(set(group)):
        own = sorted((s for s, g in zip(scores, group, strict=True) if g == name), reverse=True)
        found[name] = own[max(math.ceil(share * len(own)) - 1, 0)]
    return found
