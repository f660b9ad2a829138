"""Heads of sealed ledgers, noted outside the database."""

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django_celery_beat.models import PeriodicTask

from apps.work import anchors, ledgers, tasks
from apps.work.models import Intent
from tests.apps.work.ledger_books import NOW, Audit


@pytest.fixture
def book(db: None, settings: Any, tmp_path: Path) -> Audit:
    settings.ANCHOR_DIR = tmp_path / "anchors"
    made = Audit()
    made.write(3)
    made.seal()
    return made


def lines() -> list[dict[str, Any]]:
    """Of the audit trail's file."""
    ledger = next(one for one in ledgers.registered() if one.name == "audit")
    return [json.loads(line) for line in anchors.path_of(ledger).read_text().splitlines()]


def test_a_head_is_noted_once_and_again_when_it_has_moved(book: Audit) -> None:
    assert ledgers.anchor(now=NOW) == 1
    last = book.links()[-1]
    (noted,) = lines()
    assert (noted["seq"], noted["chain"]) == (last.seq, bytes(last.chain).hex())
    later = NOW + timedelta(hours=1)
    assert ledgers.anchor(now=later) == 0
    book.write()
    book.seal()
    assert ledgers.anchor(now=later) == 1
    assert [line["seq"] for line in lines()] == [last.seq, last.seq + 1]
    assert book.verify().anchored == 2


def test_heads_are_noted_every_ten_minutes_at_most(book: Audit) -> None:
    ledgers.anchor(now=NOW)
    book.write()
    book.seal()
    assert ledgers.anchor(now=NOW + timedelta(minutes=9)) == 0
    assert ledgers.anchor(now=NOW + timedelta(minutes=10)) == 1


def test_a_line_that_was_cut_short_hides_no_other(book: Audit) -> None:
    ledgers.anchor(now=NOW)
    ledger = next(one for one in ledgers.registered() if one.name == "audit")
    with anchors.path_of(ledger).open("a") as file:
        file.write('{"ledger":"audit","si')
    book.write()
    book.seal()
    ledgers.anchor(now=NOW + timedelta(hours=1))
    assert book.verify().anchored == 2


@pytest.mark.parametrize(
    "line",
    [b"\xff\xfe", b"7", b'{"site":7,"seq":1,"chain":""}',
     b'{"site":"00000000-0000-0000-0000-000000000000","seq":1e400,"chain":""}', b"[" * 200_000],
    ids=["no-text", "number", "no-site", "endless-seq", "deep"],
)  # fmt: skip
def test_a_line_of_something_else_stops_no_check(book: Audit, line: bytes) -> None:
    ledgers.anchor(now=NOW)
    ledger = next(one for one in ledgers.registered() if one.name == "audit")
    with anchors.path_of(ledger).open("ab") as file:
        file.write(line + b"\n")
    assert (book.verify().anchored, book.verify().bad) == (1, ())


def test_the_file_is_its_owner_s_alone(book: Audit) -> None:
    ledgers.anchor(now=NOW)
    ledger = next(one for one in ledgers.registered() if one.name == "audit")
    assert anchors.path_of(ledger).stat().st_mode & 0o777 == 0o600


@pytest.fixture
def notary() -> Iterator[tuple[str, list[bytes]]]:
    """An address that keeps what it is told."""
    told: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/anchors", told
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_address_is_told_the_same_lines(
    book: Audit, settings: Any, notary: tuple[str, list[bytes]]
) -> None:
    settings.ANCHOR_URL, told = notary
    ledgers.anchor(now=NOW)
    assert [json.loads(line) for line in told[0].splitlines()] == lines()


def test_an_address_that_is_away_loses_nothing(book: Audit, settings: Any) -> None:
    settings.ANCHOR_URL = "http://127.0.0.1:1/anchors"
    assert ledgers.anchor(now=NOW) == 1
    assert len(lines()) == 1


def test_the_command_names_the_first_bad_row_and_ends_with_1(book: Audit, capsys: Any) -> None:
    call_command("verify_seals")
    assert "audit: whole" in capsys.readouterr().out
    victim = book.ids()[2]
    book.remove([victim])
    with pytest.raises(CommandError) as refused:
        call_command("verify_seals", "--ledger", "audit")
    assert refused.value.returncode == 1
    printed = capsys.readouterr().out
    assert "deleted" in printed and f"row {victim}," in printed
    with pytest.raises(CommandError):
        call_command("verify_seals", "--json")
    verdicts = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {one["ledger"]: len(one["bad"]) for one in verdicts} == {
        "audit": 1,
        "certificates": 0,
        "consent": 0,
        "requests": 0,
    }


def test_the_schedules_seal_note_and_ask_for_a_check(book: Audit) -> None:
    book.write()
    tasks.seal_ledgers()
    assert [line["seq"] for line in lines()] == [len(book.ids())]
    tasks.check_ledgers()
    asked = Intent.objects.filter(kind=ledgers.CHECK).values_list("key", flat=True)
    assert sorted(asked) == ["audit", "certificates", "consent", "requests"]


def test_ledgers_are_sealed_every_few_seconds_and_checked_every_night(db: None) -> None:
    sealing = PeriodicTask.objects.get(task="work.seal_ledgers")
    assert (sealing.interval.every, sealing.interval.period, sealing.queue) == (
        5,
        "seconds",
        "fast",
    )
    assert PeriodicTask.objects.get(task="work.check_ledgers").crontab is not None
