"""One segment that raises, or takes too long, must not hold up the others: it is frozen and told.

A frozen segment keeps the stays that people have in it. It is asked again by the next live set, so
publishing a better version of it is the way out, and by any new process.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

logger = logging.getLogger(__name__)

BUDGET_S = 0.25  # of one segment and person
WATCHED_S = 0.5  # of all segments of a person: beyond it each is timed the next time
STRIKES = 3  # of so many different persons: who has a life's events must not take it from others
WATCHED_ON = 1_000  # evaluations that are timed after the last that was too slow


@dataclass(slots=True)
class Guard:
    """What one process has learned about the segments of one live set.

    Attributes:
        frozen: number -> why it is not asked any more.
        untold: (key, why) of those that the change feed does not tell of yet.
        is_timing: each segment is timed, because some evaluation took too long.
    """

    frozen: dict[int, str] = field(default_factory=dict)
    untold: list[tuple[str, str]] = field(default_factory=list)
    is_timing: bool = False
    clock: Callable[[], float] = time.perf_counter
    _strikes: dict[int, set[str]] = field(default_factory=dict)
    _quick: int = 0

    def failed(self, key: str, number: int) -> None:
        """Freeze a segment whose evaluation raises. Call it where the error was caught."""
        self.frozen[number] = "raises"
        self.untold.append((key, "raises"))
        logger.exception("segments.frozen", extra={"segment": key, "why": "raises"})

    def took(self, key: str, number: int, unit_id: str, seconds: float) -> None:
        """Note how long one segment took for a person; freeze it when it is slow for several."""
        if seconds <= BUDGET_S:
            return
        strikes = self._strikes.setdefault(number, set())
        strikes.add(unit_id)
        if len(strikes) >= STRIKES:
            self.frozen[number] = "too slow"
            self.untold.append((key, "too slow"))
            logger.error(
                "segments.frozen",
                extra={"segment": key, "why": "too slow", "ms": round(seconds * 1000)},
            )

    def took_all(self, seconds: float) -> None:
        """Note how long all segments of a person took."""
        self._quick = 0 if seconds > WATCHED_S else self._quick + 1
        self.is_timing = not self._quick or (
            self.is_timing and bool(self._strikes) and self._quick < WATCHED_ON
        )
