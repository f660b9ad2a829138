"""Processes that die come back; nothing outlives the supervisor."""

import os
import signal
import subprocess
import sys
import textwrap

import pytest

from launcher import processes
from launcher.home import PROJECT_ROOT
from launcher.supervisor import Program, Supervisor, programs

FOREVER = [sys.executable, "-c", "import time; time.sleep(600)"]


@pytest.fixture
def said():
    return []


@pytest.fixture
def supervisor(tmp_path, said):
    kept = Supervisor(servers=[], log=tmp_path, environment=dict(os.environ), say=said.append)
    yield kept
    kept.stop()


def _tick_until(supervisor, condition, seconds=30.0):
    def step():
        supervisor.tick()
        return condition()

    assert processes.wait_until(step, seconds)


def test_a_killed_process_is_started_again(supervisor, said):
    supervisor.start(Program("worker", FOREVER))
    first = supervisor.pid("worker")
    os.kill(first, signal.SIGKILL)
    _tick_until(supervisor, lambda: supervisor.pid("worker") not in (None, first))
    assert supervisor.deaths("worker") == 1
    assert "worker was killed (SIGKILL); starting it again in 0.5 s" in said[0]


def test_each_death_doubles_the_pause(supervisor, said):
    supervisor.start(Program("worker", [sys.executable, "-c", "raise SystemExit(3)"]))
    _tick_until(supervisor, lambda: supervisor.deaths("worker") == 3)
    assert [line.split(" in ")[1].split(" s.")[0] for line in said] == ["0.5", "1", "2"]
    assert "worker ended (3)" in said[0]


def test_who_is_killed_again_and_again_is_started_again_as_soon_as_the_first_time(supervisor, said):
    supervisor.start(Program("consumer", FOREVER))
    for number in range(3):
        _tick_until(supervisor, lambda: supervisor.pid("consumer") is not None)
        os.kill(supervisor.pid("consumer"), signal.SIGKILL)
        _tick_until(supervisor, lambda wanted=number + 1: len(said) == wanted)
    assert all("starting it again in 0.5 s" in line for line in said)


def test_a_death_takes_the_orphans_along(supervisor, tmp_path):
    pid_file = tmp_path / "grandchild"
    parent = f"""
        import subprocess, sys, time
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        open({str(pid_file)!r}, "w").write(str(child.pid))
        time.sleep(600)
    """
    supervisor.start(Program("web", [sys.executable, "-c", textwrap.dedent(parent)]))
    _tick_until(supervisor, lambda: pid_file.exists() and pid_file.read_text())
    os.kill(supervisor.pid("web"), signal.SIGKILL)
    _tick_until(supervisor, lambda: not processes.alive(int(pid_file.read_text())))


ORPHAN = """
    import os, pathlib, signal, sys, time
    folder = pathlib.Path(sys.argv[1])
    if os.fork():
        time.sleep(600)
    def end(*_):
        (folder / "asked").touch()
        if sys.argv[2] == "polite":
            os._exit(0)
    signal.signal(signal.SIGTERM, end)
    (folder / "pid").write_text(str(os.getpid()))
    while True:
        time.sleep(1)
"""


@pytest.mark.parametrize("manner", ["polite", "deaf"])
def test_orphans_may_end_in_order_but_not_live_on(supervisor, tmp_path, monkeypatch, manner):
    monkeypatch.setattr("launcher.supervisor.ORPHANS_LIVE", 1.0)
    command = [sys.executable, "-c", textwrap.dedent(ORPHAN), str(tmp_path), manner]
    supervisor.start(Program("web", command))
    _tick_until(supervisor, lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    first, orphan = supervisor.pid("web"), int((tmp_path / "pid").read_text())

    os.kill(first, signal.SIGKILL)

    _tick_until(supervisor, lambda: (tmp_path / "asked").exists())
    _tick_until(supervisor, lambda: not processes.alive(orphan))
    _tick_until(supervisor, lambda: supervisor.pid("web") not in (None, first))


def test_a_process_that_will_not_end_is_killed(supervisor, tmp_path):
    deaf = f"""
        import pathlib, signal, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        pathlib.Path({str(tmp_path)!r}, "deaf").touch()
        time.sleep(600)
    """
    command = [sys.executable, "-c", textwrap.dedent(deaf)]
    supervisor.start(Program("worker", command, patience=0.5))
    pid = supervisor.pid("worker")
    _tick_until(supervisor, (tmp_path / "deaf").exists)
    supervisor.stop()
    assert not processes.alive(pid)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel tells children only on Linux")
def test_children_end_when_the_supervisor_is_killed(tmp_path):
    script = f"""
        import os, time
        from pathlib import Path
        from launcher.supervisor import Program, Supervisor, programs
        home = Path({str(tmp_path)!r})
        keeper = Supervisor(servers=[], log=home, environment=dict(os.environ), say=print)
        keeper.start(Program("worker", {FOREVER!r}))
        (home / "pid").write_text(str(keeper.pid("worker")))
        time.sleep(600)
    """
    parent = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], cwd=PROJECT_ROOT)
    try:
        pid_file = tmp_path / "pid"
        assert processes.wait_until(lambda: pid_file.exists() and pid_file.read_text() != "", 10)
    finally:
        parent.kill()
        parent.wait()
    child = int(pid_file.read_text())
    assert processes.wait_until(lambda: not processes.alive(child), 5)


def test_what_trains_is_apart_from_the_worker_and_yields_to_everyone():
    commands = {program.name: list(map(str, program.command)) for program in programs(8000, 8001)}
    assert list(commands)[-5:] == ["stream", "consumer", "worker", "trainer", "beat"]
    queues = {
        name: words[words.index("--queues") + 1] for name, words in commands.items()
        if "--queues" in words
    }  # fmt: skip
    assert queues == {"worker": "fast,slow", "trainer": "train"}
    assert commands["trainer"][:4] == ["nice", "-n", "15", "env"]
    for library in ("OMP", "OPENBLAS", "MKL"):
        assert f"{library}_NUM_THREADS=1" in commands["trainer"]
