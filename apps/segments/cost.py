"""What answering a condition costs: per event on the live path, and per refresh. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from engine.conditions.lower import lowered
from engine.conditions.nodes import (
    AbsenceLeaf,
    Aggregate,
    EventLeaf,
    Leaf,
    Node,
    SequenceLeaf,
)
from engine.conditions.reach import leaf_reach
from engine.conditions.scope import event_names, history_leaves, needs_any_event

DAY_MS: Final = 86_400_000
LONG_MS: Final = 7 * DAY_MS  # beyond it a refresh reads a lot of raw events for a sequence
BUDGET: Final = 100  # points of a refresh

_RAW = frozenset(
    {Aggregate.DISTINCT, Aggregate.MOST_FREQUENT, Aggregate.DAYS_ACTIVE, Aggregate.STREAK}
)
# Points a leaf: kept as sums of days, read event by event, and the same far back.
_KEPT, _READ, _FAR = 1, 5, 20


@dataclass(frozen=True, slots=True)
class Cost:
    """An estimate, without units but comparable between segments.

    Attributes:
        event_names: how many names of events make the live path ask it again ("*" counts as one).
        any_event_leaves: leaves that every event may change, whatever its name.
        refresh_points: of one refresh.
        slow_leaves: sequences that look further back than a week.
    """

    event_names: int
    any_event_leaves: int
    refresh_points: int
    slow_leaves: int

    @property
    def is_over_budget(self) -> bool:
        return self.refresh_points > BUDGET


def cost_of(node: Node) -> Cost:
    """Estimate the cost of a condition with its nested segments in place."""
    leaves = list(history_leaves(node))
    slow = [leaf for leaf in leaves if isinstance(leaf, SequenceLeaf) and looks_beyond(leaf)]
    return Cost(
        event_names=len(event_names(node)),
        any_event_leaves=sum(needs_any_event(leaf) for leaf in leaves),
        refresh_points=sum(_points(leaf) for leaf in leaves),
        slow_leaves=len(slow),
    )


def raw_leaves(node: Node) -> Iterator[Leaf]:
    """The leaves that look at raw events, so at most as far back as a site keeps them."""
    for leaf in history_leaves(node):
        meant = lowered(leaf)
        if isinstance(leaf, SequenceLeaf | AbsenceLeaf) or (
            isinstance(meant, EventLeaf) and meant.aggregate in _RAW
        ):
            yield meant


def looks_beyond(leaf: Leaf, ms: int = LONG_MS) -> bool:
    """Does it look further back than so long?"""
    reach = leaf_reach(leaf)
    return reach.ever or reach.last_ms > ms


def _points(leaf: Leaf) -> int:
    meant = lowered(leaf)
    if isinstance(meant, EventLeaf) and meant.aggregate not in _RAW:
        return _KEPT
    return _FAR if looks_beyond(meant) else _READ
