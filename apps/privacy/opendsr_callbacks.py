"""Callbacks of OpenDSR: each change of state told to the addresses a controller gave, signed.

An address is judged again at each call, where its name leads to then. Who answers 410 is not called
any more; who cannot be reached is called five times within an hour, and that is shown in the log.
"""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from django.db import transaction

from apps.access import targets
from apps.privacy.models.requests import Request
from apps.privacy.opendsr import STATUS, status_of
from apps.privacy.opendsr_answers import signed_headers
from apps.privacy.request_log import log
from apps.privacy.request_messages import CALL_BACK
from apps.work import services as work

TIMEOUT_S: Final = 10.0
GONE: Final = 410
_ORDER: Final = ("pending", "in_progress", "completed", "cancelled")


@work.performs(CALL_BACK)
def call_back(job: work.Work, now: datetime) -> None:
    """Tell one address of one state."""
    found = Request.objects.select_related("site").get(pk=UUID(job.payload["request"]))
    number = int(job.payload["number"])
    url = found.callbacks[number]
    if not url or _is_older(found, number, job.payload["state"]):
        return
    document = {**status_of(found, job.payload["state"]), "status_callback_url": url}
    body = msgspec.json.encode(document)
    headers = {"Content-Type": "application/json", **signed_headers(body)}
    try:
        targets.post(url, body, headers, timeout_s=TIMEOUT_S)
    except targets.ForbiddenTarget:
        _give_up(found, number, "it may not be called", now)
    except targets.NotTaken as error:
        if error.status != GONE:
            raise
        _give_up(found, number, "it is gone", now)
    else:
        _note(found, number, document["request_status"], now)


def _is_older(found: Request, number: int, state: str) -> bool:
    """Whether the address knows a later state already: a message that was held up says nothing."""
    told = found.outcome.get("told", {}).get(str(number))
    return told is not None and _ORDER.index(STATUS[state]) < _ORDER.index(told)


@transaction.atomic
def _note(found: Request, number: int, status: str, now: datetime) -> None:
    row = Request.objects.select_for_update(of=("self",)).get(pk=found.pk)
    row.outcome["told"] = {**row.outcome.get("told", {}), str(number): status}
    row.save(update_fields=["outcome"])
    log(row, "called_back", actor=None, now=now, detail={"address": number, "told": status})


def _give_up(found: Request, number: int, why: str, now: datetime) -> None:
    found.callbacks[number] = ""
    found.save(update_fields=["callbacks"])
    log(found, "callback_ended", actor=None, now=now, detail={"address": number, "why": why})
