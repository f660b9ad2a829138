"""Live pages in figures: from an event acknowledged to the notice, and what a stream costs.

    .venv/bin/python -m bench.streams --origin http://127.0.0.1:8000 --key pk_... --events 200
    .venv/bin/python -m bench.streams --origin http://127.0.0.1:8000 --key pk_... --streams 1000

Against a running stack with the demo, whose shop changes with the category looked at last. The
clients share this machine with it: the times are theirs, too.
"""

import argparse
import asyncio
import json
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PAGES = 20  # of the latency measurement
PAUSE_S = 0.02
SETTLE_S = 3.0
PER_S = 80  # tickets: below the limit of one address
WITHIN_S = 5.0


class Page:
    """One open stream; `told` has the times.perf_counter() of its notices."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.told: list[float] = []
        self._more = asyncio.Event()

    async def open(self) -> "Page":
        parts = urlsplit(self.url)
        reader, self._writer = await asyncio.open_connection(parts.hostname, parts.port)
        head = f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n"
        self._writer.write(head.encode())
        status = await reader.readline()
        assert b" 200 " in status, status
        begun = asyncio.Event()
        self._task = asyncio.create_task(self._read(reader, begun))
        await begun.wait()
        return self

    async def _read(self, reader: asyncio.StreamReader, begun: asyncio.Event) -> None:
        while line := await reader.readline():
            if line.startswith(b"retry:"):
                begun.set()
            elif line.startswith(b"data: "):
                self.told.append(time.perf_counter())
                self._more.set()

    async def next(self, count: int) -> float | None:
        """When notice number `count` came, None if it did not within WITHIN_S."""
        deadline = time.perf_counter() + WITHIN_S
        while len(self.told) < count:
            self._more.clear()
            try:
                await asyncio.wait_for(self._more.wait(), deadline - time.perf_counter())
            except TimeoutError:
                return None
        return self.told[count - 1]


class Api:
    """The stack under measurement."""

    def __init__(self, origin: str, key: str) -> None:
        self._host, self._key = urlsplit(origin), key

    async def post(self, path: str, body: dict[str, Any]) -> tuple[dict[str, Any], float]:
        """The answer, and when its last byte was there."""
        reader, writer = await asyncio.open_connection(self._host.hostname, self._host.port)
        text = json.dumps({**body, "writeKey": self._key}).encode()
        head = (
            f"POST {path} HTTP/1.1\r\nHost: {self._host.netloc}\r\nContent-Type: text/plain\r\n"
            f"Content-Length: {len(text)}\r\nConnection: close\r\n\r\n"
        )
        writer.write(head.encode() + text)
        answer = await reader.read()
        at = time.perf_counter()
        writer.close()
        headers, _, content = answer.partition(b"\r\n\r\n")
        assert b" 200 " in headers[:20], answer[:300]
        found: dict[str, Any] = json.loads(content)
        return found, at

    async def page(self, visitor: str) -> Page:
        answer, _ = await self.post("/v1/stream/tickets", {"anonymousId": visitor})
        return await Page(answer["url"]).open()

    async def agree(self, visitor: str) -> None:
        both = {"analytics": True, "personalization": True}
        await self.post("/v1/consent", {"anonymousId": visitor, "purposes": both})

    async def view(self, visitor: str, category: str) -> float:
        """Look at a product; when that was acknowledged."""
        event = {
            "type": "track",
            "event": "Product Viewed",
            "anonymousId": visitor,
            "messageId": f"{visitor}-{time.time_ns()}",
            "properties": {"category": category},
        }
        return (await self.post("/v1/batch", {"batch": [event]}))[1]


async def latency(api: Api, events: int) -> None:
    """Events one after the other, each of which changes a membership of a visitor with a page."""
    run = time.time_ns()
    visitors = [f"live-{run}-{number}" for number in range(min(PAGES, events))]
    for visitor in visitors:
        await api.agree(visitor)
        await api.view(visitor, "trousers")
    await asyncio.sleep(1)
    pages = [await api.page(visitor) for visitor in visitors]
    times: list[float] = []
    lost = 0
    for number in range(events):
        place, turn = number % len(pages), number // len(pages)
        count = len(pages[place].told) + 1
        acknowledged = await api.view(visitors[place], "blouses" if turn % 2 == 0 else "trousers")
        told = await pages[place].next(count)
        if told is None:
            lost += 1
        else:
            times.append((told - acknowledged) * 1000)
        await asyncio.sleep(PAUSE_S)
    print(f"event acknowledged -> notice, ms: {percentiles(times)}; lost {lost} of {events}")


async def crowd(api: Api, streams: int, pids: Sequence[int]) -> None:
    """Many idle streams: what each costs in memory, and all of them in processor time."""
    run = time.time_ns()
    before = sum(map(pss_kb, pids))
    pages = []
    for number in range(streams):
        pages.append(await api.page(f"idle-{run}-{number}"))
        await asyncio.sleep(1 / PER_S)
    await asyncio.sleep(SETTLE_S)
    ticks, start = sum(map(cpu_ticks, pids)), time.monotonic()
    await asyncio.sleep(30)
    busy = (sum(map(cpu_ticks, pids)) - ticks) / 100 / (time.monotonic() - start)
    each = (sum(map(pss_kb, pids)) - before) / streams
    print(f"{len(pages)} idle streams: {each:.1f} kB each, {busy:.2%} of a processor for all")


def percentiles(times: Sequence[float]) -> str:
    ordered = sorted(times)
    if not ordered:
        return "none"
    found = (ordered[min(len(ordered), math.ceil(len(ordered) * p)) - 1] for p in (0.5, 0.99, 1))
    return ", ".join(
        f"{name} {at:.1f}" for name, at in zip(("p50", "p99", "max"), found, strict=True)
    )


def stream_processes(port: int) -> list[int]:
    """The stream processes of this machine that listen on a port."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        words = path.read_bytes().split(b"\0")
        if b"config.asgi:application" in words and str(port).encode() in words:
            found.append(int(path.parent.name))
    return found


def pss_kb(pid: int) -> int:
    """Memory of a process, what it shares counted in parts."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def cpu_ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--origin", default="http://127.0.0.1:8000")
    parser.add_argument("--key", required=True, help="a publishable key")
    parser.add_argument("--events", type=int, default=0)
    parser.add_argument("--streams", type=int, default=0)
    given = parser.parse_args()
    api = Api(given.origin, given.key)
    if given.events:
        await latency(api, given.events)
    if given.streams:
        one = await api.page("probe")
        await crowd(api, given.streams, stream_processes(urlsplit(one.url).port or 0))


if __name__ == "__main__":
    asyncio.run(main())
