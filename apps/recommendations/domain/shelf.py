"""What lists recommend to somebody, by every method: the rule that trials judge by. Pure.

Decisions choose by the same arithmetic of `kernel`; here without filters of a site.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from apps.recommendations.domain import kernel

FOLLOWED_BY: Final = "followed_by"
ALS: Final = "als"
NEIGHBOURS: Final = "neighbours"
SESSION: Final = "session"
CONTENT: Final = "content"
POPULAR: Final = "popular"

# What costs nothing to learn, and what served by settings of before: names of a trial's lines.
EVER_POPULAR: Final = "ever_popular"
LAST_ITEM: Final = "last_item"
MOST_RECENT: Final = "most_recent"
SERVING: Final = "serving"
FEWEST: Final = 30  # people to follow, without whom nothing can be told

# What a list says of why its items are there.
WHY: Final[Mapping[str, str]] = {
    FOLLOWED_BY: "followed_by",
    SESSION: "followed_by",
    ALS: "liked_by_like_minded",
    NEIGHBOURS: "similar",
    CONTENT: "like_this",
    POPULAR: "popular",
}

Ranked = list[tuple[str, float]]


@dataclass(frozen=True, slots=True)
class ListRow:
    """One list of a version, as it is stored.

    Attributes:
        item: what it goes with, or follows.
        previous: what was looked at before the item; "": anything.
        vector: of the kernel, where the method has one.
    """

    item: str
    ranked: Ranked
    method: str
    previous: str = ""
    vector: list[float] | None = None


class Shelf:
    """The lists of one version, asked as a decision asks them."""

    def __init__(
        self, method: str, rows: Iterable[ListRow], popular: Ranked, alpha: float = 1.0
    ) -> None:
        self.method = method
        self.alpha = alpha
        self.popular = popular
        self._rows = {(row.item, row.previous): row for row in rows}

    def chosen(
        self, met: Sequence[tuple[str, float]], count: int, *, without: Collection[str] = ()
    ) -> list[tuple[str, float, str]]:
        """Return up to `count` (item, number, why).

        Args:
            met: items and how strongly they are liked, the newest first.
            without: items that must not be among them.
        """
        found = [one for one in self._own(met, count + len(without)) if one[0] not in without]
        del found[count:]
        if len(found) < count:
            has = {code for code, *_ in found} | set(without)
            rest = [pair for pair in self.popular if pair[0] not in has][: count - len(found)]
            found += [(code, share, WHY[POPULAR]) for code, share in rest]
        return found

    def _own(self, met: Sequence[tuple[str, float]], count: int) -> list[tuple[str, float, str]]:
        if not met:
            return []
        if self.method in (ALS, NEIGHBOURS):
            scores = self._scores(met)
            if scores:
                best = kernel.best_of(scores, count)
                return [(code, score, WHY[self.method]) for code, score in best]
        last = met[0][0]
        previous = met[1][0] if len(met) > 1 else ""
        row = self._rows.get((last, previous)) or self._rows.get((last, ""))
        if row is None or row.method in (ALS, NEIGHBOURS):
            return []
        return [(code, number, WHY[row.method]) for code, number in row.ranked[:count]]

    def _scores(self, met: Sequence[tuple[str, float]]) -> dict[str, float]:
        rows = [
            (row, liking)
            for item, liking in met
            if (row := self._rows.get((item, ""))) is not None and row.method == self.method
        ]
        counts: Sequence[float] = [liking for _, liking in rows]
        if self.method == ALS:
            vectors = [row.vector or [] for row, _ in rows]
            counts = kernel.coefficients(vectors, counts, self.alpha)
        return kernel.summed(
            ([code for code, _ in row.ranked], [value for _, value in row.ranked], own)
            for (row, _), own in zip(rows, counts, strict=True)
        )
