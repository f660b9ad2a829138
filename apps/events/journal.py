"""Events that are answered before they are in the inbox: kept in files that outlive their process.

An event is appended by one write, so it is in the kernel's hands when its caller is answered: a
process killed with -9 loses nothing, a machine without power what its kernel had not written yet.
The process that wrote a file moves it to the inbox soon after; the file of a dead process is moved
by any other that looks. Who is alive the kernel knows: every file is locked by its writer. Moving
one twice is harmless, because the inbox knows every message id.

A file is a sequence of frames: length and CRC-32 of what follows (8 bytes, big endian), then
msgpack: [site id, source id, [[digest, body, part, occurred ms], ...]].
"""

import contextlib
import fcntl
import logging
import os
import struct
import threading
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from itertools import groupby
from pathlib import Path
from typing import Final, NamedTuple
from uuid import UUID, uuid4
from zlib import crc32

import msgspec
from django.conf import settings
from django.db import InterfaceError, OperationalError, ProgrammingError, connection

from apps.events.collect import record_packed
from apps.events.inbox import Packed
from apps.events.types import HasSource
from apps.work import clock

logger = logging.getLogger(__name__)

MAX_BYTES: Final = 64 * 1024 * 1024  # waiting; what comes then is the request's own to store
BATCH_SIZE: Final = 500  # events in a statement
SUFFIX: Final = ".journal"
REFUSED: Final = ".refused"
_HEAD: Final = struct.Struct(">II")
_encode: Final = msgspec.msgpack.Encoder().encode
# Time cures these; anything else would come back each time.
AWAY: Final = (OperationalError, InterfaceError, ProgrammingError)


class Owner(NamedTuple):
    """Whose events they are, as intake wants to know it."""

    site_id: UUID
    source_id: UUID


class Frame(msgspec.Struct, array_like=True):
    """The events of one call."""

    site: bytes
    source: bytes
    events: list[Packed]

    @property
    def owner(self) -> Owner:
        return Owner(UUID(bytes=self.site), UUID(bytes=self.source))


_decoder: Final = msgspec.msgpack.Decoder(Frame)


class _File:
    """One journal file, open and locked."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / f"{uuid4().hex}{SUFFIX}"
        flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_APPEND | os.O_CLOEXEC
        self.number = os.open(self.path, flags, 0o600)
        fcntl.flock(self.number, fcntl.LOCK_EX)
        self.size = 0

    def empty(self) -> None:
        os.ftruncate(self.number, 0)
        self.size = 0

    def close(self) -> None:
        os.close(self.number)


class Journal:
    """The files of this process. `append` may be called by several threads, `move` by one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._active: _File | None = None
        self._sealed: list[_File] = []
        self._spare: list[_File] = []
        self._waiting = 0  # bytes

    def append(self, owner: HasSource, events: Sequence[Packed]) -> None:
        """Keep events; they are safe from the end of this process when this returns.

        Raises:
            OSError: nothing was kept: the disk is full, or too much waits already.
        """
        frame = framed(owner, events)
        with self._lock:
            if self._waiting + len(frame) > MAX_BYTES:
                raise OSError("The journal is full.")
            file = self._active
            if file is None:
                file = self._active = self._spare.pop() if self._spare else _new_file()
            if os.write(file.number, frame) != len(frame):
                self._cut_back(file)
                raise OSError("The journal could not be written.")
            file.size += len(frame)
            self._waiting += len(frame)

    def move(self) -> int:
        """Move everything kept to the inbox, on the caller's connection; return how many events.

        Raises:
            OperationalError, InterfaceError, ProgrammingError: the record is away; all is kept.
        """
        count = 0
        with self._lock:
            if self._active is not None and self._active.size:
                self._sealed.append(self._active)
                self._active = None
        while self._sealed:
            file = self._sealed[0]
            count += _move(file.number, file.path)
            with self._lock:
                self._waiting -= file.size
                file.empty()
                self._spare.append(self._sealed.pop(0))
        return count

    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return self._waiting == 0

    def close(self) -> None:
        """Let go of the files: empty ones are removed, others belong to whoever looks next."""
        with self._lock:
            active = [self._active] if self._active is not None else []
            for file in (*active, *self._sealed, *self._spare):
                if not file.size:
                    with contextlib.suppress(OSError):
                        file.path.unlink()
                file.close()
            self._forget()

    def after_fork(self) -> None:
        """In a child: the files are the parent's."""
        self._lock = threading.Lock()
        active = [self._active] if self._active is not None else []
        for file in (*active, *self._sealed, *self._spare):
            file.close()
        self._forget()

    def _forget(self) -> None:
        self._active, self._sealed, self._spare, self._waiting = None, [], [], 0

    def _cut_back(self, file: _File) -> None:
        """Take half a frame off the end; where even that fails, write nothing more behind it."""
        try:
            os.ftruncate(file.number, file.size)
        except OSError:
            self._sealed.append(file)
            self._active = None


