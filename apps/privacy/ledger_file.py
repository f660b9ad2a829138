"""The file beside the database that says who has been erased: a restored backup does not know.

One line of JSON for each erasure, appended and on the disk before the erasure counts as completed.
It holds no value of anybody: the site, the ids that the profiles had, when, and the certificate.
A backup that is restored is older than the newest lines; until they have been replayed, nothing
serves. Copies of the file belong where copies of the backups are not.
"""

import json
import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from django.conf import settings

logger = logging.getLogger(__name__)

NAME: Final = "erasures.jsonl"


@dataclass(frozen=True, slots=True)
class Entry:
    """One erasure as the ledger tells it.

    Attributes:
        erased_at: the person's data of before this instant is gone.
        profile_ids: every profile that was the person's.
        digests: the tombstones that were written, as hex: who bears those names stays out.
        intervals: what else a replay needs, as JSON: it holds no value of the person either.
    """

    erasure_id: UUID
    site_id: UUID
    erased_at: datetime
    completed_at: datetime
    profile_ids: tuple[UUID, ...]
    digests: tuple[str, ...] = ()
    certificate_id: UUID | None = None
    intervals: Any = None


def path() -> Path:
    """Return where the ledger lies: $ATTUNE_HOME/ledger, or ERASURE_LEDGER."""
    return Path(settings.LEDGER_DIR) / NAME


def append(entry: Entry) -> None:
    """Write an entry; it is on the disk when this returns. The same again is only read once.

    Raises:
        OSError: it could not be written; the erasure must not count as completed.
    """
    place = path()
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    is_new = not place.exists()
    line = (json.dumps(_document(entry), separators=(",", ":")) + "\n").encode()
    handle = os.open(place, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        end = os.fstat(handle).st_size
        if end and os.pread(handle, 1, end - 1) != b"\n":
            line = b"\n" + line  # whoever wrote the last one did not come to its end
        written = 0
        while written < len(line):
            written += os.write(handle, line[written:])
        os.fsync(handle)
    finally:
        os.close(handle)
    if is_new:
        _sync_directory(place.parent)


def entries(file_path: Path | None = None) -> Iterator[Entry]:
    """Yield the erasures, oldest first, each once. A line that cannot be read is left out, loudly.

    No file: nothing was ever erased here.

    Args:
        file_path: of a copy; None: the ledger itself.
    """
    try:
        file = (file_path or path()).open(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return
    seen: set[UUID] = set()
    with file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                entry = _entry(json.loads(line))
            except (ValueError, KeyError, TypeError, AttributeError):
                logger.error("privacy.ledger_line_unreadable", extra={"line": number})
                continue
            if entry.erasure_id not in seen:
                seen.add(entry.erasure_id)
                yield entry


def is_empty() -> bool:
    """Whether nothing was ever erased here."""
    try:
        return path().stat().st_size == 0
    except FileNotFoundError:
        return True


def _document(entry: Entry) -> dict[str, Any]:
    return {
        "v": 1,
        "erasure": entry.erasure_id.hex,
        "site": entry.site_id.hex,
        "erasedAt": _text(entry.erased_at),
        "completedAt": _text(entry.completed_at),
        "profiles": [one.hex for one in entry.profile_ids],
        "digests": list(entry.digests),
        "certificate": None if entry.certificate_id is None else entry.certificate_id.hex,
        "intervals": entry.intervals,
    }


def _entry(said: dict[str, Any]) -> Entry:
    ids: Sequence[str] = said["profiles"]
    return Entry(
        erasure_id=UUID(said["erasure"]),
        site_id=UUID(said["site"]),
        erased_at=_instant(said["erasedAt"]),
        completed_at=_instant(said["completedAt"]),
        profile_ids=tuple(UUID(one) for one in ids),
        digests=tuple(str(one) for one in said["digests"]),
        certificate_id=None if said["certificate"] is None else UUID(said["certificate"]),
        intervals=said.get("intervals"),
    )


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()


def _instant(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def _sync_directory(directory: Path) -> None:
    """Have the name of a new file on the disk, too."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
