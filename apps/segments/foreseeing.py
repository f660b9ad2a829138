"""Events dated after now: they were stored under a clock that was ahead of the one that asks.

They count when their time has come, and a condition looks at none of them before. Nothing else
would wake it then, so a verdict is foretold up to the next of them and no further.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from operator import attrgetter

from apps.segments.reading import Reads
from apps.segments.stays import Stay
from engine.facts import Happening

# Clocks of machines that work together differ by less. An event so far ahead has just come in, and
# is asked about as of its own time; beyond that a clock is wrong.
CLOCKS_APART_MS = 2_000

_at_ms = attrgetter("at_ms")


def as_of(now_ms: int, last_seen_ms: int | None) -> int:
    """The instant to answer at: the last event's, where it came in after the clock was read."""
    ahead_ms = (last_seen_ms or 0) - now_ms
    return now_ms + ahead_ms if 0 < ahead_ms <= CLOCKS_APART_MS else now_ms


def is_of_the_future(at_ms: int, now_ms: int) -> bool:
    """Was this done under a clock that was ahead: can what followed from it not be so yet?"""
    return at_ms - now_ms > CLOCKS_APART_MS


def between(
    history: Sequence[Happening], reads: Reads, after_ms: int, until_ms: int | None = None
) -> Iterator[int]:
    """When in (after, until] something happened that such a condition reads; None is open."""
    if not history or history[-1].at_ms <= after_ms:
        return
    for event in history[bisect_right(history, after_ms, key=_at_ms) :]:
        if until_ms is not None and event.at_ms > until_ms:
            return
        if reads.any_event or event.name in reads.names:
            yield event.at_ms


def no_further(stay: Stay, next_ms: int | None) -> Stay:
    """A stay that is foretold up to an instant only, at which it must be asked again."""
    if next_ms is None:
        return stay
    inside, until_ms, then, then_until_ms, *more = stay
    if until_ms is None or until_ms >= next_ms:
        return (inside, next_ms, None, None, *more)
    if then is None or (then_until_ms is not None and then_until_ms <= next_ms):
        return stay
    return (inside, until_ms, then, next_ms, *more)
