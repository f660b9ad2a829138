"""Ports for servers that tests start."""

import random
import socket
from contextlib import suppress

# Below those that the system deals out to clients, so that no call takes one in between.
_FIRST, _LAST = 20_000, 32_000


def free_port() -> int:
    """A port on which nobody listens, as on the one after it: the stream's by default."""
    while True:
        port = random.randrange(_FIRST, _LAST, 2)
        with suppress(OSError):
            for wanted in (port, port + 1):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", wanted))
            return port
