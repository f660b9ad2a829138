"""Celery and intent doors of erasures."""

from datetime import datetime
from typing import Final

from celery import shared_task

from apps.privacy import certificates, erasing, model_cuts, searching, telling
from apps.work import clock
from apps.work import services as work

SEARCH: Final = "privacy.search"


@shared_task(name="privacy.go_on_erasing")  # type: ignore[untyped-decorator]  # no types
def go_on_erasing() -> None:
    """Take up erasures that have stopped (beat, every five minutes)."""
    erasing.ask_unfinished(now=clock.now())


@shared_task(name="privacy.after_erasures")  # type: ignore[untyped-decorator]  # no types
def after_erasures() -> None:
    """Models, recipients and the search of all stores (beat, nightly)."""
    now = clock.now()
    model_cuts.go_on(now=now)
    telling.ask_untold(now=now)
    searching.forget_overdue(now)
    if searching.waiting(now):
        work.ask(SEARCH, key="all", now=now)


@work.performs(SEARCH)
def _search(task: work.Work, now: datetime) -> None:
    """Look for everybody erased since the last time, in one pass."""
    search_waiting(now=now, progress=lambda store: task.progress(0, 0, store))


def search_waiting(
    *, now: datetime, progress: searching.Progress = searching.silent
) -> searching.Found | None:
    """Search for who waits to be searched for; certify whom nothing is left of. None: nobody."""
    erasures = searching.waiting(now)
    if not erasures:
        return None
    found = searching.search_for(erasures, progress=progress)
    for erasure in erasures:
        if str(erasure.pk) not in found.owners:
            certificates.keep_search(erasure, found.without_hits(), now=now)
        else:
            erasing.tell_left(erasure, found.stores_of(str(erasure.pk)))
    return found
