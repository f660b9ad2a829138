"""What a process still writes when it is asked to end."""

import atexit
from collections.abc import Callable
from multiprocessing import util

# Before the finalizers of queues and managers, which have lower ones.
_FIRST = 10
_THEN = 5


def at_end(close: Callable[[], object], *, is_last: bool = False) -> None:
    """Call `close` when this process ends in an orderly way, once or twice.

    A worker process of the web server is a `multiprocessing` process: it leaves by `os._exit`, for
    which `atexit` does nothing; such processes run their finalizers. Every other process has
    `atexit`. Call this in the process itself, not before it is forked.

    Args:
        is_last: after those that are not: it writes what their writing counts.
    """
    atexit.register(close)
    util.Finalize(None, close, exitpriority=_THEN if is_last else _FIRST)
