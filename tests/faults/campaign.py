"""One fault under load: harm, heal, compare; and what came of it as a line of a table."""

import http.client
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass

import psycopg2

from launcher import processes
from tests.faults.harm import Fault
from tests.faults.ledger import Balance, Ledger, balance, commonest
from tests.faults.load import CATEGORIES, Line, Load, Target, viewed
from tests.faults.running import WEB_PROCESSES, RunningStack

LEAD_S = 2.0  # under load before the fault
HEAL_WITHIN_S = 10.0
HEAL_LOOKED_FOR_S = 60.0
DRAINED_WITHIN_S = 60.0
# What was set aside stays in the inbox, in a part that nobody works on.
WAITING = "SELECT count(*) FROM events_inbox JOIN events_inboxpart USING (part)"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one fault did.

    Attributes:
        healed_s: from the fault's end until an event was seen by a decision; None: it was not.
        moved, moved_in: memberships that a recomputation had to change, and in which segments.
        stale: copies of visitors in Valkey that are older than the record.
        began: when the fault did, by the monotonic clock.
    """

    fault: Fault
    ledger: Ledger
    balance: Balance
    healed_s: float | None
    moved: int
    moved_in: dict[str, int]
    stale: int
    began: float

    def failures(self) -> list[str]:
        """Return what went wrong, in sentences."""
        found = []
        for what, names in (
            ("acknowledged events lost", self.balance.lost),
            ("events doubled", self.balance.doubled),
            ("events that nobody sent", self.balance.unknown),
        ):
            if names:
                found.append(f"{len(names)} {what}, such as {names[0]}")
        if beyond := self.ledger.beyond_caps():
            found.append(f"{len(beyond)} visitors served beyond a cap, such as {beyond[0]}")
        if self.ledger.bad:
            bad = self.ledger.bad
            found.append(
                f"{len(bad)} of {self.ledger.decisions} decisions: {commonest(bad, self.began)}"
            )
        if self.ledger.strange:
            found.append(f"strange answers: {commonest(self.ledger.strange, self.began)}")
        if self.healed_s is None:
            found.append(f"not healed within {HEAL_LOOKED_FOR_S:.0f} s")
        elif self.healed_s > HEAL_WITHIN_S:
            found.append(f"healed only after {self.healed_s:.0f} s")
        if self.moved:
            where = ", ".join(f"{key} {count}" for key, count in self.moved_in.items())
            found.append(f"a recomputation moved {self.moved} memberships: {where}")
        if self.stale:
            found.append(f"{self.stale} visitors are older in Valkey than in the record")
        return found


def make_target(stack: RunningStack) -> Target:
    """The site under load, made as an editor would."""
    made = stack.site("make")
    return Target(stack.port, made["key"], made["placements"])


def suffer(
    stack: RunningStack,
    target: Target,
    fault: Fault,
    *,
    seconds: float,
    factor: float,
    within_ms: float | None,
) -> Outcome:
    """Let a stack under load suffer one fault; return what came of it."""
    ledger = Ledger()
    processes.wait_until(lambda: stack.listening() >= WEB_PROCESSES, HEAL_LOOKED_FOR_S)
    with Load(target, ledger, factor=factor, within_ms=within_ms):
        time.sleep(LEAD_S)
        began = time.monotonic()
        brought = fault.harm(stack, seconds) or ()
        ended = time.monotonic()
        healed_s = _healed(target, ledger)
        # What time has changed wrongly is put right with a visitor's next event: let them come.
        time.sleep(max(0.0, ended + min(seconds, HEAL_WITHIN_S) - time.monotonic()))
    ledger.will_send(brought)
    ledger.was_acknowledged(brought)
    stored = _stored(stack, ledger)
    checked = stack.site("check")
    if fault.heal is not None:
        fault.heal(stack)
    return Outcome(
        fault=fault,
        ledger=ledger,
        balance=balance(ledger, stored),
        healed_s=healed_s,
        moved=checked["moved"],
        moved_in=checked["segments"],
        stale=checked["stale"],
        began=began,
    )


def _healed(target: Target, ledger: Ledger) -> float | None:
    """Return how many seconds it takes until an event is seen by a decision, None: too many."""
    line = Line(target)
    visitor = f"probe-{time.time_ns()}"
    began = time.monotonic()
    number = 0
    while time.monotonic() - began < HEAL_LOOKED_FOR_S:
        number += 1
        try:
            if _is_seen(line, ledger, visitor, number):
                return time.monotonic() - began
        except (OSError, http.client.HTTPException, ValueError, KeyError):
            time.sleep(0.05)
    return None


def _is_seen(line: Line, ledger: Ledger, visitor: str, number: int) -> bool:
    """Send a view of a category; True when the page shows that category within a second."""
    event = viewed(visitor, number)
    ledger.will_send([event["messageId"]])
    status, _ = line.post("/v1/track", event)
    if status != 200:
        time.sleep(0.1)
        return False
    ledger.was_acknowledged([event["messageId"]])
    wanted = CATEGORIES[number % len(CATEGORIES)]
    until = time.monotonic() + 1
    while time.monotonic() < until:
        status, body = line.post(
            "/v1/decide", {"anonymousId": visitor, "placements": ["home.hero"]}
        )
        if status == 200 and json.loads(body)["placements"]["home.hero"]["variant"] == wanted:
            return True
        time.sleep(0.02)
    return False


def _stored(stack: RunningStack, ledger: Ledger) -> dict[str, int]:
    """Wait until the inbox is empty; return how often the record holds each id of this run."""

    def is_drained() -> bool:
        try:
            return stack.rows(WAITING) == [(0,)]
        except psycopg2.Error:
            return False

    processes.wait_until(is_drained, DRAINED_WITHIN_S)
    time.sleep(3.0)  # journals of killed processes are looked for every two seconds
    if not processes.wait_until(is_drained, DRAINED_WITHIN_S):
        ledger.was_strange("the inbox is never empty")
    mine = "SELECT message_id, count(*) FROM events_event WHERE message_id = ANY(%s) GROUP BY 1"
    return dict(stack.rows(mine, [sorted(ledger.sent)]))


def table(outcomes: Iterable[Outcome]) -> str:
    """Return the outcomes as a person reads them."""
    head = (
        "events", "repeats", "lost", "doubled", "capped", "decisions", "bad", "slowest", "healed",
        "moved",
    )  # fmt: skip
    lines = [f"{'fault':<15}" + "".join(f"{word:>10}" for word in head) + "  verdict"]
    for one in outcomes:
        healed = "never" if one.healed_s is None else f"{one.healed_s:.2f} s"
        cells = (
            f"{len(one.ledger.acknowledged):,}", f"{one.ledger.repeats:,}",
            f"{len(one.balance.lost):,}", f"{len(one.balance.doubled):,}",
            f"{sum(map(len, one.ledger.capped.values())):,}",
            f"{one.ledger.decisions:,}", f"{len(one.ledger.bad):,}",
            f"{one.ledger.slowest_ms:.0f} ms", healed, str(one.moved),
        )  # fmt: skip
        verdict = "MISSED" if one.failures() else "held"
        lines.append(
            f"{one.fault.name:<15}" + "".join(f"{cell:>10}" for cell in cells) + f"  {verdict}"
        )
    return "\n".join(lines)
