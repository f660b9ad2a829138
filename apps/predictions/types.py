"""What other apps tell predictions: which scores decide about something, and where edges lie."""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, TypeAlias
from uuid import UUID


class InForce(NamedTuple):
    """How what is live reads one score.

    Attributes:
        thresholds: numbers that the score is compared with.
        max_age_ms: the shortest age at which it counts no more somewhere; 0: it always counts.
        is_any: every other value may mean something else: labels, ranges of time, sums.
    """

    thresholds: tuple[float, ...] = ()
    max_age_ms: int = 0
    is_any: bool = False

    def __or__(self, other: "InForce") -> "InForce":
        ages = [age for age in (self.max_age_ms, other.max_age_ms) if age]
        return InForce(
            tuple(sorted({*self.thresholds, *other.thresholds})),
            min(ages, default=0),
            self.is_any or other.is_any,
        )


UNREAD: Final = InForce()
# Of a site: trait ("score.<key>" or "score.<key>.<output>") -> how it is read.
Watch: TypeAlias = Callable[[UUID], Mapping[str, InForce]]
_watches: list[Watch] = []


def register_watch(watch: Watch) -> None:
    """Have `watch` asked which scores of a site decide about something; from an app's ready()."""
    if watch not in _watches:
        _watches.append(watch)


def in_force(site_id: UUID) -> dict[str, InForce]:
    """Return how what is live on a site reads scores, by trait. What is absent nobody reads."""
    found: dict[str, InForce] = {}
    for watch in _watches:
        for trait, read in watch(site_id).items():
            found[trait] = found.get(trait, UNREAD) | read
    return found
