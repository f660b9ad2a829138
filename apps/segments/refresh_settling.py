"""The live path over a list of profiles: each answered under its row lock, what differs written.

So a row is always written by one code, from facts no older than the row, and whoever is killed
half-way is simply run again.
"""

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import DatabaseError, connection, transaction
from django.db.backends.utils import CursorWrapper

from apps.events import history as histories
from apps.profiles import state
from apps.profiles.signals import states_changed, states_changing
from apps.profiles.state import StateRow
from apps.segments import live
from apps.segments.definitions import Definition
from apps.segments.kept_facts import kept_facts
from apps.segments.live import Change, LiveDefinitions
from apps.segments.refresh_cut import Candidate
from apps.segments.stays import UNKNOWN, Evaluated, decode_section
from apps.work import clock

logger = logging.getLogger(__name__)

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
    """Answer profiles by the live path under their row locks, and write what has changed.

    The live path answers from the state row. Where it does not say what SQL read from the events,
    events may have come in past the row: it is answered again from the events.
    """
    candidate_of = {candidate.profile_id: candidate for candidate in candidates}
    with transaction.atomic(), connection.cursor() as cursor:
        rows = [row for row in state.lock(list(candidate_of)) if row.merged_into is None]
        numbers = live.numbers({row.site_id for row in rows})
        now_ms = clock.to_ms(read_clock())
        recorded = _recorded(cursor, rows)
        questions = [
            _Question(
                row,
                live.live_set(row.site_id, numbers[row.site_id]),
                candidate_of[row.profile_id],
                recorded[row.profile_id],
            )
            for row in rows
        ]
        answers = _answers(questions, now_ms)
        doubted = _doubted(cursor, questions, answers)
        answers |= _answers(doubted, now_ms, from_events=True)
        rows = [row for row in rows if row.profile_id in answers]
        changed = [row for row in rows if answers[row.profile_id].is_changed]
        for row in changed:
            answer = answers[row.profile_id]
            row.memberships = answer.memberships
            row.history = answer.history if answer.history is not None else row.history
        changes = [change for row in rows for change in answers[row.profile_id].changes]
        state.save(changed)
        for start in range(0, len(changes), CHANGES):
            live.write_changes(cursor, changes[start : start + CHANGES])
        _schedule(cursor, {key: answer.due_ms for key, answer in answers.items()})
        if changed:
            states_changing.send(sender=None, rows=changed)
            transaction.on_commit(lambda: states_changed.send(sender=None, rows=changed))
    entered = sum(change[3] for change in changes)
    return Settled(len(rows), entered, len(changes) - entered)


def _recorded(cursor: CursorWrapper, rows: Sequence[StateRow]) -> dict[UUID, set[int]]:
    """The numbers of the segments of which a membership is open, by profile."""
    cursor.execute(_RECORDED, [state.uuid_array([row.profile_id for row in rows])])
    recorded: dict[UUID, set[int]] = {row.profile_id: set() for row in rows}
    for profile_id, number in cursor.fetchall():
        recorded[profile_id].add(number)
    return recorded


class _Question(NamedTuple):
    row: StateRow
    definitions: LiveDefinitions
    candidate: Candidate
    recorded: set[int]


class _Answer(NamedTuple):
    """What becomes of a row.

    Attributes:
        is_changed: it has to be written.
        history: to be written with it; None: as it is.
        kept: how many events the history has, and from when on these are all (ms; None: ever).
        unexplained: segments of which SQL says another thing than is recorded, and this does not.
    """

    is_changed: bool
    memberships: bytes
    history: bytes | None
    changes: list[Change]
    due_ms: int | None
    kept: tuple[int, int | None]
    unexplained: frozenset[int]


def _answers(
    questions: Sequence[_Question], now_ms: int, *, from_events: bool = False
) -> dict[UUID, _Answer]:
    """The answers by profile. One whose row cannot be read or written must not stop the others."""
    found: dict[UUID, _Answer] = {}
    for asked in questions:
        try:
            found[asked.row.profile_id] = _answer(asked, now_ms, from_events=from_events)
        except DatabaseError:
            raise  # the transaction is lost, and with it the batch
        except Exception:
            logger.exception("segments.unanswered", extra={"profile": asked.row.profile_id})
    return found


