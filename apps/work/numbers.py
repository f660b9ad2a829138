"""JSON from the database, with the integers that every codec has.

The database writes 1e30 as thirty-one digits. Python reads that as an integer, which msgpack and
64-bit readers do not have; as a double it is what the sender said.
"""

import json
from typing import Any, Final

import msgspec

from engine.conditions.operators import as_double

_LEAST: Final = -(1 << 63)
_MOST: Final = (1 << 64) - 1
_DIGITS_TO_ZERO: Final = bytes.maketrans(b"123456789", b"000000000")
_LONG: Final = b"0" * 19

_decode = msgspec.json.Decoder().decode


def loads(text: str) -> Any:
    """Return the value of a JSON text; integers beyond 64 bits come back as doubles."""
    if _LONG not in text.encode().translate(_DIGITS_TO_ZERO):
        return _decode(text)
    return json.loads(text, parse_int=_bounded)


def _bounded(digits: str) -> int | float:
    value = int(digits)
    return value if _LEAST <= value <= _MOST else as_double(value)
