"""Certificates: signed, sealed, downloadable, and nobody is in them."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.utils import DatabaseError
from django.test import Client

from apps.consent.models import Recipient
from apps.decisions import signing
from apps.privacy import erasing, ledger_file, searching, tasks_erasing, telling
from apps.privacy.certificates import is_genuine
from apps.privacy.models.erasures import Certificate, Erasure, RecipientTelling
from apps.profiles.models import Identity
from apps.work import clock, ledgers
from tests.apps.delivery.conftest import _new_process, world  # noqa: F401
from tests.apps.profiles.conftest import (  # noqa: F401
    Shop,
    identify,
    shop,
    track,
)

USER = "person-77f0aa"
MAIL = "canary-5d1c77@example.com"

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _homes(settings: Any, tmp_path: Path) -> None:
    settings.LEDGER_DIR = tmp_path / "ledger"
    settings.ARTIFACT_DIR = tmp_path / "artifacts"
    settings.EMAIL_FILE_PATH = str(tmp_path / "outbox")


@pytest.fixture
def certificate(shop: Shop) -> Certificate:  # noqa: F811
    shop.send(identify(USER, traits={"email": MAIL}), track())
    names = [("user_id", USER)]
    erasure_id = erasing.begin(site_id=shop.world.site.pk, names=names, now=clock.now())
    erasing.run(erasure_id)
    return Certificate.objects.get(erasure_id=erasure_id)


def test_a_certificate_says_what_was_removed_and_names_nobody(certificate: Certificate) -> None:
    document = json.loads(certificate.body)

    assert document["removed"]["events"] == 2
    assert document["search"]["found"] == 0
    assert {"consent proof", "backups", "audit trail"} <= {one["what"] for one in document["kept"]}
    assert not [text for text in (USER, MAIL, "a1") if f'"{text}' in certificate.body]


def test_whoever_has_the_public_keys_can_check_it(certificate: Certificate) -> None:
    body = certificate.body.encode()
    assert is_genuine(body, certificate.jws, signing.key_set())

    for place in range(0, len(body), 97):
        changed = bytearray(body)
        changed[place] ^= 1
        assert not is_genuine(bytes(changed), certificate.jws, signing.key_set())
    assert not is_genuine(body, "nonsense", signing.key_set())
    assert not is_genuine(body, certificate.jws, b'{"keys": []}')


def test_nobody_changes_or_deletes_one(certificate: Certificate) -> None:
    for statement in (
        "UPDATE privacy_certificate SET body = '{}'",
        "DELETE FROM privacy_certificate",
        "TRUNCATE privacy_certificate",
    ):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


def test_one_changed_past_the_trigger_is_found_by_its_seal(certificate: Certificate) -> None:
    now = clock.now()
    ledgers.seal(now=now)
    assert ledgers.verify("certificates", now=now).first_bad is None

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE privacy_certificate SET body = replace(body, '2', '3')")

    bad = ledgers.verify("certificates", now=now).first_bad
    assert bad is not None and (bad.kind, bad.row_id) == ("changed", str(certificate.pk))


def test_the_command_checks_one(
    certificate: Certificate, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("verify_erasure", certificate=certificate.pk)
    assert "The signature is genuine." in capsys.readouterr().out
    with pytest.raises(CommandError, match="no certificate"):
        call_command("verify_erasure", certificate=UUID(int=1))


def test_the_ledger_outside_the_database_has_its_line(certificate: Certificate) -> None:
    (entry,) = ledger_file.entries()
    assert entry.certificate_id == certificate.pk
    assert entry.digests and entry.profile_ids
    assert USER not in ledger_file.path().read_text()


def test_the_search_of_all_stores_is_certified_and_then_forgets_whom_it_sought(
    certificate: Certificate,
) -> None:
    assert bytes(Erasure.objects.get().sought)

    found = tasks_erasing.search_waiting(now=clock.now())

    assert found is not None and found.is_clean, found and found.hits
    erasure = Erasure.objects.get()
    assert erasure.checked_at is not None and bytes(erasure.sought) == b""
    second = Certificate.objects.get(kind="search")
    assert is_genuine(second.body.encode(), second.jws, signing.key_set())
    assert json.loads(second.body)["search"]["found"] == []
    assert tasks_erasing.search_waiting(now=clock.now()) is None


def test_what_the_search_finds_is_not_certified(certificate: Certificate, tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "web.log").write_text(f"oh: {MAIL}")

    found = tasks_erasing.search_waiting(now=clock.now())

    assert found is not None and dict(found.hits) == {("files: logs", "value"): 1}
    assert Erasure.objects.get().checked_at is None
    assert not Certificate.objects.filter(kind="search").exists()
    (last,) = [one for one in erasing.progress(Erasure.objects.get().pk) if one.detail]
    assert last.detail == "A search of all stores has found something in: files: logs"


def test_whom_nobody_searched_for_is_let_go_after_some_days(certificate: Certificate) -> None:
    now = clock.now()
    assert searching.forget_overdue(now + timedelta(days=2)) == 0
    assert searching.forget_overdue(now + timedelta(days=4)) == 1
    assert bytes(Erasure.objects.get().sought) == b""


def test_recipients_of_the_last_year_are_told(shop: Shop) -> None:  # noqa: F811
    from apps.consent import disclosures

    now = clock.now()
    shop.send(identify(USER))
    site_id = shop.world.site.pk
    profile_id = Identity.objects.get(value=USER).profile_id
    by_hand = Recipient.objects.create(site_id=site_id, key="paper", name="Paper Ltd")
    machine = Recipient.objects.create(
        site_id=site_id, key="crm", name="CRM Inc", endpoint="https://127.0.0.1/erased"
    )
    old = Recipient.objects.create(site_id=site_id, key="old", name="Long ago")
    for one, at in ((by_hand, now), (machine, now), (old, now - timedelta(days=400))):
        disclosures.note([profile_id], one.pk, "trigger:welcome", at)

    erasing.run(erasing.begin(site_id=site_id, profile_id=profile_id, now=now))

    told = {one.recipient: one for one in RecipientTelling.objects.all()}
    assert set(told) == {"paper", "crm"}
    assert told["paper"].state == "by_hand"
    assert profile_id.hex.encode() not in bytes(told["crm"].body), "it waits encrypted"
    document = json.loads(Certificate.objects.get().body)
    assert sum(document["recipients"].values()) == 2
    assert telling.ask_untold(now=now) == 1


def test_its_pages_show_it_and_give_its_files(
    certificate: Certificate, admin_client: Client
) -> None:
    page = admin_client.get(f"/admin/privacy/certificate/{certificate.pk}/change/")
    assert page.status_code == 200 and b"genuine signature" in page.content

    files = f"/admin/privacy/certificate/{certificate.pk}/certificate"
    assert admin_client.get(f"{files}.json").content.decode() == certificate.body
    assert admin_client.get(f"{files}.jws").content.decode() == certificate.jws
    assert admin_client.get(f"{files}.exe").status_code == 404

    erasure = admin_client.get(f"/admin/privacy/erasure/{certificate.erasure_id}/change/")
    assert erasure.status_code == 200 and b"12 of 12 steps are done" in erasure.content
    assert USER.encode() not in erasure.content
