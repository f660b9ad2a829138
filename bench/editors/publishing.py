"""What publishing costs at a large site: the first look, everything at once, one change, and how
long a web process's other threads wait while it takes a publication over.
"""

import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import Any, Final
from uuid import UUID

from apps.decisions import parts, snapshots
from apps.decisions import services as decisions
from apps.work.collector import spare_the_collector
from bench.editors import content
from bench.editors.history import History, repeat_publication
from bench.editors.pages import Failed, in_a_fork, staff
from bench.editors.people import BEGIN
from bench.segments.data import NOW

PING_S: Final = 0.001
CHANGED: Final = 20
WAITING: Final = 60  # changes that nobody has published yet, for the pages

Figures = dict[str, float]


def publish_all(site_id: UUID, size: History, servers_us: Callable[[], float]) -> Figures:
    """Publish everything, then an earlier past of it, then a few changes; leave others waiting.

    Args:
        servers_us: the processor time that the servers have used so far.
    """
    author = staff("administrator")
    timed = partial(_timed, servers_us)
    found = timed("first look", lambda: parts.refresh_parts(site_id))
    found |= timed(
        "publishing everything",
        lambda: decisions.publish(site_id=site_id, actor=author, note="The first", now=BEGIN),
    )
    repeat_publication(site_id, author, size)
    parts.refresh_parts(site_id)
    found |= _named("loading", in_a_fork(lambda: _loaded(site_id)))
    snapshots.current(site_id, None)
    content.change_some(site_id, 0, CHANGED)
    found |= timed("looking at changes", lambda: parts.refresh_parts(site_id))
    found |= timed(
        "publishing changes",
        lambda: decisions.publish(site_id=site_id, actor=author, note="A few words", now=NOW),
    )
    found |= _named("taking over", in_a_fork(lambda: _taken_over(site_id, size.publications)))
    snapshots.catch_up(site_id, size.publications)
    content.change_some(site_id, CHANGED, WAITING)
    return found


def _loaded(site_id: UUID) -> Figures:
    """What a process does that has just begun."""
    return _beside(lambda: snapshots.current(site_id, None))


def _taken_over(site_id: UUID, number: int) -> Figures:
    """What a process does that serves already, when it hears of the next publication."""
    found = _beside(lambda: snapshots.catch_up(site_id, number))
    served = snapshots.held(site_id)
    if served is None or served.number != number:
        raise Failed("The publication was not taken over.")
    return found


def _beside(work: Callable[[], Any]) -> Figures:
    """Do something on one thread and look how long another waits meanwhile, and how long if alone.

    Threads take turns and cycles are looked for as in a web process.
    """
    sys.setswitchinterval(0.0005)
    spare_the_collector()
    idle = _longest_wait(time.sleep, 0.3)
    began, cpu = perf_counter(), time.process_time()
    waited = _longest_wait(lambda _: work(), 0.0)
    return {
        "ms": 1000 * (perf_counter() - began),
        "cpu_ms": 1000 * (time.process_time() - cpu),
        "others_waited_ms": waited,
        "others_waited_idle_ms": idle,
    }


def _longest_wait(work: Callable[[float], Any], argument: float) -> float:
    thread = threading.Thread(target=work, args=(argument,))
    longest = 0.0
    thread.start()
    while thread.is_alive():
        began = perf_counter()
        time.sleep(PING_S)
        longest = max(longest, perf_counter() - began - PING_S)
    return 1000 * longest


def _timed(servers_us: Callable[[], float], name: str, work: Callable[[], Any]) -> Figures:
    before_us, cpu, began = servers_us(), time.process_time(), perf_counter()
    work()
    ms, own_ms = 1000 * (perf_counter() - began), 1000 * (time.process_time() - cpu)
    servers_ms = (servers_us() - before_us) / 1000
    return _named(name, {"ms": ms, "cpu_ms": own_ms, "servers_cpu_ms": servers_ms})


def _named(name: str, found: Figures) -> Figures:
    return {f"{name}, {key}": value for key, value in found.items()}
