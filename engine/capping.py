"""How often somebody may be shown something, given when it was shown: windows, sessions, fatigue.

A cap is a budget. Whatever names it draws on it: a cap that one variant names limits this variant,
one that several blocks name limits them together. The default variant is never limited.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from math import exp2
from typing import Literal, TypeAlias

import msgspec

CapPer: TypeAlias = Literal["visitor", "session"]
# Of showings: more are never needed, because no cap may allow more.
MAX_SHOWINGS = 100
SESSION_IDLE_MS = 1_800_000
SECOND_MS = 1_000
DAY_MS = 86_400_000
UNITS = (("day", DAY_MS), ("hour", 3_600_000), ("minute", 60_000), ("second", SECOND_MS))


class FatigueDoc(msgspec.Struct, frozen=True, omit_defaults=True):
    """How the effect of showing wears off, and comes back as showings grow old.

    The load is the sum of 0.5 ** (age / half_life_ms) over the showings, the intensity is
    1 - step * load, at least `floor`. Below `skip_below` nothing is shown.
    """

    half_life_ms: int
    step: float
    floor: float = 0.0
    skip_below: float = 0.0


class CapDoc(msgspec.Struct, frozen=True, omit_defaults=True):
    """At most `most` showings in a window, or in a session.

    Attributes:
        number: small, unique in the site, never reused; showings are kept by it.
        most: 1 to MAX_SHOWINGS; None: any number (a cap may be a cooldown or fatigue alone).
        window_ms: showings in (now - window_ms, now] count; None: all that are kept.
        per: `session` counts only those of the visitor's present session.
        cooldown_ms: at least this long after the last showing.
    """

    number: int
    key: str
    most: int | None = None
    window_ms: int | None = None
    per: CapPer = "visitor"
    cooldown_ms: int = 0
    fatigue: FatigueDoc | None = None


def allows(
    cap: CapDoc, shown_ms: Sequence[int], now_ms: int, session_since_ms: int | None = None
) -> bool:
    """Whether one more showing is within the cap.

    Args:
        shown_ms: when things that name this cap were shown, ascending, open reservations among
            them. The newest MAX_SHOWINGS are enough.
        session_since_ms: the begin of the present session; None: it begins now.
    """
    if cap.cooldown_ms and shown_ms and now_ms - shown_ms[-1] < cap.cooldown_ms:
        return False
    if cap.most is not None and counted(cap, shown_ms, now_ms, session_since_ms) >= cap.most:
        return False
    fatigue = cap.fatigue
    return fatigue is None or intensity(fatigue, shown_ms, now_ms) >= fatigue.skip_below


def counted(
    cap: CapDoc, shown_ms: Sequence[int], now_ms: int, session_since_ms: int | None = None
) -> int:
    """Return how many showings count against the cap now."""
    after_ms: int | None = None  # exclusive
    if cap.per == "session":
        after_ms = (now_ms if session_since_ms is None else session_since_ms) - 1
    if cap.window_ms is not None:
        begin_ms = now_ms - cap.window_ms
        after_ms = begin_ms if after_ms is None else max(after_ms, begin_ms)
    return len(shown_ms) - (0 if after_ms is None else bisect_right(shown_ms, after_ms))


def intensity(fatigue: FatigueDoc, shown_ms: Sequence[int], now_ms: int) -> float:
    """Return the multiplier that past showings leave, from 1 (fresh) down to the floor."""
    load = sum(exp2(-max(0, now_ms - at_ms) / fatigue.half_life_ms) for at_ms in shown_ms)
    return max(fatigue.floor, 1.0 - fatigue.step * load)


def describe(cap: CapDoc) -> str:
    """Return a cap in words: "at most 2 showings in 7 days to one visitor"."""
    parts = []
    if cap.most is not None:
        count = "1 showing" if cap.most == 1 else f"{cap.most} showings"
        span = "" if cap.window_ms is None else f" in {span_words(cap.window_ms)}"
        whom = "in one session" if cap.per == "session" else "to one visitor"
        parts.append(f"at most {count}{span} {whom}")
    if cap.cooldown_ms:
        parts.append(f"not again for {span_words(cap.cooldown_ms)}")
    if (fatigue := cap.fatigue) is not None:
        wears = f"each showing takes {fatigue.step:.0%} of the intensity"
        comes = f"half of that is back after {span_words(fatigue.half_life_ms)}"
        below = f"; not shown below {fatigue.skip_below:.0%}" if fatigue.skip_below else ""
        parts.append(f"{wears}, down to {fatigue.floor:.0%}, and {comes}{below}")
    return "; ".join(parts) or "limits nothing yet"


def span_words(ms: int) -> str:
    """Return a span in the greatest unit that it is a whole number of: "7 days"."""
    for unit, size in UNITS:
        if ms and ms % size == 0:
            count = ms // size
            return f"1 {unit}" if count == 1 else f"{count:,} {unit}s"
    return f"{ms:,} milliseconds"
