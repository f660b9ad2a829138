"""Spans of time as people say them."""

from datetime import datetime, timedelta

_STEPS = ((60, 1, "s"), (3600, 60, "min"), (86_400, 3600, "h"))


def span_words(seconds: float) -> str:
    """Return a length of time in its largest fitting unit: "40 s", "3 min", "2 h", "5 days"."""
    whole = max(0, int(seconds))
    for limit, unit_s, name in _STEPS:
        if whole < limit:
            return f"{whole // unit_s} {name}"
    days = whole // 86_400
    return f"{days} day{'' if days == 1 else 's'}"


def ago_words(moment: datetime | None, now: datetime) -> str:
    """Return how long ago a moment was; "never" for none, "in 3 min" for one to come."""
    if moment is None:
        return "never"
    passed = now - moment
    if passed < timedelta(seconds=-1):
        return f"in {span_words(-passed.total_seconds())}"
    if passed < timedelta(seconds=5):
        return "just now"
    return f"{span_words(passed.total_seconds())} ago"
