"""What sets a segment's people apart: how they behave, and whether they convert otherwise.

A sample of visitors as of thirty days ago, who was in which segments then, and who has converted
since. Behaviour that tells members from others makes a segment one kind of people; a rate of
conversion of its own makes it worth having. Where two segments are the same people, or one is two,
that is proposed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import combinations
from typing import Final
from uuid import UUID

from apps.segments.domain.baselines import wilson
from apps.segments.domain.overlaps import MAX_SETS
from apps.segments.errors import TooManySegments
from apps.segments.sql.placing import may_be_placed
from apps.segments.studies import boxed

PEOPLE: Final = 5_000
WINDOW: Final = timedelta(days=30)
LEAST: Final = 30  # people on either side: of fewer nothing is said
SAME: Final = 0.7  # of the people in either of two segments, in both
TOLD_APART: Final = 0.6  # an area under the curve: below it behaviour hardly tells members
BEHAVIOURS: Final = (
    "events in 30 days",
    "days with a visit in 30 days",
    "hours since the last visit",
    "different categories looked at",
)
_CONVERSION: Final = 8  # apps.events.models.Event.Kind.CONVERSION

_SAMPLE: Final = f"""
WITH wanted AS (
  SELECT id, 1 << (place - 1)::int AS bit
  FROM unnest(%(segments)s::uuid[]) WITH ORDINALITY AS w(id, place)
), person AS (
  SELECT s.profile_id FROM profiles_profilestate s
  WHERE s.site_id = %(site)s::uuid AND s.merged_into IS NULL
    AND s.last_seen_at > %(since)s
    AND {may_be_placed("s", site="%(site)s::uuid", now="%(now)s::timestamptz")}
  ORDER BY uuid_hash_extended(s.profile_id, 0) LIMIT %(people)s
)
SELECT coalesce(i.mask, 0), coalesce(f.events, 0), coalesce(f.days, 0), f.recency,
  coalesce(f.categories, 0), coalesce(f.converted, false)
FROM person p
LEFT JOIN LATERAL (
  SELECT bit_or(w.bit) AS mask FROM segments_membership m JOIN wanted w ON w.id = m.segment_id
  WHERE m.profile_id = p.profile_id AND m.since <= %(as_of)s
    AND (m.left_at IS NULL OR m.left_at > %(as_of)s)
) i ON true
JOIN LATERAL (
  SELECT count(*) FILTER (WHERE e.occurred_at <= %(as_of)s) AS events,
    count(DISTINCT (e.occurred_at AT TIME ZONE 'UTC')::date)
      FILTER (WHERE e.occurred_at <= %(as_of)s) AS days,
    extract(epoch FROM %(as_of)s::timestamptz - max(e.occurred_at)
      FILTER (WHERE e.occurred_at <= %(as_of)s))::float8 / 3600 AS recency,
    count(DISTINCT e.category) FILTER (WHERE e.occurred_at <= %(as_of)s) AS categories,
    bool_or(e.occurred_at > %(as_of)s AND (e.name = %(goal)s OR e.kind = {_CONVERSION}))
      AS converted
  FROM events_personal e
  WHERE e.profile_id = p.profile_id AND e.occurred_at > %(since)s AND e.occurred_at <= %(now)s
) f ON f.events > 0
"""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody as of the past moment: segments as bits, behaviour, and whether they converted."""

    mask: int
    behaviour: tuple[float, ...]
    converted: bool


@dataclass(frozen=True, slots=True)
class Rate:
    """A share of people who converted, with its 95 % interval."""

    people: int
    converted: int

    @property
    def share(self) -> float:
        """The share itself."""
        return self.converted / self.people

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's interval."""
        return wilson(self.converted, self.people)

    def is_apart(self, other: "Rate") -> bool:
        """Whether the two intervals do not touch."""
        low, high = self.interval
        other_low, other_high = other.interval
        return low > other_high or other_low > high


@dataclass(frozen=True, slots=True)
class Health:
    """One segment against everybody else of the sample.

    Attributes:
        behaviour, auc: what tells its people best, and how well: 0.5 not at all, 1 always.
        is_more: whether its people do more of it.
        members, others: their conversions; None where there are too few to tell.
        split: a behaviour whose upper and lower half convert surely otherwise: (words, bound,
            rate above, rate at or below).
    """

    place: int
    people: int
    behaviour: str
    auc: float | None
    is_more: bool
    members: Rate | None
    others: Rate | None
    split: tuple[str, float, Rate, Rate] | None


