"""The results of many experiments anew, and the arms that these stop. Workers only (scipy)."""

from collections.abc import Sequence
from datetime import datetime

from apps.experiments import analysing, stopping
from apps.experiments.models import Phase


def work_out(phases: Sequence[Phase], *, now: datetime) -> None:
    """Work out the results of phases, some at a time, and stop what they say is to be stopped.

    Args:
        phases: any number, each with its experiment.
    """
    for first in range(0, len(phases), analysing.TOGETHER):
        some = phases[first : first + analysing.TOGETHER]
        for phase, found in zip(some, analysing.analyse_all(some, now=now), strict=True):
            if stopping.stop_due(phase, now=now, known=found.known):
                analysing.analyse(phase, now=now)  # the page says at once that an arm is stopped
