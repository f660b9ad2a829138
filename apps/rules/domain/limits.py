"""How often one visitor may set off one trigger. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import Enum


class Limit(Enum):
    """What speaks against once more."""

    MOST = "capped"
    PAUSE = "cooling"


def limit_reached(
    at: datetime,
    earlier: Sequence[datetime],
    *,
    most: int | None,
    window_ms: int | None,
    cooldown_ms: int,
) -> Limit | None:
    """Return what forbids a firing at `at`; None: nothing does.

    Args:
        earlier: when it fired for this visitor, in any order, as far as it is remembered.
        most: so many in any `window_ms` (None: of all that is remembered); None: any number.
        cooldown_ms: at least so long after the last one.
    """
    if cooldown_ms and earlier and at < max(earlier) + timedelta(milliseconds=cooldown_ms):
        return Limit.PAUSE
    if most is None:
        return None
    if window_ms is not None:
        since = at - timedelta(milliseconds=window_ms)
        earlier = [one for one in earlier if one > since]
    return Limit.MOST if len(earlier) >= most else None
