"""Calls to the address of a trigger, as Standard Webhooks: signed, tried again, parked at last.

A call may come twice, under one `webhook-id`: when the address has answered and this process died
before it could write that down.
"""

from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import F

from apps.access import calls, targets
from apps.access.calls import BUSY, GONE, PARKED_AFTER, PAUSES_S, TIMEOUT_S
from apps.consent import disclosures
from apps.rules.firing import DELIVER, NOT_TOLD, may_be_told
from apps.rules.firing_reads import people
from apps.rules.models import Firing, Trigger
from apps.work import services as work

__all__ = ["PARKED_AFTER", "deliver", "message_of", "take_up_again"]


def deliver(task: work.Work, now: datetime) -> None:
    """Call the address once for a firing; whatever comes of it is written there.

    Nothing is raised for an address that does not answer: it is tried again at its own pace.
    """
    firing = (
        Firing.objects.select_related("trigger__segment", "trigger__site", "trigger__recipient")
        .filter(pk=UUID(str(task.payload["firing"])), webhook=Firing.Webhook.WAITING)
        .first()
    )
    if firing is None:  # delivered, or its person was erased
        return
    trigger = firing.trigger
    if not trigger.webhook_address or trigger.webhook_parked_at is not None:
        _end(firing, Firing.Webhook.PARKED, firing.attempts, firing.error)
        return
    # Asked again at every attempt: it may have waited for a day, and they may have refused since.
    who = people([firing.profile_id]).get(firing.profile_id)
    if who is None or not may_be_told(trigger, who):
        _end(firing, Firing.Webhook.NONE, firing.attempts, NOT_TOLD)
        return
    body, headers = message_of(firing, now)
    attempts = firing.attempts + 1
    try:
        targets.post(trigger.webhook_address, body, headers, timeout_s=TIMEOUT_S)
    except (targets.ForbiddenTarget, ValueError) as error:
        _park(trigger, now)
        _end(firing, Firing.Webhook.PARKED, attempts, str(error))
    except OSError as error:
        _failed(firing, attempts, error, now)
    else:
        # Most calls are taken: then there is nothing to write.
        Trigger.objects.filter(pk=trigger.pk, webhook_failures__gt=0).update(webhook_failures=0)
        _end(firing, Firing.Webhook.DELIVERED, attempts, "")
    # Also of a call that failed: what was sent may have been read.
    if trigger.recipient_id is not None:
        disclosures.note([firing.profile_id], trigger.recipient_id, f"trigger:{trigger.key}", now)


def message_of(firing: Firing, now: datetime) -> tuple[bytes, dict[str, str]]:
    """Return the body and the headers of a call. Thin: who, which trigger, when."""
    trigger = firing.trigger
    return calls.message(
        call_id=firing.pk,
        kind="trigger.fired",
        source=f"/sites/{trigger.site.key}/triggers/{trigger.key}",
        at=firing.at,
        data={
            "trigger": trigger.key,
            "segment": trigger.segment.key,
            "on": trigger.on,
            "profileId": f"prf_{firing.profile_id.hex}",
            "message": trigger.message,
        },
        secret=trigger.webhook_secret,
        now=now,
    )


def take_up_again(trigger: Trigger, now: datetime) -> int:
    """Call a parked address again, first for the firings of the last day; how many of these."""
    Trigger.objects.filter(pk=trigger.pk).update(webhook_parked_at=None, webhook_failures=0)
    recent = Firing.objects.filter(
        trigger=trigger, webhook=Firing.Webhook.PARKED, at__gt=now - timedelta(days=1)
    )
    ids = list(recent.order_by("at").values_list("pk", flat=True)[:1_000])
    Firing.objects.filter(pk__in=ids).update(webhook=Firing.Webhook.WAITING, attempts=0)
    for pk in ids:
        _ask(pk, trigger.site_id, now, now)
    return len(ids)


def _failed(firing: Firing, attempts: int, error: OSError, now: datetime) -> None:
    trigger = firing.trigger
    status = calls.status_of(error)
    if status == GONE or _has_failed_often(trigger, status):
        _park(trigger, now)
        _end(firing, Firing.Webhook.PARKED, attempts, str(error))
    elif attempts > len(PAUSES_S):
        _end(firing, Firing.Webhook.FAILED, attempts, str(error))
    else:
        wait_s = calls.wait_s(attempts, error, now)
        later = f"{error}, to be called again in {wait_s:,} s" if status == BUSY else str(error)
        _end(firing, Firing.Webhook.WAITING, attempts, later)
        later_at = now + timedelta(seconds=calls.spread(wait_s))
        _ask(firing.pk, trigger.site_id, now, later_at)


def _has_failed_often(trigger: Trigger, status: int | None) -> bool:
    """Count a failure; an address that is only busy is there, so that is none."""
    if status == BUSY:
        return False
    Trigger.objects.filter(pk=trigger.pk).update(webhook_failures=F("webhook_failures") + 1)
    failures = Trigger.objects.values_list("webhook_failures", flat=True).get(pk=trigger.pk)
    return failures >= PARKED_AFTER


def _ask(firing_id: UUID, site_id: UUID, now: datetime, run_after: datetime) -> None:
    work.ask(
        DELIVER,
        key=firing_id.hex,
        site_id=site_id,
        payload={"firing": str(firing_id)},
        queue="fast",
        now=now,
        run_after=run_after,
    )


def _park(trigger: Trigger, now: datetime) -> None:
    Trigger.objects.filter(pk=trigger.pk, webhook_parked_at=None).update(webhook_parked_at=now)


def _end(firing: Firing, state: str, attempts: int, error: str) -> None:
    Firing.objects.filter(pk=firing.pk).update(webhook=state, attempts=attempts, error=error[:300])
