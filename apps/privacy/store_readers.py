"""Every place where something of a person could be, read piece by piece: all of each store."""

import bz2
import gzip
import io
import json
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple
from uuid import UUID

import redis
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import connection, transaction

from apps.work.redis import connection as redis_connection

PIECE: Final = 4 * 1024 * 1024  # bytes
MOST_UNPACKED: Final = 256 * 1024 * 1024  # of one packed thing: a bomb tells nothing
_MOST_LAYERS: Final = 3

_RELATIONS: Final = """
SELECT c.relname,
  array(SELECT a.attname::text FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
          AND t.typname = 'bytea'),
  coalesce((SELECT min(a.attname) FROM pg_attribute a WHERE a.attrelid = c.oid
        AND a.attname = 'profile_id' AND NOT a.attisdropped), '')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'm') ORDER BY c.relname
"""


class Piece(NamedTuple):
    """A part of a store. `profile_of` tells whose the row is that a place in it belongs to."""

    store: str
    content: bytes
    profile_of: Callable[[int], UUID | None] = lambda at: None


See = Callable[[Piece], None]


def tables(see: See) -> None:
    """Show every relation of the schema as COPY writes it, partitions one by one.

    Columns of bytes follow apart, value by value, unpacked where they are packed.
    """
    with connection.cursor() as cursor:
        cursor.execute(_RELATIONS)
        relations = cursor.fetchall()
    for name, columns_of_bytes, owner in relations:
        columns = f't."{owner}", t.*' if owner else "t.*"
        store = f"table {name}"
        _copy(
            f'COPY (SELECT {columns} FROM "{name}" t) TO STDOUT',
            partial(_see_lines, see, store, bool(owner)),
        )
        for column in columns_of_bytes:
            for content in _values(name, column):
                for one in unpacked(content):
                    see(Piece(f"{store}.{column}", one))


def sessions(see: See) -> None:
    """Show what sessions of the staff hold: in their table they are packed and signed."""
    for row in Session.objects.iterator(chunk_size=500):
        see(Piece("sessions", json.dumps(row.get_decoded(), default=str).encode()))


def _see_lines(see: See, store: str, is_owned: bool, lines: bytes) -> None:
    see(Piece(store, lines, _owner_of(lines) if is_owned else _nobody))


def _nobody(at: int) -> UUID | None:
    return None


def _owner_of(lines: bytes) -> Callable[[int], UUID | None]:
    """The first column of each line is the profile that the row is about."""

    def profile_of(at: int) -> UUID | None:
        start = lines.rfind(b"\n", 0, at) + 1
        text = lines[start : start + 36]
        try:
            return UUID(text.decode("ascii"))
        except ValueError:
            return None

    return profile_of


class _Lines(io.RawIOBase):
    """What COPY writes, handed on in pieces of whole lines."""

    def __init__(self, hand_on: Callable[[bytes], None]) -> None:
        self._hand_on = hand_on
        self._open = bytearray()

    def write(self, content: Any) -> int:
        """Take what COPY has written; a line too long for a piece makes a longer one."""
        self._open += content
        if len(self._open) >= PIECE:
            self._cut(self._open.rfind(b"\n") + 1)
        return len(content)

    def finish(self) -> None:
        """Hand on what is left."""
        self._cut(len(self._open))

    def _cut(self, end: int) -> None:
        if end:
            self._hand_on(bytes(self._open[:end]))
            del self._open[:end]


def _copy(statement: str, hand_on: Callable[[bytes], None]) -> None:
    lines = _Lines(hand_on)
    connection.ensure_connection()
    with connection.connection.cursor() as cursor:
        cursor.copy_expert(statement, lines)
    lines.finish()


def _values(table: str, column: str) -> Iterator[bytes]:
    """Yield the values of a column of bytes, empty ones left out; 500 at a time are in memory."""
    with transaction.atomic(), connection.chunked_cursor() as cursor:
        cursor.execute(f'SELECT "{column}" FROM "{table}" WHERE octet_length("{column}") > 0')
        while rows := cursor.fetchmany(500):
            for (value,) in rows:
                yield bytes(value)


def redis_keys(see: See) -> None:
    """Show every key of Redis with what it holds, read as its type demands; queues among them."""
    client = redis_connection()
    for key in client.scan_iter(count=1_000):
        name = bytes(key)
        kind = _store_of(name)
        see(Piece(kind, name))
        for content in _held(client, name):
            for one in unpacked(content):
                see(Piece(kind, one))


