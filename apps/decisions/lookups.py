"""The record of one decision, found by what a page or a log knows of it."""

from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import OperationalError, connection, transaction

from apps.decisions.decision_ids import DecisionPayload
from apps.decisions.models import DecisionRecord, Publication
from apps.decisions.record_inputs import unpacked
from apps.work import clock

LIMIT_S: Final = 2.0
_ALIKE: Final = 100  # records of one instant that are looked through
_CANCELED: Final = "57014"


class LookupTooSlow(Exception):
    """There are too many decisions to find one by its request within LIMIT_S."""


def record_of(site_id: UUID, payload: DecisionPayload) -> DecisionRecord | None:
    """Return the record of a decision id: of this instant, for this subject. One query."""
    at = clock.from_ms(payload.at_ms)
    served = [{"placement": payload.placement, "variant": payload.variant}]
    records = DecisionRecord.objects.filter(
        site_id=site_id, at=at, placements__contains=served
    ).order_by("at", "pk")
    found = list(records[:_ALIKE])
    if len(found) > 1:
        subjects = [_subject_of(one) for one in found]
        # Of somebody without a profile a record does not say who it was.
        wanted = payload.subject if payload.subject in subjects else ""
        named = zip(found, subjects, strict=True)
        found = [one for one, subject in named if subject == wanted] or found
    return found[0] if found else None


def record_of_request(site_id: UUID, request_id: str) -> DecisionRecord | None:
    """Return the newest record of a request, the log read backwards. One query of LIMIT_S at most.

    A request id is random, and no index is kept of it: each decision would pay for it.

    Raises:
        LookupTooSlow: it lies too far back.
    """
    rows = DecisionRecord.objects.filter(site_id=site_id, request_id=request_id).order_by("-at")
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL statement_timeout = {int(LIMIT_S * 1000)}")
            return rows.first()
    except OperationalError as error:
        if getattr(error.__cause__, "pgcode", None) == _CANCELED:
            raise LookupTooSlow from error
        raise


def record_with(site_id: UUID, record_id: UUID) -> DecisionRecord | None:
    """Return a record of a site by its own id. One query."""
    return DecisionRecord.objects.filter(site_id=site_id, pk=record_id).first()


def number_served_at(site_id: UUID, at: datetime) -> int | None:
    """Return which publication served at an instant; None: none did yet. One query."""
    rows = Publication.objects.filter(site_id=site_id, published_at__lte=at)
    return rows.order_by("-number").values_list("number", flat=True).first()


def _subject_of(record: DecisionRecord) -> str | None:
    if record.inputs is None:
        return None
    try:
        return unpacked(record.inputs, record.format).subject
    except ValueError:
        return None
