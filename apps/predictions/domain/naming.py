"""What is different of a group's people, in words; and a name made of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

TOP: Final = 5
CLEAR: Final = 0.3  # standard deviations: a smaller difference of means is not worth a sentence
SAME: Final = 0.9  # a correlation from which on two features say the same
NAMED: Final = 2
MAX_NAME: Final = 120

# Where fewer and more have words of their own: (less, more).
_OWN: Final[Mapping[str, tuple[str, str]]] = {
    "path_entropy": ("few kinds of things", "many kinds of things"),
    "path_entropy_norm": ("few kinds of things", "many kinds of things"),
    "categories": ("few categories", "many categories"),
    "self_loops": ("switches categories", "stays in a category"),
    "recency_h": ("here lately", "long not here"),
    "tenure_h": ("new", "known for long"),
    "trend:slope": ("fading", "rising"),
    "trend:since_peak": ("busiest now", "busiest long ago"),
    "trend:bursts": ("steady", "in bursts"),
}
_COUNTED: Final = frozenset({"events", "steps", "searches", "weeks", "hours", "different"})

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Difference:
    """One feature in which a group differs from everybody else.

    Attributes:
        mean, others: raw means over those who have it, in the feature's own unit.
        by: how many standard deviations lie between them.
    """

    feature: str
    words: str
    mean: float
    others: float
    by: float

    def document(self) -> dict[str, Any]:
        """As it is stored with the group."""
        return {
            "feature": self.feature,
            "words": self.words,
            "mean": self.mean,
            "others": self.others,
            "by": self.by,
        }


def differences(
    x: Matrix, members: "NDArray[np.bool_]", names: Sequence[str], words: Mapping[str, str]
) -> list[Difference]:
    """Return the five features in which the members differ most, the most first.

    Args:
        x: float64 (people, features), raw, NaN where there is nothing to measure.
        words: by name of a feature, what it measures.
    """
    found: list[tuple[Difference, Matrix]] = []
    for place, name in enumerate(names):
        values = x[:, place]
        known = np.isfinite(values)
        inside, outside = values[members & known], values[~members & known]
        if not len(inside) or not len(outside):
            continue
        # Of counts with a heavy tail, the logarithm: one customer does not make the group.
        even = np.where(known, values, np.nan)
        if (values[known] >= 0).all():
            even = np.log1p(even)
        spread = float(np.nanstd(even))
        if spread <= 1e-9:
            continue
        by = float(np.nanmean(even[members]) - np.nanmean(even[~members])) / spread
        if abs(by) >= CLEAR:
            means = _short(inside.mean()), _short(outside.mean())
            # Any two that set a group apart go together; alike are those that do so within, too.
            even[members] -= np.nanmean(even[members])
            even[~members] -= np.nanmean(even[~members])
            found.append((Difference(name, words.get(name, name), *means, round(by, 3)), even))
    return _different(sorted(found, key=lambda one: (-abs(one[0].by), one[0].feature)))


def _different(found: Sequence[tuple[Difference, Matrix]]) -> list[Difference]:
    """The first that do not say the same: visits and days with a visit are one difference."""
    kept: list[tuple[Difference, Matrix]] = []
    for one, even in found:
        if not any(_alike(even, other) >= SAME for _, other in kept):
            kept.append((one, even))
        if len(kept) == TOP:
            break
    return [one for one, _ in kept]


def _alike(one: Matrix, other: Matrix) -> float:
    """How much two columns go together: the correlation, whatever its sign."""
    known = np.isfinite(one) & np.isfinite(other)
    if known.sum() < 3 or one[known].std() <= 1e-9 or other[known].std() <= 1e-9:
        return 0.0
    return abs(float(np.corrcoef(one[known], other[known])[0, 1]))


def name_of(found: Sequence[Difference], number: int, taken: Sequence[str] = ()) -> str:
    """Make a name of what a group does more than others; where it does nothing more, of less.

    A name that another group of the same version has gets the group's number behind it.
    """
    more = [one for one in found if one.by > 0]
    parts = dict.fromkeys(_compared(one) for one in more or found)
    name = ", ".join(list(parts)[:NAMED]) or "like most"
    name = (name[0].upper() + name[1:])[: MAX_NAME - 6]
    return f"{name} ({number})" if name in taken else name


def _compared(one: Difference) -> str:
    """One difference in a few words: "more days with a visit", "lower share of visits by phone"."""
    if one.feature in _OWN:
        return _OWN[one.feature][one.by > 0]
    words = one.words
    if '"' not in words:  # a name in quotes stays whole
        words = words.partition(" (")[0].partition(",")[0]
    counted = words.removeprefix("number of ")
    if counted != words or words.partition(" ")[0] in _COUNTED:
        return f"{'more' if one.by > 0 else 'fewer'} {counted}"
    return f"{'higher' if one.by > 0 else 'lower'} {words}"


def told(value: float) -> str:
    """A mean as people read it: three figures that count."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _short(value: float) -> float:
    return float(f"{float(value):.6g}")
