"""What a sealed ledger lives through: erasures, merges, writers in a crowd, kill -9, emptying."""

import os
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction

from apps.access import services as access
from apps.access.models import AuditEntry, Site
from apps.consent import holding
from apps.consent.models import ConsentEvent
from apps.work import ledgers
from apps.work.models import Seal, SealHead, Unsealed
from tests.apps.work.ledger_books import BOOKS, NOW, Audit, Consent
from tests.emptying import Emptier

PROJECT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def _anchors_of_its_own(settings: Any, tmp_path: Path) -> None:
    settings.ANCHOR_DIR = tmp_path / "anchors"


@pytest.fixture
def said(db: None) -> Consent:
    """A shop with three visitors who have chosen, sealed."""
    book = Consent()
    book.write(3)
    book.seal()
    return book


def test_an_erasure_is_no_tampering(said: Consent) -> None:
    erased = said.ids()[1]
    holding.HOLDER.erase(said.profile_of(erased))
    verdict = said.verify()
    assert (verdict.bad, verdict.redacted) == ((), 1)
    said.tamper(erased, purposes="""'{"analytics": false}'""")
    assert said.first_bad() == ("changed", erased), "the proof that stays is still sealed"


def test_who_is_erased_before_the_seal_is_no_tampering(said: Consent) -> None:
    said.say("late")
    late = said.ids()[-1]
    holding.HOLDER.erase(said.profile_of(late))
    said.seal()
    verdict = said.verify()
    assert (verdict.bad, verdict.redacted) == ((), 1)


@pytest.mark.parametrize(
    "values",
    [
        {"signals": "'{}'"},
        {"signals": "'{}'", "signals_salt": "NULL"},
        {"signals": '\'{"of": "somebody"}\'', "signals_salt": "NULL", "profile_id": "NULL"},
        {"signals_salt": "gen_random_uuid()"},
    ],
    ids=["emptied", "emptied, with its salt", "another's, as if erased", "another salt"],
)
def test_what_came_along_is_not_taken_but_by_an_erasure(
    said: Consent, values: dict[str, str]
) -> None:
    victim = said.ids()[2]
    said.tamper(victim, **values)
    assert said.first_bad() == ("changed", victim)


def test_a_merge_moves_entries_and_the_ledger_stays_whole(said: Consent) -> None:
    one, other = (said.profile_of(row_id) for row_id in said.ids()[:2])
    with transaction.atomic():
        assert holding.HOLDER.reassign(one, other) == 1
    assert ConsentEvent.objects.filter(profile_id=other).count() == 2
    assert said.verify().bad == ()


def test_the_seal_keeps_no_value_of_a_row() -> None:
    kept = {field.name for field in Seal._meta.concrete_fields}
    assert kept == {
        "ledger", "site_id", "seq", "row_id", "form", "row_at", "since", "sealed_at", "content",
        "apart", "chain",
    }  # fmt: skip


@pytest.fixture
def audit(db: None) -> Audit:
    book = Audit()
    book.write(3)
    book.seal()
    return book


@pytest.mark.parametrize("change", ["update", "delete"])
def test_no_audit_entry_is_rewritten_or_deleted(audit: Audit, change: str) -> None:
    entries = AuditEntry.objects.filter(pk=audit.ids()[0])
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        if change == "update":
            entries.update(actor_label="somebody else")
        else:
            entries.delete()
    assert audit.verify().bad == ()


def test_an_account_and_a_site_that_go_leave_the_trail_as_it_is(audit: Audit) -> None:
    ada = User.objects.create_user("ada")
    site = Site.objects.create(key="gone", name="Gone", created_at=NOW)
    access.record_audit(action="shop.opened", actor=ada, site_id=site.pk, now=NOW)
    audit.seal()
    actor_id, site_id = ada.pk, site.pk
    ada.delete()
    site.delete()
    entry = AuditEntry.objects.get(actor_id=actor_id)
    assert (entry.actor_label, entry.site_id) == ("ada", site_id)
    assert audit.verify().bad == ()


def test_retention_may_delete_audit_entries_when_it_says_so(audit: Audit) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL attune.erasing = 'on'")
        AuditEntry.objects.all().delete()
        cursor.execute("SET LOCAL attune.erasing = 'off'")
    assert audit.first_bad()[0] == "deleted", "which does not hide that it was too soon"
    assert audit.verify(now=NOW + timedelta(days=731)).bad == ()


