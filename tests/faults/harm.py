"""What a fault is: it takes a stack and a number of seconds, harms it for so long, and stops."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.faults.running import RunningStack

# Message ids of events that the fault itself has brought in: each must be stored, once.
Brought = Sequence[str]
Harm = Callable[[RunningStack, float], Brought | None]

LONG_S = 30.0
ABSENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to harm a stack.

    Attributes:
        does: a few words for the table's reader.
        heal: what must be undone before another fault; whatever it is, nothing healed by it.
        seconds: how long, unless somebody says otherwise.
        own_home: it needs a file system of its own.
    """

    name: str
    does: str
    harm: Harm
    heal: Callable[[RunningStack], None] | None = None
    seconds: float = LONG_S
    own_home: bool = False


def repeat(act: Callable[[], None], seconds: float, every_s: float) -> None:
    """Do it again and again for so long; what it takes itself is part of the pause."""
    end = time.monotonic() + seconds
    while (began := time.monotonic()) < end:
        act()
        due = min(began + every_s, end)
        time.sleep(max(0.05, due - time.monotonic()))
