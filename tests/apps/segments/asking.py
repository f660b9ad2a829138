"""Ask Postgres: people stored as the consumer would, and their verdicts by one statement."""

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from django.db import connection

from apps.access.models import Site
from apps.consent.types import WIRE_NAMES
from apps.profiles.models import Profile, ProfileState
from apps.segments.sql import compile_query
from apps.work.ids import uuid7
from engine.conditions.nodes import Node
from engine.facts import Facts, TraitMeta
from tests.apps.segments.world import NOW, Happened, store_events

PAIRS = """
pair AS (
  SELECT q.n, q.profile_id, q.at_ms,
    timestamptz 'epoch' + (q.at_ms + 1) * interval '1 millisecond' AS at_end, s.unit_id, s.traits
  FROM jsonb_to_recordset(%(pairs)s::jsonb) AS q(n int, profile_id uuid, at_ms bigint)
  JOIN profiles_profilestate s ON s.profile_id = q.profile_id
)"""


class Asked(NamedTuple):
    """One pair's answers.

    Attributes:
        verdicts: one per condition.
        changing: whether time alone may change one of them.
        hard: whether the live path must answer the pair instead.
    """

    verdicts: list[bool | None]
    changing: bool
    hard: bool


def sql_verdicts(
    site: Site, nodes: Sequence[Node], pairs: Sequence[tuple[UUID, int]]
) -> list[Asked]:
    """The answers of every (profile, instant in ms) to every condition, by one statement."""
    moments = [at_ms for _, at_ms in pairs]
    query = compile_query(
        nodes,
        watched=nodes,
        site_id=site.pk,
        first_ms=min(moments),
        last_ms=max(moments),
        instants=moments,
    )
    ctes = ",\n".join([PAIRS, *query.ctes])
    columns = ", ".join([*query.verdicts, f"({query.changing})", f"({query.hard})"])
    rows = [
        {"n": n, "profile_id": str(profile_id), "at_ms": at_ms}
        for n, (profile_id, at_ms) in enumerate(pairs)
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH {ctes} SELECT {columns} FROM pair p {query.joins} ORDER BY p.n",
            {**query.params, "pairs": json.dumps(rows)},
        )
        return [Asked(row[:-2], row[-2], row[-1]) for row in map(list, cursor.fetchall())]


def store_person(site: Site, facts: Facts, arrival: Sequence[int] | None = None) -> UUID:
    """Store everything that facts say of a person but the request; return the profile's id.

    Args:
        arrival: the places of the events in the history, in the order in which they arrived.
    """
    unit_id = facts.unit_id or "unit"
    profile = Profile.objects.create(id=uuid7(), site=site, bucketing_key=unit_id, created_at=NOW)
    events = [
        # The message id keeps the order of events of one millisecond.
        Happened(
            event.at_ms,
            event.name,
            event.properties,
            device=event.device,
            message_id=f"m{place:06}",
        )
        for place, event in enumerate(facts.history)
    ]
    order = range(len(events)) if arrival is None else arrival
    store_events(site, profile.pk, [events[place] for place in order])
    ProfileState.objects.create(
        profile=profile,
        site_id=site.pk,
        unit_id=unit_id,
        version=1,
        traits={
            name: trait_entry(value, facts.trait_meta.get(name))
            for name, value in facts.traits.items()
        },
        granted=_bits(facts.consents, True),
        denied=_bits(facts.consents, False),
        event_count=len(events),
    )
    return profile.pk


def trait_entry(value: object, meta: TraitMeta | None) -> list[object]:
    """The entry of a trait in a state row; without more than its value an old, short one."""
    if meta is None:
        return [value, None, "m"]
    entry = [value, meta.observed_ms, "m", meta.changed_ms, meta.source, meta.confidence]
    while len(entry) > 3 and entry[-1] is None:
        entry.pop()
    return entry


def _bits(consents: Mapping[str, bool], choice: bool) -> int:
    return sum(int(WIRE_NAMES[name]) for name, found in consents.items() if found is choice)
