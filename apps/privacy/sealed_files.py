"""Files that leave the server, encrypted: a dump is as dear as the database.

AES-256-GCM in pieces, under a key derived from the first master key and a salt of the file's own.
The number of a piece, and whether it is the last, are part of its nonce: pieces cannot be left out,
cut off or put in another order.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from apps.profiles import vault

_MARK: Final = b"attune sealed file 1\n"
_SALT: Final = 16
_TAG: Final = 16
_PIECE: Final = 1024 * 1024


class NotReadable(Exception):
    """The file is none of ours, has been changed or cut, or its master key is not given."""


def write(path: Path, chunks: Iterable[bytes]) -> int:
    """Write a file that only its owner may read, on the disk when this returns; return its bytes.

    It appears under its name when it is whole.
    """
    part = path.with_name(f"{path.name}.part")
    master, salt = vault.first_master(), os.urandom(_SALT)
    name = master.name.encode()
    head = _MARK + bytes([len(name)]) + name + salt
    cipher = AESGCM(vault.file_key(master.name, salt))
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(head)
        for number, (piece, is_last) in enumerate(_pieces(chunks)):
            file.write(cipher.encrypt(_nonce(number, is_last), piece, head))
        file.flush()
        os.fsync(file.fileno())
        size = file.tell()
    part.replace(path)
    return size


def read(path: Path) -> Iterator[bytes]:
    """Yield what a file holds. A piece is told only once it has been found whole.

    Raises:
        NotReadable: see there.
        OSError: it cannot be opened.
    """
    with path.open("rb") as file:
        head, cipher = _opened(file, path)
        number = 0
        piece = file.read(_PIECE + _TAG)
        while True:
            after = file.read(_PIECE + _TAG)
            try:
                yield cipher.decrypt(_nonce(number, not after), piece, head)
            except (InvalidTag, ValueError):
                raise NotReadable(f"{path.name} has been changed or is not whole.") from None
            if not after:
                return
            piece, number = after, number + 1


def _opened(file: BinaryIO, path: Path) -> tuple[bytes, AESGCM]:
    mark = file.read(len(_MARK) + 1)
    if mark[:-1] != _MARK:
        raise NotReadable(f"{path.name} is no backup of Attune.")
    rest = file.read(mark[-1] + _SALT)
    name, salt = rest[: mark[-1]], rest[mark[-1] :]
    try:
        return mark + rest, AESGCM(vault.file_key(name.decode("ascii", "replace"), salt))
    except LookupError as error:
        raise NotReadable(str(error)) from None


def _pieces(chunks: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Cut into pieces of one size; the last, which may be empty, is told as such."""
    waiting = bytearray()
    for chunk in chunks:
        waiting += chunk
        while len(waiting) > _PIECE:
            yield bytes(waiting[:_PIECE]), False
            del waiting[:_PIECE]
    yield bytes(waiting), True


def _nonce(number: int, is_last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([is_last])
