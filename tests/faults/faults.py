"""The faults: each takes a stack and a number of seconds, harms it for so long, and stops."""

import contextlib
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from launcher import processes
from tests.faults.running import WEB_PROCESSES, RunningStack

KILL_EVERY_S = 4.0
# The web server takes a worker that dies twice within 5.5 s for one that cannot live, and ends.
KILL_WEB_EVERY_S = 6.0
BACK_WITHIN_S = 60.0

Harm = Callable[[RunningStack, float], None]


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to harm a stack.

    Attributes:
        may_refuse: decisions may be refused meanwhile, for a reason told in the table.
        needs: what the machine must allow; a sentence, if it does not.
    """

    name: str
    does: str
    harm: Harm
    own_home: bool = False


def _killing(name: str) -> Harm:
    """The process of the name that has lived longest dies, again and again."""

    def harm(stack: RunningStack, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            stack.kill(name)
            time.sleep(min(KILL_EVERY_S, max(0.1, end - time.monotonic())))

    return harm


def _killing_web(stack: RunningStack, seconds: float) -> None:
    """Each web process dies in turn, once the one before it is back."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        stack.kill("web")
        time.sleep(KILL_WEB_EVERY_S)
        processes.wait_until(lambda: stack.listening() >= WEB_PROCESSES, BACK_WITHIN_S)


def _absent(name: str, farewell: int) -> Harm:
    """The server is gone for the whole time."""

    def harm(stack: RunningStack, seconds: float) -> None:
        stack.let_go()
        try:
            stack.kill(name, farewell)
            time.sleep(seconds)
        finally:
            stack.take_up()
        _wait_for(stack, name)

    return harm


def _once(name: str, farewell: int) -> Harm:
    """The server ends, and the launcher starts it again."""

    def harm(stack: RunningStack, seconds: float) -> None:
        [before] = stack.kill(name, farewell)
        processes.wait_until(lambda: stack.pids(name) not in ([], [before]), 30)
        time.sleep(max(0.0, seconds - 3))

    return harm


def _wait_for(stack: RunningStack, name: str) -> None:
    processes.wait_until(lambda: bool(stack.pids(name)), 30)


