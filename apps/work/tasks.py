"""Celery doors of the work app."""

from uuid import UUID

from celery import shared_task

from apps.work import clock, performing, queueing, sweeper


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
