"""Brings the whole stack up in the foreground, with or without the demo, and takes it down."""

import contextlib
import hashlib
import os
import signal
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from launcher import head_start, processes
from launcher.home import PROJECT_ROOT, Home, port, stream_port
from launcher.postgres import Postgres
from launcher.servers import holder, needed, occupied
from launcher.supervisor import Supervisor, programs, python
from launcher.trouble import Trouble

TICK = 0.2  # seconds
READY_WITHIN = 180.0  # seconds; on a loaded machine starting takes most of a minute
DOWN_WITHIN = 90.0  # seconds
HOPELESS = 4  # deaths in a row before the first readiness


class Stopped(BaseException):
    """The person or the system asked the launcher to end; not an error."""


@contextlib.contextmanager
def stopping_on_signals() -> Iterator[None]:
    """Turn Ctrl-C, SIGTERM and a closed terminal into `Stopped`, once; later ones are ignored.

    The body must clean up by itself; this only makes the signals exceptions.
    """
    names = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup asks to survive the terminal
        names.append(signal.SIGHUP)

    def stop(number: int, frame: FrameType | None) -> None:
        for name in names:
            signal.signal(name, signal.SIG_IGN)
        raise Stopped

    before = {name: signal.signal(name, stop) for name in names}
    try:
        yield
    except Stopped:
        pass
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


def up(home: Home, *, sessions: str | None = None) -> None:
    """Run the stack until it is told to end; with `sessions` ("300", "all") load the demo first.

    Raises:
        Trouble: it cannot start, or it already runs.
    """
    began = time.monotonic()
    with occupied(home), stopping_on_signals():
        _require_free_ports()
        servers = needed(home)
        supervisor: Supervisor | None = None
        try:
            for server in servers:
                print(f"Starting the embedded {server.name.capitalize()} ...", flush=True)
                server.start()
                if isinstance(server, Postgres):
                    head_start.give(server, root=PROJECT_ROOT)
            environment = home.environment()
            supervisor = Supervisor(
                servers=servers, log=home.log, environment=environment, say=_say
            )
            _prepare(home, supervisor, environment)
            for program in programs(port(), stream_port()):
                supervisor.start(program)
            _wait_until_ready(home, supervisor)
            if sessions is not None:
                _load_demo(supervisor, environment, sessions)
            _print_addresses(home, time.monotonic() - began, demo=sessions is not None)
            while True:
                supervisor.tick()
                time.sleep(TICK)
        finally:
            _ignore_signals()
            print("\nStopping ...", flush=True)
            if supervisor is not None:
                supervisor.stop()
            for server in reversed(servers):
                server.stop()
            print("Stopped.", flush=True)


def down(home: Home) -> None:
    """Stop the stack of this home, whichever shell it runs in; returns when everything has ended.

    Raises:
        Trouble: it does not end.
    """
    pid = holder(home)
    if pid is None:
        print(f"Nothing runs from {home.root}.")
        return
    os.kill(pid, signal.SIGTERM)
    if not processes.wait_until(lambda: holder(home) is None, DOWN_WITHIN):
        raise Trouble(f"Process {pid} does not end; its logs are in {home.log}.")
    print("Stopped.")


def _say(sentence: str) -> None:
    """Print a notice of the supervisor at once."""
    print(f"[attune] {sentence}", flush=True)


def _ignore_signals() -> None:
    """Let nothing interrupt the cleaning up."""
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)


def _require_free_ports() -> None:
    """Refuse to start on a port that somebody listens on."""
    for name, wanted in (("PORT", port()), ("STREAM_PORT", stream_port())):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            # As servers do: a port whose last connections linger is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", wanted))
            except OSError as error:
                raise Trouble(
                    f"Port {wanted} cannot be used ({error.strerror}): choose another, "
                    f"for example {name}={wanted + 10 if wanted < 65000 else 8010}."
                ) from None


def _manage(*arguments: str) -> list[str | Path]:
    return [python(), "manage.py", *arguments]


