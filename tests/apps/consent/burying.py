"""Somebody who was erased, and what comes of them afterwards."""

import json
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.test import TestCase

from apps.access.models import Site
from apps.consent import tombstones
from apps.events import counters
from apps.events.models import IntakeMinute
from apps.pipeline import fold
from apps.profiles.holders import Subject, holders
from apps.profiles.models import Identity
from apps.work.ids import uuid7
from tests.apps.events.conftest import NOW, Sending

ERASED = NOW - timedelta(hours=1)
BEFORE, AFTER = ERASED - timedelta(minutes=10), ERASED + timedelta(minutes=10)
DEVICE, USER = ("anonymous_id", "a1"), ("user_id", "u1")


def view(at: datetime = AFTER, **fields: Any) -> dict[str, Any]:
    ids = {} if "userId" in fields else {"anonymousId": "a1"}
    said = {"type": "track", "event": "Product Viewed", "messageId": str(uuid7())}
    return said | ids | {"timestamp": at.isoformat()} | fields


def bury(site: Site, *names: tuple[str, str], at: datetime = ERASED, **options: Any) -> int:
    """Write the tombstones of somebody and forget their profiles."""
    subject = Subject(site.pk, (), names, lambda: iter(()))
    made = tombstones.write(subject, erased_at=at, now=at, **options)
    people = Identity.objects.filter(site=site, value__in=[value for _, value in names])
    for profile_id in set(people.values_list("profile_id", flat=True)):
        with transaction.atomic():
            for holder in reversed(holders()):
                holder.erase(profile_id)
    return made


def fold_all() -> int:
    total = 0
    with TestCase.captureOnCommitCallbacks(execute=True):
        while (folded := fold.fold_once(now=NOW)) is not fold.NOTHING:
            total += folded.events
    return total


def erased_counted(site: Site) -> int:
    counters.flush()
    return sum(IntakeMinute.objects.filter(site=site).values_list("erased", flat=True))


def send(sender: Sending, *said: dict[str, Any]) -> int:
    """Send events and fold them; return how many were stored."""
    sender.batch(*said)
    return fold_all()


def consent(sender: Sending, **body: Any) -> dict[str, Any]:
    response = sender.post("/v1/consent", body)
    assert response.status_code == 200, response.content
    return json.loads(response.content)  # type: ignore[no-any-return]
