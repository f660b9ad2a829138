"""Recency, frequency and monetary value: scores, and groups of them as bounds on each number.

Frequency is the number of different days with a purchase, monetary value their sum, recency the age
of the latest. A score of `bins` is the best. The n-th of N by rank (from 1, ties share the lower
rank) has the score floor((n - 1) * bins / N) + 1, so a score is a range of values, and the bounds
between scores are values that somebody has.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

R, F, M = "R", "F", "M"
MIN_BINS, MAX_BINS = 3, 5


def scores(values: Sequence[float], bins: int) -> list[int]:
    """Return the score of each value, 1 to `bins`; the greater the value, the higher."""
    ordered = sorted(values)
    first: dict[float, int] = {}
    for place, value in enumerate(ordered):
        first.setdefault(value, place)
    return [first[value] * bins // len(ordered) + 1 for value in values]


@dataclass(frozen=True, slots=True)
class Cell:
    """A group: which scores it takes of each of the three, both ends included, None: any.

    The bounds are on a scale of `MAX_BINS` and are brought to the bins of a study (`scaled`).
    """

    key: str
    name: str
    recency: tuple[int, int] | None = None
    frequency: tuple[int, int] | None = None
    monetary: tuple[int, int] | None = None

    def has(self, r: int, f: int, m: int) -> bool:
        """Whether these scores belong to it."""
        asked = ((self.recency, r), (self.frequency, f), (self.monetary, m))
        return all(band is None or band[0] <= score <= band[1] for band, score in asked)


# Together they take every combination of recency and frequency, each once; scores of five.
PRESETS: Final = (
    Cell("champions", "Champions", (4, 5), (4, 5)),
    Cell("loyal", "Loyal", (2, 3), (4, 5)),
    Cell("promising", "Promising", (4, 5), (2, 3)),
    Cell("new", "New", (4, 5), (1, 1)),
    Cell("needs-attention", "Needs attention", (2, 3), (2, 3)),
    Cell("about-to-sleep", "About to sleep", (2, 3), (1, 1)),
    Cell("cannot-lose", "Cannot lose", (1, 1), (4, 5)),
    Cell("at-risk", "At risk", (1, 1), (2, 3)),
    Cell("lost", "Lost", (1, 1), (1, 1)),
)


def scaled(cell: Cell, bins: int) -> Cell:
    """Bring a cell from scores of five to scores of `bins`, so that cells still share nothing."""
    return Cell(
        cell.key,
        cell.name,
        _band(cell.recency, bins),
        _band(cell.frequency, bins),
        _band(cell.monetary, bins),
    )


# The scores of five that a score of fewer bins stands for: 1 | 2 3 | 4 5, and 1 | 2 3 | 4 | 5.
_STANDS_FOR: Final[Mapping[int, Sequence[tuple[int, int]]]] = {
    3: ((1, 1), (2, 3), (4, 5)),
    4: ((1, 1), (2, 3), (4, 4), (5, 5)),
    5: tuple((n, n) for n in range(1, 6)),
}


def _band(band: tuple[int, int] | None, bins: int) -> tuple[int, int] | None:
    if band is None:
        return None
    inside = [
        score
        for score, (low, high) in enumerate(_STANDS_FOR[bins], 1)
        if band[0] <= high and low <= band[1]
    ]
    return (inside[0], inside[-1])


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Where scores begin. `frequency[i]` is the least value with score i + 2, likewise `monetary`.

    `days[i]` is the greatest whole number of days since the latest purchase with score i + 2, so
    it falls. None: nobody has that score, nor a higher one.
    """

    bins: int
    days: tuple[int | None, ...]
    frequency: tuple[float | None, ...]
    monetary: tuple[float | None, ...]


def beginnings(starts: Mapping[int, float], bins: int) -> tuple[float | None, ...]:
    """Return where each score from 2 on begins, from the least value of each score that exists.

    A score that nobody has begins where the next one does.
    """
    found: list[float | None] = []
    for score in range(2, bins + 1):
        found.append(min((v for other, v in starts.items() if other >= score), default=None))
    return tuple(found)


def condition_of(
    cell: Cell, thresholds: Thresholds, *, name: str, value: str, window: object
) -> dict[str, Any]:
    """Return the condition of a cell, as a document an editor goes on with.

    Args:
        name: of the purchase event.
        value: the property that is summed.
        window: as a condition says it.
    """
    event = {"kind": "event", "name": name, "window": window}
    parts: list[dict[str, Any]] = []
    if cell.recency is not None:
        leaf = {**event, "aggregate": "recency"}
        parts += _recency(cell.recency, thresholds, leaf)
    if cell.frequency is not None:
        leaf = {**event, "aggregate": "days_active"}
        parts += _bounds(cell.frequency, thresholds.frequency, thresholds.bins, leaf)
    if cell.monetary is not None:
        leaf = {**event, "aggregate": "sum", "of": value}
        parts += _bounds(cell.monetary, thresholds.monetary, thresholds.bins, leaf)
    # Who never bought has none of the scores; an age or a day says that there is a purchase.
    if not any(_says_bought(part) for part in parts):
        parts.insert(0, {**event, "aggregate": "count", "op": "gte", "value": 1})
    return {"v": 1, "where": {"all": parts} if len(parts) > 1 else parts[0]}


def _says_bought(part: Mapping[str, Any]) -> bool:
    aggregate: str = part["aggregate"]
    op: str = part["op"]
    return aggregate == "recency" or (aggregate == "days_active" and op == "gte")


def _bounds(
    band: tuple[int, int], ends: Sequence[float | None], bins: int, leaf: Mapping[str, Any]
) -> list[dict[str, Any]]:
    parts = []
    least = ends[band[0] - 2] if band[0] > 1 else None
    if least is not None:
        parts.append({**leaf, "op": "gte", "value": _plain(least)})
    beyond = ends[band[1] - 1] if band[1] < bins else None
    if beyond is not None:
        parts.append({**leaf, "op": "lt", "value": _plain(beyond)})
    return parts


def _recency(
    band: tuple[int, int], thresholds: Thresholds, leaf: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """k whole days are an age of at least k days, and less than k + 1."""
    parts = []
    oldest = thresholds.days[band[0] - 2] if band[0] > 1 else None
    if oldest is not None:
        parts.append({**leaf, "op": "lt", "value": f"{oldest + 1}d"})
    too_new = thresholds.days[band[1] - 1] if band[1] < thresholds.bins else None
    if too_new is not None:
        parts.append({**leaf, "op": "gte", "value": f"{too_new + 1}d"})
    return parts


def _plain(value: float) -> float | int:
    return int(value) if float(value).is_integer() else value
