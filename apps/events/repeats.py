"""What this process has just stored: who sends it again is told so without asking the database."""

import threading
from collections.abc import Iterable
from typing import Final

from django.db import connection

KEPT: Final = 25_000  # at least as many of the newest, at most twice as many; some 200 bytes each


class _Known(threading.local):
    """Sources with digests of message ids, of one connection: another database may know others.

    Two sets, the older of which goes when the younger is full.
    """

    def __init__(self) -> None:
        self.connection: object = None
        self.younger: set[str] = set()
        self.older: set[str] = set()


_known: Final = _Known()


def is_known(key: str) -> bool:
    """Whether it was stored, and committed, over this thread's present connection."""
    return (
        key in _known.younger or key in _known.older
    ) and _known.connection is connection.connection


def remember(keys: Iterable[str]) -> None:
    """Note what was stored. Inside a transaction nothing is: it may be rolled back."""
    if connection.in_atomic_block:
        return
    if _known.connection is not connection.connection:
        _known.connection = connection.connection
        _known.younger, _known.older = set(), set()
    if len(_known.younger) >= KEPT:
        _known.younger, _known.older = set(), _known.younger
    _known.younger.update(keys)
