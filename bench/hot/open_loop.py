"""Requests by the clock: each is due whether or not the one before it was answered.

Latencies count from when a request was due, so that a server which stalls cannot hide those that
came meanwhile (coordinated omission).
"""

import time
from collections import deque
from collections.abc import Callable, Iterator

from bench.load import TIMEOUT_S, Client, Ran, WrongAnswer, body_of


def run(
    client: Client,
    requests: Iterator[bytes],
    *,
    per_s: float,
    seconds: float,
    check: Callable[[bytes], bool],
) -> Ran:
    """Send `per_s` requests a second; return the answers' latencies.

    Raises:
        WrongAnswer: an answer was refused or is not what it should be, or none came.
    """
    idle, due_of = deque(client.lines), {}
    waiting: deque[float] = deque()
    latencies: list[float] = []
    start = time.perf_counter()
    total = int(per_s * seconds)
    made = 0
    while len(latencies) < total:
        now = time.perf_counter()
        while made < total and start + made / per_s <= now:
            waiting.append(start + made / per_s)
            made += 1
        while waiting and idle:
            line = idle.popleft()
            due_of[line.socket.fileno()] = waiting.popleft()
            line.send(next(requests))
        following = start + made / per_s if made < total else now + TIMEOUT_S
        ready = client.poll(max(0.0, following - time.perf_counter()))
        if not ready and made == total:
            raise WrongAnswer(f"No answer within {TIMEOUT_S:.0f} s.")
        for line in ready:
            answer = line.receive()
            if answer is None:
                continue
            body = body_of(answer)
            if not check(body):
                raise WrongAnswer(body[:2000].decode(errors="replace"))
            latencies.append((time.perf_counter() - due_of[line.socket.fileno()]) * 1000)
            idle.append(line)
    return Ran(len(latencies), time.perf_counter() - start, latencies)
