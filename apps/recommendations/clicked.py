"""How recommended lists were clicked, by place: counted by an app further down, shown here.

Decisions and exposures are read downstream of recommendations, so whoever reads them says how to
count, once, from its ready().
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol
from uuid import UUID

from apps.recommendations import positions

MOST_DAYS: Final = 14


class Counted(Protocol):
    """Showings and clicks by place, from 1."""

    @property
    def shown(self) -> Mapping[int, int]: ...
    @property
    def clicked(self) -> Mapping[int, int]: ...


class Clicks(Protocol):
    """Clicks in the lists of a site that were seen; `explored` are those that chance placed."""

    @property
    def lists(self) -> int: ...
    @property
    def explored(self) -> Counted: ...
    @property
    def methods(self) -> Mapping[str, Any]: ...
    @property
    def since(self) -> datetime | None: ...
    def looked_at(self) -> tuple[list[float], bool]: ...


# Called with site_id, event=, since=, until= and most=.
Count = Callable[..., Clicks]
_counts: list[Count] = []


def count_with(count: Count) -> None:
    """Say how clicks are counted; called once from a ready()."""
    _counts[:] = [count]


def is_counted() -> bool:
    """Whether anybody has said how."""
    return bool(_counts)


@dataclass(frozen=True, slots=True)
class Place:
    """One place of the lists. Shares within [0, 1]; None where nothing was shown, or clicked."""

    place: int
    shown: int
    clicked: int
    share: float | None  # of all clicks
    rate: float | None  # clicks a showing
    looked_at: float  # beside the first place


@dataclass(frozen=True, slots=True)
class Method:
    """One method: clicks a showing as counted, and as if all of its items had stood first."""

    method: str
    shown: int
    clicked: int
    rate: float | None
    as_first: float | None


@dataclass(frozen=True, slots=True)
class Shown:
    """What was counted.

    Attributes:
        is_measured: places are weighed by evidence, not by what is assumed.
        since: from when on decisions were read, where there were more than that; else None.
    """

    lists: int
    explored: int
    is_measured: bool
    places: list[Place]
    methods: list[Method]
    since: datetime | None = None


def count(
    site_id: UUID, *, event: str, since: datetime, until: datetime, most: int
) -> Shown | None:
    """Count clicks in all lists of a site that were seen; None where nobody can count.

    Args:
        event: what a click on an item leads to.
        most: so many decisions are read at most, the newest.
    """
    if not _counts:
        return None
    found = _counts[0](site_id, event=event, since=since, until=until, most=most)
    looked_at, is_measured = found.looked_at()
    everything = [found.explored, *found.methods.values()]
    total = sum(sum(one.clicked.values()) for one in everything)
    places = []
    for place, share in enumerate(looked_at, start=1):
        shown = sum(one.shown.get(place, 0) for one in everything)
        clicked = sum(one.clicked.get(place, 0) for one in everything)
        places.append(
            Place(place, shown, clicked, _ratio(clicked, total), _ratio(clicked, shown), share)
        )
    methods = [_method(name, own, looked_at) for name, own in sorted(found.methods.items())]
    explored = sum(found.explored.shown.values())
    listed = places if found.lists else []
    return Shown(found.lists, explored, is_measured, listed, methods, found.since)


def _method(name: str, own: Counted, looked_at: list[float]) -> Method:
    shown, clicked = sum(own.shown.values()), sum(own.clicked.values())
    as_first = positions.weighted_rate(own.shown, own.clicked, looked_at)
    return Method(name, shown, clicked, _ratio(clicked, shown), as_first)


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
