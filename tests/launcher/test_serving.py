"""The web processes alone, as a container runs them: each may die, and the port still answers."""

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from launcher import processes
from launcher.home import PROJECT_ROOT
from tests.ports import free_port

RSGI = """
    import os

    async def application(scope, protocol):
        protocol.response_str(200, [("content-type", "text/plain")], str(os.getpid()))
"""


class Serving:
    """`launcher web` for a project of one file."""

    def __init__(self, root: Path, application: str) -> None:
        (root / "config").mkdir()
        (root / "config" / "__init__.py").write_text("")
        (root / "config" / "rsgi.py").write_text(textwrap.dedent(application))
        self.port = free_port()
        self.output = root / "output"
        script = f"""
            import sys
            from pathlib import Path
            from launcher import serving, supervisor
            from launcher.trouble import Trouble
            supervisor.PROJECT_ROOT = Path({str(root)!r})
            try:
                sys.exit(serving.web([]))
            except Trouble as trouble:
                sys.exit(str(trouble))
        """
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-c", textwrap.dedent(script)],
                cwd=PROJECT_ROOT,
                env={**os.environ, "PORT": str(self.port), "WEB_WORKERS": "2"},
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def answerers(self, calls: int = 40) -> set[int]:
        """Process ids of who answers on new connections."""
        found = set()
        for _ in range(calls):
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=5) as reply:
                found.add(int(reply.read()))
        return found

    def somebody_answers(self) -> bool:
        """Whether calls are answered; one that waited for a process that died is cut off."""
        with contextlib.suppress(OSError):
            return bool(self.answerers())
        return False

    def both_answer(self) -> bool:
        with contextlib.suppress(OSError):
            return len(self.answerers()) == 2
        return False


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    started = Serving(tmp_path, RSGI)
    try:
        yield started
    finally:
        started.process.terminate()
        started.process.wait(30)


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


@pytest.mark.slow
@pytest.mark.parametrize("whom", ["worker", "server"])
def test_one_web_process_that_is_killed_is_missed_by_nobody(serving: Serving, whom: str) -> None:
    assert processes.wait_until(serving.both_answer, 30), serving.output.read_text()
    before = serving.answerers()
    victim = min(before)
    os.kill(victim if whom == "worker" else parent_of(victim), signal.SIGKILL)
    # Until then the kernel may give it calls, which end with it.
    assert processes.wait_until(lambda: not processes.alive(victim), 20)

    # Calls follow one another: one may wait at the socket of the worker, one at its server's.
    now, cut_off, deadline = before, 0, time.monotonic() + 20
    while len(now) < 2 or now == before:
        assert time.monotonic() < deadline
        try:
            now = serving.answerers()
        except OSError:
            cut_off += 1
            assert cut_off <= 2


@pytest.mark.slow
def test_deaths_in_quick_succession_are_outlived(serving: Serving) -> None:
    assert processes.wait_until(serving.both_answer, 30), serving.output.read_text()
    for _ in range(3):
        victim = max(serving.answerers())
        os.kill(victim, signal.SIGKILL)
        assert processes.wait_until(lambda dead=victim: not processes.alive(dead), 20)
        assert processes.wait_until(serving.somebody_answers, 5)
        assert processes.wait_until(serving.both_answer, 30)


@pytest.mark.slow
def test_told_to_end_it_ends_with_all_it_has(serving: Serving) -> None:
    assert processes.wait_until(serving.both_answer, 30)
    family = serving.answerers()

    serving.process.terminate()

    assert serving.process.wait(60) == 0
    assert processes.wait_until(lambda: not any(map(processes.alive, family)), 20)


@pytest.mark.slow
def test_when_none_can_live_it_ends_with_a_sentence(tmp_path: Path) -> None:
    serving = Serving(tmp_path, "raise RuntimeError('no such setting')")
    try:
        assert serving.process.wait(60) == 1
        assert "end as soon as they are started" in serving.output.read_text()
    finally:
        serving.process.kill()
