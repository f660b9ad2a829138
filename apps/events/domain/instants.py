"""Times as senders write them, and the correction of a clock that is wrong."""

from datetime import UTC, datetime
from typing import Any

LATENCY_MS = 30_000  # a smaller offset is the way through the network, not a wrong clock
AHEAD_MS = 600_000  # later than this after arrival is flagged
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MIN_MS = -62_135_596_800_000  # 0001-01-01, the first day of datetime
_MAX_MS = 253_402_300_799_999  # 9999-12-31
_SECONDS_BELOW = (
    100_000_000_000  # a smaller number is seconds (to 5138), a larger one ms (from 1973)
)


def parse_ms(value: Any) -> int | None:
    """Return whole milliseconds since 1970 of a time on the wire, or None if it is not one.

    Understood: RFC 3339 and the rest of ISO 8601 (no zone means UTC, fractions finer than ms are
    cut off), and numbers, in seconds below 1e11 and in milliseconds from there.
    """
    kind = type(value)
    if kind is str:
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            return None
        if at.tzinfo is None:
            at = at.replace(tzinfo=UTC)
        since = at - _EPOCH
        ms = since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000
    elif kind is int or kind is float:
        ms = int(value * 1000 if abs(value) < _SECONDS_BELOW else value)
    else:
        return None
    return ms if _MIN_MS <= ms <= _MAX_MS else None


def corrected(said_ms: int | None, *, sent_ms: int | None, received_ms: int) -> tuple[int, bool]:
    """Return (when it happened by our clock in ms, was the sender's clock far ahead).

    `said_ms` is the event's own timestamp, `sent_ms` the sender's clock at sending. An offset of
    30 s or more is taken for a wrong clock and added. Nothing happens after it was received.
    """
    if said_ms is None:
        return received_ms, False
    at = said_ms
    if sent_ms is not None and abs(received_ms - sent_ms) >= LATENCY_MS:
        at += received_ms - sent_ms
    if at > received_ms:
        return received_ms, at - received_ms > AHEAD_MS
    return at, False
