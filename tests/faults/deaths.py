"""Processes that die, and processes of which there are too many."""

import signal
import subprocess
import time

from launcher import processes
from tests.faults.harm import Harm, repeat
from tests.faults.running import BACK_WITHIN_S, RunningStack

KILL_EVERY_S = 4.0
LIFE_S = 30.0  # of a consumer that is going to die


def killing(name: str) -> Harm:
    """The process of the name that has lived longest dies, again and again."""

    def harm(stack: RunningStack, seconds: float) -> None:
        repeat(lambda: _kill(stack, name), seconds, KILL_EVERY_S)

    return harm


def _kill(stack: RunningStack, name: str) -> None:
    stack.kill(name)


def killing_each(name: str) -> Harm:
    """Each of the web's processes dies in turn, once the one before it is back."""

    def harm(stack: RunningStack, seconds: float) -> None:
        repeat(lambda: stack.kill_web(name), seconds, KILL_EVERY_S)

    return harm


def second(*command: str) -> Harm:
    """One more of a process of which one is enough."""

    def harm(stack: RunningStack, seconds: float) -> None:
        extra = stack.begin(*command)
        try:
            time.sleep(seconds)
        finally:
            processes.stop(extra, farewell=signal.SIGTERM, patience=10)

    return harm


def before_it_tells(stack: RunningStack, seconds: float) -> None:
    """Consumers that die between the commit and the hot state, one after the other."""
    stack.let_go()
    try:
        stack.kill("consumer")
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            doomed = stack.begin("-m", "tests.faults.doomed_consumer")
            try:
                doomed.wait(LIFE_S)
            except subprocess.TimeoutExpired:
                processes.stop(doomed, farewell=signal.SIGKILL, patience=1)
    finally:
        stack.take_up()
    processes.wait_until(lambda: bool(stack.pids("consumer")), BACK_WITHIN_S)
