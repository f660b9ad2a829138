"""The live path over a list of profiles: each answered under its row lock, what differs written.

So a row is always written by one code, from facts no older than the row, and whoever is killed
half-way is simply run again.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from apps.events import history as histories
from apps.profiles import state
from apps.profiles.signals import states_changed, states_changing
from apps.profiles.state import StateRow
from apps.segments import live
from apps.segments.definitions import Definition, Far
from apps.segments.live import Change, LiveDefinitions, News
from apps.segments.refresh_cut import Candidate
from apps.segments.stays import UNKNOWN, Evaluated, decode_section
from apps.work import clock
from engine.facts import Facts

BATCH = 500  # profiles under lock at once
# Written by one statement, which joins its parts in a time that grows with the square of them.
CHANGES = 250

Clock = Callable[[], datetime]

_SCHEDULE = """
INSERT INTO profiles_due (profile_id, due_at)
SELECT profile_id, timestamptz 'epoch' + due_ms * interval '1 millisecond'
FROM jsonb_to_recordset(%s::jsonb) AS d(profile_id uuid, due_ms bigint)
ON CONFLICT (profile_id) DO UPDATE SET due_at = excluded.due_at
WHERE profiles_due.due_at <> excluded.due_at
"""


@dataclass(slots=True)
class Settled:
    profiles: int = 0
    entered: int = 0
    left: int = 0

    def add(self, other: "Settled") -> None:
        self.profiles += other.profiles
        self.entered += other.entered
        self.left += other.left


def batches(candidates: Sequence[Candidate]) -> Iterator[Sequence[Candidate]]:
    """Some at a time; sorted as they are, batches lock rows in the order of everyone."""
    for start in range(0, len(candidates), BATCH):
        yield candidates[start : start + BATCH]


_RECORDED = """
SELECT m.profile_id, g.number FROM segments_membership m
JOIN segments_segment g ON g.id = m.segment_id
WHERE m.profile_id = ANY(%s::uuid[]) AND m.left_at IS NULL
"""


def settle(candidates: Sequence[Candidate], read_clock: Clock) -> Settled:
    """Answer profiles by the live path under their row locks, and write what has changed."""
    asked = {candidate.profile_id: candidate.numbers for candidate in candidates}
    with transaction.atomic(), connection.cursor() as cursor:
        rows = [row for row in state.lock(list(asked)) if row.merged_into is None]
        numbers = live.numbers({row.site_id for row in rows})
        now_ms = clock.to_ms(read_clock())
        cursor.execute(_RECORDED, [state.uuid_array([row.profile_id for row in rows])])
        recorded: dict[UUID, set[int]] = {row.profile_id: set() for row in rows}
        for profile_id, number in cursor.fetchall():
            recorded[profile_id].add(number)
        changed: list[StateRow] = []
        changes: list[Change] = []
        due: dict[UUID, int | None] = {}
        for row in rows:
            definitions = live.live_set(row.site_id, numbers[row.site_id])
            answer = _answer(
                row, definitions, asked[row.profile_id], recorded[row.profile_id], now_ms
            )
            due[row.profile_id] = answer.due_ms
            changes += answer.changes
            if answer.is_changed:
                changed.append(row)
        state.save(changed)
        for start in range(0, len(changes), CHANGES):
            live.write_changes(cursor, changes[start : start + CHANGES])
        _schedule(cursor, due)
        if changed:
            states_changing.send(sender=None, rows=changed)
            transaction.on_commit(lambda: states_changed.send(sender=None, rows=changed))
    entered = sum(change[3] for change in changes)
    return Settled(len(rows), entered, len(changes) - entered)


class _Answer(NamedTuple):
    is_changed: bool  # the row has other stays than before
    changes: list[Change]
    due_ms: int | None


def _answer(
    row: StateRow,
    definitions: LiveDefinitions,
    asked: frozenset[int] | None,
    recorded: set[int],
    now_ms: int,
) -> _Answer:
    """Evaluate one profile and put its stays into the row.

    The changes are the difference from the open memberships, not from the stays before: so the
    audit also repairs a membership that somebody lost.

    Args:
        asked: the segments to evaluate, the others being as recorded; None: all.
    """
    evaluated, before = decode_section(row.memberships)
    known = definitions.by_number
    wanted = (
        definitions.definitions
        if asked is None
        else [known[number] for number in asked if number in known]
    )
    facts, far = _facts(row, definitions, wanted, now_ms)
    past = live.past_of(
        wanted,
        facts,
        far,
        profile_id=row.profile_id,
        news=News(),
        is_rewritten=False,
        now_ms=now_ms,
    )
    evaluation = definitions.evaluate(
        facts, before, now_ms, asked=None if asked is None else wanted, far=far, past=past
    )
    inside = {number for number, stay in evaluation.stays.items() if stay[0]}
    entered, left = inside - recorded, recorded - inside
    if asked is not None:
        entered, left = entered & asked, left & asked
    difference = evaluation._replace(
        entered=sorted(entered - definitions.broken), left=sorted(left - definitions.broken)
    )
    changes = live.changes_of(row.site_id, row.profile_id, difference, before, now_ms)
    is_whole = asked is None or evaluated == (definitions.number, row.version)
    how = Evaluated(definitions.number, row.version + 1) if is_whole else UNKNOWN
    row.memberships = live.encode_stays(evaluation.stays, how)
    return _Answer(evaluation.stays != before, changes, evaluation.due_ms)


def _facts(
    row: StateRow, definitions: LiveDefinitions, asked: Sequence[Definition], now_ms: int
) -> tuple[Facts, Far | None]:
    history = histories.decode(row.history)
    if history.lacks(definitions.properties):
        history = histories.load(
            row.profile_id, definitions.properties, since_ms=None, limit=histories.MAX_HAPPENINGS
        )
    facts = live.near_facts(
        definitions,
        unit_id=row.unit_id,
        traits=row.traits,
        history=history,
        consent=(row.granted, row.denied),
    )
    far = live.far_facts(definitions, asked, facts, profile_id=row.profile_id, now_ms=now_ms)
    return facts, far


def _schedule(cursor: CursorWrapper, due: dict[UUID, int | None]) -> None:
    never = [profile_id for profile_id, due_ms in due.items() if due_ms is None]
    rows = [
        {"profile_id": profile_id, "due_ms": due_ms}
        for profile_id, due_ms in due.items()
        if due_ms is not None
    ]
    if never:
        cursor.execute(
            "DELETE FROM profiles_due WHERE profile_id = ANY(%s::uuid[])",
            [state.uuid_array(never)],
        )
    if rows:
        cursor.execute(_SCHEDULE, [json.dumps(rows, default=str)])
