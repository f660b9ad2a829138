"""Triggers that fire: lines of the change feed in, firings out, in the transaction of the caller.

Who calls holds the cursor's row, so that one process fires at a time: a limit of one visitor is
counted without a race, and a line that was read is never read again. Only what somebody did a
moment ago fires: not what became known late, nor what a merge or a new definition has changed.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import connection
from django.db.models import Q

from apps.access.services import record_audit
from apps.consent.declared import AUDIENCES
from apps.rules.domain.limits import limit_reached
from apps.rules.firing_reads import (
    Line,
    Who,
    columns,
    fired_before,
    fired_since,
    inside_at,
    lines,
    people,
)
from apps.rules.models import Firing, Trigger
from apps.rules.types import Fired, rule_key_of
from apps.work import services as work
from apps.work.ids import uuid7

__all__ = ["DELIVER", "Active", "Line", "active_triggers", "lines", "take", "take_due"]

DELIVER: Final = "webhook.deliver"
LATE: Final = timedelta(minutes=5)
REMEMBERED: Final = timedelta(days=90)
MINUTE: Final = timedelta(minutes=1)
NOT_TOLD: Final = "The visitor does not allow it that this recipient is told."

Active = Mapping[tuple[UUID, int], Sequence[Trigger]]  # by site and number of the segment
HeldOut = Callable[[UUID, str], bool]  # (site, bucketing key)


@dataclass(frozen=True, slots=True)
class _Candidate:
    trigger: Trigger
    profile_id: UUID
    cause: str
    at: datetime


def active_triggers(now: datetime) -> Active:
    """Return the triggers that are switched on, by what they listen to. One query."""
    rows = Trigger.objects.filter(
        Q(ends_at=None) | Q(ends_at__gt=now),
        is_enabled=True,
        paused_at=None,
        archived_at=None,
        segment__is_archived=False,
    )
    found: dict[tuple[UUID, int], list[Trigger]] = defaultdict(list)
    for one in rows.select_related("segment", "placement", "variant", "recipient").order_by(
        "number"
    ):
        found[one.site_id, one.segment.number].append(one)
    return found


def take(
    told: Sequence[Line], active: Active, *, is_held_out: HeldOut, now: datetime
) -> list[Fired]:
    """Fire, or note for later, what these lines set off; ten queries however many they are.

    A trigger that waits for somebody to stay is noted, and forgotten when they turn back.
    """
    waiting: dict[tuple[UUID, UUID], Firing] = {}
    turned: dict[tuple[UUID, UUID], datetime] = {}
    at_once: list[_Candidate] = []
    for line in told:
        for trigger in active.get((line.site_id, line.segment), ()):
            pair = (trigger.pk, line.profile_id)
            if line.entered is not (trigger.on == Trigger.On.ENTERED):
                turned.setdefault(pair, line.at)
                noted = waiting.get(pair)
                if noted is not None and noted.due_at is not None and line.at < noted.due_at:
                    del waiting[pair]
            elif not line.is_quiet and now - line.at <= LATE and _is_on(trigger, line.at):
                due_at = line.at + timedelta(milliseconds=trigger.for_ms)
                if trigger.for_ms:
                    waiting[pair] = _noted(trigger, line, due_at)
                else:
                    at_once.append(_Candidate(trigger, line.profile_id, f"line-{line.id}", line.at))
    _turn_back(turned)
    Firing.objects.bulk_create(waiting.values(), ignore_conflicts=True)
    return _fire(_new(at_once), is_held_out, now)


def take_due(now: datetime, *, is_held_out: HeldOut, limit: int) -> list[Fired]:
    """Fire for those who have stayed as long as their trigger asks; the earliest first."""
    due = list(
        Firing.objects.filter(outcome=Firing.Outcome.WAITING, due_at__lte=now)
        .select_related(
            "trigger__segment", "trigger__placement", "trigger__variant", "trigger__recipient"
        )
        .order_by("due_at")[:limit]
    )
    inside = inside_at(due)
    candidates: list[_Candidate] = []
    rows: dict[tuple[UUID, UUID, str], Firing] = {}
    for one in due:
        trigger, at = one.trigger, one.due_at or one.at
        if (one.pk in inside) is not (trigger.on == Trigger.On.ENTERED):
            one.outcome = Firing.Outcome.TURNED_BACK
        elif now - at > LATE:
            one.outcome = Firing.Outcome.LATE
        elif not _is_switched_on(trigger) or not _is_on(trigger, at):
            one.outcome = Firing.Outcome.OFF
        else:
            candidates.append(_Candidate(trigger, one.profile_id, one.cause, at))
            rows[trigger.pk, one.profile_id, one.cause] = one
    over = [one for one in due if one.outcome != Firing.Outcome.WAITING]
    Firing.objects.bulk_update(over, ["outcome"])
    return _fire(candidates, is_held_out, now, rows)


def _is_on(trigger: Trigger, at: datetime) -> bool:
    begins, ends = trigger.starts_at, trigger.ends_at
    return (begins is None or at >= begins) and (ends is None or at < ends)


def _is_switched_on(trigger: Trigger) -> bool:
    return trigger.is_enabled and trigger.paused_at is None and trigger.archived_at is None


def _noted(trigger: Trigger, line: Line, due_at: datetime) -> Firing:
    return Firing(
        trigger=trigger,
        profile_id=line.profile_id,
        cause=f"line-{line.id}",
        at=line.at,
        due_at=due_at,
        outcome=Firing.Outcome.WAITING,
    )


def _turn_back(turned: Mapping[tuple[UUID, UUID], datetime]) -> None:
    """Those who wait and turned back before their time was up."""
    if turned:
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE rules_firing f SET outcome = 'turned_back'"
                " FROM unnest(%s::uuid[], %s::uuid[], %s::timestamptz[])"
                " AS t(trigger_id, profile_id, at)"
                " WHERE f.trigger_id = t.trigger_id AND f.profile_id = t.profile_id"
                " AND f.outcome = 'waiting' AND f.due_at > t.at",
                [*columns(turned), list(turned.values())],
            )


def _new(candidates: Sequence[_Candidate]) -> list[_Candidate]:
    """Those that were not fired for already: the cursor sees to that, this is a second lock."""
    causes = {one.cause for one in candidates}
    known = (
        set(
            Firing.objects.filter(
                trigger_id__in={one.trigger.pk for one in candidates}, cause__in=causes
            ).values_list("trigger_id", "profile_id", "cause")
        )
        if causes
        else set()
    )
    return [c for c in candidates if (c.trigger.pk, c.profile_id, c.cause) not in known]


def _fire(
    candidates: Sequence[_Candidate],
    is_held_out: HeldOut,
    now: datetime,
    rows: Mapping[tuple[UUID, UUID, str], Firing] | None = None,
) -> list[Fired]:
    """Judge each in order and write what came of it.

    Args:
        rows: firings that are there already, by trigger, profile and cause.
    """
    if not candidates:
        return []
    known = people({one.profile_id for one in candidates})
    pairs = [(one.trigger.pk, one.profile_id) for one in candidates]
    earlier = fired_before(pairs, now - REMEMBERED)
    of_minute = fired_since(now - MINUTE, {one.trigger.pk for one in candidates})
    judged: list[Firing] = []
    fired: list[Fired] = []
    for one in candidates:
        who = known.get(one.profile_id)
        if who is None and not rows:
            continue  # nothing is noted of who was erased
        outcome = _outcome(one, who, earlier, of_minute, is_held_out)
        firing = _row(one, outcome, rows or {}, who)
        judged.append(firing)
        if outcome is Firing.Outcome.FIRED and who is not None:
            earlier[one.trigger.pk, one.profile_id].append(one.at)
            of_minute[one.trigger.pk] += 1
            fired.append(_said(one, who))
    _write(judged, rows or {})
    held = {one.trigger_id: one.trigger for one in judged if one.outcome == Firing.Outcome.HELD}
    for trigger in held.values():
        _pause(trigger, now)
    _ask_for_webhooks(judged, now)
    return fired


def _outcome(
    one: _Candidate,
    who: Who | None,
    earlier: Mapping[tuple[UUID, UUID], Sequence[datetime]],
    of_minute: Mapping[UUID, int],
    is_held_out: HeldOut,
) -> Firing.Outcome:
    trigger = one.trigger
    if who is None:  # erased or merged away since
        return Firing.Outcome.TURNED_BACK
    if trigger.purpose not in who.may:
        return Firing.Outcome.NO_CONSENT
    if is_held_out(trigger.site_id, who.unit_id):
        return Firing.Outcome.HOLDOUT
    limit = limit_reached(
        one.at,
        earlier.get((trigger.pk, one.profile_id), ()),
        most=trigger.most,
        window_ms=trigger.window_ms,
        cooldown_ms=trigger.cooldown_ms,
    )
    if limit is not None:
        return Firing.Outcome(limit.value)
    if of_minute.get(trigger.pk, 0) >= trigger.most_per_minute:
        return Firing.Outcome.HELD
    return Firing.Outcome.FIRED


def _row(
    one: _Candidate,
    outcome: Firing.Outcome,
    rows: Mapping[tuple[UUID, UUID, str], Firing],
    who: Who | None,
) -> Firing:
    firing = rows.get((one.trigger.pk, one.profile_id, one.cause)) or Firing(
        id=uuid7(), trigger=one.trigger, profile_id=one.profile_id, cause=one.cause, at=one.at
    )
    firing.outcome, firing.at = outcome, one.at
    if outcome is Firing.Outcome.FIRED and one.trigger.webhook_address:
        is_parked = one.trigger.webhook_parked_at is not None
        firing.webhook = Firing.Webhook.PARKED if is_parked else Firing.Webhook.WAITING
        if who is None or not may_be_told(one.trigger, who):
            firing.webhook, firing.error = Firing.Webhook.NONE, NOT_TOLD
    return firing


def may_be_told(trigger: Trigger, who: Who) -> bool:
    """Whether the address of a trigger may be called about somebody.

    What it is for must stand for them, and where others are behind the address, who act for
    themselves, that visitors are told to them.
    """
    recipient = trigger.recipient
    if trigger.purpose not in who.may:
        return False
    if recipient is None:
        return True
    is_allowed = not recipient.is_third_party or AUDIENCES in who.may
    return recipient.may_be_told and is_allowed


def _write(judged: Iterable[Firing], rows: Mapping[tuple[UUID, UUID, str], Firing]) -> None:
    known = {id(one) for one in rows.values()}
    new = [one for one in judged if id(one) not in known]
    Firing.objects.bulk_create(new, ignore_conflicts=True)
    old = [one for one in judged if id(one) in known]
    Firing.objects.bulk_update(old, ["outcome", "at", "webhook", "error"])


def _pause(trigger: Trigger, now: datetime) -> None:
    """Stop a trigger that fires more than anybody meant; its page and the home page say so."""
    if Trigger.objects.filter(pk=trigger.pk, paused_at=None).update(paused_at=now):
        record_audit(
            action="rules.trigger_paused",
            actor=None,
            site_id=trigger.site_id,
            target_kind="rules.trigger",
            target_id=str(trigger.pk),
            detail={"mostPerMinute": trigger.most_per_minute},
            now=now,
        )


def _ask_for_webhooks(judged: Iterable[Firing], now: datetime) -> None:
    for one in judged:
        if one.webhook == Firing.Webhook.WAITING:
            work.ask(
                DELIVER,
                key=one.pk.hex,
                site_id=one.trigger.site_id,
                payload={"firing": str(one.pk)},
                queue="fast",
                now=now,
            )


def _said(one: _Candidate, who: Who) -> Fired:
    trigger = one.trigger
    placement = trigger.placement
    return Fired(
        site_id=trigger.site_id,
        profile_id=one.profile_id,
        key=trigger.key,
        placement="" if placement is None else placement.key,
        rule="" if placement is None else rule_key_of(trigger.key),
        message=trigger.message,
        is_granted=who.has_agreed,
    )
