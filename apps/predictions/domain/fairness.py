"""Whether a decision treats groups alike. Definitions of fairlearn; pure arithmetic.

Sources: Hardt, Price and Srebro, NIPS 2016 (equalized odds); 29 CFR 1607.4(D) (four fifths).
"""

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
