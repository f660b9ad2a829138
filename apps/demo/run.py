"""One demo from click files to report: set up, send, learn, replay, tell."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final

from django.db import IntegrityError

from apps.access.selectors import find_site
from apps.decisions import served_days
from apps.demo import (
    clicks,
    convert,
    editors,
    exposing,
    learning,
    load,
    replay,
    report,
    setup,
)
from apps.demo.clicks import Session
from apps.demo.client import Address, Connection
from apps.demo.errors import DemoTrouble
from apps.demo.models import DemoRun
from apps.demo.progress import Progress, Screen
from apps.demo.seeding import SITE_KEY
from apps.demo.selectors import latest_run
from apps.segments.services import request_refresh
from apps.work import clock
from engine.errors import PersonalizationError

# The last click of the history lies so far before the moment at which loading begins.
MARGIN: Final = timedelta(minutes=1)
LOOK_FOR_RUNS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to load: `learn_until` None is the first day of the files' last month, `sessions` None
    is all of them."""

    name: str
    files: Sequence[Path]
    learn_until: date | None
    sessions: int | None
    origin: str


@dataclass(frozen=True, slots=True)
class Material:
    """The click files, divided into what is learned from and what is replayed."""

    history: Sequence[Session]
    visits: Sequence[Session]
    learn_until: date
    digest: str


def load_demo(wanted: Wanted, *, stream: Screen) -> tuple[DemoRun, bool]:
    """Load a demo; return it, and whether anything was done.

    A load by this name of the same files and days that was as large is returned as it is; a larger
    one gets a site of its own.

    Raises:
        DemoTrouble: the files are wrong, the stack does not answer, or the name is taken.
    """
    material = _material(wanted)
    present = latest_run(wanted.name)
    if present is not None and _is_covered(present, material):
        return present, False
    address = Address.parse(wanted.origin)
    if not Connection(address).is_answered():
        raise DemoTrouble(f"Nothing answers at {wanted.origin}: start the stack with `make up`.")
    stream.write(
        f"{sum(len(s.clicks) for s in material.history):,} clicks before {material.learn_until}"
        f" to learn from, {len(material.visits):,} sessions from then on to replay.\n"
    )
    return _load(wanted, material, address, now=clock.now(), stream=stream), True


def _material(wanted: Wanted) -> Material:
    sessions = clicks.read_sessions(wanted.files)
    until = wanted.learn_until or sessions[-1].on.replace(day=1)
    history, visits = convert.split(sessions, until)
    if not history or not visits:
        side = "before" if not history else "on or after"
        raise DemoTrouble(f"The click files hold no session {side} {until}.")
    return Material(history, visits[: wanted.sessions], until, clicks.digest_of(wanted.files))


def _is_covered(run: DemoRun, material: Material) -> bool:
    return (
        run.clicks_digest == material.digest
        and run.learn_until == material.learn_until
        and run.sessions >= len(material.visits)
    )


def _load(
    wanted: Wanted, material: Material, address: Address, *, now: datetime, stream: Screen
) -> DemoRun:
    shift = now - MARGIN - convert.last_moment(material.history)
    oldest = convert.moments(material.history[0])[0] + shift
    prepared = setup.set_up(
        setup.Plan(
            name=wanted.name,
            site_key=_free_key(wanted.name),
            clicks_digest=material.digest,
            learn_until=material.learn_until,
            sessions=len(material.visits),
            shift_s=shift.total_seconds(),
            history_days=(now - oldest).days + 1,
        ),
        now=now,
    )

    def open_connection() -> Connection:
        return Connection(address, prepared.sender_key)

    run = prepared.run
    total = sum(len(session.clicks) for session in material.history)
    progress = Progress(stream, "History", total=total, unit="events folded")
    loaded = load.send_history(
        material.history, shift, open_connection=open_connection, progress=progress
    )
    progress.finish()
    training = prepared.ask_training(now=clock.now())
    refresh = request_refresh(run.site_id, now=clock.now())
    learning.await_done(training, Progress(stream, "Training", total=0, unit="steps"))
    learning.await_done(refresh, Progress(stream, "Segments", total=0, unit="profiles"))
    total = sum(len(session.clicks) for session in material.visits)
    progress = Progress(stream, "Replay", total=total, unit="clicks")
    replayed = replay.replay(material.visits, open_connection=open_connection, progress=progress)
    progress.finish()
    # After everything that is measured: another publication is another snapshot to load.
    _furnish(run, stream, oldest)
    exposing.ask(run, files=wanted.files, origin=wanted.origin, now=clock.now())
    served_days.count_site(run.site_id, clock.now())  # or editors would find it ten minutes later
    run.report = report.report_of(
        same=report.same_for_everyone(material.history),
        loaded=loaded,
        replayed=replayed,
        shift=shift,
        sessions=run.sessions,
    )
    run.finished_at = clock.now()
    run.save(update_fields=["report", "finished_at"])
    return run


def _furnish(run: DemoRun, stream: Screen, oldest: datetime) -> None:
    """Make what editors find in the demo; whoever works in it already may stand in the way."""
    try:
        editors.furnish(run, oldest=oldest, now=clock.now())
    except (PersonalizationError, IntegrityError) as error:
        stream.write(f"Nothing was made for editors to look at: {error}\n")


def _free_key(name: str) -> str:
    """Return the key of the site to make: the name, or the name with the next free number.

    Raises:
        DemoTrouble: a site that is no demo has the name.
    """
    if find_site(name) is None:
        return name
    is_demo = DemoRun.objects.filter(site__key=name).exists()
    if not is_demo and name == SITE_KEY:
        return name  # seed_demo has made it, and nothing has been loaded into it yet
    if not is_demo:
        raise DemoTrouble(f"There is a site '{name}' that is no demo: choose another --site.")
    for number in range(2, LOOK_FOR_RUNS):
        key = f"{name}-{number}"
        if find_site(key) is None:
            return key
    raise DemoTrouble(f"There are too many demos by the name '{name}': choose another --site.")
