"""The one clock. Doors read it and pass `now` down; nothing below a door asks for the time."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

LOOK_EVERY_S = 0.25

_read: Callable[[], datetime] | None = None
_is_everywhere = False


def now() -> datetime:
    """Return the present instant, in UTC."""
    return _read() if _read is not None else datetime.now(UTC)


def now_ms() -> int:
    """Return the present instant in whole milliseconds since 1970."""
    return int(now().timestamp() * 1000)


def stepped_ms() -> int | None:
    """Return the instant that a store's own clock is to show, where a test steps that too."""
    return now_ms() if _is_everywhere else None


def replace(read: Callable[[], datetime] | None, *, is_everywhere: bool = True) -> None:
    """Install another source of time (a test's), or the system's again with None.

    Args:
        is_everywhere: for stores that tell the time themselves, too; else only this process errs.
    """
    global _is_everywhere, _read
    _read = read
    _is_everywhere = read is not None and is_everywhere


def shifted_by(path: Path) -> Callable[[], datetime]:
    """Return a source of time that is wrong by the seconds written in a file.

    The file is read at most four times a second; while it is missing or no number, the clock is
    right.
    """
    looked_at = -LOOK_EVERY_S
    offset = timedelta()

    def read() -> datetime:
        nonlocal looked_at, offset
        moment = time.monotonic()
        if moment - looked_at >= LOOK_EVERY_S:
            looked_at = moment
            try:
                offset = timedelta(seconds=float(path.read_text()))
            except (OSError, ValueError, OverflowError):
                offset = timedelta()
        return datetime.now(UTC) + offset

    return read


def to_ms(at: datetime) -> int:
    """Whole milliseconds since 1970; finer parts are cut off, as the wire does."""
    return round(at.timestamp() * 1_000_000) // 1000


def from_ms(ms: int) -> datetime:
    """The instant of a count of milliseconds since 1970, in UTC."""
    return datetime.fromtimestamp(ms // 1000, UTC).replace(microsecond=ms % 1000 * 1000)
