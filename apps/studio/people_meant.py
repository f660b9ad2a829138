"""How many people are meant for which variant, counted over everybody who is known, in one pass.

By the memberships that are recorded now, before frequency caps. Nobody is told by name, and fewer
than ten people are not told at all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from apps.consent.gates import NEEDS, Verb, sql_stands
from apps.consent.vouching import sql_vouched
from apps.segments.studies import boxed
from apps.studio.domain.coverage import Plan, choice_sql

# At most so many people are looked at; of more than twice as many, a sample of pages of the table.
SAMPLED: Final = 20_000

# A source that vouches for consent needs none recorded.
_PEOPLE: Final = """
SELECT p.inside, {may} AS is_allowed
FROM profiles_profilestate p {sample}
WHERE p.site_id = %(site)s::uuid AND p.merged_into IS NULL{recent}
"""
# Who is in the same segments is asked once.
_ALIKE: Final = """
SELECT inside, is_allowed, count(*) AS people FROM ({people}) p GROUP BY inside, is_allowed
"""
_CHANGES: Final = """
WITH s AS MATERIALIZED ({people})
SELECT c.place, c.was, c.will, sum(s.people)::bigint
FROM s CROSS JOIN LATERAL (VALUES {pairs}) AS c(place, was, will)
GROUP BY 1, 2, 3
"""
_SHARES: Final = """
WITH s AS MATERIALIZED ({people})
SELECT c.place, c.chosen, sum(s.people)::bigint
FROM s CROSS JOIN LATERAL (VALUES {choices}) AS c(place, chosen)
GROUP BY 1, 2
"""
# A sample is one of pages, which hold people of other sites too: a site of few is looked at whole.
_FEW: Final = """
SELECT count(*) <= %(few)s
FROM (SELECT FROM profiles_profile WHERE site_id = %(site)s LIMIT %(few)s + 1) s
"""
_EVERYBODY: Final = "SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE relname = %(table)s"


@dataclass(frozen=True, slots=True)
class Shares:
    """How many people are meant for each variant of some placements.

    Attributes:
        people: by the place of the plan: variant -> people; those who have not agreed are among
            the default's.
        everyone: how many were looked at.
        sampled: the share of the table that was looked at, in (0, 1]; below 1 it is an estimate.
    """

    people: Sequence[dict[str, int]]
    everyone: int
    sampled: float


def shares(
    site_id: UUID, plans: Sequence[Plan], *, since: datetime, limit_s: float = 1.0
) -> Shares:
    """Count the people seen since an instant by the variant that each plan means them for.

    Three statements at most.

    Raises:
        StudyTooSlow: it took longer than the limit.
    """
    share = _share_to_look_at(site_id, limit_s)
    places = [{key: at for at, key in enumerate(plan.variants)} for plan in plans]
    if not plans:
        return Shares([], 0, share)
    statement = _SHARES.format(
        people=_people(share, " AND p.last_seen_at > %(since)s"),
        choices=", ".join(
            f"({at}, {choice_sql(plan, places[at])})" for at, plan in enumerate(plans)
        ),
    )
    params = {"site": str(site_id), "since": since}
    found: list[dict[str, int]] = [dict.fromkeys(plan.variants, 0) for plan in plans]
    for at, chosen, people in boxed.rows(statement, params, limit_s):
        variants = plans[at].variants
        found[at][variants[chosen]] += people  # NO_CONSENT is the last: the default
    return Shares(found, sum(found[0].values()), share)


@dataclass(frozen=True, slots=True)
class Moved:
    """How many people are meant for one variant of a placement and would be for another.

    `before` and `after` are the same where they would stay; None: the placement is not there. Of a
    sample `people` are as many as everybody has of them; below ten, those in the sample.
    """

    place: int
    before: str | None
    after: str | None
    people: int


@dataclass(frozen=True, slots=True)
class Moves:
    """What `moved` has found; `sampled`: as in `Shares`."""

    found: Sequence[Moved]
    sampled: float


def moved(
    site_id: UUID, pairs: Sequence[tuple[Plan | None, Plan | None]], limit_s: float | None = None
) -> Moves:
    """Count everybody by the variant they are meant for, before and after a change.

    Three statements for all pairs of plans.

    Raises:
        StudyTooSlow: it took more than five seconds.
    """
    if not pairs:
        return Moves([], 1.0)
    share = _share_to_look_at(site_id, limit_s)
    sides = [tuple(_Side(plan) for plan in pair) for pair in pairs]
    statement = _CHANGES.format(
        people=_people(share, ""),
        pairs=", ".join(f"({at}, {was.sql}, {will.sql})" for at, (was, will) in enumerate(sides)),
    )
    found = [
        Moved(at, sides[at][0].variant(was), sides[at][1].variant(will), _of_all(people, share))
        for at, was, will, people in boxed.rows(statement, {"site": str(site_id)}, limit_s)
    ]
    return Moves(found, share)


def _share_to_look_at(site_id: UUID, limit_s: float | None) -> float:
    few = {"site": str(site_id), "few": 2 * SAMPLED}
    if boxed.rows(_FEW, few, limit_s)[0][0]:
        return 1.0
    rows = boxed.rows(_EVERYBODY, {"table": "profiles_profilestate"}, limit_s)
    everybody = rows[0][0] if rows else 0
    return min(1.0, SAMPLED / everybody) if everybody > 2 * SAMPLED else 1.0


def _of_all(people: int, share: float) -> int:
    """So many of everybody; a few in a sample say nothing of how many there are."""
    return people if told(people) is None else round(people / share)


class _Side:
    """One plan, or none, as an expression and back."""

    def __init__(self, plan: Plan | None) -> None:
        self._variants = [] if plan is None else plan.variants
        places = {key: at for at, key in enumerate(self._variants)}
        self.sql = "NULL::int" if plan is None else choice_sql(plan, places)

    def variant(self, place: int | None) -> str | None:
        """What stands behind a number; who has not agreed gets the default, which is the last."""
        return None if place is None else self._variants[place]


def _people(share: float, recent: str) -> str:
    sample = "" if share >= 1.0 else f"TABLESAMPLE SYSTEM ({share * 100:.4f}) REPEATABLE (1)"
    may = sql_stands("p", NEEDS[Verb.DECIDE], vouched=sql_vouched("%(site)s::uuid"), now="now()")
    people = _PEOPLE.format(may=may, sample=sample, recent=recent)
    return _ALIKE.format(people=people)


def told(people: int) -> int | None:
    """A number of people as a page may tell it; None below ten."""
    return boxed.aloud(people)
