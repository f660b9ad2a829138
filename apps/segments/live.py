"""Which segments a profile is in, answered from its state row: after an event, and at a deadline.

The caller holds the lock of the profile's state row. Definitions are kept per process and replaced
when the number of the site's live set moves. Read the number (`numbers`) AFTER taking the locks:
then no verdict of an older definition is written over a refreshed one.
"""

import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

from django.db import connection
from django.db.backends.utils import CursorWrapper

from apps.access.selectors import known_zone
from apps.consent.types import names_of
from apps.events import history as histories
from apps.profiles.services import observations_of
from apps.profiles.state import meta_of
from apps.segments import request_reads
from apps.segments.defining import define
from apps.segments.definitions import Definition, Evaluation, Far, LiveDefinitions, flipped_at
from apps.segments.enlisting import enlist
from apps.segments.past import Past
from apps.segments.remembering import folded_from
from apps.segments.request_reads import note as note_request_reads
from apps.segments.stays import (
    Evaluated,
    Stay,
    Stays,
    bindings_in,
    decode_section,
    decode_stays,
    encode_stays,
    is_inside,
)
from engine.conditions.scope import Reach, covers
from engine.facts import Facts, TraitMeta

__all__ = [
    "Change",
    "Definition",
    "Evaluated",
    "Evaluation",
    "LiveDefinitions",
    "News",
    "Stay",
    "Stays",
    "bindings_in",
    "changes_of",
    "decode_section",
    "decode_stays",
    "define",
    "encode_stays",
    "enlist",
    "facts_of",
    "far_facts",
    "is_inside",
    "live_set",
    "near_facts",
    "note_request_reads",
    "numbers",
    "past_of",
    "traits_told_of",
    "write_changes",
]

logger = logging.getLogger(__name__)

LATE_MS = 300_000  # a change first known so long after its instant is told, but triggers nothing


class Change(NamedTuple):
    """What `write_changes` records: somebody came into a segment, or left it. Times in ms.

    `is_late`: it was not known within LATE_MS of the instant at which it took place.
    """

    site_id: UUID
    profile_id: UUID
    number: int
    entered: bool
    at_ms: int
    until_ms: int | None
    is_late: bool = False


class News(NamedTuple):
    """What a batch brought of one person: (at ms, event name) and (at ms, trait)."""

    events: Sequence[tuple[int, str]] = ()
    traits: Sequence[tuple[int, str]] = ()


_NO_NEWS = News()


def changes_of(
    site_id: UUID, profile_id: UUID, evaluation: Evaluation, before: Stays, now_ms: int
) -> list[Change]:
    """Return what `write_changes` records of one evaluation."""
    changes: list[Change] = []
    for number in (*evaluation.left, *evaluation.entered):
        entered = number not in evaluation.left
        at_ms = evaluation.at.get(number)
        until_ms = None
        if entered:
            _, until_ms, _, _, since_ms, *_ = evaluation.stays[number]
            at_ms = since_ms if at_ms is None else at_ms
        if at_ms is None:
            at_ms = now_ms if entered else flipped_at(before.get(number), now_ms)
        is_late = now_ms - at_ms > LATE_MS
        changes.append(Change(site_id, profile_id, number, entered, at_ms, until_ms, is_late))
    return changes


def facts_of(
    live: LiveDefinitions,
    *,
    profile_id: UUID,
    unit_id: str,
    traits: Mapping[str, Sequence[object]],
    history: histories.History,
    now_ms: int,
    consent: tuple[int, int] = (0, 0),
) -> Facts:
    """Return the facts of one profile, with as much history as the live segments look back on.

    No statement when the state row's newest events suffice, else one on (profile_id, occurred_at).

    Args:
        traits: as in the state row (`profiles.state.TraitEntry`).
        consent: purposes with a recorded yes and with a recorded no, as bits.
    """
    facts = near_facts(live, unit_id=unit_id, traits=traits, history=history, consent=consent)
    needed = live.reach
    if history.lacks(live.properties) or not covers(facts, needed, now_ms):
        # A session has no fixed length, so it is read like `ever`.
        is_bounded = not (needed.ever or needed.session)
        since_ms = now_ms - needed.last_ms + 1 if is_bounded else None
        loaded = histories.load(
            profile_id, live.properties, since_ms=since_ms, limit=histories.MAX_FAR
        )
        facts = near_facts(live, unit_id=unit_id, traits=traits, history=loaded, consent=consent)
    return facts


def near_facts(
    live: LiveDefinitions,
    *,
    unit_id: str,
    traits: Mapping[str, Sequence[object]],
    history: histories.History,
    consent: tuple[int, int],
) -> Facts:
    """Return the facts that a state row holds. No statement."""
    return Facts(
        {key: entry[0] for key, entry in traits.items() if entry[0] is not None},
        history.happenings,
        history.complete_from_ms,
        unit_id=unit_id,
        trait_meta=_TraitMeta(traits),
        consents=_consents(*consent),
        site_zone=live.site_zone,
    )


