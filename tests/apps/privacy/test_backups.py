"""Files of backups that only a master key opens, the erasure ledger, and the gate that asks it."""

import dataclasses
import os
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from django.conf import LazySettings
from django.test import override_settings

from apps.access.models import Site
from apps.privacy import backups, ledger_file, restored, sealed_files
from apps.privacy.models.erasures import Erasure
from apps.privacy.sealed_files import NotReadable
from apps.profiles import vault
from apps.profiles.models import Profile, SubjectKey, TraitChange
from apps.profiles.tasks import look_for_duplicates
from apps.work import holding_back

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
FIRST, SECOND = (("first", secrets.token_bytes(32)), ("second", secrets.token_bytes(32)))


@pytest.fixture(autouse=True)
def _ledger(settings: LazySettings, tmp_path: Path) -> None:
    settings.LEDGER_DIR = tmp_path / "ledger"
    settings.MASTER_KEYS = (FIRST,)


def entry(site_id: UUID, *, days_ago: float = 1) -> ledger_file.Entry:
    at = NOW - timedelta(days=days_ago)
    return ledger_file.Entry(uuid4(), site_id, at, at, (uuid4(),), ("ab" * 16,), uuid4(), [])


@pytest.mark.parametrize(
    "size", [0, 1, 1024 * 1024 - 1, 1024 * 1024, 1024 * 1024 + 1, 3_000_000], ids=str
)
def test_what_was_written_is_read_again(tmp_path: Path, size: int) -> None:
    plain = os.urandom(size)
    chunks = [plain[at : at + 70_000] for at in range(0, size, 70_000)]
    sealed_files.write(tmp_path / "file", chunks)
    assert b"".join(sealed_files.read(tmp_path / "file")) == plain
    assert (tmp_path / "file").stat().st_mode & 0o077 == 0


def test_a_changed_a_cut_and_a_reordered_file_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "file"
    sealed_files.write(path, [os.urandom(2_500_000)])
    whole = path.read_bytes()
    head, piece = len(whole) - 2_500_000 - 3 * 16, 1024 * 1024 + 16
    for spoilt in (
        whole[:-1],
        whole[: head + piece],
        whole[: head + 2 * piece],
        whole[:head] + whole[head + piece : head + 2 * piece] + whole[head : head + piece]
        + whole[head + 2 * piece :],
        whole[:200] + bytes([whole[200] ^ 1]) + whole[201:],
        whole + b"x",
    ):  # fmt: skip
        path.write_bytes(spoilt)
        with pytest.raises(NotReadable):
            list(sealed_files.read(path))
    path.write_bytes(b"something else altogether")
    with pytest.raises(NotReadable, match="no backup"):
        list(sealed_files.read(path))


def test_a_file_opens_under_the_master_key_of_its_time_only(tmp_path: Path) -> None:
    path = tmp_path / "file"
    sealed_files.write(path, [b"dear"])
    with override_settings(MASTER_KEYS=(SECOND, FIRST)):
        assert b"".join(sealed_files.read(path)) == b"dear"
    with override_settings(MASTER_KEYS=(SECOND,)), pytest.raises(NotReadable, match="MASTER_KEYS"):
        list(sealed_files.read(path))


def test_what_breaks_off_leaves_the_file_of_before(tmp_path: Path) -> None:
    path = tmp_path / "file"
    sealed_files.write(path, [b"before"])

    def breaking() -> "list[bytes]":
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space"):
        sealed_files.write(path, (one for one in breaking()))
    assert b"".join(sealed_files.read(path)) == b"before"


def test_the_ledger_tells_each_erasure_once_and_survives_a_torn_line() -> None:
    one, other = entry(uuid4()), entry(uuid4())
    assert ledger_file.is_empty() and list(ledger_file.entries()) == []
    ledger_file.append(one)
    with ledger_file.path().open("ab") as file:
        file.write(b'{"v":1,"erasure":"0')  # the power went
    ledger_file.append(other)
    ledger_file.append(one)
    assert list(ledger_file.entries()) == [one, other]
    assert ledger_file.path().stat().st_mode & 0o077 == 0


