"""Writes that others may ask for: quarantine, tracking plan, partitions, pruning."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from django.contrib.auth.models import AbstractBaseUser
from django.db import connection, transaction

from apps.access import idempotency, keeping
from apps.access.services import record_audit
from apps.events import collect, counters, partitions, quarantine
from apps.events.domain.envelope import Envelope
from apps.events.domain.shape import has_rare_content
from apps.events.models import EventSchema, Quarantine
from apps.events.types import Receipt, Sender

Actor = AbstractBaseUser | None

DEDUPE_DAYS = 30
_DEDUPE_PARTITIONS = 8


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of quarantined events that were replayed.

    `stored` counts events that are in the inbox now or had arrived before; `refused` those that
    stay in quarantine with their new reason; `without_consent` those that may no longer be stored
    and are discarded.
    """

    stored: int
    refused: int
    without_consent: int


def ensure_partitions(months: Iterable[tuple[int, int]]) -> None:
    """Have a partition of the events table for each (year, month). Repeatable, cheap when known."""
    partitions.ensure_partitions(months)


def replay(quarantine_ids: Sequence[UUID], actor: Actor, now: datetime) -> Replayed:
    """Send waiting events through intake once more, each in a transaction of its own.

    Consent is asked again, as of now; times are corrected as of the moment when the event first
    arrived. Events that do not wait (replayed, discarded, unknown) are left alone.
    """
    stored = refused = without_consent = 0
    for quarantine_id in quarantine_ids:
        with transaction.atomic():
            state = _replay_one(quarantine_id, now)
        stored += state == Quarantine.State.REPLAYED
        refused += state == Quarantine.State.WAITING
        without_consent += state == Quarantine.State.DISCARDED
    result = Replayed(stored, refused, without_consent)
    _audit("events.quarantine_replayed", quarantine_ids, actor, now, stored=stored, refused=refused)
    return result


def record_told(source: Any, events: Sequence[Mapping[str, Any]], *, now: datetime) -> Receipt:
    """Take in events that another system has told of, as if a server of this source had sent them.

    By consent, once, and refused like all others; what is kept is durable when this returns.

    Args:
        source: the row of the source, its site with it.
        events: as the Segment spec has them, JSON; each with a `messageId` of its own.
    """
    items = [msgspec.json.encode(event) for event in events]
    rare = any(has_rare_content(item) for item in items)
    envelope = Envelope(items, None, None, None, None, rare)
    return collect.record(_sender(source), envelope, type=None, now=now)


def _replay_one(quarantine_id: UUID, now: datetime) -> str | None:
    """Replay one event; return its state afterwards, None when it did not wait."""
    row = (
        Quarantine.objects.select_for_update(of=("self",))
        .select_related("source__site", "site")
        .filter(pk=quarantine_id, state=Quarantine.State.WAITING)
        .first()
    )
    if row is None:
        return None
    sender = _sender_of(row)
    body = row.body.encode()
    envelope = Envelope([body], None, None, None, None, has_rare_content(body))
    refusal = collect.refusal_of(sender, envelope, received_at=row.received_at)
    if refusal is not None:
        row.code, row.detail = refusal.code, refusal.detail[:300]
        row.save(update_fields=["code", "detail"])
        return row.state
    receipt = collect.record(sender, envelope, type=None, now=now, received_at=row.received_at)
    row.state = Quarantine.State.DISCARDED if receipt.without_consent else Quarantine.State.REPLAYED
    row.resolved_at = now
    row.body, row.subjects = "", []  # it lies with the events now, or may not be kept
    row.save(update_fields=["state", "resolved_at", "body", "subjects"])
    return row.state


def _sender_of(row: Quarantine) -> Sender:
    """The source as it is configured now. The body holds no unproven user id and no raw address."""
    return _sender(row.source)


def _sender(source: Any) -> Sender:
    site = source.site
    return Sender(
        site_id=site.pk,
        source_id=source.pk,
        consent_mode=source.consent_mode,
        regime=site.regime,
        is_plan_strict=site.is_plan_strict,
        retention_days=site.retention_days,
        is_browser=False,
        address=None,
        has_gpc=False,
        prove=None,
        source_kind=source.kind,
        place_policy=site.place_policy,
        treats_gpc_as_refusal=site.treats_gpc_as_refusal,
        tcf_vendor_id=site.tcf_vendor_id,
    )