def _flushed(stack: RunningStack, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        stack.valkey(["FLUSHALL"])
        time.sleep(min(2.0, max(0.1, end - time.monotonic())))


def _old_state(stack: RunningStack, seconds: float) -> None:
    """Everything is as it was some seconds ago, for clients that have to connect again."""
    kept = _dumped(stack)
    time.sleep(seconds / 2)
    restored = [[b"RESTORE", key, ttl, blob, b"REPLACE"] for key, ttl, blob in kept]
    stack.valkey(
        [b"MULTI"], [b"FLUSHALL"], *restored, [b"EXEC"],
        [b"CLIENT", b"KILL", b"TYPE", b"normal", b"SKIPME", b"yes"],
    )  # fmt: skip
    time.sleep(seconds / 2)


def _dumped(stack: RunningStack) -> list[tuple[bytes, bytes, bytes]]:
    [keys] = stack.valkey([b"KEYS", b"*"])
    blobs = stack.valkey(*[[b"DUMP", key] for key in keys])
    lives = stack.valkey(*[[b"PTTL", key] for key in keys])
    return [
        (key, b"%d" % max(0, life), blob)
        for key, life, blob in zip(keys, lives, blobs, strict=True)
        if blob is not None
    ]


def _clock(stack: RunningStack, seconds: float) -> None:
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


def _second(*command: str) -> Harm:
    """One more of a process of which one is enough."""

    def harm(stack: RunningStack, seconds: float) -> None:
        extra = stack.begin(*command)
        try:
            time.sleep(seconds)
        finally:
            processes.stop(extra, farewell=signal.SIGTERM, patience=10)

    return harm


def _publishing(stack: RunningStack, seconds: float) -> None:
    end = time.monotonic() + seconds
    number = 0
    while time.monotonic() < end:
        number += 1
        stack.site("publish", f"{time.time_ns():x}-{number}")


def _poisonous_event(stack: RunningStack, seconds: float) -> None:
    """Batches that no code of ours would write lie in the inbox of every part."""
    [(site, source)] = stack.rows(
        "SELECT s.id, o.id FROM access_site s JOIN access_source o ON o.site_id = s.id"
        " WHERE s.key = 'bench' LIMIT 1"
    )
    bodies = ("{", '{"v":1,"r":1,"s":null,"c":null,"e":[["track"]]}', '{"v":99,"e":[]}', "[]")
    for part in range(0, 64, 4):
        stack.rows(
            "INSERT INTO events_inbox (part, site_id, source_id, received_at, body)"
            " VALUES (%s, %s, %s, now(), %s)",
            [part, site, source, bodies[part // 4 % len(bodies)]],
        )
        time.sleep(seconds / 16)


@contextlib.contextmanager
def _slow_sockets(port: int, count: int) -> Iterator[list[socket.socket]]:
    """Clients that have announced a body, and send next to nothing of it."""
    found: list[socket.socket] = []
    head = (
        b"POST /v1/batch HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        b"Content-Length: 1000\r\n\r\n{"
    )
    try:
        for _ in range(count):
            one = socket.create_connection(("127.0.0.1", port), 5)
            one.sendall(head)
            found.append(one)
        yield found
    finally:
        for one in found:
            one.close()


def _slow(stack: RunningStack, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with _slow_sockets(stack.port, 60) as sockets:
            for _ in range(5):
                for one in sockets:
                    with contextlib.suppress(OSError):
                        one.sendall(b" ")
                time.sleep(min(1.0, max(0.05, end - time.monotonic())))


def _huge(stack: RunningStack, seconds: float) -> None:
    """Bodies of 20 MB, announced honestly, and one after the other."""
    end = time.monotonic() + seconds
    head = (
        b"POST /v1/batch HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        b"Content-Length: 20000000\r\n\r\n"
    )
    while time.monotonic() < end:
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", stack.port), 5) as one,
        ):
            one.sendall(head)
            for _ in range(200):
                one.sendall(b" " * 100_000)
            one.recv(65536)
        time.sleep(0.1)


def _full_disk(stack: RunningStack, seconds: float) -> None:
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


FAULTS = (
    Fault("web", "kill -9 of each web process in turn", _killing_web),
    Fault("consumer", "kill -9 of the consumer", _killing("consumer")),
    Fault("worker", "kill -9 of the worker", _killing("worker")),
    Fault("valkey", "kill -9 of Valkey", _once("valkey", signal.SIGKILL)),
    Fault("flush", "FLUSHALL every two seconds", _flushed),
    Fault("valkey-away", "no Valkey", _absent("valkey", signal.SIGKILL)),
    Fault("valkey-old", "Valkey with an old state", _old_state),
    Fault("postgres", "Postgres restarts", _once("postgres", signal.SIGINT)),
    Fault("postgres-away", "no Postgres", _absent("postgres", signal.SIGINT)),
    Fault("clock", "the clock an hour ahead, then an hour behind", _clock),
    Fault("consumers", "two consumers", _second("manage.py", "consume")),
    Fault(
        "beats", "two beats",
        _second(
            "-m", "celery", "-A", "config", "beat",
            "--scheduler", "django_celery_beat.schedulers:DatabaseScheduler",
        ),
    ),
    Fault("publication", "a publication every few seconds", _publishing),
    Fault("event", "poisonous batches in the inbox", _poisonous_event),
    Fault("slow", "60 clients that do not finish their bodies", _slow),
    Fault("huge", "bodies of 20 MB", _huge),
    Fault("disk", "no room left for Postgres", _full_disk, own_home=True),
)  # fmt: skip
