"""Sealed ledgers: register one, seal what was written, check it, and how a page tells of it."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.db.models import Max, Sum

from apps.work import selectors, services
from apps.work.anchors import anchor
from apps.work.ledger_rows import Form, Ledger, register, registered
from apps.work.models import Intent, LedgerState, SealHead
from apps.work.sealing import seal, waiting
from apps.work.types import Standing, Work
from apps.work.verifying import Bad, Verdict, verify

__all__ = [
    "Bad", "Form", "Ledger", "Verdict", "anchor", "ask_for_check", "check", "register",
    "registered", "seal", "standing_of", "verify",
]  # fmt: skip

logger = logging.getLogger(__name__)

CHECK: Final = "work.check_ledger"


@dataclass(frozen=True, slots=True)
class LedgerStanding:
    """How a ledger stands, for a page.

    Args:
        sealed: links made so far, of all sites; `sealed_at`: when the last was made.
        waiting: rows without one, counted no further than to 1,000.
        checked: the verdict of the last check, as `Verdict.as_json`; empty: never checked.
        running: the check that waits or runs, if one does.
    """

    sealed: int
    sealed_at: datetime | None
    waiting: int
    anchored_at: datetime | None
    checked_at: datetime | None
    checked: dict[str, Any]
    running: Standing | None


def check(name: str, *, now: datetime, progress: Callable[[int], None] | None = None) -> Verdict:
    """Verify a ledger and keep the verdict for its page; say in the log what is wrong."""
    verdict = verify(name, now=now, progress=progress)
    LedgerState.objects.update_or_create(
        ledger=name, defaults={"checked_at": now, "checked": verdict.as_json()}
    )
    for bad in verdict.bad:
        logger.error(
            "work.ledger_broken",
            extra={"ledger": name, "kind": bad.kind, "site": bad.site_id, "row": bad.row_id},
        )
    return verdict


@transaction.atomic
def ask_for_check(name: str, *, now: datetime) -> Intent:
    """Have a worker verify a ledger; while one waits to be, it is that one."""
    return services.ask(CHECK, key=name, payload={"ledger": name}, now=now)


@services.performs(CHECK)
def _check(work: Work, now: datetime) -> None:
    name = work.payload["ledger"]
    total = SealHead.objects.filter(ledger=name).aggregate(Sum("seq"))["seq__sum"] or 0
    check(
        name, now=now, progress=lambda done: work.progress(min(done, total), total, "rows checked")
    )


def standing_of(name: str) -> LedgerStanding:
    """Return how a ledger stands. Four queries."""
    state = LedgerState.objects.filter(ledger=name).first()
    heads = SealHead.objects.filter(ledger=name).aggregate(links=Sum("seq"), at=Max("sealed_at"))
    return LedgerStanding(
        sealed=heads["links"] or 0,
        sealed_at=heads["at"],
        waiting=waiting(name),
        anchored_at=state.anchored_at if state else None,
        checked_at=state.checked_at if state else None,
        checked=state.checked if state else {},
        running=selectors.open_of(CHECK, name),
    )
