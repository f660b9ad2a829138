"""Erasures by processes that are killed (-9) at each moment at which they can be.

A child is forked from the test's process, begins the erasure where it stands, and kills itself at
the first moment that it has not been killed at before.
"""

import json
import os
import signal
import traceback
from uuid import UUID

from django.db import connections

from apps.privacy import erasing

Moment = tuple[str, str, str]
MOST_FAILURES = 4


class ChildFailed(Exception):
    """An erasure ended by an error, which the child has printed."""


def killed_at(erasure_id: UUID, deaths: set[Moment]) -> Moment | None:
    """Carry an erasure out in a child that dies at the first moment not among `deaths`.

    Returns the moment; None when there was none left, and the erasure is through.

    Raises:
        ChildFailed
    """
    connections.close_all()  # what a child inherits it would share
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:

        def between(*moment: str) -> None:
            if moment not in deaths:
                os.write(writing, json.dumps(moment).encode())
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            erasing.run(erasure_id, between=between)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        told = pipe.read()
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        step, moment, store = json.loads(told)
        return step, moment, store
    if os.WEXITSTATUS(status):
        raise ChildFailed
    return None


def killed_at_every_moment(erasure_id: UUID) -> set[Moment]:
    """Kill an erasure over and over, at each of its moments once; return these.

    One that fails by itself (Redis did not answer in time, on a busy machine) is taken up again, as
    by the schedule.
    """
    deaths: set[Moment] = set()
    failures = 0
    while failures < MOST_FAILURES:
        try:
            moment = killed_at(erasure_id, deaths)
        except ChildFailed:
            failures += 1
            continue
        if moment is None:
            return deaths
        deaths.add(moment)
    raise AssertionError("it fails by itself again and again")
