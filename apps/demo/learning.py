"""Waiting for the worker that trains the recommender and refreshes the segments."""

import time
from typing import Final
from uuid import UUID

from apps.demo.errors import DemoTrouble
from apps.demo.progress import Progress
from apps.work.selectors import standing_of

POLL_S: Final = 0.1
START_WITHIN_S: Final = 90.0  # a sweep comes every ten, should the broker have lost the message


def await_done(intent_id: UUID, progress: Progress) -> None:
    """Follow one piece of work until it is done.

    Raises:
        DemoTrouble: no worker takes it, or it failed.
    """
    waiting_since = time.monotonic()
    while (standing := standing_of(intent_id)) is not None and standing.state != "done":
        if standing.state == "failed":
            raise DemoTrouble(f"The work '{standing.kind}' failed: {standing.error}")
        if standing.state != "waiting":
            waiting_since = time.monotonic()
        elif time.monotonic() - waiting_since > START_WITHIN_S:
            raise DemoTrouble(f"No worker takes the work '{standing.kind}': is one running?")
        progress.update(standing.done_steps, total=standing.total_steps, note=standing.note)
        time.sleep(POLL_S)
    if standing is not None:
        progress.update(standing.done_steps, total=standing.total_steps)
    progress.finish()
