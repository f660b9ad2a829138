"""Telling a site's address what happened without anybody's act: an arm was stopped, a model drifts.

An alert is a row first, in the transaction of what it tells of; a worker calls the address then. A
call may come twice, under one `webhook-id`.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import F

from apps.access import calls, targets
from apps.access.models import Alert, AlertAddress
from apps.work import services as work

DELIVER: Final = "access.deliver_alert"
KEPT: Final = timedelta(days=90)


def tell(
    *, site_id: UUID, kind: str, source: str, data: Mapping[str, Any], now: datetime
) -> Alert | None:
    """Have a site's address told; None: it has none. Call it in the transaction of what happened.

    Args:
        kind: what happened: "experiment.arm_stopped".
        source: of what, within the site: "experiments/words".
        data: figures and names, and never anything of a person.
    """
    if not AlertAddress.objects.filter(site_id=site_id, is_enabled=True).exists():
        return None
    Alert.objects.filter(site_id=site_id, at__lt=now - KEPT).delete()
    alert = Alert.objects.create(
        site_id=site_id, kind=kind, source=source[:200], at=now, data=dict(data)
    )
    _ask(alert, now, now)
    return alert


def deliver(task: work.Work, now: datetime) -> None:
    """Call the address once for an alert; whatever comes of it is written there.

    Nothing is raised for an address that does not answer: it is tried again at its own pace.
    """
    alert = (
        Alert.objects.select_related("site", "site__alert_address")
        .filter(pk=UUID(str(task.payload["alert"])), state=Alert.State.WAITING)
        .first()
    )
    if alert is None:
        return
    address: AlertAddress | None = getattr(alert.site, "alert_address", None)
    if address is None or not address.is_enabled or address.parked_at is not None:
        _end(alert, Alert.State.PARKED, alert.attempts, alert.error or "Nobody is to be called.")
        return
    body, headers = calls.message(
        call_id=alert.pk,
        kind=alert.kind,
        source=f"/sites/{alert.site.key}/{alert.source}",
        at=alert.at,
        data=alert.data,
        secret=address.secret,
        now=now,
    )
    attempts = alert.attempts + 1
    try:
        targets.post(address.address, body, headers, timeout_s=calls.TIMEOUT_S)
    except (targets.ForbiddenTarget, ValueError) as error:
        _park(address, now)
        _end(alert, Alert.State.PARKED, attempts, str(error))
    except OSError as error:
        _failed(alert, address, attempts, error, now)
    else:
        AlertAddress.objects.filter(pk=address.pk, failures__gt=0).update(failures=0)
        _end(alert, Alert.State.DELIVERED, attempts, "")


def take_up_again(address: AlertAddress, now: datetime) -> int:
    """Call a parked address again, first for the alerts of the last day; how many of these."""
    AlertAddress.objects.filter(pk=address.pk).update(parked_at=None, failures=0)
    parked = Alert.objects.filter(
        site_id=address.site_id, state=Alert.State.PARKED, at__gt=now - timedelta(days=1)
    )
    found = list(parked.order_by("at")[:100])
    Alert.objects.filter(pk__in=[one.pk for one in found]).update(
        state=Alert.State.WAITING, attempts=0
    )
    for one in found:
        _ask(one, now, now)
    return len(found)


def make_new_secret(address: AlertAddress) -> None:
    """Sign with another secret from the next call on; the one before is good for nothing."""
    address.secret = calls.new_secret()
    address.save(update_fields=["secret"])


def _failed(
    alert: Alert, address: AlertAddress, attempts: int, error: OSError, now: datetime
) -> None:
    status = calls.status_of(error)
    if status == calls.GONE or _has_failed_often(address, status):
        _park(address, now)
        _end(alert, Alert.State.PARKED, attempts, str(error))
    elif attempts > len(calls.PAUSES_S):
        _end(alert, Alert.State.FAILED, attempts, str(error))
    else:
        pause_s = calls.spread(calls.wait_s(attempts, error, now))
        _end(alert, Alert.State.WAITING, attempts, str(error))
        _ask(alert, now, now + timedelta(seconds=pause_s))


def _has_failed_often(address: AlertAddress, status: int | None) -> bool:
    """Count a failure; an address that is only busy is there, so that is none."""
    if status == calls.BUSY:
        return False
    AlertAddress.objects.filter(pk=address.pk).update(failures=F("failures") + 1)
    failures = AlertAddress.objects.values_list("failures", flat=True).get(pk=address.pk)
    return failures >= calls.PARKED_AFTER


def _ask(alert: Alert, now: datetime, run_after: datetime) -> None:
    work.ask(
        DELIVER,
        key=alert.pk.hex,
        site_id=alert.site_id,
        payload={"alert": str(alert.pk)},
        queue="fast",
        now=now,
        run_after=run_after,
    )


def _park(address: AlertAddress, now: datetime) -> None:
    AlertAddress.objects.filter(pk=address.pk, parked_at=None).update(parked_at=now)


def _end(alert: Alert, state: str, attempts: int, error: str) -> None:
    Alert.objects.filter(pk=alert.pk).update(state=state, attempts=attempts, error=error[:300])
