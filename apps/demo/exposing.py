"""Exposing the history to the demo's A/A test: by a worker, once everything is measured.

Each visit is told of once, as another tool tells of its own splits, on the page that its first
click opened: so the first click is what was done before, and all others are what came of it.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID, uuid5

from django.conf import settings

from apps.access.selectors import find_source
from apps.access.services import issue_key, revoke_key
from apps.decisions.selectors import publication_document
from apps.demo import clicks, convert, load, questions, setup
from apps.demo.clicks import Session
from apps.demo.client import Address, Connection
from apps.demo.convert import Event
from apps.demo.errors import DemoTrouble
from apps.demo.models import DemoRun
from apps.demo.trials import HISTORY, history_id
from apps.experiments import result_reads
from apps.work import clock
from apps.work import services as work
from apps.work import types as work_types
from engine.allocation import assign, ranges
from engine.snapshot import ExperimentDoc

KIND: Final = "demo.expose_history"
VIEWED: Final = "Experiment Viewed"
AFTER_CLICK: Final = timedelta(milliseconds=1)
EVENTS_AT_ONCE: Final = 500  # between two notes of how far it is


def ask(run: DemoRun, *, files: Sequence[Path], origin: str, now: datetime) -> UUID:
    """Have a worker expose the history of a load; return the id of the intent."""
    payload = {"files": [str(path.resolve()) for path in files], "origin": origin}
    return work.ask(KIND, key="history", site_id=run.site_id, payload=payload, now=now).pk


def expose(task: work_types.Work, now: datetime) -> None:
    """Send the exposures, have the results worked out, and ask which kinds of visitors there are.

    Repeatable: an exposure that arrives twice is stored once.

    Raises:
        DemoTrouble: the click files are others by now, or the stack does not answer.
    """
    assert task.site_id is not None
    run = DemoRun.objects.select_related("site").get(site_id=task.site_id)
    sessions = clicks.read_sessions(_files(run, task.payload["files"]))
    history, _ = convert.split(sessions, run.learn_until)
    shift = timedelta(seconds=run.shift_s)
    try:
        _send(run, history, shift, task)
    finally:
        # After the exposures: what is learned from the events of a day is learned from all of them.
        oldest = convert.moments(history[0])[0] + shift
        questions.ask_for_groups(run.site_id, oldest=oldest, now=clock.now())


def exposures_of(served: ExperimentDoc) -> Callable[[Session, timedelta], Iterator[Event]]:
    """Return what makes the exposure of a session: the arm is the one that the engine deals."""
    arms = ranges([arm.weight for arm in served.arms], served.coverage)

    def exposures(session: Session, shift: timedelta) -> Iterator[Event]:
        visitor = convert.visitor_of(session)
        place = assign(visitor, seed=served.seed, arms=arms)
        if place < 0:
            return
        first = convert.event_of(session, session.clicks[0])
        at = convert.moments(session)[0] + shift + AFTER_CLICK
        yield {
            "type": "track",
            "event": VIEWED,
            "messageId": str(uuid5(convert.NAMESPACE, f"{session.id}|{served.seed}")),
            "anonymousId": visitor,
            "timestamp": convert.instant(at),
            "properties": {
                "experiment": served.key,
                "arm": served.arms[place].key,
                "original_date": session.on.isoformat(),
                "time_synthetic": True,
            },
            "context": first["context"],
        }

    return exposures


def _files(run: DemoRun, names: Sequence[str]) -> list[Path]:
    files = [Path(name) for name in names]
    missing = [path for path in files if not path.exists()]
    if missing or clicks.digest_of(files) != run.clicks_digest:
        raise DemoTrouble("The click files are not those that were loaded any more.")
    return files


def _send(
    run: DemoRun, history: Sequence[Session], shift: timedelta, task: work_types.Work
) -> None:
    document = publication_document(run.site_id)
    served = [one for one in document.experiments if one.key == HISTORY] if document else []
    source = find_source(run.site_id, setup.SENDER)
    if not served or source is None:
        return  # somebody has ended it
    address = _answering(task.payload["origin"])
    key, secret = issue_key(source_id=source.pk, kind="sk", now=clock.now())
    try:
        load.send_history(
            history,
            shift,
            open_connection=lambda: Connection(address, secret),
            progress=_Noted(task, len(history)),
            events_of=exposures_of(served[0]),
        )
    finally:
        revoke_key(key_id=key.pk, now=clock.now())
    shown = result_reads.shown(history_id(run.site.key))
    if shown is not None:
        result_reads.ask_refresh(shown.design, now=clock.now())


def _answering(origin: str) -> Address:
    """Where the stack answers: at another port perhaps, if it was started again meanwhile."""
    for one in dict.fromkeys((origin, settings.PUBLIC_ORIGIN)):
        address = Address.parse(one)
        if Connection(address).is_answered():
            return address
    raise DemoTrouble(f"Nothing answers at {origin}.")


class _Noted:
    """How far it is, noted in the work itself."""

    def __init__(self, task: work_types.Work, total: int) -> None:
        self._task = task
        self._total = total
        self._noted = -EVENTS_AT_ONCE

    def update(self, done: int) -> None:
        """Note how many are folded, now and then."""
        if done - self._noted >= EVENTS_AT_ONCE:
            self._noted = done
            self._task.progress(done, self._total, "visits exposed")