_EVERYTHING = Reach(ever=True)


def far_facts(
    live: LiveDefinitions,
    asked: Iterable[Definition],
    facts: Facts,
    *,
    profile_id: UUID,
    now_ms: int,
    before: Stays | None = None,
    news: News = _NO_NEWS,
    is_rewritten: bool = False,
) -> Far | None:
    """Return facts for those who look further back than the state row; None when nobody does.

    One statement at most, for the events that they read: the newest `history.MAX_FAR` of them.

    Args:
        before: with `news` and `is_rewritten` (see `past_of`), tells which of those who remember
            can be folded on. None: all are folded from the first event on.
    """
    if facts.complete_from_ms is None:
        return None
    covered: dict[object, bool] = {}
    near: list[tuple[Definition, Reach, int]] = []
    far: list[tuple[Definition, Reach, int]] = []
    for definition in asked:
        needed, from_ms = definition.reads.reach, now_ms
        if definition.latched is not None:
            earlier = None if before is None else before.get(definition.number)
            start_ms = folded_from(
                definition, earlier, news.events, news.traits, now_ms, is_rewritten=is_rewritten
            )
            needed, from_ms = (_EVERYTHING, now_ms) if start_ms is None else (needed, start_ms)
        if (needed, from_ms) not in covered:
            covered[needed, from_ms] = covers(facts, needed, from_ms) and covers(
                facts, needed, now_ms
            )
        (near if covered[needed, from_ms] else far).append((definition, needed, from_ms))
    if not far:
        return None
    # Those who remember have one past for all of them.
    far += [one for one in near if one[0].latched is not None]
    is_bounded = not any(needed.ever or needed.session for _, needed, _ in far)
    since_ms = min(from_ms - needed.last_ms for _, needed, from_ms in far) + 1
    names: set[str] | None = set()
    for definition, _, _ in far:
        names = None if names is None or definition.reads.any_event else names
        if names is not None:
            names |= definition.reads.names
    loaded = histories.load(
        profile_id,
        live.properties,
        since_ms=since_ms if is_bounded else None,
        limit=histories.MAX_FAR,
        names=names,
    )
    wide = Facts(
        facts.traits,
        loaded.happenings,
        loaded.complete_from_ms,
        unit_id=facts.unit_id,
        trait_meta=facts.trait_meta,
        consents=facts.consents,
        site_zone=facts.site_zone,
    )
    return Far(wide, {definition.number for definition, _, _ in far})


def past_of(
    asked: Iterable[Definition],
    facts: Facts,
    far: Far | None,
    *,
    profile_id: UUID,
    news: News,
    is_rewritten: bool,
    now_ms: int,
) -> Past | None:
    """Return what happened when, for those who remember and for what is known late; else None.

    One statement at most, for the observations of traits that those who remember read.

    Args:
        news: what the batch brought.
        is_rewritten: the person's events are not just those before and the batch's.
    """
    late_from_ms = min(
        (at_ms for at_ms, _ in (*news.events, *news.traits) if now_ms - at_ms > LATE_MS),
        default=None,
    )
    traits: set[str] = set()
    remembers = False
    for definition in asked:
        if definition.latched is not None:
            remembers = True
            traits |= definition.reads.traits
    if late_from_ms is None and not remembers:
        return None
    return Past(
        facts if far is None else far.facts,
        observations_of(profile_id, traits) if traits else (),
        is_rewritten=is_rewritten,
        fresh=news.events,
        retold=news.traits,
        late_from_ms=late_from_ms,
    )


class _TraitMeta(Mapping[str, TraitMeta]):
    """When and by whom each trait was observed, made of its entry when a condition asks."""

    def __init__(self, traits: Mapping[str, Sequence[object]]) -> None:
        self._traits = traits

    def __getitem__(self, name: str) -> TraitMeta:
        return meta_of(tuple(self._traits[name]))

    def __iter__(self) -> Iterator[str]:
        return iter(self._traits)

    def __len__(self) -> int:
        return len(self._traits)


@lru_cache(maxsize=4096)
def _consents(granted: int, denied: int) -> Mapping[str, bool]:
    return dict.fromkeys(names_of(granted), True) | dict.fromkeys(names_of(denied), False)


# Definitions

_cached: dict[UUID, LiveDefinitions] = {}  # one entry a site

_DEFINITIONS = """
SELECT s.number, s.key, v.condition::text, v.policy::text
FROM segments_segmentversion v JOIN segments_segment s ON s.id = v.segment_id
WHERE s.site_id = %s AND v.state = 'live' AND NOT s.is_archived ORDER BY s.number
"""


