"""The log of each request: append-only, sealed, and without a name or a value of anybody."""

from datetime import datetime, timedelta
from typing import Any, Final

from django.contrib.auth.models import AbstractBaseUser

from apps.privacy.models.requests import Request, RequestEvent
from apps.work.ledgers import Form, Ledger

KEPT: Final = timedelta(days=730)  # 24 months: 11 CCR 7101
LEDGER: Final = Ledger(
    name="requests",
    title="the log of privacy requests",
    table=RequestEvent._meta.db_table,
    keeps=KEPT,
    forms=(
        Form(
            ("id", "site_id", "request_id", "at", "kind", "state", "actor_id", "actor_label",
             "detail")
        ),
    ),
)  # fmt: skip


def log(
    request: Request,
    kind: str,
    *,
    actor: AbstractBaseUser | None,
    now: datetime,
    by: str = "",
    detail: dict[str, Any] | None = None,
) -> None:
    """Append what happened to a request; `by` says who it was where no officer did it."""
    label = actor.get_username()[:150] if actor is not None else (by or "system")
    RequestEvent.objects.create(
        site_id=request.site_id,
        request_id=request.pk,
        at=now,
        kind=kind,
        state=request.state,
        actor_id=actor.pk if actor is not None else None,
        actor_label=label,
        detail=detail or {},
    )
