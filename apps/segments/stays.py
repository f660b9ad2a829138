"""A profile's stays as they lie in its state row: what it is in and when that changes."""

from typing import TypeAlias

import msgspec

# inside, until ms, then, then until ms, since ms. At `until` the membership becomes `then`, which
# holds until `then_until`; None: for good. `then` None: not followed that far, evaluate again.
# `since` is when the present stay began, None while outside. Times are ms since 1970.
Stay: TypeAlias = tuple[bool, int | None, bool | None, int | None, int | None]
Stays: TypeAlias = dict[int, Stay]  # by segment number; an absent segment is outside for good

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Stays)


def encode_stays(stays: Stays) -> bytes:
    """Return the `memberships` section of a state row; nothing to say is an empty blob."""
    return _encoder.encode(stays) if stays else b""


def decode_stays(blob: bytes | memoryview) -> Stays:
    """Return the stays in a state row's `memberships` section."""
    return _decoder.decode(blob) if len(blob) else {}


def is_inside(stay: Stay | None, at_ms: int) -> bool | None:
    """Read a stay at an instant not before it was written; None when it must be evaluated again."""
    if stay is None:
        return False
    inside, until_ms, then, then_until_ms, _ = stay
    if until_ms is None or at_ms < until_ms:
        return inside
    if then_until_ms is not None and at_ms >= then_until_ms:
        return None
    return then