@pytest.mark.django_db
def test_nothing_serves_while_the_database_lacks_an_erasure() -> None:
    site = Site.objects.create(key="shop", name="Shop", created_at=NOW)
    assert restored.missing(NOW) == []
    lacking, running = entry(site.pk), entry(site.pk)
    for one in (lacking, running, entry(uuid4()), entry(site.pk, days_ago=401)):
        ledger_file.append(one)
    Erasure.objects.create(pk=running.erasure_id, site=site, started_at=NOW)

    assert restored.missing(NOW) == [lacking, running], "of sites that are gone nobody is back"
    just_written = NOW - timedelta(days=1) + timedelta(minutes=9)
    assert restored.missing(just_written) == [lacking], "the other one is about to be committed"
    for one in (lacking, running):
        Erasure.objects.update_or_create(
            pk=one.erasure_id,
            defaults={"site": site, "started_at": NOW, "state": Erasure.State.COMPLETED},
        )
    assert restored.missing(NOW) == []


def test_a_process_that_is_held_looks_again_and_one_that_serves_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said = ["a reason"]
    asked: list[str] = []

    def check() -> str:
        asked.append(said[0])
        return said[0]

    monkeypatch.setattr(holding_back, "_checks", [check])
    monkeypatch.setattr(holding_back, "AGAIN_S", 0.0)
    holding_back.forget()
    try:
        assert holding_back.is_held() and holding_back.why() == "a reason"
        said[0] = ""
        assert not holding_back.is_held()
        looks = len(asked)
        assert not any(holding_back.is_held() for _ in range(100)) and len(asked) == looks
        said[0] = "restored while it ran"
        assert holding_back.look() == "restored while it ran" and holding_back.is_held()
    finally:
        holding_back.forget()


def test_a_worker_that_is_held_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holding_back, "_checks", [lambda: "a reason"])
    holding_back.forget()
    try:
        look_for_duplicates()  # this test has no database: it would say so
    finally:
        holding_back.forget()


def test_a_check_that_fails_holds_whoever_has_not_served_yet(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken() -> str:
        raise OSError("the disk is away")

    monkeypatch.setattr(holding_back, "_checks", [broken])
    holding_back.forget()
    try:
        assert holding_back.is_held()
        monkeypatch.setattr(holding_back, "_why", "")
        assert holding_back.look() == "", (
            "who serves goes on: the record was known to be the newest"
        )
    finally:
        holding_back.forget()


@pytest.mark.parametrize("days", [0, 36], ids=str)
def test_backups_are_kept_thirty_five_days_at_most(tmp_path: Path, days: int) -> None:
    with pytest.raises(ValueError, match="1 to 35"):
        backups.make(tmp_path, now=NOW, keep_days=days)


@pytest.mark.django_db
def test_an_old_backup_is_not_restored(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    old = data / "attune-20260101T000000Z.dump"
    old.touch()
    assert backups.newest(tmp_path) == old
    with pytest.raises(backups.CannotRestore, match="older than 35 days"):
        backups.restore(tmp_path, old, now=NOW)
    with pytest.raises(backups.CannotRestore, match="no backup"):
        backups.restore(tmp_path, data / "other.dump", now=NOW)


@pytest.mark.django_db
def test_keys_go_back_to_whoever_they_belonged_to_when_the_backup_was_made() -> None:
    site = Site.objects.create(key="shop", name="Shop", created_at=NOW)
    one, other, gone = (
        Profile.objects.create(site=site, bucketing_key=name, created_at=NOW)
        for name in ("one", "other", "gone")
    )
    for profile, email in ((one, "one@example.org"), (other, "other@example.org")):
        TraitChange.objects.create(
            profile=profile, key="email", source="identify", observed_at=NOW, received_at=NOW,
            consent_epoch=0, value=vault.seal_value(site.pk, profile.pk, "email", email),
        )  # fmt: skip
    vault.seal_value(site.pk, gone.pk, "email", "gone@example.org")
    # Since the backup the two were merged, and the third was erased.
    SubjectKey.objects.filter(profile=other).update(profile=one)
    ledger_file.append(dataclasses.replace(entry(site.pk), profile_ids=(gone.pk,)))

    assert backups._drop_strangers() == 2
    for profile, email in ((one, "one@example.org"), (other, "other@example.org")):
        token = TraitChange.objects.get(profile=profile).value
        assert vault.open_value(site.pk, profile.pk, "email", token) == email