@dataclass(frozen=True, slots=True)
class Merge:
    """Two segments that hold nearly the same people, who convert alike."""

    left: int
    right: int
    jaccard: float


@dataclass(frozen=True, slots=True)
class Study:
    """What came of a sample of people."""

    people: int
    segments: tuple[Health, ...]
    merges: tuple[Merge, ...]


def study(site_id: UUID, segment_ids: Sequence[UUID], *, goal: str = "", now: datetime) -> Study:
    """Return what sets segments apart, in the order given. One statement.

    Args:
        goal: the name of an event that converts; conversions of the site count in any case.

    Raises:
        TooManySegments: more than twelve.
        StudyTooSlow: it took more than five seconds.
    """
    if len(segment_ids) > MAX_SETS:
        raise TooManySegments(MAX_SETS)
    params = {
        "segments": "{" + ",".join(str(one) for one in segment_ids) + "}",
        "site": str(site_id),
        "now": now,
        "as_of": now - WINDOW,
        "since": now - 2 * WINDOW,
        "goal": goal,
        "people": PEOPLE,
    }
    crowd = [
        Person(mask, (events, days, hours, categories), converted)
        for mask, events, days, hours, categories, converted in boxed.rows(_SAMPLE, params)
    ]
    segments = tuple(_health(crowd, place) for place in range(len(segment_ids)))
    return Study(len(crowd), segments, tuple(_merges(crowd, len(segment_ids))))


def _health(crowd: Sequence[Person], place: int) -> Health:
    inside = [one for one in crowd if one.mask >> place & 1]
    outside = [one for one in crowd if not one.mask >> place & 1]
    if min(len(inside), len(outside)) < LEAST:
        return Health(place, len(inside), "", None, False, None, None, None)
    areas = [
        area([one.behaviour[column] for one in inside], [one.behaviour[column] for one in outside])
        for column in range(len(BEHAVIOURS))
    ]
    best = max(range(len(areas)), key=lambda column: abs(areas[column] - 0.5))
    return Health(
        place,
        len(inside),
        BEHAVIOURS[best],
        max(areas[best], 1 - areas[best]),
        areas[best] > 0.5,
        _rate(inside),
        _rate(outside),
        _split(inside),
    )


def area(inside: Sequence[float], outside: Sequence[float]) -> float:
    """The chance that somebody inside has more than somebody outside; ties count half.

    Mann and Whitney's U, by ranks. Both have somebody.
    """
    ordered = sorted([(value, True) for value in inside] + [(value, False) for value in outside])
    ranks, place = 0.0, 0
    while place < len(ordered):
        end = place
        while end < len(ordered) and ordered[end][0] == ordered[place][0]:
            end += 1
        rank = (place + 1 + end) / 2
        ranks += rank * sum(is_inside for _, is_inside in ordered[place:end])
        place = end
    count = len(inside)
    return (ranks - count * (count + 1) / 2) / (count * len(outside))


def _rate(people: Sequence[Person]) -> Rate:
    return Rate(len(people), sum(one.converted for one in people))


def _split(inside: Sequence[Person]) -> tuple[str, float, Rate, Rate] | None:
    """The behaviour by whose middle a segment parts into two that convert surely otherwise."""
    found: list[tuple[float, tuple[str, float, Rate, Rate]]] = []
    for column, words in enumerate(BEHAVIOURS):
        values = sorted(one.behaviour[column] for one in inside)
        bound = values[len(values) // 2]
        above = _half(inside, column, bound, above=True)
        below = _half(inside, column, bound, above=False)
        if min(len(above), len(below)) < LEAST:
            continue
        high, low = _rate(above), _rate(below)
        if high.is_apart(low):
            found.append((abs(high.share - low.share), (words, bound, high, low)))
    return max(found, key=lambda one: one[0])[1] if found else None


def _half(inside: Sequence[Person], column: int, bound: float, *, above: bool) -> list[Person]:
    return [one for one in inside if (one.behaviour[column] > bound) == above]


def _merges(crowd: Sequence[Person], count: int) -> list[Merge]:
    found = []
    for left, right in combinations(range(count), 2):
        first = [one for one in crowd if one.mask >> left & 1]
        second = [one for one in crowd if one.mask >> right & 1]
        if min(len(first), len(second)) < LEAST:
            continue
        both = sum(1 for one in first if one.mask >> right & 1)
        jaccard = both / (len(first) + len(second) - both)
        if jaccard >= SAME and not _rate(first).is_apart(_rate(second)):
            found.append(Merge(left, right, jaccard))
    return sorted(found, key=lambda one: -one.jaccard)
