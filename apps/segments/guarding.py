"""One segment that raises, takes too long or is too dear must not hold up the others: it is frozen.

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

# Many that are dear take a consumer's time from everybody, though none takes long: of all segments
# a person costs some hundredths of a millisecond. When a person costs more than this on average,
# each segment is timed for a while.
DEAR_S = 0.02
DEAR_OF = 20  # different persons over whom the cost of a segment is averaged
AVERAGED_OVER = 32  # evaluations, the latest counting most
DEAR_FOR = 200  # evaluations that are timed then, of each WATCHED_ON


@dataclass(slots=True)
class Guard:
    """What one process has learned about the segments of one live set.

    Attributes:
        frozen: number -> why it is not asked any more.
        untold: (key, why) of those that the change feed does not tell of yet.
        is_timing: each segment is timed, because some evaluation took too long.
        clock: seconds of processor time: on a busy machine no segment is slower than it is.
    """

    frozen: dict[int, str] = field(default_factory=dict)
    untold: list[tuple[str, str]] = field(default_factory=list)
    is_timing: bool = False
    clock: Callable[[], float] = time.thread_time
    _strikes: dict[int, set[str]] = field(default_factory=dict)
    _quick: int = 0
    _average_s: float = 0.0
    _turn: int = 0  # of DEAR_FOR, and then of a rest; 0: the average is looked at
    _costs: dict[int, dict[str, float]] = field(default_factory=dict)  # number -> person -> s

    def failed(self, key: str, number: int) -> None:
        """Freeze a segment whose evaluation raises. Call it where the error was caught."""
        self.frozen[number] = "raises"
        self.untold.append((key, "raises"))
        logger.exception("segments.frozen", extra={"segment": key, "why": "raises"})

    def took(self, key: str, number: int, unit_id: str, seconds: float) -> None:
        """Note how long one segment took for a person; freeze it when it is slow for several, or
        dear for many.
        """
        if self._turn:
            costs = self._costs.setdefault(number, {})
            costs[unit_id] = seconds
            if len(costs) >= DEAR_OF and number not in self.frozen:
                average_s = sum(self._costs.pop(number).values()) / DEAR_OF
                if average_s > DEAR_S:
                    self._freeze(key, number, "too dear", average_s)
        if seconds <= BUDGET_S or number in self.frozen:
            return
        strikes = self._strikes.setdefault(number, set())
        strikes.add(unit_id)
        if len(strikes) >= STRIKES:
            self._freeze(key, number, "too slow", seconds)

    def _freeze(self, key: str, number: int, why: str, seconds: float) -> None:
        self.frozen[number] = why
        self.untold.append((key, why))
        extra = {"segment": key, "why": why, "ms": round(seconds * 1000)}
        logger.error("segments.frozen", extra=extra)

    def took_all(self, seconds: float) -> None:
        """Note how long all segments of a person took."""
        self._quick = 0 if seconds > WATCHED_S else self._quick + 1
        self._average_s += (seconds - self._average_s) / AVERAGED_OVER
        if self._turn:
            self._turn = (self._turn + 1) % WATCHED_ON
        elif self._average_s > DEAR_S:
            self._turn = 1
        if self._turn > DEAR_FOR:
            self._costs.clear()
        self.is_timing = (
            not self._quick
            or 0 < self._turn <= DEAR_FOR
            or (self.is_timing and bool(self._strikes) and self._quick < WATCHED_ON)
        )
