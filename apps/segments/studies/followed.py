"""People of a site followed through the past days: what leaves would have measured, and when.

A random sample of those who were here in these days. Each is looked at whenever something happened
to them that a leaf reads, and at the end of each day, with what was known of them at that moment;
where it matters whether a leaf is true, also when time alone made it so.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from time import monotonic
from typing import Any, Final
from uuid import UUID

from apps.access.selectors import zone_of
from apps.events import history as histories
from apps.profiles import state
from apps.segments import live
from apps.segments.domain.baselines import DAY_MS, Followed
from apps.segments.kept_facts import near_facts
from apps.segments.past import Past
from apps.segments.reading import Reads, reads_of
from apps.segments.sql.placing import may_be_placed
from apps.segments.studies import boxed
from apps.work import clock
from engine.conditions.compile import Compiled, compile_condition
from engine.conditions.evaluate import FINDERS
from engine.conditions.nodes import All, ModelLeaf, Node, TraitLeaf
from engine.facts import Facts

DAYS: Final = 28
LIMIT_S: Final = 5.0  # of looking at people; those not reached by then are left out
PEOPLE: Final = 1_000
MAX_EVENTS: Final = 5_000  # of one person, the newest
MAX_LOOKS: Final = 150  # instants of one person, evenly chosen among more
MAX_FLIPS: Final = 4  # changes by time alone that are followed between two instants

_CONVERSION: Final = 8  # apps.events.models.Event.Kind.CONVERSION

# By a hash of the id: the same people each time, whoever they are.
_SAMPLE: Final = f"""
SELECT profile_id::text, count(*) OVER () FROM profiles_profilestate s
WHERE site_id = %(site)s::uuid AND merged_into IS NULL AND last_seen_at > %(since)s
  AND {may_be_placed("s", site="%(site)s::uuid", now="now()")}
ORDER BY uuid_hash_extended(profile_id, 0) LIMIT %(people)s
"""
_GOALS: Final = """
SELECT profile_id::text, array_agg(
  (extract(epoch FROM occurred_at) * 1000)::bigint ORDER BY occurred_at)
FROM events_personal
WHERE profile_id = ANY(%(ids)s::uuid[]) AND occurred_at > %(since)s AND occurred_at <= %(now)s
  AND (name = %(goal)s OR (%(any)s AND kind = %(conversion)s))
