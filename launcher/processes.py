"""Child processes that never outlive the launcher, and their logs."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

PR_SET_PDEATHSIG = 1
LOG_LIMIT = 20 * 1024 * 1024  # bytes; a longer log is moved to <name>.log.1 at the next start
POLL = 0.05  # seconds
PATIENCE_IN_FRONT = 10.0  # seconds

_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def spawn(
    command: Sequence[str | Path],
    *,
    log: Path | None,
    environment: Mapping[str, str],
    directory: Path,
    farewell: signal.Signals = signal.SIGTERM,
    user: tuple[int, int] | None = None,
) -> "subprocess.Popen[bytes]":
    """Start a process in a session of its own (Ctrl-C reaches only the launcher), output to `log`.

    Without a `log` its output is ours.
    `farewell` is what the kernel sends it if the launcher dies without saying goodbye (Linux only).
    `user` is (uid, gid) to run it as; None keeps ours.
    """
    if log is not None and log.exists() and log.stat().st_size > LOG_LIMIT:
        log.replace(log.with_suffix(".log.1"))
    with contextlib.nullcontext() if log is None else log.open("ab") as output:
        return subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=directory,
            env=dict(environment),
            start_new_session=True,
            preexec_fn=_die_with_parent(farewell),
            user=user[0] if user else None,
            group=user[1] if user else None,
            extra_groups=[] if user else None,
        )


def in_front(command: Sequence[str | Path], environment: Mapping[str, str], directory: Path) -> int:
    """Run a command that talks to the person at the keyboard; return its exit status.

    Interrupted itself (an exception from a signal handler), it ends the command first.
    """
    process = begin_in_front(command, environment, directory)
    try:
        return process.wait()
    finally:
        end_in_front(process)


def begin_in_front(
    command: Sequence[str | Path], environment: Mapping[str, str], directory: Path
) -> "subprocess.Popen[bytes]":
    """Start a command on our own terminal."""
    return subprocess.Popen(
        [str(part) for part in command],
        env=dict(environment),
        cwd=directory,
        preexec_fn=_die_with_parent(signal.SIGTERM),
    )


def end_in_front(process: "subprocess.Popen[bytes]") -> None:
    """End a command on our terminal that still runs."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(PATIENCE_IN_FRONT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _die_with_parent(farewell: signal.Signals) -> Callable[[], None] | None:
    """Return what the child runs before exec, so that it gets `farewell` when its parent dies."""
    if _libc is None:
        return None
    libc, parent = _libc, os.getpid()

    def ask_kernel() -> None:
        libc.prctl(PR_SET_PDEATHSIG, int(farewell), 0, 0, 0)
        if os.getppid() != parent:  # it died between fork and here
            os._exit(1)

    return ask_kernel


def stop(process: "subprocess.Popen[bytes]", *, farewell: signal.Signals, patience: float) -> None:
    """Ask a process to end; after `patience` seconds kill what is left of its session."""
    if process.poll() is None:
        process.send_signal(farewell)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
    kill_session(process)


def kill_session(process: "subprocess.Popen[bytes]") -> None:
    """Kill what is left of a spawned process and its children."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def signal_group(group: int, number: int) -> bool:
    """Send a signal to a process group, 0 to none of them; False: nobody is left in it."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    except PermissionError:  # some of them are not ours to ask
        return True
    return True


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Poll until the condition holds; False when it did not within that time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL)
    return True


def alive(pid: int) -> bool:
    """Tell whether a process with this id runs (a zombie does not)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return True
    return state != "Z"


def tail(log: Path, lines: int = 12) -> str:
    """Return the end of a log for a person to read; empty when there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 16384))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])
