"""Where processes run, and how much CPU time they have used."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_REAPED = slice(13, 15)  # of /proc/<pid>/stat after the name: cutime, cstime


def sides() -> tuple[set[int], set[int]]:
    """Return (the processors of the server side, those of the client); the same when there is one.

    The server side has one processor, so that requests per second are those of one core.
    """
    usable = sorted(os.sched_getaffinity(0))
    return {usable[0]}, {usable[1]} if len(usable) > 1 else {usable[0]}


@contextlib.contextmanager
def on(processors: set[int]) -> Iterator[None]:
    """Run here, and start processes here, for the length of a block."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, processors)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def cpu_us(root: int) -> float:
    """Return the CPU microseconds that a process and its descendants have used so far.

    Living threads are read from schedstat (nanoseconds), children that have ended from their
    parent's account (clock ticks).
    """
    total_ns = 0
    for pid in _tree(root):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for task in Path(f"/proc/{pid}/task").iterdir():
                with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                    total_ns += int((task / "schedstat").read_text().split()[0])
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks = sum(int(text) for text in fields[_REAPED])
            total_ns += ticks * 1_000_000_000 // _TICKS_PER_S
    return total_ns / 1000


def peak_mb(root: int) -> float:
    """Return the most memory that a process and its descendants have had resident, summed, in MB.

    Pages that they share count once for each.
    """
    total_kb = 0
    for pid in _tree(root):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
            total_kb += sum(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    return total_kb / 1024


def _tree(root: int) -> Iterator[int]:
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        yield pid
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for task in Path(f"/proc/{pid}/task").iterdir():
                with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                    waiting += map(int, (task / "children").read_text().split())
