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
from apps.profiles.signals import states_changing
from apps.profiles.state import StateRow
from apps.segments import computed_state, live
from apps.segments.definitions import Definition, Evaluation
from apps.segments.kept_facts import kept_facts
from apps.segments.live import Change, LiveDefinitions, may_be_placed
from apps.segments.refresh_cut import Candidate
from apps.segments.stays import UNKNOWN, Evaluated, decode_section
from apps.work import clock

logger = logging.getLogger(__name__)

BATCH = 500  # profiles under lock at once

Clock = Callable[[], datetime]


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
        questions = {
            row.profile_id: _Question(
                row,
                live.live_set(row.site_id, numbers[row.site_id]),
                candidate_of[row.profile_id],
            )
            for row in rows
        }
        answers = _answered(cursor, questions, now_ms)
        changes = [change for answer in answers.values() for change in answer.changes]
        live.write_changes(cursor, changes)
        _write(cursor, [questions[key].row for key in answers], answers)
    entered = sum(change.entered for change in changes)
    return Settled(len(answers), entered, len(changes) - entered)


def _write(
    cursor: CursorWrapper, rows: Sequence[StateRow], answers: Mapping[UUID, "_Answer"]
) -> None:
    """Write the rows that have become others, and when to look at them again."""
    changed = [row for row in rows if answers[row.profile_id].is_changed]
    reread: list[StateRow] = []
    for row in changed:
        answer = answers[row.profile_id]
        row.memberships = answer.memberships
        if answer.history is not None:
            row.history = answer.history
            reread.append(row)
    state.save(reread)
    state.save_stays([row for row in changed if answers[row.profile_id].history is None])
    _schedule(cursor, answers)
    if changed:
        # Copies are marked as old and not replaced: few of so many people will be asked for soon.
        states_changing.send(sender=None, rows=changed)


class _Question(NamedTuple):
    row: StateRow
    definitions: LiveDefinitions
    candidate: Candidate


class _Answer(NamedTuple):
    """What becomes of a row.

    Attributes:
        is_changed: it has to be written.
        history: to be written with it; None: as it is.
        due_ms: when to look again, None for never; `due_before_ms`: as the row said until now.
        is_asked_all: every segment was asked, and no computed trait of a template waits for a
            timer: see `request_reads.look_at_everybody`.
        kept: how many events the history has, and from when on these are all (ms; None: ever).
            None: nobody asks.
        unexplained: segments of which SQL says another thing than is recorded, and this does not.
    """

    is_changed: bool
    memberships: bytes
    history: bytes | None
    changes: list[Change]
    due_ms: int | None
    due_before_ms: int | None
    is_asked_all: bool
    kept: tuple[int, int | None] | None
    unexplained: frozenset[int]


def _answered(
    cursor: CursorWrapper, questions: Mapping[UUID, _Question], now_ms: int
) -> dict[UUID, _Answer]:
    """The answers by profile, without those whose row cannot be read or written.

    Who is recorded as a member is asked only where the stays do not explain what SQL has found: of
    whoever is asked whole, and where a membership was lost.
    """
    whole = [key for key, asked in questions.items() if asked.candidate.numbers is None]
    answers = _answers(questions, now_ms, _recorded(cursor, whole))
    lost = [
        key
        for key, answer in answers.items()
        if answer.unexplained and questions[key].candidate.numbers is not None
    ]
    answers |= _answers(_only(questions, lost), now_ms, _recorded(cursor, lost))
    doubted = _doubted(cursor, questions, answers)
    return answers | _answers(
        _only(questions, doubted), now_ms, _recorded(cursor, doubted), from_events=True
    )


def _only(questions: Mapping[UUID, _Question], ids: Sequence[UUID]) -> dict[UUID, _Question]:
    return {key: questions[key] for key in ids}


_RECORDED = """
SELECT m.profile_id, g.number FROM segments_membership m
JOIN segments_segment g ON g.id = m.segment_id
WHERE m.profile_id = ANY(%s::uuid[]) AND m.left_at IS NULL
"""


def _recorded(cursor: CursorWrapper, ids: Sequence[UUID]) -> dict[UUID, set[int]]:
    """The numbers of the segments of which a membership is open, by profile."""
    recorded: dict[UUID, set[int]] = {profile_id: set() for profile_id in ids}
    if ids:
        cursor.execute(_RECORDED, [state.uuid_array(ids)])
        for profile_id, number in cursor.fetchall():
            recorded[profile_id].add(number)
    return recorded


