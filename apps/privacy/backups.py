"""Backups of the database, and their return: data, keys and the erasure ledger each by themselves.

    DIR/data/attune-20260310T120000Z.dump   everything but the keys of people; kept 35 days at most
    DIR/keys/subject-keys.dump              the keys: replaced each time, never kept
    DIR/ledger/erasures.jsonl               a copy of the erasure ledger: replaced each time

An old backup of the data with today's keys holds the encrypted values of erased people as noise:
their keys are not among today's. What else it holds of them goes when the ledger is replayed, and
nothing serves before that. The files of data and keys are encrypted under the first master key.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import redis
from django.conf import settings
from django.db import connection, transaction

from apps.privacy import ledger_file, postgres_tools, restored, sealed_files
from apps.profiles import vault
from apps.profiles.models import Contact, SubjectKey

MOST_DAYS: Final = 35
_STAMP: Final = "%Y%m%dT%H%M%SZ"
_BEGINS, _ENDS = "attune-", ".dump"
# The keys of people, and by what they can be looked up.
APART: Final = (SubjectKey._meta.db_table, Contact._meta.db_table)


# A token begins with the id of its key (profiles/vault.py): its value's owner is the key's.
_BRING_HOME: Final = """
UPDATE profiles_subjectkey k SET profile_id = t.profile_id
FROM (
  SELECT DISTINCT ON (key_id) profile_id,
    encode(substring(decode(substr(value #>> '{}', 7), 'base64') FOR 16), 'hex')::uuid AS key_id
  FROM profiles_traitchange WHERE value #>> '{}' LIKE 'enc:1:%' ORDER BY key_id, received_at DESC
) t
WHERE k.id = t.key_id AND k.profile_id <> t.profile_id
"""


class CannotRestore(Exception):
    """The backup cannot be brought back now; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Made:
    """What a backup came to: its file, bytes, and the older ones that were deleted."""

    path: Path
    size: int
    deleted: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Restored:
    """What was brought back: of when, and how many erasures have to be replayed."""

    made_at: datetime
    keys: int
    to_replay: int


def make(place: Path, *, now: datetime, keep_days: int = MOST_DAYS) -> Made:
    """Write a backup into a directory, and delete what is too old there.

    Args:
        keep_days: from 1 to 35.

    Raises:
        ToolFailed: pg_dump did not do its work; nothing was deleted.
        ValueError: `keep_days` is out of bounds.
    """
    if not 1 <= keep_days <= MOST_DAYS:
        raise ValueError(f"Backups are kept from 1 to {MOST_DAYS} days.")
    data = _directory(place / "data")
    path = data / f"{_BEGINS}{now.astimezone(UTC).strftime(_STAMP)}{_ENDS}"
    left_out = [f"--exclude-table-data={table}" for table in APART]
    size = sealed_files.write(
        path, postgres_tools.output_of("pg_dump", "--format=custom", "--no-owner", *left_out)
    )
    keep_keys(place)
    old = [one for one in _backups(data) if made_at(one) <= now - timedelta(days=keep_days)]
    for one in old:
        one.unlink()
    return Made(path, size, tuple(one.name for one in old))


def keep_keys(place: Path) -> None:
    """Replace the copies of the keys and of the erasure ledger: what was destroyed is gone there.

    Raises:
        ToolFailed: as `make`.
    """
    only = [f"--table={table}" for table in APART]
    sealed_files.write(
        _directory(place / "keys") / "subject-keys.dump",
        postgres_tools.output_of("pg_dump", "--format=custom", "--data-only", *only),
    )
    if not ledger_file.is_empty():
        copy = _directory(place / "ledger") / ledger_file.NAME
        part = copy.with_name(f"{copy.name}.part")
        shutil.copyfile(ledger_file.path(), part)
        part.chmod(0o600)
        part.replace(copy)


def newest(place: Path) -> Path:
    """Return the newest backup of a directory.

    Raises:
        CannotRestore: there is none.
    """
    found = _backups(place / "data")
    if not found:
        raise CannotRestore(f"There is no backup in {place / 'data'}.")
    return found[-1]


def made_at(path: Path) -> datetime:
    """When a backup was made, as its name says.

    Raises:
        CannotRestore: it is none.
    """
    try:
        text = path.name.removeprefix(_BEGINS).removesuffix(_ENDS)
        return datetime.strptime(text, _STAMP).replace(tzinfo=UTC)
    except ValueError:
        raise CannotRestore(f"{path.name} is no backup: it is not called so.") from None


def restore(place: Path, path: Path, *, now: datetime) -> Restored:
    """Put a backup in the place of everything that the database holds.

    Redis is emptied: its copies may be newer than the record, and newer wins there. Whatever was
    erased since the backup must be replayed before anything serves.

    Raises:
        CannotRestore: it is too old, somebody is connected, or a file is not whole.
        ToolFailed: pg_restore did not do its work: the database is empty or as it was; again.
    """
    at = made_at(path)
    if now - at > timedelta(days=MOST_DAYS):
        raise CannotRestore(f"It is older than {MOST_DAYS} days: such backups are not used.")
    others = _others_connected()
    if others:
        raise CannotRestore(f"Stop Attune first: {others} other sessions use the database.")
    keys = place / "keys" / "subject-keys.dump"
    try:
        # Both are looked through whole before anything is dropped.
        for file in (path, keys):
            for _ in sealed_files.read(file):
                pass
        _join_ledgers(place / "ledger" / ledger_file.NAME)
        _empty_database()
        _load(path, "--no-owner", "--single-transaction")
        _load(keys, "--data-only", "--single-transaction")
    except (sealed_files.NotReadable, FileNotFoundError) as error:
        raise CannotRestore(str(error)) from None
    vault.forget_kept()
    kept = _drop_strangers()
    redis.Redis.from_url(settings.REDIS_URL).flushdb()
    return Restored(at, kept, len(restored.missing(now)))


def _directory(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


def _backups(data: Path) -> list[Path]:
    """The backups of a directory, oldest first."""
    return sorted(data.glob(f"{_BEGINS}*{_ENDS}"))


def _others_connected() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
        return int(cursor.fetchone()[0])


def _empty_database() -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT current_schema()")
        (schema,) = cursor.fetchone()
        name = connection.ops.quote_name(schema)
        cursor.execute(f"DROP SCHEMA {name} CASCADE")
        cursor.execute(f"CREATE SCHEMA {name}")
    connection.close()


def _load(path: Path, *arguments: str) -> None:
    name = connection.settings_dict["NAME"]
    pieces: Iterator[bytes] = sealed_files.read(path)
    postgres_tools.feed("pg_restore", pieces, f"--dbname={name}", "--exit-on-error", *arguments)


def _drop_strangers() -> int:
    """Delete keys whose people are not in the backup, or have been erased since; keys left.

    Whoever was merged or parted since is as before: so are their keys.
    """
    erased = [one for entry in ledger_file.entries() for one in entry.profile_ids]
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(_BRING_HOME)
        for table in APART:
            with connection.cursor() as cursor:
                cursor.execute(
                    f"DELETE FROM {table} k WHERE k.profile_id IS NOT NULL AND NOT EXISTS"
                    " (SELECT FROM profiles_profile p WHERE p.id = k.profile_id)"
                )
        vault.destroy(erased)
    return SubjectKey.objects.count()


def _join_ledgers(copy: Path) -> None:
    """Take over what the copy of the ledger knows and the ledger itself does not: a lost disk."""
    known = {entry.erasure_id for entry in ledger_file.entries()}
    for entry in ledger_file.entries(copy):
        if entry.erasure_id not in known:
            ledger_file.append(entry)
