"""What was sent and acknowledged, what decisions were like; and what the record says of it."""

import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

CAP = 2  # showings of the capped placement to one visitor in the window
# Longer than the clock is ever put ahead: a window that is over by the clock is over.
CAP_WINDOW_MS = 6 * 3_600_000
# A reservation lasts so long; whatever a client does not say, it is not given twice before.
RESERVED_S = 120.0


@dataclass(frozen=True, slots=True)
class Trouble:
    """One answer that was not as it must be."""

    at: float  # of the monotonic clock
    what: str
    took_ms: float | None = None


@dataclass(slots=True)
class Ledger:
    """The client's side of one run. Its methods may be called by several threads.

    Attributes:
        sent, acknowledged: message ids as the record spells them.
        decisions: how many were asked for.
        bad: decisions without content, late, or refused.
        strange: answers to events that no client could make sense of.
        slowest_ms: of the decisions that came.
        capped: when each visitor was served what a cap limits, in order.
    """

    sent: set[str] = field(default_factory=set)
    acknowledged: set[str] = field(default_factory=set)
    decisions: int = 0
    defaults: int = 0
    bad: list[Trouble] = field(default_factory=list)
    strange: list[Trouble] = field(default_factory=list)
    slowest_ms: float = 0.0
    repeats: int = 0
    capped: dict[str, list[float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def will_send(self, message_ids: Iterable[str]) -> None:
        """Note ids before they are sent: what is stored must be among them."""
        with self._lock:
            self.sent.update(message_ids)

    def was_acknowledged(self, message_ids: Iterable[str]) -> None:
        """Note ids that were answered with 200."""
        with self._lock:
            self.acknowledged.update(message_ids)

    def will_repeat(self) -> None:
        """Note that a call found nobody, and is sent again."""
        with self._lock:
            self.repeats += 1

    def decided(self, took_ms: float, *, is_default: bool) -> None:
        """Note a decision with content."""
        with self._lock:
            self.decisions += 1
            self.defaults += is_default
            self.slowest_ms = max(self.slowest_ms, took_ms)

    def served_capped(self, visitor: str) -> None:
        """Note that a visitor was served what a cap limits."""
        with self._lock:
            self.capped.setdefault(visitor, []).append(time.monotonic())

    def beyond_caps(self) -> list[str]:
        """Return the visitors who were served it more often than the cap allows."""
        return sorted(
            visitor
            for visitor, times in self.capped.items()
            if any(
                late - early < RESERVED_S for early, late in zip(times, times[CAP:], strict=False)
            )
        )

    def decided_badly(self, what: str, took_ms: float | None = None) -> None:
        """Note a decision that a page could not use."""
        with self._lock:
            self.decisions += 1
            self.bad.append(Trouble(time.monotonic(), what, took_ms))

    def was_strange(self, what: str) -> None:
        """Note an answer that is neither a yes nor a request to wait."""
        with self._lock:
            self.strange.append(Trouble(time.monotonic(), what))


@dataclass(frozen=True, slots=True)
class Balance:
    """The comparison of a ledger with the record, in events."""

    lost: list[str]
    doubled: list[str]
    unknown: list[str]

    @property
    def is_even(self) -> bool:
        """Whether nothing is lost, doubled or invented."""
        return not (self.lost or self.doubled or self.unknown)


def balance(ledger: Ledger, stored: Mapping[str, int]) -> Balance:
    """Compare what was acknowledged with what is stored.

    Args:
        stored: how often the record holds each message id.
    """
    return Balance(
        lost=sorted(ledger.acknowledged - stored.keys()),
        doubled=sorted(name for name, count in stored.items() if count > 1),
        unknown=sorted(stored.keys() - ledger.sent),
    )


def commonest(troubles: Iterable[Trouble], began: float = 0.0) -> str:
    """Return what happened most, in one line, and when the first of all were.

    Args:
        began: of the fault, by the monotonic clock: moments are told from there.
    """
    troubles = list(troubles)
    counted = Counter(trouble.what for trouble in troubles).most_common(3)
    first = [
        f"{trouble.at - began:+.1f} s" + (f" ({trouble.took_ms:.0f} ms)" if trouble.took_ms else "")
        for trouble in troubles[:4]
    ]
    return "; ".join(f"{count} x {what}" for what, count in counted) + f"; at {', '.join(first)}"