def in_a_thread(work: Any) -> threading.Thread:
    def run() -> None:
        try:
            work()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@pytest.mark.django_db(transaction=True)
def test_a_writer_who_has_not_committed_holds_up_nobody_and_is_sealed_later() -> None:
    book = Audit()
    book.seal()
    is_written, may_end = threading.Event(), threading.Event()

    def write_slowly() -> None:
        with transaction.atomic():
            book.write()
            is_written.set()
            may_end.wait(30)

    writer = in_a_thread(write_slowly)
    assert is_written.wait(30)
    book.write(2)
    assert book.seal() == 2
    may_end.set()
    writer.join()
    assert book.seal() == 1
    # The number of its row was drawn first, its link comes last.
    numbers = [int(link.row_id) for link in book.links()]
    assert numbers[-1] == sorted(numbers)[-3]
    assert book.verify().bad == ()


@pytest.mark.django_db(transaction=True)
def test_writers_and_sealers_in_a_crowd_leave_one_whole_chain() -> None:
    book = Audit()
    is_over = threading.Event()

    def go_on_sealing() -> None:
        while not is_over.is_set():
            ledgers.seal(now=NOW, batch=7)

    sealers = [in_a_thread(go_on_sealing) for _ in range(2)]
    writers = [in_a_thread(lambda: book.write(40)) for _ in range(4)]
    for thread in writers:
        thread.join()
    is_over.set()
    for thread in sealers:
        thread.join()
    book.seal()
    assert len(book.links()) == 161  # and the site's own
    assert not Unsealed.objects.exists()
    assert book.verify().bad == ()


SEALER_NAME = "a doomed sealer"
SEALER = """
import django
django.setup()
from datetime import UTC, datetime, timedelta
from apps.work import ledgers
while True:
    ledgers.seal(20, now=datetime(2026, 3, 1, 12, tzinfo=UTC), batch=5)
    ledgers.anchor(now=datetime.now(UTC), every=timedelta(0))
"""


def stop_in_a_transaction(sealer: "subprocess.Popen[bytes]", book: Audit, links: int) -> None:
    """Stop a sealer that has made so many links while it has begun more of them."""
    inside = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE application_name = %s AND state = 'idle in transaction'"
    )
    deadline = time.monotonic() + 60
    with connection.cursor() as cursor:
        while time.monotonic() < deadline:
            sealer.send_signal(signal.SIGSTOP)
            time.sleep(0.01)  # what it had asked for last is answered
            cursor.execute(inside, [SEALER_NAME])
            if cursor.fetchone() != (0,) and len(book.links()) >= links:
                return
            sealer.send_signal(signal.SIGCONT)
            time.sleep(0.005)
    raise AssertionError("the sealer does not seal")


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_sealer_killed_in_the_middle_leaves_a_chain_that_goes_on(
    settings: Any, tmp_path: Path
) -> None:
    book = Audit()
    database = connection.settings_dict
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings.test",
        "DATABASE_URL": f"postgres:///{database['HOST']}/{database['NAME']}",
        "PGUSER": str(database["USER"]),
        "REDIS_URL": settings.REDIS_URL,
        "ATTUNE_HOME": str(tmp_path),
        "PGAPPNAME": SEALER_NAME,
    }
    for _ in range(3):
        book.write(400)
        begun = len(book.links())
        sealer = subprocess.Popen([sys.executable, "-c", SEALER], cwd=PROJECT, env=environment)
        stop_in_a_transaction(sealer, book, begun + 50)
        sealer.send_signal(signal.SIGKILL)
        sealer.wait()
        assert Unsealed.objects.exists(), "it was killed in the middle"
    book.seal()
    assert len(book.links()) == 1_201
    verdict = book.verify()
    assert (verdict.bad, verdict.anchored > 0) == ((), True)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", sorted(BOOKS))
def test_tests_empty_a_sealed_ledger_like_any_table(django_db_setup: Emptier, name: str) -> None:
    book = BOOKS[name]()
    book.write(2)
    book.seal()
    django_db_setup.empty()
    assert not (Seal.objects.exists() or SealHead.objects.exists() or book.ids())
