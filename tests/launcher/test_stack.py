"""The whole stack's life, with a project of a few lines in the place of Attune.

The real project's own journey is in tests/journeys; here the launcher is the subject: what it does
when processes die, when it is interrupted, and when somebody else was first.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import textwrap
import urllib.request

import pytest

from launcher import processes
from launcher.home import PROJECT_ROOT, Home
from launcher.servers import holder
from launcher.testhome import remove
from tests.ports import free_port

MANAGE = """
    import sys, time
    from pathlib import Path
    command = sys.argv[1]
    here = Path(__file__).parent
    with (here / "commands").open("a") as file:
        file.write(" ".join(sys.argv[1:]) + "\\n")
    if command == "migrate" and (here / "broken").exists():
        sys.exit("no such column: shoe_size")
    if command == "demo_load" and (here / "slow").exists():
        time.sleep(600)
    if command == "consume":
        time.sleep(600)
"""
RSGI = """
    import os

    async def application(scope, protocol):
        protocol.response_str(200, [("content-type", "text/plain")], str(os.getpid()))
"""
CELERY = """
    from celery import Celery

    app = Celery("attune", broker=__import__("os").environ["TEST_BROKER"])
    app.conf.beat_schedule = {}
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A checkout with the real launcher and packages, and next to nothing to run."""
    for name in ("DATABASE_URL", "REDIS_URL", "PGUSER"):
        monkeypatch.delenv(name, raising=False)
    root = tmp_path / "checkout"
    (root / "config").mkdir(parents=True)
    (root / ".venv").symlink_to(PROJECT_ROOT / ".venv")
    (root / "requirements").symlink_to(PROJECT_ROOT / "requirements")
    (root / "manage.py").write_text(textwrap.dedent(MANAGE))
    (root / "config" / "__init__.py").write_text("")
    (root / "config" / "rsgi.py").write_text(textwrap.dedent(RSGI))
    (root / "config" / "celery.py").write_text(textwrap.dedent(CELERY))
    (root / "static").mkdir()
    return root


@pytest.fixture
def port():
    return free_port()


class Launched:
    """One `up` in a process of its own, with what it printed."""

    def __init__(self, project, port, sessions=None):
        self.home = Home(project / ".attune")
        self.port = port
        self.output = project / "output"
        script = f"""
            import sys
            from pathlib import Path
            from launcher import home, stack, supervisor
            from launcher.trouble import Trouble
            for module in (stack, supervisor):
                module.PROJECT_ROOT = Path({str(project)!r})
            try:
                stack.up(home.Home(Path({str(self.home.root)!r})), sessions={sessions!r})
            except Trouble as trouble:
                sys.exit(str(trouble))
        """
        self.home.create()
        broker = f"redis+socket://{self.home.valkey_socket}"
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-c", textwrap.dedent(script)],
                cwd=PROJECT_ROOT,
                env={**os.environ, "PORT": str(port), "TEST_BROKER": broker, "WEB_WORKERS": "1"},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def text(self):
        return self.output.read_text()

    def ask(self):
        """The process id of the web worker that answered."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5) as reply:
            return int(reply.read())

    def wait_up(self):
        ready = processes.wait_until(
            lambda: "Attune is up" in self.text() or self.process.poll() is not None, 60
        )
        assert ready and self.process.poll() is None, self.text()

    def everything(self):
        """Process ids of all descendants, the launcher's own included."""
        listing = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True)
        parents = [tuple(map(int, line.split())) for line in listing.stdout.splitlines()]
        family = {self.process.pid}
        while more := {pid for pid, parent in parents if parent in family} - family:
            family |= more
        return family

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(60)
        self.process.kill()
        self.process.wait()


@pytest.fixture
def launch(project, port):
    started = []

    def start(**options):
        started.append(Launched(project, port, **options))
        return started[-1]

    yield start
    for launched in reversed(started):
        launched.end()
    remove(Home(project / ".attune"))


def assert_gone(family):
    """The last children of a server that has answered end a moment after it."""
    gone = processes.wait_until(lambda: not any(processes.alive(pid) for pid in family), 20)
    assert gone, [pid for pid in family if processes.alive(pid)]


def _web_has_returned(launched, old):
    with contextlib.suppress(OSError):
        return launched.ask() != old
    return False


@pytest.mark.slow
def test_up_heals_and_ctrl_c_leaves_nothing(launch, project):
    launched = launch(sessions="7")
    launched.wait_up()
    commands = (project / "commands").read_text().splitlines()
    assert commands[:2] == ["migrate --noinput", "collectstatic --noinput --clear"]
    assert {"consume", "demo_accounts", "demo_load --sessions 7"} <= set(commands)

    family = launched.everything()
    assert len(family) >= 8  # launcher, two servers, web and its worker, consumer, worker, beat
    old = launched.ask()
    os.kill(old, signal.SIGKILL)
    assert processes.wait_until(lambda: _web_has_returned(launched, old), 20)

    family |= launched.everything()
    launched.process.send_signal(signal.SIGINT)
    assert launched.process.wait(60) == 0
    assert launched.text().rstrip().endswith("Stopped.")
    assert_gone(family)
    assert holder(launched.home) is None


@pytest.mark.slow
def test_a_second_start_is_refused_and_down_works_from_another_shell(launch, port, project):
    first = launch()
    first.wait_up()
    second = launch()
    assert second.process.wait(60) == 1
    assert f"Attune already runs from {first.home.root}" in second.text()
    family = first.everything()
    script = (
        "from pathlib import Path; from launcher.home import Home; from launcher.stack import down;"
        f"down(Home(Path({str(first.home.root)!r})))"
    )
    for answer in ("Stopped.", "Nothing runs from"):
        done = subprocess.run(
            [sys.executable, "-c", script], cwd=PROJECT_ROOT, capture_output=True, text=True
        )
        assert done.returncode == 0
        assert done.stdout.startswith(answer)
        assert_gone(family)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the kernel tells children only on Linux")
def test_a_launcher_killed_outright_leaves_nothing_and_starts_again(launch):
    launched = launch()
    launched.wait_up()
    family = launched.everything()
    launched.process.kill()
    launched.process.wait()
    assert_gone(family)
    launched.output.write_text("")
    launch().wait_up()


def test_a_taken_port_is_named_before_anything_starts(launch, port):
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        launched = launch()
        assert launched.process.wait(60) == 1
    assert f"Port {port} cannot be used" in launched.text()
    assert "Starting the embedded" not in launched.text()


def test_a_failing_migration_is_shown_and_everything_stops(launch, project):
    (project / "broken").touch()
    launched = launch()
    assert launched.process.wait(60) == 1
    assert "manage.py migrate failed" in launched.text()
    assert "no such column: shoe_size" in launched.text()
    assert holder(launched.home) is None


@pytest.mark.slow
def test_an_interrupt_while_the_demo_loads_ends_the_load_too(launch, project):
    (project / "slow").touch()
    launched = launch(sessions="all")
    loading = processes.wait_until(
        lambda: (
            (project / "commands").exists() and "demo_load" in (project / "commands").read_text()
        ),
        60,
    )
    assert loading, launched.text()
    family = launched.everything()
    launched.process.send_signal(signal.SIGTERM)
    assert launched.process.wait(60) == 0
    assert_gone(family)
