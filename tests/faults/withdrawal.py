"""Withdrawals while senders go on: `python -m tests.faults.withdrawal --rounds 200`.

Each round is one visitor of their own. Four senders send their views and ask for decisions without
a pause; the visitor withdraws; the senders go on. Whatever is asked for after the answer, by the
monotonic clock of this one machine, must be the default, and nothing that was sent may be left
where personalization reads it. The exit status is 1 when there was a breach.
"""

import argparse
import http.client
import json
import sys
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from launcher import processes
from launcher.home import Home
from launcher.stack import stopping_on_signals
from launcher.testhome import temporary_home
from tests.faults.__main__ import running
from tests.faults.campaign import WAITING
from tests.faults.load import Line, Target, viewed
from tests.faults.running import RunningStack

SENDERS: Final = 4
LEAD_S: Final = 0.06  # of sending before the withdrawal, and after its answer
SETTLED_WITHIN_S: Final = 60.0
PLACEMENT: Final = "home.hero"

# Clearings of the past that are due: each is asked for once more, an hour later.
_CLEARING: Final = """
SELECT count(*) FROM work_intent
WHERE kind = 'consent.clear' AND state IN ('waiting', 'running') AND run_after <= now()
"""
_VISITORS: Final = "SELECT profile_id FROM profiles_identity WHERE value LIKE 'withdraws-%%'"
_LEFT: Final = {
    "events that personalization reads": f"""
SELECT count(*) FROM events_personal WHERE profile_id IN ({_VISITORS})""",
    "people in a segment": f"""
SELECT count(DISTINCT profile_id) FROM segments_membership
WHERE left_at IS NULL AND profile_id IN ({_VISITORS})""",
    "rows that say so": f"""
SELECT count(*) FROM profiles_profilestate
WHERE cardinality(inside) > 0 AND profile_id IN ({_VISITORS})""",
}
_STORED: Final = f"SELECT count(*) FROM events_event WHERE profile_id IN ({_VISITORS})"


@dataclass(slots=True)
class Told:
    """What the rounds came to.

    Attributes:
        breaches: in sentences.
        before, after: decisions asked for before a withdrawal was answered, and after.
        answered_ms: how long each withdrawal took.
        stored: events of these visitors that are kept, for measurement.
    """

    breaches: list[str] = field(default_factory=list)
    before: int = 0
    after: int = 0
    personal: int = 0
    answered_ms: list[float] = field(default_factory=list)
    stored: int = 0


@dataclass(slots=True)
class _Round:
    who: str
    answered_at: float = float("inf")


class _Senders:
    """Threads that never pause; each looks whose turn it is before it sends."""

    def __init__(self, target: Target, told: Told) -> None:
        self._target, self._told = target, told
        self._lock = threading.Lock()
        self._is_over = threading.Event()
        self.round: _Round | None = None
        self.lost: list[str] = []  # what did not answer
        self._threads = [
            threading.Thread(target=self._keep, args=(number,), daemon=True)
            for number in range(SENDERS)
        ]

    def __enter__(self) -> "_Senders":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def _keep(self, number: int) -> None:
        line = Line(self._target)
        sent = number
        while not self._is_over.is_set():
            one = self.round
            if one is None:
                time.sleep(0.001)
                continue
            sent += SENDERS
            try:
                self._send(line, one, sent)
            except (OSError, http.client.HTTPException) as error:
                self.lost.append(repr(error))
        line.close()

    def _send(self, line: Line, one: _Round, number: int) -> None:
        event = {"type": "track", **viewed(one.who, number)}
        line.post("/v1/batch", {"batch": [event], "sentAt": datetime.now(UTC).isoformat()})
        began = time.monotonic()
        status, body = line.post("/v1/decide", {"anonymousId": one.who, "placements": [PLACEMENT]})
        if status != 200:
            self.lost.append(f"{status}: {body[:200]!r}")
            return
        reason = json.loads(body)["placements"][PLACEMENT]["reason"]
        with self._lock:
            if began < one.answered_at:
                self._told.before += 1
                self._told.personal += reason != "NO_CONSENT"
            else:
                self._told.after += 1
                if reason != "NO_CONSENT":
                    late_ms = (began - one.answered_at) * 1000
                    self._told.breaches.append(
                        f"{one.who}: {reason} {late_ms:.1f} ms after the withdrawal was answered"
                    )


def withdraw(stack: RunningStack, target: Target, *, rounds: int) -> Told:
    """Let so many visitors withdraw under four senders each; return what came of it."""
    told = Told()
    line = Line(target)
    with _Senders(target, told) as senders:
        for number in range(rounds):
            senders.round = one = _Round(f"withdraws-{number}")
            time.sleep(LEAD_S)
            began = time.monotonic()
            status, body = line.post(
                "/v1/consent", {"anonymousId": one.who, "purposes": {"personalization": False}}
            )
            one.answered_at = time.monotonic()
            told.answered_ms.append((one.answered_at - began) * 1000)
            if status != 200:
                told.breaches.append(f"{one.who}: the withdrawal was answered {status}: {body!r}")
            time.sleep(LEAD_S)
        senders.round = None
    line.close()
    told.breaches += [f"a sender got no answer: {what}" for what in senders.lost]
    _settle(stack, told)
    return told


def _settle(stack: RunningStack, told: Told) -> None:
    """Wait until all is folded and cleared, and look at what is left."""

    def is_settled() -> bool:
        return _number(stack, WAITING) == 0 and _number(stack, _CLEARING) == 0

    if not processes.wait_until(is_settled, SETTLED_WITHIN_S):
        told.breaches.append(f"not folded and cleared within {SETTLED_WITHIN_S:.0f} s")
    for what, sql in _LEFT.items():
        if found := _number(stack, sql):
            told.breaches.append(f"{found} {what} after all was folded")
    told.stored = _number(stack, _STORED)


def _number(stack: RunningStack, sql: str) -> int:
    ((number,),) = stack.rows(sql.replace("%%", "%"))
    return int(number)


def main() -> int:
    """Run the rounds and say what came of them."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.withdrawal", description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    options = parser.parse_args()
    with (
        stopping_on_signals(),
        temporary_home(Home.locate()) as home,
        running(home) as (stack, target),
    ):
        told = withdraw(stack, target, rounds=options.rounds)
    print(_summary(told, options.rounds))
    return 1 if told.breaches else 0


def _summary(told: Told, rounds: int) -> str:
    ranked: list[Any] = sorted(told.answered_ms)
    return "\n".join(
        [
            f"{rounds} withdrawals under {SENDERS} senders: {len(told.breaches)} breaches.",
            f"{told.before:,} decisions before the answer ({told.personal:,} of them personal),"
            f" {told.after:,} after it; {told.stored:,} events kept for measurement.",
            f"Answered in {ranked[len(ranked) // 2]:.0f} ms (half of them),"
            f" {ranked[len(ranked) * 99 // 100]:.0f} ms (99 of 100).",
            *told.breaches[:20],
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
