"""Bits of a string in base64 for addresses, read from left to right."""

import binascii
import re
from typing import Final

# Platforms write some hundred characters, a few thousand with many restrictions. The worst that
# fits is read within a millisecond.
MAX_LENGTH: Final = 4096
# Encoders fill up to whole characters (6 bits), octets (8) or both (24): fewer than this, all zero.
_PADDING_BITS: Final = 24
_LETTERS: Final = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_STANDARD: Final = str.maketrans("-_", "+/")


def _fibonacci(most: int) -> tuple[int, ...]:
    numbers = [1, 2]
    while numbers[-1] <= most:
        numbers.append(numbers[-1] + numbers[-2])
    return tuple(numbers)


# No id and no offset is larger than 16 bits.
_FIBONACCI: Final = _fibonacci(0xFFFF)


class Damaged(Exception):
    """The string is not what it claims to be. It stays inside this package."""


class Bits:
    """The bits of one section, and how far they have been read. What is missing is `Damaged`."""

    __slots__ = ("_at", "_bits")

    def __init__(self, text: str) -> None:
        """Take the letters of a section, which are not padded with "="."""
        if _LETTERS.fullmatch(text) is None:
            raise Damaged
        whole = text.translate(_STANDARD) + "A" * (-len(text) % 4)
        # A leading one keeps the zeros in front.
        number = int.from_bytes(b"\x01" + binascii.a2b_base64(whole), "big")
        self._bits = bin(number)[3 : 3 + 6 * len(text)]
        self._at = 0

    def take(self, width: int) -> str:
        """Return the next bits as zeros and ones."""
        end = self._at + width
        if end > len(self._bits):
            raise Damaged
        taken = self._bits[self._at : end]
        self._at = end
        return taken

    def number(self, width: int) -> int:
        """Return the next `width` bits as a number; at least one bit."""
        return int(self.take(width), 2)

    def is_set(self) -> bool:
        """Return the next bit."""
        return self.take(1) == "1"

    def ids(self, width: int) -> frozenset[int]:
        """Return the places, from 1, of the ones among the next `width` bits."""
        return frozenset(n for n, bit in enumerate(self.take(width), 1) if bit == "1")

    def letters(self, count: int) -> str:
        """Return letters, six bits each from A = 0 on: languages and countries."""
        found = [self.number(6) for _ in range(count)]
        if max(found) > 25:
            raise Damaged
        return "".join(chr(65 + letter) for letter in found)

    def pairs(self, count: int, width: int) -> list[tuple[int, int]]:
        """Return (first, last) of ranges, each written as 1 and both, or as 0 and the only one.

        In one loop, without a call for each number: a string may hold a thousand of them. Of a
        range the two differ: one id is never written as a range, so each set has one form.
        """
        bits, at = self._bits, self._at
        if at + count * (1 + width) > len(bits):
            raise Damaged
        found = []
        for _ in range(count):
            middle = at + 1 + width
            first = last = int(bits[at + 1 : middle] or "0", 2)
            if bits[at : at + 1] == "1":
                last = int(bits[middle : middle + width] or "0", 2)
                middle += width
                if first == last:
                    raise Damaged
            at = middle
            found.append((first, last))
        self._at = at
        self.take(0)  # what was cut off short is found here
        return found

    def fibonacci(self) -> int:
        """Return a number in Fibonacci coding, which ends with two ones."""
        end = self._bits.find("11", self._at, self._at + len(_FIBONACCI) + 1)
        if end < 0:
            raise Damaged
        places = self._bits[self._at : end + 1]
        self._at = end + 2
        return sum(number for number, bit in zip(_FIBONACCI, places, strict=False) if bit == "1")

    def finish(self) -> None:
        """Refuse anything but a little padding after the last field."""
        left = self._bits[self._at :]
        if len(left) >= _PADDING_BITS or "1" in left:
            raise Damaged