def _answer(asked_of: _Question, now_ms: int, *, from_events: bool = False) -> _Answer:
    """Evaluate one profile.

    The changes are the difference from the open memberships, not from the stays before: so the
    audit also repairs a membership that somebody lost.
    """
    row, definitions, candidate, recorded = asked_of
    evaluated, before = decode_section(row.memberships)
    asked, wanted = _asked(definitions, None if from_events else candidate.numbers)
    kept = kept_facts(row, definitions, wanted, now_ms, from_events=from_events)
    evaluation = kept.evaluate(definitions, before, now_ms, None if asked is None else wanted)
    inside = {number for number, stay in evaluation.stays.items() if stay[0]}
    entered, left = inside - recorded, recorded - inside
    if asked is not None:
        entered, left = entered & asked, left & asked
    difference = evaluation._replace(
        entered=sorted(entered - definitions.broken), left=sorted(left - definitions.broken)
    )
    is_whole = asked is None or evaluated == (definitions.number, row.version)
    # What was worked out is only as good as the events beside it: both are written, or neither.
    how = Evaluated(definitions.number, row.version + 1) if is_whole else UNKNOWN
    history = histories.encode(kept.history) if kept.is_read_again else None
    return _Answer(
        evaluation.stays != before or (from_events and history != row.history),
        live.encode_stays(evaluation.stays, how),
        history,
        live.changes_of(row.site_id, row.profile_id, difference, before, now_ms),
        evaluation.due_ms,
        (len(kept.history.times), kept.history.complete_from_ms),
        candidate.differs - entered - left - definitions.guard.frozen.keys(),
    )


def _asked(
    definitions: LiveDefinitions, numbers: frozenset[int] | None
) -> tuple[frozenset[int] | None, Sequence[Definition]]:
    """The segments to evaluate, the others being as recorded: those, and who stands on them."""
    if numbers is None:
        return None, definitions.definitions
    known = definitions.by_number
    wanted = definitions.index.with_dependents(
        known[number] for number in numbers if number in known
    )
    return numbers | {definition.number for definition in wanted}, wanted


_COUNTED = """
SELECT w.profile_id FROM jsonb_to_recordset(%s::jsonb)
    AS w(profile_id uuid, number bigint, from_ms bigint)
CROSS JOIN LATERAL (
  SELECT count(*) AS number FROM events_event e WHERE e.profile_id = w.profile_id
    AND e.occurred_at >= timestamptz 'epoch' + coalesce(w.from_ms, 0) * interval '1 millisecond'
) n WHERE n.number <> w.number
"""


def _doubted(
    cursor: CursorWrapper, questions: Sequence[_Question], answers: Mapping[UUID, _Answer]
) -> list[_Question]:
    """Those whose row may not know all their events. One statement, where it is needed.

    SQL does not tell who is in a segment that remembers, nor what it cannot compute exactly: for
    these the events are counted.
    """
    doubted: set[UUID] = set()
    to_count = []
    for asked in questions:
        profile_id = asked.row.profile_id
        if profile_id not in answers:
            doubted.add(profile_id)  # its events may still be read, where its history cannot
            continue
        answer, known = answers[profile_id], asked.definitions.by_number
        remembering = {n for n in answer.unexplained if n in known and known[n].latched is not None}
        if answer.unexplained & known.keys() - remembering:
            doubted.add(profile_id)
        elif remembering or asked.candidate.numbers is None:
            number, from_ms = answer.kept
            to_count.append({"profile_id": profile_id, "number": number, "from_ms": from_ms})
    if to_count:
        cursor.execute(_COUNTED, [json.dumps(to_count, default=str)])
        doubted |= {profile_id for (profile_id,) in cursor.fetchall()}
    return [asked for asked in questions if asked.row.profile_id in doubted]


def _schedule(cursor: CursorWrapper, due: Mapping[UUID, int | None]) -> None:
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
