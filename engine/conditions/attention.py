"""Active time from page events: what each adds, and the page view that is still open."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import accumulate
from math import isnan
from operator import itemgetter
from typing import NamedTuple, TypeAlias

from engine.conditions.canonical import match_key
from engine.conditions.nodes import DwellLeaf, DwellOn, Match
from engine.conditions.occurrences import Occurrences, loader
from engine.conditions.operators import as_number, typed
from engine.conditions.series import reads_facts
from engine.conditions.windows import PAGE_VIEW_ID
from engine.facts import Facts, Happening

PAGE_VIEWED = "Page Viewed"
PAGE_HEARTBEAT = "Page Heartbeat"
PAGE_LEFT = "Page Left"
PAGE_EVENTS = (PAGE_VIEWED, PAGE_HEARTBEAT, PAGE_LEFT)
ACTIVE_MS = "active_ms"

OPEN_MS = 10_000  # an open page counts for so long after its latest event: one heartbeat
MOST_MS = 3_600_000  # no event tells of more

Exact: TypeAlias = int | Fraction


def active_ms(event: Happening) -> Exact:
    """The active time an event tells of, in [0, MOST_MS]; exact, as the shortest decimal text."""
    number = as_number(event.properties.get(ACTIVE_MS))
    if number is None or isnan(number) or number <= 0:
        return 0
    if number >= MOST_MS:
        return MOST_MS
    return number if isinstance(number, int) else exact(number)


def exact(number: float) -> Exact:
    """The decimal a finite double is written as: 0.1 is one tenth."""
    return int(number) if number.is_integer() else Fraction(repr(number))


def as_value(number: Exact) -> int | float:
    """The double that stands for an exact sum; an int where it is one."""
    if isinstance(number, int):
        return number
    return int(number) if number.denominator == 1 else float(number)


class Attention(NamedTuple):
    """The page events that count, in order.

    Attributes:
        events: those that add time.
        times: when each of them occurred.
        gains: what each of them adds, in ms.
        rest: rest[i] is the sum of gains[i:], one more entry than gains.
        latest: the latest event of the page view that is open, None where none is.
    """

    events: list[Happening]
    times: list[int]
    gains: list[Exact]
    rest: list[Exact]
    latest: Happening | None


def attention_loader(leaf: DwellLeaf) -> Callable[[Facts], Attention]:
    """Return the function that finds or sums the active time of the pages the leaf counts."""
    loads = [loader(Match(name)) for name in PAGE_EVENTS]
    viewed = Match(PAGE_VIEWED, leaf.where)
    load_viewed, load_accepted = loads[0], loader(viewed)
    is_site = leaf.on is DwellOn.SITE
    name = f"attention|{leaf.on}|{match_key(PAGE_VIEWED, leaf.where)}"
    keeps = not reads_facts(viewed)

    def load(facts: Facts) -> Attention:
        found: Attention | None = facts.cache.get(name) if keeps else None
        if found is None:
            occurred = [pair for load in loads for pair in zip(*load(facts), strict=True)]
            occurred.sort(key=itemgetter(0))
            accepted = None if is_site else _accepted(load_viewed(facts), load_accepted(facts))
            found = facts.cache[name] = _attention([e for _, e in occurred], accepted)
        return found

    return load


def _accepted(viewed: Occurrences, meeting: Occurrences) -> set[object]:
    """The page views whose first `Page Viewed` is among those that meet the filters."""
    first: dict[object, int] = {}
    for i, event in zip(*viewed, strict=True):
        first.setdefault(typed(event.properties.get(PAGE_VIEW_ID)), i)
    met = set(meeting.indexes)
    return {page_view for page_view, i in first.items() if i in met}


def _attention(occurred: list[Happening], accepted: set[object] | None) -> Attention:
    events: list[Happening] = []
    gains: list[Exact] = []
    heard: dict[object, Exact] = {}  # page view -> its heartbeats so far
    latest: Happening | None = None
    for event in occurred:
        page_view = typed(event.properties.get(PAGE_VIEW_ID))
        if page_view is None:
            continue
        counts = accepted is None or page_view in accepted
        latest = event if counts and event.name != PAGE_LEFT else None
        if not counts or event.name == PAGE_VIEWED:
            continue
        gain = active_ms(event)
        known = heard.get(page_view, 0)
        if event.name == PAGE_HEARTBEAT:
            heard[page_view] = known + gain
        else:
            gain = max(0, gain - known)
        if gain:
            events.append(event)
            gains.append(gain)
    rest = [*accumulate(reversed(gains), initial=0)][::-1]
    return Attention(events, [event.at_ms for event in events], gains, rest, latest)