def _store_of(name: bytes) -> str:
    if name.startswith(b"a:") and name.endswith(b":s"):
        return "Redis: hot state"
    if name == b"attune:live":
        return "Redis: notices"
    return f"Redis: {name.split(b':', 1)[0].decode('ascii', 'replace')[:40]}"


def _held(client: "redis.Redis", name: bytes) -> list[bytes]:
    reads: dict[bytes, Callable[[], Any]] = {
        b"string": lambda: client.get(name),
        b"list": lambda: client.lrange(name, 0, -1),
        b"set": lambda: client.smembers(name),
        b"zset": lambda: client.zrange(name, 0, -1),
        b"hash": lambda: client.hgetall(name),
        b"stream": lambda: client.xrange(name),
    }
    kind: Any = client.type(name)
    return list(_flat(reads[kind]())) if kind in reads else []


def _flat(value: Any) -> Iterator[bytes]:
    match value:
        case bytes():
            yield value
        case str():
            yield value.encode()
        case dict():
            for key, one in value.items():
                yield from _flat(key)
                yield from _flat(one)
        case list() | tuple() | set():
            for one in value:
                yield from _flat(one)


def places() -> list[tuple[str, Path]]:
    """Return the directories that are searched, by the name of their store."""
    home = Path(settings.ARTIFACT_DIR).parent
    found = [
        ("files: models", Path(settings.ARTIFACT_DIR)),
        ("files: journal", Path(settings.JOURNAL_DIR)),
        ("files: logs", home / "log"),
        ("files: outbox", Path(settings.EMAIL_FILE_PATH)),
    ]
    if settings.MEDIA_ROOT:
        found.append(("files: media", Path(settings.MEDIA_ROOT)))
    return found


def files(see: See, overlap: int) -> None:
    """Show every file of ours in pieces that overlap by so many bytes, unpacked as well."""
    for store, directory in places():
        for path in sorted(directory.rglob("*")) if directory.is_dir() else ():
            if path.is_file() and not path.is_symlink():
                see(Piece(store, path.name.encode("utf-8", "surrogateescape")))
                for one in _file(path, overlap):
                    see(Piece(store, one))


def _file(path: Path, overlap: int) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            head = file.read(PIECE)
            if _is_packed(head):
                yield from unpacked(head + file.read(MOST_UNPACKED))
                return
            while head:
                more = file.read(PIECE)
                yield head
                head = head[-overlap:] + more if more else b""
    except OSError:
        return  # gone meanwhile: a journal that was moved, a log that was rotated


def _is_packed(content: bytes) -> bool:
    return any(content.startswith(head) for head, _ in _PACKED) or content[:2] in _ZLIB


def unpacked(content: bytes, layer: int = 0) -> Iterator[bytes]:
    """Yield what is there, and what it holds if it is packed: gzip, zlib, bzip2, xz or a zip."""
    yield content
    if layer >= _MOST_LAYERS or not _is_packed(content):
        return
    if content.startswith(b"PK\x03\x04"):
        yield from _in_archive(content, layer)
        return
    for head, unpack in (*_PACKED, *((one, _inflated) for one in _ZLIB)):
        if content.startswith(head):
            try:
                inner = unpack(content)
            except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError):
                continue
            if inner:
                yield from unpacked(inner, layer + 1)
            return


def _inflated(content: bytes) -> bytes:
    return zlib.decompressobj().decompress(content, MOST_UNPACKED)


def _gunzipped(content: bytes) -> bytes:
    with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
        return file.read(MOST_UNPACKED)


def _bunzipped(content: bytes) -> bytes:
    return bz2.BZ2Decompressor().decompress(content, MOST_UNPACKED)


def _unxzed(content: bytes) -> bytes:
    return lzma.LZMADecompressor().decompress(content, MOST_UNPACKED)


def _in_archive(content: bytes, layer: int) -> Iterator[bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for member in archive.infolist()[:10_000]:
                yield member.filename.encode("utf-8", "surrogateescape")
                if member.file_size <= MOST_UNPACKED:
                    yield from unpacked(archive.read(member), layer + 1)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, zlib.error, OSError):
        return


_PACKED: Final[tuple[tuple[bytes, Callable[[bytes], bytes]], ...]] = (
    (b"\x1f\x8b", _gunzipped),
    (b"BZh", _bunzipped),
    (b"\xfd7zXZ\x00", _unxzed),
    (b"PK\x03\x04", lambda content: b""),
)
_ZLIB: Final = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
