"""Lists of people that files fill: made, filled, undone, and read. Every entry has its upload.

Entries are added and taken off, never changed: so the newest upload can be undone exactly. Reaching
the profiles is the work of list_applying.py.
"""

import hashlib
import json
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import Max

from apps.access.services import record_audit
from apps.consent.declared import TARGETING, UNDECLARED, problem_of
from apps.profiles import contacts
from apps.segments import list_files, services
from apps.segments.errors import InvalidFile, ListNotFound, UploadNotFound, UploadNotLatest
from apps.segments.list_applying import ask_to_apply
from apps.segments.list_files import DETAILS, MAX_FAULTS, Entry, Refused
from apps.segments.list_names import EMAIL_KIND
from apps.segments.models import ListMember, ListUpload, Segment, SegmentList
from apps.segments.selectors import entries_for

logger = logging.getLogger(__name__)

BATCH: Final = 5_000  # rows to the database at once
Actor = AbstractBaseUser | None

__all__ = ["Origin", "create_list", "entries_for", "list_of", "receive", "undo"]


@dataclass(frozen=True, slots=True)
class Origin:
    """Who sent a file: a member of staff or, `with_key`, the id of an API key."""

    file_name: str
    actor: Actor = None
    with_key: str = ""


@transaction.atomic
def create_list(
    *,
    site_id: UUID,
    key: str,
    name: str,
    actor: Actor,
    now: datetime,
    purpose: str = TARGETING,
    basis: str = "consent",
) -> SegmentList:
    """Create an empty list, and a published segment of the same key whose members are on it.

    Args:
        purpose: what the people on it may be used for, as in `apps.consent.declared`.
        basis: why they may be uploaded, one of its BASES.

    Raises:
        SegmentKeyTaken: a segment of the site has this key.
    """
    segment = services.create_segment(
        site_id=site_id,
        key=key,
        name=name,
        condition={"v": 1, "where": {"kind": "list", "key": key}},
        kind=Segment.Kind.LIST,
        actor=actor,
        now=now,
    )
    made = SegmentList.objects.create(
        site_id=site_id, key=key, name=name, purpose=purpose, basis=basis, created_at=now
    )
    services.publish_segment(
        site_id=site_id,
        segment_id=segment.pk,
        actor=actor,
        now=now,
        note="A new list.",
        is_approved=True,  # nobody is on it yet
    )
    return made


def list_of(site_id: UUID, key: str) -> SegmentList:
    """Return a list by its key.

    Raises:
        ListNotFound: the site has none of this key.
    """
    found = SegmentList.objects.filter(site_id=site_id, key=key).first()
    if found is None:
        raise ListNotFound(key)
    return found


@transaction.atomic
def receive(
    *, site_id: UUID, key: str, chunks: Iterable[bytes], mode: str, origin: Origin, now: datetime
) -> ListUpload:
    """Read a file into a list and ask for its entries to reach profiles.

    All good rows of a file count or, if it cannot be read at all, none. Bad rows are left out and
    reported by line and code; of rows that name one identity the last counts. Uploads of a list
    follow one another.

    Args:
        chunks: the bytes of the file in pieces.
        mode: ListUpload.Mode: "append", "replace" or "remove".

    Raises:
        ListNotFound: the site has no such list.
        InvalidFile: the file as a whole is no list.
    """
    found = SegmentList.objects.select_for_update().filter(site_id=site_id, key=key).first()
    if found is None:
        raise ListNotFound(key)
    if problem_of(found.purpose) is not None and mode != ListUpload.Mode.REMOVE:
        raise InvalidFile(f"nobody may be put on it. {UNDECLARED}")
    sha256 = hashlib.sha256()
    rows = list_files.read(_hashed(chunks, sha256), now=now)
    upload = ListUpload(
        segment_list=found,
        number=_next_number(found),
        mode=ListUpload.Mode(mode),
        file_name=_plain(origin.file_name),
        uploaded_by_id=origin.actor.pk if origin.actor is not None else None,
        uploaded_with=origin.with_key,
        uploaded_at=now,
    )
    _stage(rows, upload)
    if upload.mode == ListUpload.Mode.REPLACE and upload.refused and upload.refused == upload.rows:
        raise InvalidFile("every row of it is bad, so it does not replace anybody.")
    upload.sha256 = sha256.hexdigest()
    upload.save(force_insert=True)
    _take_over(upload)
    upload.state = ListUpload.State.APPLYING
    upload.save(update_fields=["state", "added", "removed"])
    ask_to_apply(found, now=now)
    _audit("segments.list_uploaded", upload, origin.actor, now)
    logger.info(
        "segments.list_uploaded",
        extra={"list": found.pk, "rows": upload.rows, "refused": upload.refused},
    )
    return upload