def _answers(
    questions: Mapping[UUID, _Question],
    now_ms: int,
    recorded: Mapping[UUID, set[int]],
    *,
    from_events: bool = False,
) -> dict[UUID, _Answer]:
    """The answers by profile. One whose row cannot be read or written must not stop the others."""
    found: dict[UUID, _Answer] = {}
    for profile_id, asked in questions.items():
        try:
            found[profile_id] = _answer(
                asked, now_ms, recorded.get(profile_id), from_events=from_events
            )
        except DatabaseError:
            raise  # the transaction is lost, and with it the batch
        except Exception:
            logger.exception("segments.unanswered", extra={"profile": profile_id})
    return found


def _answer(
    asked_of: _Question, now_ms: int, recorded: set[int] | None, *, from_events: bool
) -> _Answer:
    """Evaluate one profile.

    Args:
        recorded: the segments of which a membership is open: what differs from these is changed,
            so that a membership that somebody lost is repaired. None: as the stays say.
    """
    row, definitions, candidate = asked_of
    evaluated, before = decode_section(row.memberships)
    now_ms = live.as_of(now_ms, row.last_seen_ms)
    is_anew = live.is_of_the_future(evaluated.at_ms, now_ms)
    numbers = None if from_events or is_anew else candidate.numbers
    if numbers is not None:  # a timer may be late: whose stay is over is asked with them
        numbers |= {
            one for one, stay in before.items() if stay[1] is not None and stay[1] <= now_ms
        }
    if not may_be_placed(row, definitions, now_ms):
        return _nowhere(row, recorded, now_ms)
    asked, wanted = _asked(definitions, numbers)
    kept = kept_facts(row, definitions, wanted, now_ms, from_events=from_events, is_anew=is_anew)
    evaluation = kept.evaluate(definitions, before, now_ms, None if asked is None else wanted)
    if recorded is not None:
        inside = {number for number, stay in evaluation.stays.items() if stay[0]}
        entered, left = inside - recorded, recorded - inside
        if asked is not None:
            entered, left = entered & asked, left & asked
        evaluation = evaluation._replace(
            entered=sorted(entered - definitions.broken), left=sorted(left - definitions.broken)
        )
    is_whole = asked is None or evaluated.is_of(definitions.number, row.version)
    # What was worked out is only as good as the events beside it: both are written, or neither.
    how = Evaluated(definitions.number, row.version + 1, now_ms) if is_whole else UNKNOWN
    history = histories.encode(kept.history) if kept.is_read_again else None
    # What SQL compares with is made anew with the stays, where it told of a lost membership
    # or was not what they say.
    is_mended = recorded is not None and bool(evaluation.entered or evaluation.left)
    return _Answer(
        evaluation.stays != before or is_mended or from_events,
        live.encode_stays(evaluation.stays, how),
        history,
        live.changes_of(row.site_id, row.profile_id, evaluation, before, now_ms, is_quiet=True),
        evaluation.due_ms,
        min((stay[1] for stay in before.values() if stay[1] is not None), default=None),
        asked is None and not _awaits_computed(row, definitions, now_ms),
        (len(kept.history.times), kept.history.complete_from_ms),
        candidate.differs.difference(evaluation.entered, evaluation.left, definitions.guard.frozen),
    )


def _nowhere(row: StateRow, recorded: set[int] | None, now_ms: int) -> _Answer:
    """Out of every segment: who does not allow it is in none."""
    before = decode_section(row.memberships)[1]
    inside = recorded
    if inside is None:
        inside = {number for number, stay in before.items() if stay[0]}
    out = Evaluation({}, [], sorted(inside), None)
    return _Answer(
        bool(row.memberships) or bool(inside),
        b"",
        None,
        live.changes_of(row.site_id, row.profile_id, out, before, now_ms, is_quiet=True),
        None,
        min((stay[1] for stay in before.values() if stay[1] is not None), default=None),
        True,
        None,
        frozenset(),
    )


def _awaits_computed(row: StateRow, definitions: LiveDefinitions, now_ms: int) -> bool:
    """Are computed traits to be worked out that only the consumer works out?"""
    kept = definitions.computed
    return kept is not None and bool(kept.behind(row.traits.get(computed_state.TRAIT), (), now_ms))


