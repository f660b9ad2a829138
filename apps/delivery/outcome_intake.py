"""What one call of outcomes takes: its visitors' consent, its clock, and where events go."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

import msgspec
from django.db import InterfaceError, OperationalError, connection

from apps.access import limits
from apps.access.types import Caller
from apps.consent import gates
from apps.consent.recorded import has_agreed
from apps.consent.types import NOT_ASKED, Choice, Purpose
from apps.decisions.selectors import CapHolder, Showing, Shown, arrive, confirm, withdraw
from apps.delivery import exposure_log
from apps.delivery.outcome_bodies import REFUSALS, Receipt, Refusal
from apps.events.collect import record_accepted
from apps.events.types import FLAG_CAPS_ONLY, FLAG_CLOCK_AHEAD, FLAG_CONSENT_ASSUMED, Accepted
from apps.events.types import Receipt as StoreReceipt
from apps.work import clock
from apps.work.database import drop_if_broken

# Each is a question of its own. A page or an app is one visitor's, or a few one's after the other.
MOST_VISITORS: Final = 20
SKEW_MS: Final = 30_000  # a smaller difference between two clocks is latency
AHEAD_MS: Final = 600_000
DAY_MS: Final = 86_400_000
_ANALYTICS: Final = int(Purpose.ANALYTICS)
_PERSONALIZATION: Final = int(Purpose.PERSONALIZATION)

_encode = msgspec.json.Encoder().encode

Identities = tuple[str, ...]
Answered = tuple[bytes, dict[str, str]]


class ItemRefused(Exception):
    """One item is not taken; the others are."""

    def __init__(self, code: str) -> None:
        self.code = code


class Known(NamedTuple):
    """What is known of a visitor.

    Attributes:
        bits: what they allow, as purposes.
        holder: where their budgets of caps lie.
        is_confirmed: what they were shown counts there already.
    """

    choice: Choice
    bits: int
    holder: CapHolder
    is_confirmed: bool


Showings = list[tuple[Showing, bytes]]  # each beside the token of the reservation it takes up


class Seen(NamedTuple):
    """An exposure that has been read, and not yet taken."""

    event: Accepted
    identities: Identities
    showing: Showing | None
    reserved: bytes


class Intake:
    """One call: its clock, its visitors' choices, what is taken and what is not."""

    def __init__(self, caller: Caller, route: str, sent_at: datetime | None, now: datetime) -> None:
        self.caller = caller
        self.now = now
        self.now_ms = clock.to_ms(now)
        sent_ms = None if sent_at is None else _ms(sent_at)
        offset_ms = 0 if sent_ms is None else self.now_ms - sent_ms
        self.offset_ms = offset_ms if abs(offset_ms) >= SKEW_MS else 0
        self.headers: dict[str, str] | None = None
        self.route = route
        self.visitors: set[Identities] = set()
        self.choices: dict[Identities, Known] = {}
        self.showings: dict[Identities, Showings] = {}
        self.events: list[Accepted] = []
        self.refusals: list[Refusal] = []

    def take_seen(self, seen: Sequence[Seen]) -> None:
        """Take exposures. What caps count of them is told in the question who their visitor is."""
        for one in seen:
            if one.showing is not None:
                told = self.showings.setdefault(one.identities, [])
                told.append((one.showing, one.reserved))
        for one in seen:
            self.take(one.event, one.identities, is_counted=one.showing is not None)

    def charge_first(self, items: Sequence[msgspec.Raw]) -> None:
        """Charge a call that may be much work before it is done; others are on the way."""
        if len(items) > MOST_VISITORS:
            self.headers = limits.enforce(self.caller, self.route)

    def admit(self, identities: Identities) -> None:
        """Note a visitor; refuse those beyond what a publishable key may ask about at once."""
        if identities not in self.visitors:
            if self.caller.kind == "pk" and len(self.visitors) >= MOST_VISITORS:
                raise ItemRefused("too_many_visitors")
            self.visitors.add(identities)

    def take(self, event: Accepted, identities: Identities, *, is_counted: bool = False) -> None:
        """Stamp an event with its visitor's consent and keep it, unless analytics is refused.

        What caps count of it is counted by those who personalize, whatever analytics may know.
        """
        choice, bits, _, _ = self._known(identities)
        if not bits & _ANALYTICS:
            if not is_counted or not bits & _PERSONALIZATION:
                return  # counted by nobody: without consent not even its count is a fact
            event.flags |= FLAG_CAPS_ONLY
            event.context = {}
            event.properties = {
                name: event.properties[name] for name in ("caps", "capToken", "decided_ms")
            }
        event.epoch, event.purposes = choice.epoch, gates.stamp_of(bits)
        if not has_agreed(choice.granted, Purpose.ANALYTICS):
            event.flags |= FLAG_CONSENT_ASSUMED
        self.events.append(event)

    def refuse(self, index: int, message_id: str | None, code: str) -> None:
        """List an item that is not taken."""
        self.refusals.append(Refusal(index, message_id, code, REFUSALS[code]))

    def occurred(self, at: datetime | None) -> tuple[int, int | None, int]:
        """Return (corrected ms, ms as the sender said, flags) of an item's own time."""
        if at is None:
            return self.now_ms, None, 0
        original_ms = _ms(at)
        occurred_ms = original_ms + self.offset_ms
        if occurred_ms > self.now_ms:
            ahead = occurred_ms - self.now_ms > AHEAD_MS
            return self.now_ms, original_ms, FLAG_CLOCK_AHEAD if ahead else 0
        if occurred_ms < self.now_ms - self.caller.retention_days * DAY_MS:
            raise ItemRefused("event_too_old")
        return occurred_ms, original_ms, 0

    def receipt(self, *, may_wait: bool = False) -> Answered:
        """Store what was taken and word the answer. Durable when it returns, unless it may wait."""
        accepted = duplicates = 0
        for identities, showings in self.showings.items():
            known = self._known(identities)
            if known.bits & _PERSONALIZATION and not known.is_confirmed:
                confirm(known.holder, showings, self.now_ms)
        if self.events:
            stored = self._queued() if may_wait else self._stored()
            accepted, duplicates = stored.accepted, stored.duplicates
        body = _encode(Receipt(accepted, duplicates, self.refusals))
        if self.headers is None:  # nobody to ask for: the limit is charged all the same
            self.headers = limits.enforce(self.caller, self.route)
        return body, self.headers

    def _queued(self) -> StoreReceipt:
        owner = exposure_log.Owner(self.caller.site_id, self.caller.source_id)
        return exposure_log.take(owner, self.events)

    def _stored(self) -> StoreReceipt:
        """Store, once more on a new connection if the old one is dead: message ids allow it."""
        try:
            return record_accepted(self.caller, self.events, now=self.now)
        except (OperationalError, InterfaceError):
            if connection.in_atomic_block:
                raise
            drop_if_broken()
            if connection.connection is not None:  # who holds a row would hold it again
                raise
            return record_accepted(self.caller, self.events, now=self.now)

    def _known(self, identities: Identities) -> Known:
        found = self.choices.get(identities)
        if found is None:
            found = self.choices[identities] = self._asked(identities)
        return found

    def _asked(self, identities: Identities) -> Known:
        caller, showings = self.caller, self.showings.get(identities)
        shown = Shown(showings, self.now_ms) if showings else None
        arrival = arrive(caller, identities, self.route, charge=self.headers is None, shown=shown)
        if self.headers is None:
            self.headers = dict(arrival.headers)
        profile = arrival.profile
        choice = NOT_ASKED
        holder = CapHolder(caller.site_hex, identities[0])
        if profile is not None:
            choice = gates.choice_of(profile, profile.epoch)
            holder = CapHolder(caller.site_hex, identities[0], profile.profile_id)
        bits = gates.permitted_to(caller, choice, self.now_ms)
        if showings and arrival.is_confirmed and not bits & _PERSONALIZATION:
            withdraw(holder, showings)
        return Known(choice, bits, holder, arrival.is_confirmed)


def _ms(at: datetime) -> int:
    return clock.to_ms(at if at.tzinfo is not None else at.replace(tzinfo=UTC))