def move_abandoned() -> int:
    """Move what processes that are gone had kept to the inbox; return how many events. Repeatable.

    Raises:
        OperationalError, InterfaceError, ProgrammingError: the record is away; all is kept.
    """
    count = 0
    for path in sorted(directory().glob(f"*{SUFFIX}")):
        try:
            count += _move_if_abandoned(path)
        except FileNotFoundError:
            continue  # somebody else was faster
        except OSError:
            logger.exception("events.journal_unreadable")
    return count


def _move_if_abandoned(path: Path) -> int:
    number = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        found = _move(number, path)
        path.unlink()
    except BlockingIOError:
        return 0  # its writer lives, or somebody else moves it
    finally:
        os.close(number)
    if found:
        logger.info("events.journal_moved", extra={"count": found})
    return found


def directory() -> Path:
    """Where this database's journals lie: those of another one must not be moved into it."""
    place = connection.settings_dict
    name = "|".join(str(place.get(part) or "") for part in ("PORT", "NAME"))
    return Path(settings.JOURNAL_DIR) / blake2b(name.encode(), digest_size=8).hexdigest()


def _new_file() -> _File:
    place = directory()
    place.mkdir(parents=True, exist_ok=True)
    while True:
        file = _File(place)
        # Between making and locking it somebody may have taken it for abandoned, and removed it.
        if os.fstat(file.number).st_nlink:
            return file
        file.close()


def _move(number: int, path: Path) -> int:
    """Move the frames of a file; those that the record refuses for good are set aside beside it."""
    frames = list(_frames(number))
    count = 0
    for owner, group in groupby(sorted(frames, key=_sorting), key=lambda frame: frame.owner):
        calls = list(group)
        try:
            count += _store(owner, calls)
        except AWAY:
            raise
        except Exception:
            logger.exception("events.journal_refused")
            count += _store_each(owner, calls, path)
    return count


def _sorting(frame: Frame) -> tuple[bytes, bytes]:
    return frame.site, frame.source


def _store(owner: Owner, calls: Sequence[Frame]) -> int:
    events = [event for frame in calls for event in frame.events]
    now = clock.now()
    for start in range(0, len(events), BATCH_SIZE):
        record_packed(owner, events[start : start + BATCH_SIZE], now=now)
    return len(events)


def _store_each(owner: Owner, calls: Sequence[Frame], path: Path) -> int:
    count = 0
    for frame in calls:
        try:
            count += _store(owner, [frame])
        except AWAY:
            raise
        except Exception:
            with path.with_suffix(REFUSED).open("ab") as file:
                file.write(framed(frame.owner, frame.events))
    return count


def framed(owner: HasSource, events: Sequence[Packed]) -> bytes:
    """Return the events of one call as they stand in a file."""
    payload = _encode((owner.site_id.bytes, owner.source_id.bytes, events))
    return _HEAD.pack(len(payload), crc32(payload)) + payload


def frames_of(path: Path) -> list[Frame]:
    """Return the whole frames of a file; none for one that is gone."""
    try:
        number = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return []
    try:
        return list(_frames(number))
    finally:
        os.close(number)


def _frames(number: int) -> Iterator[Frame]:
    """Yield the whole frames of a file; the last one may lack its end, and was never answered."""
    content = os.pread(number, os.fstat(number).st_size, 0)
    at = 0
    while at + _HEAD.size <= len(content):
        size, check = _HEAD.unpack_from(content, at)
        payload = content[at + _HEAD.size : at + _HEAD.size + size]
        if len(payload) != size or crc32(payload) != check:
            return
        yield _decoder.decode(payload)
        at += _HEAD.size + size
