"""What was shown that frequency caps count: the `caps` section of the state row.

A msgpack map from a cap's number to its showings, each 16 bytes: when, as big-endian Unix ms, and
the token of the decision that was shown. Bytes sort as instants do. A token counts once, however
often it comes: by the event that is folded, by Redis, on either side of a merge.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from struct import Struct
from typing import Any, Final, NamedTuple

import msgspec

from engine.capping import MAX_SHOWINGS, SESSION_IDLE_MS

TOKEN_SIZE: Final = 8
_SIZE: Final = 8 + TOKEN_SIZE
_ENTRY: Final = Struct(">q8s")
_MAX_MS: Final = 1 << 52  # whole in a double, which Redis counts in

_encode = msgspec.msgpack.Encoder().encode
_decode: Callable[[bytes], dict[int, bytes]] = msgspec.msgpack.Decoder(dict[int, bytes]).decode

Section = Mapping[int, bytes]


class Showing(NamedTuple):
    """One exposure of a decision, as caps count it.

    Attributes:
        token: 8 bytes; it counts once.
        caps: numbers of the caps that it draws on.
    """

    at_ms: int
    token: bytes
    caps: Sequence[int]


def showing_of(properties: Mapping[str, Any], occurred_ms: int) -> Showing | None:
    """Return what an exposure's properties say for caps; None when they say nothing.

    Nothing can be seen before it was decided: a page with a clock of its own frees no budget.
    """
    numbers, token = properties.get("caps"), properties.get("capToken")
    if not isinstance(numbers, list) or not isinstance(token, str):
        return None
    try:
        raw = bytes.fromhex(token)
    except ValueError:
        return None
    decided_ms = properties.get("decided_ms")
    if len(raw) != TOKEN_SIZE or type(decided_ms) is not int:
        return None
    caps = [number for number in numbers if type(number) is int]
    return Showing(min(max(occurred_ms, decided_ms, 0), _MAX_MS), raw, caps)


def decode(section: bytes) -> Section:
    """Return the packed showings by cap number."""
    return _decode(section) if section else {}


def shown_ms(packed: bytes) -> list[int]:
    """Return when the showings of one cap were, ascending."""
    return [at_ms for at_ms, _ in _ENTRY.iter_unpack(packed)]


def added(section: bytes, showings: Iterable[Showing]) -> bytes:
    """Return the section with more showings, the newest MAX_SHOWINGS of each cap."""
    counts = {number: _entries(packed) for number, packed in decode(section).items()}
    for showing in showings:
        for number in showing.caps:
            known = counts.setdefault(number, {})
            known.setdefault(showing.token, _ENTRY.pack(showing.at_ms, showing.token))
    return _packed(counts)


def merged(one: bytes, other: bytes) -> bytes:
    """Return both sections as one: what two profiles were shown, one person was."""
    if not one or not other:
        return one or other
    counts = {number: _entries(packed) for number, packed in decode(one).items()}
    for number, packed in decode(other).items():
        counts[number] = _entries(packed) | counts.get(number, {})
    return _packed(counts)


def without(section: bytes, other: bytes) -> bytes:
    """Return the section without the showings of another one."""
    gone = {number: _entries(packed) for number, packed in decode(other).items()}
    counts = {
        number: {
            token: entry
            for token, entry in _entries(packed).items()
            if token not in gone.get(number, {})
        }
        for number, packed in decode(section).items()
    }
    return _packed(counts)


def tokens(section: bytes) -> set[bytes]:
    """Return the tokens of all showings."""
    return {token for packed in decode(section).values() for token in _entries(packed)}


def session_since_ms(times: Sequence[int], is_asked: bool = True) -> int:
    """Return when the session of the newest of these events began; 0 when there is none.

    Args:
        times: Unix ms, ascending.
        is_asked: false when nobody will count by it.
    """
    if not is_asked or not times:
        return 0
    since_ms = times[-1]
    for at_ms in reversed(times):
        if since_ms - at_ms > SESSION_IDLE_MS:
            break
        since_ms = at_ms
    return since_ms


def _entries(packed: bytes) -> dict[bytes, bytes]:
    """Packed showings by token."""
    pieces = [packed[start : start + _SIZE] for start in range(0, len(packed), _SIZE)]
    return {piece[8:]: piece for piece in pieces}


def _packed(counts: Mapping[int, Mapping[bytes, bytes]]) -> bytes:
    kept = {
        number: b"".join(sorted(entries.values())[-MAX_SHOWINGS:])
        for number, entries in sorted(counts.items())
        if entries
    }
    return _encode(kept) if kept else b""