def _prepare(home: Home, supervisor: Supervisor, environment: dict[str, str]) -> None:
    """Bring tables and static files up to date."""
    print("Migrating the database ...", flush=True)
    _quietly("migrate", "--noinput", home=home, supervisor=supervisor, environment=environment)
    stamp, wanted = home.root / "static" / ".source", _static_digest()
    if not stamp.exists() or stamp.read_text() != wanted:
        print("Collecting static files ...", flush=True)
        _quietly(
            *("collectstatic", "--noinput", "--clear"),
            home=home,
            supervisor=supervisor,
            environment=environment,
        )
        stamp.parent.mkdir(exist_ok=True)
        stamp.write_text(wanted)


def _quietly(
    *arguments: str, home: Home, supervisor: Supervisor, environment: dict[str, str]
) -> None:
    """Run a management command with its output in a log, shown only when it fails."""
    log = home.log / f"{arguments[0]}.log"
    log.unlink(missing_ok=True)
    process = processes.spawn(
        _manage(*arguments), log=log, environment=environment, directory=PROJECT_ROOT
    )
    try:
        while process.poll() is None:
            supervisor.tick()
            time.sleep(processes.POLL)
    finally:
        processes.stop(process, farewell=signal.SIGTERM, patience=10)
    if process.returncode:
        raise Trouble(f"manage.py {arguments[0]} failed:\n{processes.tail(log, 30)}")


def _in_front(supervisor: Supervisor, environment: dict[str, str], *arguments: str) -> None:
    """Run a management command on this terminal while the stack is looked after."""
    process = processes.begin_in_front(_manage(*arguments), environment, PROJECT_ROOT)
    try:
        while process.poll() is None:
            supervisor.tick()
            time.sleep(TICK)
    finally:
        processes.end_in_front(process)
    if process.returncode:
        raise Trouble(f"manage.py {arguments[0]} failed (status {process.returncode}).")


def _static_digest() -> str:
    """Return a digest of what collectstatic would copy: names, sizes and times of our own files."""
    digest = hashlib.sha256((PROJECT_ROOT / "requirements" / "base.txt").read_bytes())
    places = [PROJECT_ROOT / "static", *sorted(PROJECT_ROOT.glob("apps/*/static"))]
    for path in sorted(path for place in places for path in place.rglob("*")):
        found = path.stat()
        digest.update(f"{path}\0{found.st_size}\0{found.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _wait_until_ready(home: Home, supervisor: Supervisor) -> None:
    """Wait until /readyz says yes, or that only the replay of erasures is missing."""
    deadline = time.monotonic() + READY_WITHIN
    answer = "no answer"
    while time.monotonic() < deadline:
        supervisor.tick()
        if supervisor.deaths("web") >= HOPELESS:
            break
        try:
            # The scheme is fixed; bandit cannot see it.
            with urllib.request.urlopen(  # nosec B310
                f"http://127.0.0.1:{port()}/readyz", timeout=5
            ) as reply:
                if reply.status == 200:
                    return
        except urllib.error.HTTPError as error:
            answer = f"{error.code} {error.read(500).decode(errors='replace')}"
            if '"erasures": "away"' in answer:
                _say("Nothing is served yet: the restored database lacks erasures of the ledger.")
                _say("Run `python3 -m launcher manage replay_erasures`.")
                return
        except OSError as error:
            answer = str(error)
        time.sleep(0.1)
    raise Trouble(
        f"The web process did not become ready ({answer}). The end of {home.log / 'web.log'}:\n"
        + processes.tail(home.log / "web.log", 30)
    )


def _load_demo(supervisor: Supervisor, environment: dict[str, str], sessions: str) -> None:
    """Make the demo's staff logins and load its data through the public API, showing progress."""
    _in_front(supervisor, environment, "demo_accounts")
    _in_front(supervisor, environment, "demo_load", "--sessions", sessions)


def _print_addresses(home: Home, seconds: float, *, demo: bool) -> None:
    """Print what to open."""
    origin = f"http://127.0.0.1:{port()}"
    lines = [
        "",
        f"Attune is up ({seconds:.0f} s). Open:",
        f"  Shop      {origin}/demo/",
        f"  Admin     {origin}/admin/" + ("   (logins above)" if demo else ""),
        f"  API docs  {origin}/docs/",
        f"Logs: {home.log}",
        "Ctrl-C stops everything; so does `make down` in another shell.",
    ]
    print("\n".join(lines), flush=True)
