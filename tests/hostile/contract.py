"""Ten thousand mutated bodies at each hot endpoint of real processes: `make contract`.

No 5xx, no answer of another shape, memory flat; what decisions beside them waited is printed, with
what they waited beside as many good bodies. MUTANTS says how many.
"""

import http.client
import json
import os
import random
import statistics
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.clients.conftest import (  # noqa: F401
    Address,
    _nothing_left_in_valkey,
    open_server,
    server,
)
from tests.hostile.doors import Door, doors, fault_of
from tests.hostile.mutants import Mutant, mutants

pytestmark = pytest.mark.django_db

COUNT = int(os.environ.get("MUTANTS", "10000"))
SENDERS = 2
PROBE_S = 0.02
# A worker keeps caches that fill; a leak of a hundred bytes a body would show.
MAY_GROW_BYTES = 16 * 1024 * 1024


class Line:
    """One connection; opened again when the server closes it, as it may after a bad request."""

    def __init__(self, where: Address, key: str) -> None:
        self._host = urlsplit(where.host).netloc
        self._key = key
        self._line = http.client.HTTPConnection(self._host, timeout=30)

    def post(self, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, str, bytes]:
        """Return status, label and body of the answer."""
        sent = {"Content-Type": "application/json", **headers}
        sent["Authorization"] = f"Bearer {self._key}"
        for attempt in (1, 2):
            try:
                self._line.request("POST", path, body, headers=sent)
                answer = self._line.getresponse()
                content = answer.read()
                return answer.status, answer.headers.get("Content-Type", ""), content
            except (http.client.HTTPException, OSError):
                self._line.close()
                if attempt == 2:
                    raise
        raise AssertionError


def test_ten_thousand_mutated_bodies_at_each_door(
    open_server: Address,  # noqa: F811
    capsys: pytest.CaptureFixture[str],
) -> None:
    line = Line(open_server, open_server.secret)
    question = {"anonymousId": "m1", "placements": ["home.hero"]}
    decided = json.loads(line.post("/v1/decide", json.dumps(question).encode(), {})[2])
    asked = doors(decided["placements"]["home.hero"]["decisionId"])

    told = [f"{COUNT} mutated bodies at each of {len(asked)} doors"]
    with probing(open_server) as good:
        _send_all(open_server, asked, COUNT // 10, good_ones=True)
    _send_all(open_server, asked, COUNT // 10)  # caches fill
    before = memory_of(open_server)
    statuses: Counter[tuple[str, int]] = Counter()
    sizes = [_mb(before)]
    with probing(open_server) as bad:
        for door in asked:
            statuses.update(_send_all(open_server, [door], COUNT))
            sizes.append(_mb(memory_of(open_server)))
    time.sleep(2)
    after = memory_of(open_server)

    for door in asked:
        found = {status: n for (path, status), n in sorted(statuses.items()) if path == door.path}
        told.append(f"  {door.path:40} {found}")
    told.append(f"  memory of the web server's processes, in MB: {sizes}")
    told.append(f"  decisions beside good bodies: {_times(good)}; beside mutants: {_times(bad)}")
    with capsys.disabled():
        print("\n" + "\n".join(told))
    for pid, size in after.items():
        assert pid in before, "a worker died"
        assert size - before[pid] < MAY_GROW_BYTES, f"a worker grew: {sizes}"


def _send_all(
    where: Address,
    asked: list[Door],
    count: int,
    *,
    good_ones: bool = False,
) -> Counter[tuple[str, int]]:
    """Send mutants (or the good bodies themselves) from several connections; count the answers."""
    statuses: Counter[tuple[str, int]] = Counter()
    faults: list[str] = []

    def send(share: int) -> None:
        lines = [Line(where, key) for key in (where.publishable, where.secret)]
        for door in asked:
            for number, mutant in enumerate(_bodies(door, count, good_ones)):
                if number % SENDERS != share:
                    continue
                status, label, content = lines[number // SENDERS % 2].post(door.path, *mutant[:2])
                statuses[door.path, status] += 1
                fault = fault_of(door, status, label, content)
                if fault is not None:
                    faults.append(f"{door.path}: {mutant.story} {fault} {content[:300]!r}")

    threads = [threading.Thread(target=send, args=(share,)) for share in range(SENDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults, "\n".join(faults[:5])
    assert sum(statuses.values()) == count * len(asked), "a sender gave up"
    return statuses


def _bodies(door: Door, count: int, good_ones: bool) -> Iterator[Mutant]:
    if not good_ones:
        yield from mutants(door.path, door.bodies, count)
        return
    raw = [json.dumps(body).encode() for body in door.bodies]
    for number in range(count):
        yield Mutant(raw[number % len(raw)], {}, "a good body")


@contextmanager
def probing(where: Address) -> Iterator[list[float]]:
    """Ask for a decision again and again meanwhile; yield what each took, in ms."""
    times: list[float] = []
    is_over = threading.Event()
    body = json.dumps({"anonymousId": "probe", "placements": ["home.hero"]}).encode()

    def probe() -> None:
        line = Line(where, where.secret)
        while not is_over.wait(PROBE_S * random.uniform(0.5, 1.5)):
            start = time.perf_counter()
            status, _, content = line.post("/v1/decide", body, {})
            times.append((time.perf_counter() - start) * 1000)
            assert status == 200 and json.loads(content)["placements"]["home.hero"]["variant"]

    thread = threading.Thread(target=probe)
    thread.start()
    try:
        yield times
    finally:
        is_over.set()
        thread.join()


def memory_of(where: Address) -> dict[int, int]:
    """Bytes that each process of the web server has for itself, by process id."""
    port = str(urlsplit(where.host).port)
    parents: dict[int, int] = {}
    sizes: dict[int, int] = {}
    roots: set[int] = set()
    for directory in Path("/proc").iterdir():
        if not directory.name.isdigit():
            continue
        pid = int(directory.name)
        try:
            command = (directory / "cmdline").read_bytes().decode(errors="replace").split("\0")
            lines = (directory / "status").read_text().splitlines()
        except OSError:
            continue
        status = dict(line.split(":", 1) for line in lines)
        parents[pid] = int(status["PPid"])
        sizes[pid] = int(status.get("RssAnon", "0 kB").split()[0]) * 1024
        if port in command and "config.rsgi:application" in command:
            roots.add(pid)
    found = {pid: size for pid, size in sizes.items() if _is_below(pid, roots, parents)}
    assert len(found) > 1, "no worker of the web server is seen"
    return found


def _is_below(pid: int, roots: set[int], parents: dict[int, int]) -> bool:
    while pid:
        if pid in roots:
            return True
        pid = parents.get(pid, 0)
    return False


def _mb(sizes: dict[int, int]) -> list[int]:
    return [round(size / 2**20) for size in sizes.values()]


def _times(found: list[float]) -> str:
    ordered: Any = sorted(found)
    p99 = ordered[int(len(ordered) * 0.99)]
    return f"p50 {statistics.median(ordered):.1f} ms, p99 {p99:.1f} ms ({len(ordered)})"