_NUMBERS = """
SELECT s.id, coalesce(l.number, 0), s.time_zone
FROM access_site s LEFT JOIN segments_liveset l ON l.site_id = s.id WHERE s.id = ANY(%s::uuid[])
"""


def numbers(site_ids: Iterable[UUID]) -> dict[UUID, int]:
    """Return the number of each site's live set, 0 where nothing was published. One statement.

    Definitions of a site that has moved to another time zone are forgotten.
    """
    wanted = set(site_ids)
    found = dict.fromkeys(wanted, 0)
    with connection.cursor() as cursor:
        cursor.execute(_NUMBERS, ["{" + ",".join(map(str, wanted)) + "}"])
        for site_id, number, zone in cursor.fetchall():
            found[site_id] = number
            live = _cached.get(site_id)
            if live is not None and live.site_zone != known_zone(zone):
                del _cached[site_id]
    return found


def traits_told_of(document: str | None) -> frozenset[str]:
    """The traits whose origin goes to hot state, as a live set's `request_reads` says in JSON."""
    return request_reads.traits_of(request_reads.decode(document))


def live_set(site_id: UUID, number: int | None = None) -> LiveDefinitions:
    """Return a site's live definitions. No statement while `number` is the one in this process.

    Args:
        number: as `numbers` gave it; None asks for it.
    """
    if number is None:
        number = numbers([site_id])[site_id]
    live = _cached.get(site_id)
    if live is None or live.number != number:
        # The number was read first: definitions newer than it are only read once more.
        live = _cached[site_id] = _load(site_id, number)
    return live


_AROUND = """
SELECT s.time_zone, coalesce(l.request_reads, '{}')::text,
    EXISTS (SELECT FROM segments_segmentlist a WHERE a.site_id = s.id)
FROM access_site s LEFT JOIN segments_liveset l ON l.site_id = s.id WHERE s.id = %s
"""


def _load(site_id: UUID, number: int) -> LiveDefinitions:
    with connection.cursor() as cursor:
        cursor.execute(_AROUND, [str(site_id)])
        zone, told, has_lists = cursor.fetchone()
        cursor.execute(_DEFINITIONS, [str(site_id)])
        rows = [
            (segment, key, json.loads(condition), json.loads(policy))
            for segment, key, condition, policy in cursor.fetchall()
        ]
    read = request_reads.decode(told)
    live = define(number, rows, known_zone(zone), request_reads.wanted_of(read))
    return replace(live, has_lists=has_lists, shown_traits=request_reads.traits_of(read))


# What is written

_WRITE = """
WITH c AS (
    SELECT c.profile_id, c.entered, c.is_late, to_timestamp(c.at_ms / 1000.0) AS at,
        to_timestamp(c.until_ms / 1000.0) AS until, s.id AS segment_id, s.site_id, s.key, s.number,
        s.is_hidden
    FROM jsonb_to_recordset(%s::jsonb) AS c(site_id uuid, profile_id uuid, number int,
        entered boolean, at_ms bigint, until_ms bigint, is_late boolean)
    JOIN segments_segment s ON s.site_id = c.site_id AND s.number = c.number
), closed AS (
    UPDATE segments_membership m SET left_at = greatest(c.at, m.since) FROM c
    WHERE NOT c.entered AND m.profile_id = c.profile_id AND m.segment_id = c.segment_id
        AND m.left_at IS NULL
    RETURNING m.profile_id, m.segment_id
), opened AS (
    INSERT INTO segments_membership
        (site_id, segment_id, version_id, profile_id, since, valid_until, source)
    SELECT c.site_id, c.segment_id, v.id, c.profile_id, c.at, c.until, 'rule'
    FROM c JOIN segments_segmentversion v ON v.segment_id = c.segment_id AND v.state = 'live'
    WHERE c.entered
    ON CONFLICT (profile_id, segment_id) WHERE left_at IS NULL DO NOTHING
    RETURNING profile_id, segment_id
), changed AS (SELECT * FROM closed UNION ALL SELECT * FROM opened)
INSERT INTO work_changefeed (site_id, at, kind, profile_id, payload)
SELECT c.site_id, c.at, CASE WHEN c.entered THEN 'membership.entered' ELSE 'membership.left' END,
    c.profile_id, jsonb_build_object('segment', c.key, 'number', c.number)
      || CASE WHEN c.is_late THEN '{"late": true}'::jsonb ELSE '{}'::jsonb END
FROM c JOIN changed USING (profile_id, segment_id) WHERE NOT c.is_hidden
ORDER BY c.at
"""


def write_changes(cursor: CursorWrapper, changes: Sequence[Change]) -> None:
    """Open and close memberships and tell the feed. One statement; repeating it changes nothing.

    A (profile, segment) may stand in `changes` once. Hidden segments have no line in the feed.
    """
    if not changes:
        return
    rows = [Change(*change)._asdict() for change in changes]
    cursor.execute(_WRITE, [json.dumps(rows, default=str)])
