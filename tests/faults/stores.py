"""Stores that go away, forget, remember something old, or are full; and clocks that are wrong."""

import signal
import subprocess
import time

from launcher import processes
from tests.faults.harm import Harm, repeat
from tests.faults.running import RunningStack

FLUSH_EVERY_S = 2.0
BACK_WITHIN_S = 30.0


def absent(name: str, farewell: int) -> Harm:
    """The server is gone for the whole time."""

    def harm(stack: RunningStack, seconds: float) -> None:
        stack.let_go()
        try:
            stack.kill(name, farewell)
            time.sleep(seconds)
        finally:
            stack.take_up()
        processes.wait_until(lambda: bool(stack.pids(name)), BACK_WITHIN_S)

    return harm


def once(name: str, farewell: int) -> Harm:
    """The server ends, and the launcher starts it again."""

    def harm(stack: RunningStack, seconds: float) -> None:
        began = time.monotonic()
        [before] = stack.kill(name, farewell)
        processes.wait_until(lambda: stack.pids(name) not in ([], [before]), BACK_WITHIN_S)
        time.sleep(max(0.0, began + seconds - time.monotonic()))

    return harm


def flushed(stack: RunningStack, seconds: float) -> None:
    """Everything in Valkey is gone, again and again."""
    repeat(lambda: _ask(stack, "FLUSHALL"), seconds, FLUSH_EVERY_S)


def _ask(stack: RunningStack, command: str) -> None:
    stack.valkey([command])


def old_state(stack: RunningStack, seconds: float) -> None:
    """Valkey is killed, and comes back with what it held some seconds ago."""
    dump = stack.home.valkey_directory / "dump.rdb"
    _ask(stack, "SAVE")
    assert dump.exists(), "Valkey reads it when it starts"
    try:
        time.sleep(seconds / 2)
        once("valkey", signal.SIGKILL)(stack, seconds / 2)
        assert stack.valkey(["DBSIZE"])[0] > 0, "it came back empty"
    finally:
        dump.unlink(missing_ok=True)


def wrong_clock(stack: RunningStack, seconds: float) -> None:
    """An hour ahead, then an hour behind, then right again."""
    try:
        for offset in (3600, -3600):
            _set_clock(stack, offset)
            time.sleep(seconds / 2)
    finally:
        _set_clock(stack, 0)


def _set_clock(stack: RunningStack, offset_s: int) -> None:
    aside = stack.clock_file.with_suffix(".new")
    aside.write_text(str(offset_s))
    aside.replace(stack.clock_file)


def full_disk(stack: RunningStack, seconds: float) -> None:
    """Fill the home's file system to the last byte; needs a home on one of its own."""
    filler = stack.home.root / "filler"
    end = time.monotonic() + seconds
    try:
        with filler.open("ab", buffering=0) as file:
            while time.monotonic() < end:
                try:
                    file.write(b"\0" * 65536)
                except OSError:
                    time.sleep(0.1)
    finally:
        filler.unlink(missing_ok=True)


def mounted(path: str, megabytes: int) -> bool:
    """Put a small file system on a directory; False where that is not allowed."""
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "tmpfs", path],
        capture_output=True,
    )
    return done.returncode == 0
