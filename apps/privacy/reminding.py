"""Officers are told by mail which requests are not answered yet; the home page says it too."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.urls import reverse

from apps.access import site_staff
from apps.privacy import mailing
from apps.privacy.clocks import day_of
from apps.privacy.models.requests import OPEN, Reminder, Request
from apps.privacy.request_log import log
from apps.work.attention import Notice

OFFICER: Final = "privacy.change_request"
SOON_DAYS: Final = 7
_BATCH: Final = 500


def remind(*, now: datetime) -> int:
    """Send the reminders whose day has begun, one mail per officer and request; return how many.

    A request that has ended meanwhile needs none. Twice in one day sends nothing twice.
    """
    waiting = Reminder.objects.filter(sent_at=None, remind_at__lte=now).values_list("pk", flat=True)
    return sum(_remind(number, now) for number in waiting.order_by("remind_at")[:_BATCH])


@transaction.atomic
def _remind(number: int, now: datetime) -> int:
    # The row count tells who of two workers sends it.
    if not Reminder.objects.filter(pk=number, sent_at=None).update(sent_at=now):
        return 0
    reminder = Reminder.objects.select_related("request__site").get(pk=number)
    request = reminder.request
    if request.state not in OPEN:
        return 0
    if reminder.kind == Reminder.Kind.CONFIRM and request.confirmed_at is not None:
        return 0
    told = 0
    for officer in officers_of(request.site_id):
        mailing.ask_to_send(
            site_id=request.site_id,
            to=officer.email,
            template="officer_reminder",
            values={
                "reference": request.public_ref,
                "kind": request.get_kind_display(),
                "site": request.site.name,
                "why": reminder.get_kind_display(),
                "due": f"{request.due_on:%d %B %Y}",
                "link": f"{settings.PUBLIC_ORIGIN}/admin/privacy/request/{request.pk}/change/",
            },
            now=now,
        )
        told += 1
    log(request, "reminded", actor=None, now=now, detail={"why": reminder.kind, "officers": told})
    return 1


def officers_of(site_id: UUID) -> list[User]:
    """Return those who may decide requests of a site and have an address."""
    staff = User.objects.filter(is_active=True, is_staff=True).exclude(email="")
    return [one for one in _who_decide(staff) if _may_see(one, site_id)]


def _who_decide(staff: Iterable[User]) -> list[User]:
    return [one for one in staff if one.has_perm(OFFICER) and not one.is_superuser]


def _may_see(user: User, site_id: UUID) -> bool:
    return site_staff.works_on(user, site_id)


def notices(site_id: UUID, now: datetime) -> list[Notice]:
    """Return what the home page says of a site's open requests. One query."""
    rows = Request.objects.filter(site_id=site_id, state__in=OPEN)
    ends = rows.values_list("due_on", "time_zone")
    lefts = [(due_on - day_of(now, zone)).days for due_on, zone in ends]
    late, soon = sum(left < 0 for left in lefts), sum(0 <= left <= SOON_DAYS for left in lefts)
    link = reverse("admin:privacy_request_changelist")
    found = []
    if late:
        words = "privacy request is late" if late == 1 else "privacy requests are late"
        found.append(Notice("bad", f"{late} {words}.", f"{link}?show=late", "Answer"))
    if soon:
        words = "privacy request is" if soon == 1 else "privacy requests are"
        text = f"{soon} {words} due within {SOON_DAYS} days."
        found.append(Notice("warn", text, link, "Look"))
    return found
