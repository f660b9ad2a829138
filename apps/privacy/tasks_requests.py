"""Doors of the schedules to requests: reminders, what waits to be carried out, old packages."""

from celery import shared_task
from django.db import OperationalError

from apps.privacy import carrying_out, opendsr_callbacks, packages, reminding, told_recipients
from apps.work import clock

# Loaded here, they take the intents of their kinds.
PERFORMERS = (carrying_out.perform, opendsr_callbacks.call_back)


@shared_task(  # type: ignore[untyped-decorator]  # celery has no types
    name="privacy.look_after_requests", autoretry_for=(OperationalError,), retry_backoff=True
)
def look_after_requests() -> dict[str, int]:
    """Remind officers, carry on with what was approved, empty old packages. Safe to run twice."""
    now = clock.now()
    return {
        "reminded": reminding.remind(now=now),
        "carried_on": carrying_out.carry_on(now=now),
        "closed": packages.close_expired(now=now),
        "told_again": told_recipients.tell_again(now=now),
    }