def _asked(
    definitions: LiveDefinitions, numbers: frozenset[int] | None
) -> tuple[frozenset[int] | None, Sequence[Definition]]:
    """The segments to evaluate, the others being as recorded: those, and who stands on them.

    None, and all of them, where there are no others: all are asked as one.
    """
    if numbers is None:
        return None, definitions.definitions
    known = definitions.by_number
    wanted = definitions.index.with_dependents(
        known[number] for number in numbers if number in known
    )
    if len(wanted) == len(known):
        return None, definitions.definitions
    return numbers | {definition.number for definition in wanted}, wanted


_COUNTED = """
SELECT w.profile_id FROM jsonb_to_recordset(%s::jsonb)
    AS w(profile_id uuid, number bigint, from_ms bigint)
CROSS JOIN LATERAL (
  SELECT count(*) AS number FROM events_personal e WHERE e.profile_id = w.profile_id
    AND e.occurred_at >= timestamptz 'epoch' + coalesce(w.from_ms, 0) * interval '1 millisecond'
) n WHERE n.number <> w.number
"""


def _doubted(
    cursor: CursorWrapper, questions: Mapping[UUID, _Question], answers: Mapping[UUID, _Answer]
) -> list[UUID]:
    """Those whose row may not know all their events. One statement, where it is needed.

    SQL does not tell who is in a segment that remembers, nor what it cannot compute exactly: for
    these the events are counted.
    """
    doubted: set[UUID] = set()
    to_count = []
    for profile_id, asked in questions.items():
        if profile_id not in answers:
            doubted.add(profile_id)  # its events may still be read, where its history cannot
            continue
        answer, known = answers[profile_id], asked.definitions.by_number
        remembering = {n for n in answer.unexplained if n in known and known[n].latched is not None}
        if answer.unexplained & known.keys() - remembering:
            doubted.add(profile_id)
        elif answer.kept is not None and (remembering or asked.candidate.numbers is None):
            number, from_ms = answer.kept
            to_count.append({"profile_id": profile_id, "number": number, "from_ms": from_ms})
    if to_count:
        cursor.execute(_COUNTED, [json.dumps(to_count, default=str)])
        doubted |= {profile_id for (profile_id,) in cursor.fetchall()}
    return [key for key in questions if key in doubted]


# Whoever wants a row looked at sets an earlier deadline than the row says. Unless all segments were
# asked, that wish stands: a deadline gives way to an earlier one, or when it was the row's own.
_SCHEDULE = """
INSERT INTO profiles_due (profile_id, due_at)
SELECT d.profile_id, d.due_at FROM (
    SELECT u.profile_id, timestamptz 'epoch' + u.due_ms * interval '1 millisecond' AS due_at,
      timestamptz 'epoch' + u.before_ms * interval '1 millisecond' AS before, u.is_all
    FROM unnest(%s::uuid[], %s::bigint[], %s::bigint[], %s::boolean[])
      AS u(profile_id, due_ms, before_ms, is_all)
  ) d LEFT JOIN profiles_due p USING (profile_id)
WHERE p.due_at IS NULL OR d.is_all OR p.due_at = d.before OR d.due_at < p.due_at
ON CONFLICT (profile_id) DO UPDATE SET due_at = excluded.due_at
WHERE profiles_due.due_at <> excluded.due_at
"""
_UNSCHEDULE = """
DELETE FROM profiles_due p
USING unnest(%s::uuid[], %s::bigint[], %s::boolean[]) AS u(profile_id, before_ms, is_all)
WHERE p.profile_id = u.profile_id
  AND (u.is_all OR p.due_at = timestamptz 'epoch' + u.before_ms * interval '1 millisecond')
"""


def _schedule(cursor: CursorWrapper, answers: Mapping[UUID, _Answer]) -> None:
    moved = [
        (profile_id, answer.due_ms, answer.due_before_ms, answer.is_asked_all)
        for profile_id, answer in answers.items()
        if answer.is_asked_all or answer.due_ms != answer.due_before_ms
    ]
    ahead = [row for row in moved if row[1] is not None]
    never = [(row[0], *row[2:]) for row in moved if row[1] is None]
    for statement, rows in ((_SCHEDULE, ahead), (_UNSCHEDULE, never)):
        if rows:
            cursor.execute(statement, [live.array(column) for column in zip(*rows, strict=True)])
