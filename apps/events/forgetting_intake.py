"""Forgetting what has not been stored yet: batches in the inbox, refused events, journal files.

Who was erased is barred before this runs, so nothing new comes in; the fold drops what it finds of
theirs. What nobody would look at again is taken out here: batches set aside, quarantine, files of
events that could not be moved.
"""

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
from django.db import connection, transaction

from apps.events import journal, quarantine
from apps.events.types import Accepted, InboxBody
from apps.profiles.holders import Subject, found_by_name
from apps.work import clock

# Who writes a journal moves it to the inbox within a second or so.
PATIENCE_S: Final = 10.0
_LOOK_EVERY_S: Final = 0.1

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(InboxBody).decode
_decode_event = msgspec.json.Decoder(Accepted).decode

_FIND: Final = """
SELECT DISTINCT part FROM events_inbox i
WHERE site_id = %s AND EXISTS (SELECT FROM unnest(%s::text[]) n WHERE strpos(i.body, n) > 0)
ORDER BY part
"""
_LOCK_PARTS: Final = """
SELECT part FROM events_inboxpart WHERE part = ANY(%s::int[]) ORDER BY part FOR UPDATE
"""
_TAKE: Final = """
SELECT id, body FROM events_inbox i
WHERE site_id = %s AND part = ANY(%s::int[])
  AND EXISTS (SELECT FROM unnest(%s::text[]) n WHERE strpos(i.body, n) > 0)
ORDER BY id FOR UPDATE
"""


class JournalWaits(RuntimeError):
    """Events of the person lie in the file of a process that lives and does not move it."""


def is_of(event: Accepted, subject: Subject) -> bool:
    """Whether an event is the person's: on a shared device, by when it happened."""
    own = set(subject.names)
    said = [
        ("user_id", event.user_id),
        ("anonymous_id", event.anonymous_id),
        ("user_id", event.previous_id),
        ("anonymous_id", event.previous_id),
    ]
    if any(value is not None and (kind, value) in own for kind, value in said):
        return True
    if event.user_id is not None or event.anonymous_id is None:
        return False
    return subject.owns("anonymous_id", event.anonymous_id, clock.from_ms(event.occurred_ms))


def _forms(subject: Subject) -> list[str]:
    """The names as they stand in a body: JSON, in its quotes."""
    values = [*(value for _, value in subject.names), *(value for _, value, *_ in subject.shared)]
    return [_encode(value).decode() for value in dict.fromkeys(values)]


def _forget_inbox(subject: Subject) -> int:
    """Take the person's events out of waiting batches; return how many events."""
    forms = _forms(subject)
    count = 0
    with connection.cursor() as cursor:
        cursor.execute(_FIND, [str(subject.site_id), forms])
        parts = [part for (part,) in cursor.fetchall()]
        if not parts:
            return 0
        cursor.execute(_LOCK_PARTS, [parts])
        cursor.execute(_TAKE, [str(subject.site_id), parts, forms])
        for number, text in cursor.fetchall():
            try:
                body = _decode(text)
            except msgspec.MsgspecError:
                # Set aside because nobody can read it: whose the rest is cannot be told either.
                cursor.execute("DELETE FROM events_inbox WHERE id = %s", [number])
                count += 1
                continue
            kept = [event for event in body.e if not is_of(event, subject)]
            count += len(body.e) - len(kept)
            if not kept:
                cursor.execute("DELETE FROM events_inbox WHERE id = %s", [number])
            elif len(kept) < len(body.e):
                body.e = kept
                cursor.execute(
                    "UPDATE events_inbox SET body = %s WHERE id = %s",
                    [_encode(body).decode(), number],
                )
    return count


def _forget_journals(subject: Subject) -> int:
    """Wait for living journals, then count what refused files hold; it goes after the commit."""
    journal.move_abandoned()
    forms = [form.encode() for form in _forms(subject)]
    deadline = time.monotonic() + PATIENCE_S
    while any(_mentions(path, forms) for path in _files(journal.SUFFIX)):
        if time.monotonic() > deadline:
            raise JournalWaits
        time.sleep(_LOOK_EVERY_S)
        journal.move_abandoned()
    refused = [path for path in _files(journal.REFUSED) if _mentions(path, forms)]
    transaction.on_commit(lambda: _rewrite(refused, subject))
    return sum(
        is_of(_decode_event(packed.body), subject)
        for path in refused
        for frame in journal.frames_of(path)
        for packed in frame.events
    )


def _files(suffix: str) -> list[Path]:
    return sorted(journal.directory().glob(f"*{suffix}"))


def _mentions(path: Path, forms: Sequence[bytes]) -> bool:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return False
    return any(form in content for form in forms)


def _rewrite(paths: Sequence[Path], subject: Subject) -> None:
    """Replace each file by one without the person's events. Whole or not at all."""
    for path in paths:
        draft = path.with_suffix(f".{os.getpid()}.draft")
        with draft.open("wb") as file:
            for frame in journal.frames_of(path):
                kept = [one for one in frame.events if not is_of(_decode_event(one.body), subject)]
                if kept:
                    file.write(journal.framed(frame.owner, kept))
        draft.replace(path)
        if not path.stat().st_size:
            path.unlink()


INBOX = found_by_name("inbox", ("events_inbox",), _forget_inbox, "intake")
JOURNALS = found_by_name("journal files", (), _forget_journals, "intake", is_outside=True)
QUARANTINE = found_by_name("quarantine", ("events_quarantine",), quarantine.forget, "intake")
