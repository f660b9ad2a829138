"""What keeps every process from serving: a restored backup that does not know who was erased since.

Apps say so by a check, which gives the reason in words, or nothing. A process looks before its
first answer, then each second while it is held; once it serves it looks again only where nobody
waits for an answer (the health check, the consumer), so a decision asks nothing.
"""

import logging
import time
from collections.abc import Callable
from typing import Final

logger = logging.getLogger(__name__)

Check = Callable[[], str]  # -> why not to serve, in words; empty: serve

AGAIN_S: Final = 1.0
UNKNOWN: Final = "it is not known yet whether the record is the newest one"

_checks: list[Check] = []
_why: str | None = None  # None: nobody has looked yet
_looked_at = 0.0


def hold_while(check: Check) -> None:
    """Add a check; called once from an app's ready()."""
    if check not in _checks:
        _checks.append(check)


def is_held() -> bool:
    """Whether this process must not serve now. Mostly nothing but a look at a variable."""
    if _why == "":
        return False
    if _why is None or time.monotonic() - _looked_at >= AGAIN_S:
        look()
    return _why != ""


def why() -> str:
    """Why this process does not serve; empty: it does."""
    return "" if not is_held() else _why or UNKNOWN


def look() -> str:
    """Ask every check now; return why not to serve. A check that fails holds who has not served."""
    global _why, _looked_at
    _looked_at = time.monotonic()
    try:
        found = next((reason for check in _checks if (reason := check())), "")
    except Exception:
        logger.exception("work.hold_check_failed")
        found = UNKNOWN if _why is None else _why
    if found and found != _why:
        logger.error("work.held_back", extra={"reason": found})
    _why = found
    return found


def forget() -> None:
    """As in a process that has just begun."""
    global _why, _looked_at
    _why, _looked_at = None, 0.0
