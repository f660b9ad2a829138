"""Calls to the address of a trigger, as Standard Webhooks: signed, tried again, parked at last.

A call may come twice, under one `webhook-id`: when the address has answered and this process died
before it could write that down.
"""

import hmac
import json
import math
import random
from base64 import b64decode, b64encode
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from hashlib import sha256
from typing import Final
from uuid import UUID

from django.db.models import F

from apps.access import targets
from apps.consent import disclosures
from apps.rules.firing import DELIVER, NOT_TOLD, may_be_told
from apps.rules.firing_reads import people
from apps.rules.models import Firing, Trigger
from apps.work import services as work

TIMEOUT_S: Final = 15.0
GONE: Final = 410
BUSY: Final = 429
# Pauses between the attempts at one call.
PAUSES_S: Final = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
PARKED_AFTER: Final = 20  # failures in a row, over all calls of a trigger
# Whoever asks to be called later is waited for, but not for longer than this.
LONGEST_WAIT_S: Final = 86_400


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
    document = {
        "type": "trigger.fired",
        "timestamp": firing.at.isoformat().replace("+00:00", "Z"),
        "data": {
            "trigger": trigger.key,
            "segment": trigger.segment.key,
            "on": trigger.on,
            "profileId": f"prf_{firing.profile_id.hex}",
            "message": trigger.message,
        },
    }
    body = json.dumps(document, ensure_ascii=False).encode()
    message_id = f"msg_{firing.pk.hex}"
    seconds = str(int(now.timestamp()))
    return body, {
        "Content-Type": "application/json",
        "User-Agent": "Attune-Webhooks/1",
        "webhook-id": message_id,
        "webhook-timestamp": seconds,
        "webhook-signature": signature(trigger.webhook_secret, message_id, seconds, body),
        "ce-specversion": "1.0",
        "ce-id": message_id,
        "ce-type": "trigger.fired",
        "ce-source": f"/sites/{trigger.site.key}/triggers/{trigger.key}",
        "ce-time": document["timestamp"],  # type: ignore[dict-item]  # the one text among these
    }


def signature(secret: str, message_id: str, seconds: str, body: bytes) -> str:
    """Return "v1,<base64>": HMAC-SHA256 over id, time and body, as Standard Webhooks has it."""
    key = b64decode(secret.removeprefix("whsec_"))
    content = b".".join((message_id.encode(), seconds.encode(), body))
    return f"v1,{b64encode(hmac.new(key, content, sha256).digest()).decode()}"


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
    status = error.status if isinstance(error, targets.NotTaken) else None
    if status == GONE or _has_failed_often(trigger, status):
        _park(trigger, now)
        _end(firing, Firing.Webhook.PARKED, attempts, str(error))
    elif attempts > len(PAUSES_S):
        _end(firing, Firing.Webhook.FAILED, attempts, str(error))
    else:
        wait_s = max(PAUSES_S[attempts - 1], _asked_wait_s(error, now))
        later = f"{error}, to be called again in {wait_s:,} s" if status == BUSY else str(error)
        _end(firing, Firing.Webhook.WAITING, attempts, later)
        # Not all of a crowd at once.
        pause_s = wait_s * random.uniform(1.0, 1.1)  # nosec B311
        _ask(firing.pk, trigger.site_id, now, now + timedelta(seconds=pause_s))


def _has_failed_often(trigger: Trigger, status: int | None) -> bool:
    """Count a failure; an address that is only busy is there, so that is none."""
    if status == BUSY:
        return False
    Trigger.objects.filter(pk=trigger.pk).update(webhook_failures=F("webhook_failures") + 1)
    failures = Trigger.objects.values_list("webhook_failures", flat=True).get(pk=trigger.pk)
    return failures >= PARKED_AFTER


def _asked_wait_s(error: OSError, now: datetime) -> int:
    """Seconds that the answer asks to wait, by its Retry-After; 0 where it asks for nothing.

    RFC 9110, 10.2.3: whole seconds, or a date.
    """
    text = error.retry_after.strip() if isinstance(error, targets.NotTaken) else ""
    if text.isascii() and text.isdigit():
        # A text of many digits is no number that could be waited for.
        return min(int(text), LONGEST_WAIT_S) if len(text) < 10 else LONGEST_WAIT_S
    try:
        at = parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError):  # the receiver writes what it likes
        return 0
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return min(max(math.ceil((at - now).total_seconds()), 0), LONGEST_WAIT_S)


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
