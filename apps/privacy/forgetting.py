"""What lies apart from everybody's tables and may name somebody: found by name, in small stores.

Sessions of the staff, answers kept for a day, texts of errors, the outbox of a machine without
mail: each is small, however many people there are.
"""

import contextlib
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import connection, transaction

from apps.profiles.holders import Subject, found_by_name

_LEAST: Final = 6  # characters of a value that is looked for in a text
_STAFF_SESSIONS: Final = 10_000
_GONE: Final = "The text was removed with an erasure."

# A day of them at most, and only of callers that send an Idempotency-Key.
_ANSWERS: Final = """
DELETE FROM access_idempotentcall WHERE site_id = %(site)s AND EXISTS (
  SELECT FROM unnest(%(texts)s::bytea[]) t WHERE position(t IN body) > 0)
"""
_ERRORS: Final = """
UPDATE work_intent SET error = %(gone)s WHERE error <> '' AND EXISTS (
  SELECT FROM unnest(%(texts)s::text[]) t WHERE strpos(error, t) > 0)
"""
_TASKS: Final = """
DELETE FROM work_intent WHERE site_id = %(site)s AND state IN ('done', 'failed') AND EXISTS (
  SELECT FROM unnest(%(ids)s::text[]) t WHERE strpos(payload::text, t) > 0)
"""


def _texts(subject: Subject) -> list[str]:
    return [value for _, value in subject.names if len(value) >= _LEAST]


def _ids(subject: Subject) -> list[str]:
    return [text for one in subject.profile_ids for text in (one.hex, str(one))]


def _forget_answers(subject: Subject) -> int:
    texts = [text.encode() for text in (*_texts(subject), *_ids(subject))]
    with connection.cursor() as cursor:
        cursor.execute(_ANSWERS, {"site": str(subject.site_id), "texts": texts})
        return int(cursor.rowcount)


def _forget_tasks(subject: Subject) -> int:
    """Empty errors that name the person, and delete ended tasks about them."""
    texts = [*_texts(subject), *_ids(subject)]
    with connection.cursor() as cursor:
        cursor.execute(_ERRORS, {"gone": _GONE, "texts": texts})
        count = int(cursor.rowcount)
        cursor.execute(_TASKS, {"site": str(subject.site_id), "ids": _ids(subject)})
        return count + int(cursor.rowcount)


def _forget_sessions(subject: Subject) -> int:
    """Take the person out of the sessions of who has looked at them; nobody is signed out."""
    texts = [*_texts(subject), *_ids(subject)]
    store: Any = import_module(settings.SESSION_ENGINE).SessionStore
    count = 0
    for row in Session.objects.order_by("-expire_date")[:_STAFF_SESSIONS]:
        content = row.get_decoded()
        kept, removed = _without(content, texts)
        if removed:
            row.session_data = store().encode(kept)
            row.save(update_fields=["session_data"])
            count += removed
    return count


def _without(value: Any, texts: list[str]) -> tuple[Any, int]:
    """Return a JSON value without the entries that name somebody, and how many these were."""
    if isinstance(value, dict):
        kept, removed = {}, 0
        for key, one in value.items():
            if any(text in str(key) for text in texts):
                removed += 1
                continue
            kept[key], more = _without(one, texts)
            removed += more
        return kept, removed
    if isinstance(value, list):
        pairs = [_without(one, texts) for one in value]
        return [one for one, _ in pairs], sum(more for _, more in pairs)
    if isinstance(value, str) and any(text in value for text in texts):
        return "", 1
    return value, 0


def _outbox(subject: Subject) -> list[Path]:
    directory = Path(settings.EMAIL_FILE_PATH or "")
    if not settings.EMAIL_FILE_PATH or not directory.is_dir():
        return []
    texts = [text.encode() for text in (*_texts(subject), *_ids(subject))]
    found = []
    for path in directory.rglob("*"):
        with contextlib.suppress(OSError):
            if path.is_file() and any(text in path.read_bytes() for text in texts):
                found.append(path)
    return found


def _forget_outbox(subject: Subject) -> int:
    """Delete messages that a machine without a mail server has written to files."""
    found = _outbox(subject)
    transaction.on_commit(partial(_unlink, found))
    return len(found)


def _unlink(paths: list[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


HOLDERS: Final = (
    found_by_name("kept answers", ("access_idempotentcall",), _forget_answers, "files"),
    found_by_name("tasks", ("work_intent",), _forget_tasks, "derived"),
    found_by_name("sessions", ("django_session",), _forget_sessions, "files"),
    found_by_name("outbox", (), _forget_outbox, "files", is_outside=True),
)
