"""A profile's stays as they lie in its state row: what it is in and when that changes."""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple, TypeAlias

import msgspec

# (inside, until ms, then, then until ms, since ms): at `until` the membership becomes `then`, which
# holds until `then_until`; None: for good. `then` None: not followed that far, evaluate again.
# `since` is when the present stay began, None while outside. Times are ms since 1970.
#
# A sixth entry are the values that the condition hands to templates, by name. A segment that
# remembers has three more: when the last stay ended (None: there was none), up to when the stay
# was folded, and a number that tells its version from others.
Stay: TypeAlias = tuple[Any, ...]
Stays: TypeAlias = dict[int, Stay]  # by segment number; an absent segment is outside for good

BINDINGS = 5
LEFT, FOLDED, MARK = 6, 7, 8


class Evaluated(NamedTuple):
    """Under what stays were worked out: then only what has changed since is asked again.

    Attributes:
        live_set: number of the live set; -1: not known, so everything is asked again.
        version: of the state row as it was written with them. Whoever writes the row without
            evaluating it raises its version, and makes these stays old.
        at_ms: as of when, in whole seconds. What a clock that was ahead has foretold is not so yet.
    """

    live_set: int = -1
    version: int = -1
    at_ms: int = 0

    def is_of(self, live_set: int, version: int) -> bool:
        """Whether these stays are those of this live set and this row."""
        return (self.live_set, self.version) == (live_set, version)


class _Section(msgspec.Struct, array_like=True):
    live_set: int
    version: int
    stays: dict[int, tuple[Any, ...]]
    at_s: int = 0


class _Unread(msgspec.Struct, array_like=True):
    """A section whose stays are left as bytes until somebody wants one."""

    live_set: int
    version: int
    stays: dict[int, msgspec.Raw]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Section).decode
_decode_bare = msgspec.msgpack.Decoder(dict[int, tuple[Any, ...]]).decode
_decode_unread = msgspec.msgpack.Decoder(_Unread).decode
_decode_bare_unread = msgspec.msgpack.Decoder(dict[int, msgspec.Raw]).decode
_decode_stay = msgspec.msgpack.Decoder(tuple[Any, ...]).decode

UNKNOWN = Evaluated()


def encode_stays(stays: Stays, evaluated: Evaluated = UNKNOWN) -> bytes:
    """Return the `memberships` section of a state row; nothing to say is an empty blob."""
    if evaluated.live_set < 0:
        return _encode(stays) if stays else b""
    live_set, version, at_ms = evaluated
    return _encode(_Section(live_set, version, stays, at_ms // 1000))


def decode_section(blob: bytes | memoryview) -> tuple[Evaluated, Stays]:
    """Return the stays in a `memberships` section, and under what they were worked out."""
    if not len(blob):
        return UNKNOWN, {}
    if blob[0] & 0xF0 != 0x90:  # no array of msgpack: the bare map of one who did not say
        return UNKNOWN, _decode_bare(blob)
    section = _decode(blob)
    return Evaluated(section.live_set, section.version, section.at_s * 1000), section.stays


def decode_stays(blob: bytes | memoryview) -> Stays:
    """Return the stays in a state row's `memberships` section."""
    return decode_section(blob)[1]


def decode_some(blob: bytes | memoryview, numbers: Collection[int]) -> Stays:
    """Return the stays in a `memberships` section that are among these segments."""
    if not len(blob):
        return {}
    if blob[0] & 0xF0 != 0x90:
        unread = _decode_bare_unread(blob)
    else:
        unread = _decode_unread(blob).stays
    return {number: _decode_stay(unread[number]) for number in numbers if number in unread}


def numbers_inside(blob: bytes) -> list[int]:
    """The segments that a `memberships` section says somebody is in, at the time of its writing."""
    return [number for number, stay in decode_stays(blob).items() if stay[0]]


def is_inside(stay: Sequence[Any] | None, at_ms: int) -> bool | None:
    """Read a stay at an instant not before it was written; None when it must be evaluated again."""
    if stay is None:
        return False
    inside: bool
    then: bool | None
    inside, until_ms, then, then_until_ms, *_ = stay
    if until_ms is None or at_ms < until_ms:
        return inside
    if then_until_ms is not None and at_ms >= then_until_ms:
        return None
    return then


def bindings_in(stay: Sequence[Any] | None) -> dict[str, Any]:
    """The values that a stay hands to templates."""
    return (stay[BINDINGS] or {}) if stay is not None and len(stay) > BINDINGS else {}