@transaction.atomic
def undo(*, site_id: UUID, key: str, upload_id: UUID, actor: Actor, now: datetime) -> ListUpload:
    """Take an upload back: its entries go, those that it took off come back. Repeatable.

    Raises:
        ListNotFound, UploadNotFound: there is no such upload.
        UploadNotLatest: a later upload of the list still counts, or what it took off is no longer
            kept.
    """
    found = SegmentList.objects.select_for_update().filter(site_id=site_id, key=key).first()
    if found is None:
        raise ListNotFound(key)
    upload = found.uploads.filter(pk=upload_id).first()
    if upload is None:
        raise UploadNotFound
    if upload.state == ListUpload.State.UNDONE:
        return upload
    counting = found.uploads.exclude(state=ListUpload.State.UNDONE)
    if counting.filter(number__gt=upload.number).exists() or upload.is_final:
        raise UploadNotLatest
    # An entry that its own upload took off stands for nothing: it goes when its profile knows.
    ListMember.objects.filter(upload=upload).update(removed_by=upload, is_applied=False)
    taken_off = ListMember.objects.filter(removed_by=upload).exclude(upload=upload)
    taken_off.update(removed_by=None, is_applied=False)
    upload.state, upload.undone_at = ListUpload.State.UNDONE, now
    upload.undone_by_id = actor.pk if actor is not None else None
    upload.save(update_fields=["state", "undone_at", "undone_by"])
    ask_to_apply(found, now=now)
    _audit("segments.list_upload_undone", upload, actor, now)
    return upload


# Reading a file

_STAGE_TABLE = """
CREATE TEMPORARY TABLE segments_staged (
  kind text NOT NULL, value text NOT NULL, expires_at timestamptz, PRIMARY KEY (kind, value)
) ON COMMIT DROP
"""
_STAGE_ROWS = """
INSERT INTO segments_staged (kind, value, expires_at)
SELECT kind, value, expires_at
FROM jsonb_to_recordset(%s::jsonb) AS r(kind text, value text, expires_at timestamptz)
ON CONFLICT (kind, value) DO UPDATE SET expires_at = excluded.expires_at
"""


def _hashed(chunks: Iterable[bytes], sha256: "hashlib._Hash") -> Iterator[bytes]:
    for chunk in chunks:
        sha256.update(chunk)
        yield chunk


def _stage(rows: Iterator[Entry | Refused], upload: ListUpload) -> None:
    """Put the good rows into a table of their own, and count and note the bad ones."""
    batch: dict[tuple[str, str], datetime | None] = {}
    faults: list[dict[str, object]] = []
    site_id = upload.segment_list.site_id
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS segments_staged")
        cursor.execute(_STAGE_TABLE)
        for row in rows:
            upload.rows += 1
            if isinstance(row, Refused):
                upload.refused += 1
                if len(faults) < MAX_FAULTS:
                    faults.append({"line": row.line, "code": row.code, "detail": DETAILS[row.code]})
                continue
            batch[row.kind, row.value] = row.expires_at
            if len(batch) == BATCH:
                _write(cursor, site_id, batch)
        _write(cursor, site_id, batch)
        cursor.execute("ANALYZE segments_staged")
    upload.faults = faults


