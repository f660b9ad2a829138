"""The web processes alone, in the foreground: what a container of the role `web` runs."""

import os
import sys
import time
from collections.abc import Sequence

from launcher.home import port
from launcher.stack import HOPELESS, TICK, stopping_on_signals
from launcher.supervisor import Program, Supervisor, web_programs
from launcher.trouble import Trouble


def web(arguments: Sequence[str]) -> int:
    """Run WEB_WORKERS web processes and start again those that die, until told to end.

    Args:
        arguments: the address to listen on, 127.0.0.1 unless it is given.

    Raises:
        Trouble: none of them lives for more than seconds.
    """
    [host] = arguments or ["127.0.0.1"]
    supervisor = Supervisor(servers=[], log=None, environment=os.environ, say=_say)
    with stopping_on_signals():
        try:
            _keep(supervisor, web_programs(port(), host=host, interpreter=sys.executable))
        finally:
            supervisor.stop()
    return 0


def _keep(supervisor: Supervisor, programs: Sequence[Program]) -> None:
    for program in programs:
        supervisor.start(program)
    while True:
        supervisor.tick()
        if all(supervisor.deaths(program.name) >= HOPELESS for program in programs):
            raise Trouble("The web processes end as soon as they are started.")
        time.sleep(TICK)


def _say(sentence: str) -> None:
    print(f"[attune] {sentence}", file=sys.stderr, flush=True)
