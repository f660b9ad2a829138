"""Thousands of needles in gigabytes: eight bytes at each place of a text are hashed into a table of
four million bits, and only the few places that it lets through are compared.

Only those who search import this module (numpy).
"""

from collections.abc import Collection, Iterator
from typing import Any, Final

import numpy as np

WIDTH: Final = 8  # bytes; shorter needles are looked for one by one
_BITS: Final = 22
_FACTOR: Final = np.uint64(0x9E3779B97F4A7C15)
_SHIFT: Final = np.uint64(64 - _BITS)


class Windows:
    """Where one of some ends of WIDTH bytes may stand."""

    def __init__(self, ends: Collection[bytes]) -> None:
        """Build the table of ends, each WIDTH bytes long."""
        self._table = np.zeros(1 << _BITS, dtype=np.bool_)
        numbers = np.frombuffer(b"".join(ends), dtype="<u8")
        self._table[(numbers * _FACTOR) >> _SHIFT] = True

    def places_in(self, content: bytes) -> Iterator[int]:
        """Yield the places at which an end may begin: all of them, and some few others."""
        if len(content) < WIDTH:
            return
        windows: Any = np.ndarray(
            shape=(len(content) - WIDTH + 1,), dtype="<u8", buffer=content, strides=(1,)
        )
        yield from np.flatnonzero(self._table[(windows * _FACTOR) >> _SHIFT]).tolist()