def _write(
    cursor: CursorWrapper, site_id: UUID, batch: dict[tuple[str, str], datetime | None]
) -> None:
    rows = [
        {
            "kind": kind,
            "value": contacts.blinded(site_id, value) if kind == EMAIL_KIND else value,
            "expires_at": at.isoformat() if at is not None else None,
        }
        for (kind, value), at in batch.items()
    ]
    if rows:
        cursor.execute(_STAGE_ROWS, [json.dumps(rows)])
    batch.clear()


# An entry that says the same already stays as it is, and keeps its first upload.
_REPLACED = """
UPDATE segments_listmember m SET removed_by_id = %(upload)s, is_applied = false
FROM segments_staged s
WHERE m.segment_list_id = %(list)s AND m.removed_by_id IS NULL
  AND m.kind = s.kind AND m.value = s.value
  AND (%(removes)s OR m.expires_at IS DISTINCT FROM s.expires_at)
"""
_MISSING = """
UPDATE segments_listmember m SET removed_by_id = %(upload)s, is_applied = false
WHERE m.segment_list_id = %(list)s AND m.removed_by_id IS NULL
  AND NOT EXISTS (SELECT 1 FROM segments_staged s WHERE s.kind = m.kind AND s.value = m.value)
"""
_ADDED = """
INSERT INTO segments_listmember
  (segment_list_id, kind, value, expires_at, upload_id, is_applied)
SELECT %(list)s, s.kind, s.value, s.expires_at, %(upload)s, false FROM segments_staged s
WHERE NOT EXISTS (
  SELECT 1 FROM segments_listmember m WHERE m.segment_list_id = %(list)s
    AND m.removed_by_id IS NULL AND m.kind = s.kind AND m.value = s.value)
"""


def _take_over(upload: ListUpload) -> None:
    """Make the list what the staged rows and the mode say; counts what changed."""
    removes = upload.mode == ListUpload.Mode.REMOVE
    params: dict[str, Any] = {
        "list": str(upload.segment_list_id),
        "upload": str(upload.pk),
        "removes": removes,
    }
    with connection.cursor() as cursor:
        cursor.execute(_REPLACED, params)
        changed = cursor.rowcount
        if upload.mode == ListUpload.Mode.REPLACE:
            cursor.execute(_MISSING, params)
            upload.removed = cursor.rowcount
        if removes:
            upload.removed = changed
        else:
            cursor.execute(_ADDED, params)
            upload.added = cursor.rowcount
        cursor.execute("DROP TABLE segments_staged")
        if upload.added + upload.removed >= BATCH:
            # Or the planner still thinks that the list is as short as it was.
            cursor.execute("ANALYZE segments_listmember")


def _next_number(found: SegmentList) -> int:
    return (found.uploads.aggregate(last=Max("number"))["last"] or 0) + 1


def _plain(file_name: str) -> str:
    """The name of a file without its directories or anything that is no character."""
    last = file_name.replace("\\", "/").rpartition("/")[2]
    return "".join(c for c in last if c.isprintable())[:200] or "unnamed"


def _audit(action: str, upload: ListUpload, actor: Actor, now: datetime) -> None:
    record_audit(
        action=action,
        actor=actor,
        site_id=upload.segment_list.site_id,
        target_kind="segments.segmentlist",
        target_id=str(upload.segment_list_id),
        detail={
            "key": upload.segment_list.key,
            "upload": str(upload.pk),
            "mode": upload.mode,
            "rows": upload.rows,
            "refused": upload.refused,
            "added": upload.added,
            "removed": upload.removed,
            **({"with": upload.uploaded_with} if upload.uploaded_with else {}),
        },
        now=now,
    )
