"""Ports for servers that tests start."""

import random
import socket
import sys
from contextlib import suppress

# Below those that the system deals out to clients, so that no call takes one in between.
_FIRST, _LAST = 20_000, 32_000
# What this process has given out. Its server binds it a moment later, or again and again.
_taken: list[socket.socket] = []


def free_port() -> int:
    """A port on which nobody listens, as on the one after it: the stream's by default.

    No other caller gets it before this process has ended, in whatever process it asks.
    """
    while True:
        port = random.randrange(_FIRST, _LAST, 2)
        with suppress(OSError):
            name = _name_of(port)
            for wanted in (port, port + 1):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", wanted))
            _taken.append(name)
            return port


def _name_of(port: int) -> socket.socket:
    """Take the name of a port, which the kernel gives to one process at a time.

    Raises:
        OSError: it is taken.
    """
    name = socket.socket(socket.AF_UNIX)
    if sys.platform == "linux":  # elsewhere there are no names without files
        try:
            name.bind(f"\0attune tests, port {port}")
        except OSError:
            name.close()
            raise
    return name
