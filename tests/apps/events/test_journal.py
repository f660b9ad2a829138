"""What was answered before it was stored survives the process that answered."""

import os
import resource
import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import msgspec
import pytest
from django.db import OperationalError, connection
from django.test import override_settings

from apps.events import journal
from apps.events.collect import packed
from apps.events.inbox import Packed
from apps.events.types import Accepted, InboxBody
from apps.work.clock import to_ms

OWNER = journal.Owner(UUID(int=1), UUID(int=2))
NOW_MS = to_ms(datetime.now(UTC))


@pytest.fixture
def place(transactional_db: None, tmp_path: Path) -> Iterator[Path]:
    with override_settings(JOURNAL_DIR=tmp_path):
        yield journal.directory()


@pytest.fixture
def kept(place: Path) -> Iterator[journal.Journal]:
    mine = journal.Journal()
    yield mine
    mine.close()


def event(name: str) -> Packed:
    return packed(
        Accepted(
            type="exposure", name="Exposure", occurred_ms=NOW_MS, original_ms=None,
            message_id=name, anonymous_id="a1", user_id=None, properties={}, traits=None,
            context={}, epoch=0, purposes=1, flags=0,
        )
    )  # fmt: skip


def waiting() -> list[str]:
    """The message ids in the inbox, in order of arrival."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT body FROM events_inbox ORDER BY id")
        bodies = [msgspec.json.decode(body, type=InboxBody) for (body,) in cursor.fetchall()]
    return [event.message_id for body in bodies for event in body.e]


def killed_after(act: Callable[[], object]) -> None:
    """Let a process of its own act, and kill it with -9 before it can do anything else."""
    child = os.fork()
    if child == 0:
        try:
            act()
        finally:
            os.kill(os.getpid(), signal.SIGKILL)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL


def test_what_a_killed_process_kept_is_moved_once(place: Path) -> None:
    def act() -> None:
        mine = journal.Journal()
        mine.append(OWNER, [event("m1"), event("m2")])
        mine.append(OWNER, [event("m3")])

    killed_after(act)
    assert journal.move_abandoned() == 3
    assert waiting() == ["m1", "m2", "m3"]
    assert journal.move_abandoned() == 0
    assert not list(place.iterdir())


def test_a_file_of_a_living_process_is_left_to_it(kept: journal.Journal) -> None:
    kept.append(OWNER, [event("m1")])
    assert journal.move_abandoned() == 0
    assert waiting() == []
    assert kept.move() == 1
    assert waiting() == ["m1"]


def test_what_was_moved_before_the_kill_is_not_doubled(place: Path) -> None:
    """Killed between the commit and the emptying of the file."""

    def act() -> None:
        journal.Journal().append(OWNER, [event("m1"), event("m2")])

    killed_after(act)
    journal.record_packed(OWNER, [event("m1")], now=datetime.now(UTC))
    assert journal.move_abandoned() == 2
    assert waiting() == ["m1", "m2"]


def test_half_a_frame_at_the_end_was_never_answered(place: Path) -> None:
    def act() -> None:
        mine = journal.Journal()
        mine.append(OWNER, [event("m1")])
        mine.append(OWNER, [event("m2")])

    killed_after(act)
    [path] = place.iterdir()
    os.truncate(path, path.stat().st_size - 1)
    assert journal.move_abandoned() == 1
    assert waiting() == ["m1"]


def test_while_the_record_is_away_everything_stays(kept: journal.Journal) -> None:
    kept.append(OWNER, [event("m1")])
    there = connection.settings_dict["HOST"]
    connection.settings_dict["HOST"] = "/nonexistent"
    connection.close()
    try:
        with pytest.raises(OperationalError):
            kept.move()
        kept.append(OWNER, [event("m2")])
        with pytest.raises(OperationalError):
            kept.move()
    finally:
        connection.settings_dict["HOST"] = there
        connection.close()
    assert kept.move() == 2
    assert waiting() == ["m1", "m2"]


def test_a_full_disk_is_told_and_spoils_nothing_that_was_kept(kept: journal.Journal) -> None:
    kept.append(OWNER, [event("m1")])
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (150, before[1]))  # room for half of the next
    try:
        with pytest.raises(OSError):
            kept.append(OWNER, [event("m2")])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    kept.append(OWNER, [event("m3")])
    assert kept.move() == 2
    assert waiting() == ["m1", "m3"]


def test_one_call_that_the_record_refuses_does_not_hold_up_the_others(
    kept: journal.Journal, place: Path
) -> None:
    refused = event("m2")._replace(body=b"\xff")  # no UTF-8
    for one in (event("m1"), refused, event("m3")):
        kept.append(OWNER, [one])
    assert kept.move() == 2
    assert waiting() == ["m1", "m3"]
    assert [path.suffix for path in place.iterdir()].count(journal.REFUSED) == 1
    assert kept.move() == 0


def test_journals_of_another_database_are_not_ours(place: Path) -> None:
    killed_after(lambda: journal.Journal().append(OWNER, [event("m1")]))
    name = connection.settings_dict["NAME"]
    connection.settings_dict["NAME"] = "another"
    try:
        assert journal.directory() != place
        assert journal.move_abandoned() == 0
    finally:
        connection.settings_dict["NAME"] = name
