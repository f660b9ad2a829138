"""The results of many experiments anew, and the arms that these stop. Workers only (scipy)."""

import logging
from collections.abc import Sequence
from datetime import datetime

from apps.experiments import analysing, stopping
from apps.experiments.models import Phase

logger = logging.getLogger(__name__)


def work_out(phases: Sequence[Phase], *, now: datetime) -> None:
    """Work out the results of phases, some at a time, and stop what they say is to be stopped.

    One that cannot be worked out keeps no other from it: it is told once all others are done.

    Args:
        phases: any number, each with its experiment.

    Raises:
        Exception: what the first phase that failed has raised; every other one is logged.
    """
    failed: list[Exception] = []
    for first in range(0, len(phases), analysing.TOGETHER):
        some = phases[first : first + analysing.TOGETHER]
        try:
            _together(some, now)
        except Exception:
            for phase in some:  # again, one by one: the others do not wait for who fails
                try:
                    _together([phase], now)
                except Exception as error:
                    logger.exception("experiments.not_worked_out", extra={"phase": str(phase.pk)})
                    failed.append(error)
    if failed:
        raise failed[0]


def _together(phases: Sequence[Phase], now: datetime) -> None:
    for phase, found in zip(phases, analysing.analyse_all(phases, now=now), strict=True):
        if stopping.stop_due(phase, now=now, known=found.known):
            analysing.analyse(phase, now=now)  # the page says at once that an arm is stopped
