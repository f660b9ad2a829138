"""From a call to the inbox: events read, consent asked, the new stored, the refused held."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from django.db import transaction

from apps.consent import gates
from apps.consent import services as consent
from apps.consent.tombstones import Choices
from apps.consent.types import Choice
from apps.events import counters, inbox, plan, quarantine
from apps.events.domain.envelope import MAX_EVENTS, Envelope
from apps.events.domain.evidence import REFUSED
from apps.events.domain.instants import parse_ms
from apps.events.domain.minimise import truncated_address, without_queries
from apps.events.domain.reading import MAX_MESSAGE_ID_LENGTH, Frame, read_event, readable_id
from apps.events.domain.shape import checked_part, decode_event
from apps.events.errors import EventRefused, InvalidBody, TooManyEvents
from apps.events.inbox import Packed, packed
from apps.events.partitions import DAY_MS, ensure_partitions_for
from apps.events.permission import (
    CONSENT_EVENT,
    OPTED_OUT,
    Subject,
    choices_for,
    joint_choice,
    may_keep,
    permit,
    preferences_of,
    signal_in,
    strings_of,
    subjects_of,
    subjects_of_refused,
)
from apps.events.quarantine import Refused
from apps.events.returning import erased_of, let_in
from apps.events.types import Accepted, HasSource, Receipt, Rejection, Sender
from apps.work.clock import from_ms, to_ms
from apps.work.ids import uuid7

__all__ = [
    "Call",
    "Packed",
    "opened",
    "packed",
    "record",
    "record_accepted",
    "record_packed",
    "refusal_of",
]

# What the contexts of a batch may add to all of its events together, in bytes.
MAX_SHARED_BYTES = 2_000_000
# What is past retention, or may not be inferred of anybody.
_NEVER_HELD = frozenset({"event_too_old", REFUSED})
# Names of our own making are never undeclared: a plan declares what a site names.
_PLANNED_TYPE = "track"


@dataclass(slots=True)
class Call:
    """A call under way: its events are read, and nothing is stored yet.

    `places` maps id() of an event to its index in the call. `rejections` and `refused` (raw event,
    decoded event if it was an object) run side by side. `items` are all of them as they came,
    `erased` so many were dropped because somebody they name was erased.
    """

    sender: Sender
    frame: Frame
    received_at: datetime
    events: list[Accepted]
    places: dict[int, int]
    rejections: list[Rejection]
    refused: list[tuple[bytes, dict[str, Any] | None]]
    items: Sequence[bytes] = ()
    erased: int = 0

    def raw_of(self, event: Accepted) -> bytes:
        """One of `events` as it came."""
        return self.items[self.places[id(event)]]


def opened(
    sender: Sender,
    envelope: Envelope,
    *,
    type: str | None,
    now: datetime,
) -> Call:
    """Read the events of a call that has just come in. Touches nothing.

    Args:
        type: that which the path names, None for a batch.

    Raises:
        TooManyEvents: more than 2,000.
        InvalidBody: a context that the events cannot share.
        EventRefused: a context of the batch breaks the limits of every event.
    """
    frame = _frame(sender, envelope, type, now)
    call = Call(sender, frame, now, [], {}, [], [], envelope.items)
    _read_all(call, envelope)
    return call


def record(
    sender: Sender,
    envelope: Envelope,
    *,
    type: str | None,
    now: datetime,
    received_at: datetime | None = None,
) -> Receipt:
    """Store the fresh and permitted events of a call; everything is durable when this returns.

    `received_at` differs from `now` for an event that waited in quarantine. Consent events apply
    first, in the same transaction as the rest of such a call. Statements: one for consent, one to
    store; more only for refusals, strict plans, new months and consent events.

    Raises:
        TooManyEvents, InvalidBody, EventRefused: as `opened`.
        django.db.OperationalError, InterfaceError: Postgres is away; sending again is safe.
    """
    return record_call(opened(sender, envelope, type=type, now=received_at or now), now)


def record_call(call: Call, now: datetime) -> Receipt:
    """Record a call that is read; see `record`."""
    choosing = choosing_of(call)
    if choosing:
        with transaction.atomic():
            return _settle(call, _apply_choices(call, choosing, now), now)
    return _settle(call, [], now)


def choosing_of(call: Call) -> list[Accepted]:
    """The events of a call that write the consent ledger."""
    return [e for e in call.events if e.name == CONSENT_EVENT and preferences_of(e.context)]


def record_accepted(caller: HasSource, events: Sequence[Accepted], *, now: datetime) -> Receipt:
    """Store events that the caller has validated and stamped with consent itself (exposures)."""
    if not events:
        return Receipt(accepted=0, duplicates=0, without_consent=0, rejected=[])
    ensure_partitions_for(event.occurred_ms for event in events)
    fresh = inbox.store(caller, events, sent_ms=None, received_at=now)
    receipt = Receipt(
        accepted=fresh, duplicates=len(events) - fresh, without_consent=0, rejected=[]
    )
    counters.count(caller.site_id, receipt, now=now)
    return receipt


def record_packed(owner: HasSource, events: Sequence[Packed], *, now: datetime) -> None:
    """Store validated events that `packed` kept for a while after their call was answered."""
    ensure_partitions_for(event.occurred_ms for event in events)
    fresh = inbox.store_packed(owner, events, received_at=now)
    receipt = Receipt(
        accepted=fresh, duplicates=len(events) - fresh, without_consent=0, rejected=[]
    )
    counters.count(owner.site_id, receipt, now=now)


def refusal_of(sender: Sender, envelope: Envelope, *, received_at: datetime) -> Rejection | None:
    """Return why the one event of `envelope` would be refused now, or None. Stores nothing."""
    call = opened(sender, envelope, type=None, now=received_at)
    if sender.is_plan_strict:
        _hold_unplanned(call, call.events, [])
    return call.rejections[0] if call.rejections else None


def _frame(sender: Sender, envelope: Envelope, type: str | None, received_at: datetime) -> Frame:
    if len(envelope.items) > MAX_EVENTS:
        raise TooManyEvents(MAX_EVENTS)
    received_ms = to_ms(received_at)
    return Frame(
        type=type,
        received_ms=received_ms,
        sent_ms=parse_ms(envelope.sent_at),
        oldest_ms=received_ms - sender.retention_days * DAY_MS,
        context=_shared(envelope, envelope.context, "context"),
        integrations=_shared(envelope, envelope.integrations, "integrations"),
        is_browser=sender.is_browser,
        address=truncated_address(sender.address) if sender.address is not None else None,
        prove=sender.prove,
        new_id=uuid7,
        cookie_id=envelope.cookie_id,
    )


def _shared(envelope: Envelope, part: Any, name: str) -> dict[str, Any] | None:
    """Return an object that the batch lays under each of its events, checked and minimised."""
    if part is None or part == {}:
        return None
    if type(part) is not dict:
        raise InvalidBody(f"`{name}` of a batch is an object.", f"/{name}")
    part = without_queries(checked_part(part))
    if len(msgspec.json.encode(part)) * len(envelope.items) > MAX_SHARED_BYTES:
        raise InvalidBody(f"`{name}` is too large for so many events.", f"/{name}")
    return part  # type: ignore[no-any-return]  # a dict in, a dict out


def _read_all(call: Call, envelope: Envelope) -> None:
    rare = envelope.rare
    for index, raw in enumerate(envelope.items):
        item: dict[str, Any] | None = None
        try:
            item = decode_event(raw, rare=rare)
            has_queries = b"?" in raw or b"#" in raw or b"\\u00" in raw
            event = read_event(item, call.frame, has_queries=has_queries)
        except EventRefused as refusal:
            message_id = readable_id(item, "messageId", MAX_MESSAGE_ID_LENGTH)
            call.rejections.append(
                Rejection(index, message_id, refusal.code, str(refusal), refusal.errors)
            )
            call.refused.append((raw, item))
        else:
            call.events.append(event)
            call.places[id(event)] = index


def _apply_choices(call: Call, choosing: Sequence[Accepted], now: datetime) -> list[Accepted]:
    """Write the consent ledger for consent events that are new; return those.

    A message that was sent again must not grant once more what was withdrawn in between, so its id
    is claimed before it counts. In order of occurrence: the last choice of a call stands.
    """
    claimed = []
    for event in sorted(choosing, key=lambda event: event.occurred_ms):
        if not inbox.claim(call.sender, event.message_id, received_at=call.received_at):
            continue
        claimed.append(event)
        version = event.properties.get("policyVersion")
        signal = signal_in(event.context, call.frame.received_ms, call.sender.tcf_vendor_id)
        consent.record_choice(
            site_id=call.sender.site_id,
            source_id=call.sender.source_id,
            identities=subjects_of(event),
            purposes=preferences_of(event.context),
            method="event",
            policy_version=version[:40] if isinstance(version, str) else "",
            gpc=call.sender.has_gpc,
            refused=signal.no,
            granted=signal.yes,
            opted_out=OPTED_OUT if signal.is_opt_out else 0,
            asking=call.sender,
            signals=strings_of(event.context),
            client_at=None if event.original_ms is None else from_ms(event.original_ms),
            regime=call.sender.regime,
            now=now,
            said_at=from_ms(event.occurred_ms),
        )
    return claimed


def _settle(call: Call, claimed: list[Accepted], now: datetime) -> Receipt:
    """Ask for consent, store, hold the refused, count: the second half of `record`."""
    sender = call.sender
    owners = [subjects_of_refused(item) for _, item in call.refused]
    more = [subject for subjects in owners for subject in subjects]
    choices = choices_for(sender, call.events, more)
    dropped = erased_of(call.events, choices)
    if dropped and let_in(sender, dropped, call.raw_of, now):
        choices = choices_for(sender, call.events, more)
        dropped = erased_of(call.events, choices)
    kept = permit(sender, call.events, choices)
    if _apply_signals(sender, kept, choices, now):
        kept = permit(sender, call.events, choices_for(sender, call.events))
    without_consent = len(call.events) - len(kept)
    waiting = _to_hold(call, owners, choices) if call.refused else []
    if sender.is_plan_strict:
        kept = _hold_unplanned(call, kept, waiting)
    fresh = _store(call, kept, claimed)
    quarantine.hold(sender, waiting, received_at=call.received_at)
    receipt = Receipt(
        accepted=fresh,
        duplicates=len(kept) - fresh,
        without_consent=without_consent,
        rejected=call.rejections,
        erased=len(dropped),
    )
    counters.count(sender.site_id, receipt, now=now)
    return receipt


def _store(call: Call, kept: list[Accepted], claimed: list[Accepted]) -> int:
    """Put the events into the inbox; return how many were fresh."""
    if not kept:
        return 0
    ensure_partitions_for([event.occurred_ms for event in kept])
    sent_ms = call.frame.sent_ms
    first: list[Accepted] = []
    if claimed:
        mine = {id(event) for event in claimed}
        first = [event for event in kept if id(event) in mine]
        kept = [event for event in kept if id(event) not in mine]
    if first:
        inbox.put_claimed(call.sender, first, sent_ms=sent_ms, received_at=call.received_at)
    if kept:
        fresh = inbox.store(call.sender, kept, sent_ms=sent_ms, received_at=call.received_at)
        return fresh + len(first)
    return len(first)


def _apply_signals(
    sender: Sender, kept: Iterable[Accepted], choices: Mapping[Subject, Choice], now: datetime
) -> bool:
    """Record the opt-out of the visitors of events to be stored who have no such no yet.

    It is `Sec-GPC: 1`, or a GPP or US Privacy string of the event. True if anything was recorded.
    Nobody is written down for whom nothing is stored: the signal comes with every request anyway.
    """
    asked = unsignalled(sender, kept, choices)
    for subjects in sorted(asked):
        consent.apply_opt_out(
            site_id=sender.site_id,
            source_id=sender.source_id,
            identities=list(subjects),
            gpc=sender.has_gpc,
            strings=asked[subjects],
            regime=sender.regime,
            asking=sender,
            now=now,
        )
    return bool(asked)


def unsignalled(
    sender: Sender, kept: Iterable[Accepted], choices: Mapping[Subject, Choice]
) -> dict[tuple[Subject, ...], dict[str, str]]:
    """The visitors who opt out by a signal and have no such no on record, and by which strings."""
    found: dict[tuple[Subject, ...], dict[str, str]] = {}
    for event in kept:
        is_said = signal_in(event.context, event.occurred_ms).is_opt_out
        if not (is_said or sender.has_gpc):
            continue
        subjects = subjects_of(event)
        choice = joint_choice(subjects, choices)
        if gates.unheard(sender, choice):
            evidence = found.setdefault(tuple(subjects), {})
            evidence.update(strings_of(event.context) if is_said else {})
            evidence.pop("tcString", None)  # it opts out of nothing
    return found


def _to_hold(call: Call, owners: Sequence[Sequence[Subject]], choices: Choices) -> list[Refused]:
    """Return what quarantine keeps of the refused events: bodies only where consent allows it."""
    waiting = []
    for rejection, (raw, item), subjects in zip(call.rejections, call.refused, owners, strict=True):
        body = None
        context = item.get("context") if item is not None else None
        if rejection.code not in _NEVER_HELD and may_keep(
            call.sender,
            subjects,
            context if type(context) is dict else {},
            choices,
            call.frame.received_ms,
        ):
            body = quarantine.body_of_refused(raw, item, call.frame, has_gpc=call.sender.has_gpc)
        waiting.append(Refused(rejection.code, rejection.detail, rejection.message_id or "", body))
    return waiting


def _hold_unplanned(call: Call, kept: list[Accepted], waiting: list[Refused]) -> list[Accepted]:
    """Move events that a strict plan does not declare to `waiting`; return the others."""
    unknown = unplanned_of(call.sender, kept)
    if not unknown:
        return kept
    # What the plan holds back is offered to be declared; the fold observes what gets through.
    plan.observe(call.sender.site_id, unknown, call.received_at)
    inside = []
    for event in kept:
        if event.type != _PLANNED_TYPE or event.name not in unknown:
            inside.append(event)
            continue
        refusal = EventRefused("event_not_in_plan", EventRefused.CODES["event_not_in_plan"])
        place = call.places[id(event)]
        call.rejections.append(
            Rejection(place, event.message_id, refusal.code, str(refusal), refusal.errors)
        )
        body = quarantine.body_of_unplanned(event, has_gpc=call.sender.has_gpc)
        waiting.append(Refused(refusal.code, str(refusal), event.message_id, body))
    call.rejections.sort(key=lambda rejection: rejection.index)
    return inside


def unplanned_of(sender: Sender, kept: Iterable[Accepted]) -> frozenset[str]:
    """The names of these events that the site's plan does not declare."""
    names = {e.name for e in kept if e.type == _PLANNED_TYPE and e.name != CONSENT_EVENT}
    return plan.undeclared(sender.site_id, names) if names else frozenset()
