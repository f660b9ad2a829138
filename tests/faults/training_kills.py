"""Trainings by processes that are killed (-9) at each moment at which they can be.

A child is forked from the test's process, takes the work up under its lease, and kills itself at
the moment it is told to.
"""

import os
import signal
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import UUID

from django.db import connections

from apps.predictions import runs
from apps.work import performing

# At the beginning of each stage; before a draft becomes the file; between the file and its row;
# between the row and the end of the run.
MOMENTS = (
    "Looking back", "Choosing how", "Learning", "Judging", "Would more data help?", "Keeping",
    "draft", "file", "row",
)  # fmt: skip
LONGEST_S = 120


def killed_at(intent_id: UUID, moment: str, *, now: datetime) -> None:
    """Carry the work out in a child that dies at a moment.

    Raises:
        AssertionError: it ended otherwise.
    """
    connections.close_all()  # what a child inherits it would share
    pid = os.fork()
    if pid == 0:
        signal.alarm(LONGEST_S)
        try:
            with _deadly(moment):
                performing.perform(intent_id, now=now)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, (moment, status)


@contextmanager
def _deadly(moment: str) -> Iterator[None]:
    """Have this process die at a moment."""
    at_stage = runs.at_stage

    def staged(run: Any, stage: str) -> None:
        at_stage(run, stage)
        _die(stage == moment)

    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(runs, "at_stage", staged))
        if moment == "draft":
            stack.enter_context(mock.patch.object(Path, "replace", _dying))
        elif moment == "file":
            stack.enter_context(mock.patch.object(runs, "keep", _dying))
        elif moment == "row":
            stack.enter_context(mock.patch.object(runs, "finish", _dying))
        yield


def _dying(*_: Any, **__: Any) -> None:
    _die(True)


def _die(really: bool) -> None:
    if really:
        os.kill(os.getpid(), signal.SIGKILL)