GROUP BY profile_id
"""


@dataclass(frozen=True, slots=True)
class Baseline:
    """The people who were followed.

    Attributes:
        people: for each leaf asked, the same people in the same order.
        everyone: who was here in these days.
        is_whole: the past was replayed; else the leaf was only asked as of now.
    """

    people: list[list[Followed]]
    everyone: int
    is_whole: bool


def baseline(
    site_id: UUID,
    nodes: Sequence[Node],
    *,
    by_truth: bool,
    goal: str,
    any_conversion: bool,
    now: datetime,
) -> Baseline:
    """Follow people through the past 28 days. Three statements, and one for each person.

    Of a trait and a score only what is so now is known.

    Args:
        nodes: leaves that read the same events.
        by_truth: measure 1 where a leaf is true and 0 where not, instead of what it compares.
        goal: the name of the event that counts as success.
        any_conversion: what was sent as a conversion counts, too.

    Raises:
        StudyTooSlow: the statements about everyone took more than five seconds.
    """
    now_ms = clock.to_ms(now)
    since = clock.from_ms(now_ms - DAYS * DAY_MS)
    asked: dict[str, Any] = {"site": str(site_id), "since": since, "people": PEOPLE}
    rows = boxed.rows(_SAMPLE, asked)
    ids = [UUID(row[0]) for row in rows]
    goals = _goals(ids, goal, any_conversion=any_conversion, since=since, now=now)
    is_whole = not isinstance(nodes[0], TraitLeaf | ModelLeaf)
    look = _Look(site_id, nodes, now_ms, is_whole=is_whole, by_truth=by_truth)
    people: list[list[Followed]] = [[] for _ in nodes]
    for one, found in look.at_all(ids):
        for own, measured in zip(people, found, strict=True):
            own.append(Followed(measured, goals.get(one, ())))
    return Baseline(people, int(rows[0][1]) if rows else 0, is_whole)


def _goals(
    ids: Collection[UUID], goal: str, *, any_conversion: bool, since: datetime, now: datetime
) -> Mapping[UUID, Sequence[int]]:
    asked: dict[str, Any] = {
        "ids": [str(one) for one in ids],
        "goal": goal,
        "any": any_conversion,
        "conversion": _CONVERSION,
        "since": since,
        "now": now,
    }
    return {UUID(row[0]): row[1] for row in boxed.rows(_GOALS, asked)} if ids else {}


Measured = list[tuple[int, float | None]]


class _Look:
    """What leaves measure of people, one after the other."""

    def __init__(
        self,
        site_id: UUID,
        nodes: Sequence[Node],
        now_ms: int,
        *,
        is_whole: bool,
        by_truth: bool,
    ) -> None:
        self.site_id = site_id
        self.nodes = nodes
        self.reads: Reads = reads_of(All(tuple(nodes)))
        self.now_ms = now_ms
        self.start_ms = now_ms - DAYS * DAY_MS
        self.is_whole = is_whole
        self.compiled = [compile_condition(node) for node in nodes] if by_truth else []
        self.live = live.define(0, (), zone_of(site_id))

    def at_all(self, ids: Sequence[UUID]) -> Iterator[tuple[UUID, list[Measured]]]:
        """Yield what each leaf measures of each person, until the time is over."""
        deadline = monotonic() + LIMIT_S
        for first in range(0, len(ids), 100):
            for row in state.read(ids[first : first + 100]):
                if row.merged_into is None and row.site_id == self.site_id:
                    yield row.profile_id, self._measured(row)
                if monotonic() > deadline:
                    return

    def _measured(self, row: state.StateRow) -> list[Measured]:
        facts = self._facts(row)
        if not self.is_whole:
            now_ms = self.now_ms
            return [[(now_ms, _value(node, facts, now_ms))] for node in self.nodes]
        instants = self._instants(facts)
        if self.compiled:
            return [self._truths(one, Past(facts), instants) for one in self.compiled]
        pasts = [(node, Past(facts)) for node in self.nodes]
        return [[(at, _value(node, past.at(at), at)) for at in instants] for node, past in pasts]

    def _truths(self, compiled: Compiled, past: Past, instants: Sequence[int]) -> Measured:
        """Whether it is true at each instant, and whenever time alone changes it in between."""
        found: Measured = []
        for at, following in pairwise((*instants, self.now_ms + 1)):
            moment: int | None = at
            for _ in range(MAX_FLIPS):
                if moment is None or moment >= following:
                    break
                verdict, until_ms = compiled(past.at(moment), moment)
                found.append((moment, float(verdict is True)))
                moment = until_ms
        return found

    def _facts(self, row: state.StateRow) -> Facts:
        reach = self.reads.reach
        is_bounded = not (reach.ever or reach.session)
        history = histories.load(
            row.profile_id,
            self.reads.wanted,
            since_ms=self.start_ms - reach.last_ms + 1 if is_bounded else None,
            limit=MAX_EVENTS,
            names=None if self.reads.any_event else self.reads.names,
        )
        return near_facts(
            self.live,
            unit_id=row.unit_id,
            traits=row.traits,
            history=history,
            consent=(row.granted, row.denied),
        )

    def _instants(self, facts: Facts) -> list[int]:
        """When something happened, and the last moment of each day since they were first here."""
        happened = [one.at_ms for one in facts.history if self.start_ms < one.at_ms <= self.now_ms]
        first = facts.history[0].at_ms if len(facts.history) else self.now_ms
        ends = range(self.now_ms, max(self.start_ms, first - 1), -DAY_MS)
        found = sorted({*happened, *ends})
        if len(found) <= MAX_LOOKS:
            return found
        return [found[i * len(found) // MAX_LOOKS] for i in range(MAX_LOOKS)]


def _value(node: Node, facts: Facts, at_ms: int) -> float | None:
    value = FINDERS[type(node)](node, facts, at_ms).value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value)
