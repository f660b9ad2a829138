"""Celery doors of the work app."""

from uuid import UUID

from celery import shared_task

from apps.work import clock, ledgers, performing, queueing, sweeper


@shared_task(name="work.run_intent")  # type: ignore[untyped-decorator]  # celery has no types
def run_intent(*, intent_id: str) -> None:
    """Carry out one intent. A second delivery finds it taken or done."""
    wanted = UUID(intent_id)
    queueing.arrived(wanted)
    performing.perform(wanted, now=clock.now())


@shared_task(name="work.sweep")  # type: ignore[untyped-decorator]  # celery has no types
def sweep() -> None:
    """Look for lost work (beat, every ten seconds)."""
    sweeper.sweep(now=clock.now())


@shared_task(name="work.seal_ledgers")  # type: ignore[untyped-decorator]  # celery has no types
def seal_ledgers() -> None:
    """Chain what was written into ledgers, and tell the file outside the database (beat)."""
    ledgers.seal(now=clock.now())
    ledgers.anchor(now=clock.now())


@shared_task(name="work.check_ledgers")  # type: ignore[untyped-decorator]  # celery has no types
def check_ledgers() -> None:
    """Ask for a check of every ledger (beat, daily)."""
    for ledger in ledgers.registered():
        ledgers.ask_for_check(ledger.name, now=clock.now())
