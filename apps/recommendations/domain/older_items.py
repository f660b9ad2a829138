"""Which items are among many that are not kept by name: a few bits each, none is ever forgotten.

What somebody bought must never be shown to them, and nobody's state may grow without end. So beyond
a number of items by name the others are kept as a Bloom filter of 4 KB: it says yes of every item
that was noted, and of others the more often the more were noted (of 2,000: 1 in 500).

Source: Bloom, Communications of the ACM 13 (1970).
"""

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from typing import Final

BITS: Final = 32_768
EACH: Final = 4  # bits of one item
EVERYTHING: Final = b64encode(b"\xff" * (BITS // 8)).decode()


def noted(text: str, codes: Iterable[str]) -> str:
    """Return the filter with these items, too; "" is an empty one."""
    bits = bytearray(b64decode(text)) if text else bytearray(BITS // 8)
    for code in codes:
        for place in _places(code):
            bits[place >> 3] |= 1 << (place & 7)
    return b64encode(bits).decode()


def joined(one: str, other: str) -> str:
    """Return the filter of everything that either has."""
    if not one or not other:
        return one or other
    pairs = zip(b64decode(one), b64decode(other), strict=True)
    return b64encode(bytes(a | b for a, b in pairs)).decode()


class OlderItems:
    """A filter, opened to be asked about many items.

    Raises:
        ValueError: the text is none.
    """

    __slots__ = ("_bits",)

    def __init__(self, text: str) -> None:
        self._bits = b64decode(text, validate=True)
        if len(self._bits) != BITS // 8:
            raise ValueError("It has another size.")

    def __contains__(self, code: object) -> bool:
        return isinstance(code, str) and all(
            self._bits[place >> 3] >> (place & 7) & 1 for place in _places(code)
        )


def _places(code: str) -> Iterator[int]:
    raw = hashlib.blake2b(code.encode(errors="surrogatepass"), digest_size=2 * EACH).digest()
    return (int.from_bytes(raw[at : at + 2], "big") % BITS for at in range(0, 2 * EACH, 2))