@transaction.atomic
def discard(quarantine_ids: Sequence[UUID], actor: Actor, now: datetime) -> int:
    """Give up waiting events and forget their bodies; return how many that were. Repeatable."""
    count = Quarantine.objects.filter(pk__in=quarantine_ids, state=Quarantine.State.WAITING).update(
        state=Quarantine.State.DISCARDED, resolved_at=now, body="", subjects=[]
    )
    _audit("events.quarantine_discarded", quarantine_ids, actor, now, discarded=count)
    return count


@transaction.atomic
def repair(quarantine_id: UUID, body: str, actor: Actor, now: datetime) -> bool:
    """Replace the body of a waiting event; False when it does not wait. Replaying is apart."""
    waiting = Quarantine.objects.filter(pk=quarantine_id, state=Quarantine.State.WAITING)
    site_id = waiting.values_list("site_id", flat=True).first()
    count = site_id is not None and waiting.update(
        body=body.replace("\x00", ""), subjects=quarantine.subjects_of(site_id, body)
    )
    _audit("events.quarantine_edited", [quarantine_id], actor, now, edited=int(count))
    return bool(count)


@transaction.atomic
def declare_names(
    site_id: UUID, names: Iterable[str], *, is_declared: bool, actor: Actor, now: datetime
) -> int:
    """Put names into the site's tracking plan, or take them out; return how many were changed."""
    names = sorted(set(names))
    if is_declared:
        EventSchema.objects.bulk_create(
            [EventSchema(site_id=site_id, name=name, first_seen_at=now) for name in names],
            ignore_conflicts=True,
        )
    count = EventSchema.objects.filter(
        site_id=site_id, name__in=names, is_declared=not is_declared
    ).update(is_declared=is_declared)
    record_audit(
        action="events.plan_changed", actor=actor, site_id=site_id,
        target_kind="events.eventschema", detail={"names": len(names), "declared": is_declared},
        now=now,
    )  # fmt: skip
    return count


def count_erased(site_id: UUID, number: int, *, now: datetime) -> None:
    """Count events that were taken in, and dropped because somebody they name was erased."""
    counters.count(site_id, Receipt(0, 0, 0, [], erased=number), now=now)


def forget_unused_names(site_id: UUID) -> int:
    """Delete observed names of events that no stored event has; return how many.

    Reads all events of the site. Declared names are the site's own and stay.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM events_eventschema s WHERE s.site_id = %(site)s AND NOT s.is_declared"
            " AND s.name NOT IN (SELECT DISTINCT name FROM events_event WHERE site_id = %(site)s)",
            {"site": str(site_id)},
        )
        return int(cursor.rowcount)


def prune(now: datetime) -> dict[str, int]:
    """Delete message ids older than 30 days, and quarantined events older than their site keeps
    them; return the counts.

    Answers kept for an Idempotency-Key go after a day.

    Message ids go partition by partition, each in a transaction of its own: nobody waits for long.
    """
    oldest_key = now - timedelta(days=DEDUPE_DAYS)
    keys = 0
    for number in range(_DEDUPE_PARTITIONS):
        with connection.cursor() as cursor:
            cursor.execute(
                f"DELETE FROM events_dedupekey_{number} WHERE received_at < %s",  # nosec B608
                [oldest_key],
            )
            keys += cursor.rowcount
    events = 0
    for site_id, oldest in keeping.cutoffs("quarantine", now=now).items():
        events += Quarantine.objects.filter(site_id=site_id, received_at__lt=oldest).delete()[0]
    answers = idempotency.prune(now)
    return {"message_ids": keys, "quarantined": events, "kept_answers": answers}


def _audit(
    action: str, quarantine_ids: Sequence[UUID], actor: Actor, now: datetime, **counts: int
) -> None:
    sites = Quarantine.objects.filter(pk__in=quarantine_ids).values_list("site_id", flat=True)
    for site_id in set(sites):
        record_audit(
            action=action, actor=actor, site_id=site_id, target_kind="events.quarantine",
            target_id=str(quarantine_ids[0]) if len(quarantine_ids) == 1 else "",
            detail=counts, now=now,
        )  # fmt: skip
