"""How a request's clock stands, for pages: a share, a colour and words."""

from dataclasses import dataclass
from datetime import datetime

from apps.privacy.clocks import day_of, end_of
from apps.privacy.models.requests import OPEN, Request


@dataclass(frozen=True, slots=True)
class Due:
    """How much of the time is over (0-100), how urgent that is, and both in words."""

    over_pct: int
    level: str
    words: str


def due_of(request: Request, now: datetime) -> Due:
    """Return how the clock of a request stands; of one that has ended, how it ended."""
    if request.state not in OPEN:
        is_late = request.ended_at is not None and request.ended_at >= end_of(
            request.due_on, request.time_zone
        )
        return Due(100, "bad" if is_late else "plain", "ended late" if is_late else "ended in time")
    left = (request.due_on - day_of(now, request.time_zone)).days
    begun = day_of(request.received_at, request.time_zone)
    whole = max(1, (request.due_on - begun).days)
    over = min(100, max(0, round(100 * (whole - left) / whole)))
    if left < 0:
        return Due(100, "bad", f"{-left} {_days(-left)} late")
    if left == 0:
        return Due(over, "bad", "due today")
    level = "warn" if left <= 7 else "info" if now >= request.internal_due_at else "ok"
    return Due(over, level, f"{left} {_days(left)} left")


def _days(count: int) -> str:
    return "day" if count == 1 else "days"
