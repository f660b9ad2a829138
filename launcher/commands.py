"""The launcher's commands. Each prepares the virtual environment first when it needs it."""

import json
import os
import platform
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence

from launcher import check, head_start, processes, serving, stack, venv
from launcher.home import DATABASE_NAME, PROJECT_ROOT, Home, openmp_directory, port
from launcher.postgres import SUPERUSER, Postgres
from launcher.servers import holder, needed, occupied, running
from launcher.supervisor import python
from launcher.testhome import temporary_home
from launcher.trouble import Trouble

DEFAULT_SESSIONS = "300"

USAGE = """\
Attune: what should this visitor see here, now, and why?

  make demo            everything, with the demo shop's real data; Ctrl-C stops it
      SESSIONS=all     replay all 4,884 sessions instead of 300
  make up              everything but the demo data
  make down            stop it from another shell
  make test            the whole suite against servers of its own (ARGS="tests/engine -x")
  make check           format, lint, types, imports, migrations, templates, OpenAPI, packages
  make bench           speed, as ratios to floors measured in the same run
  make bench-segments  conditions and segments, the same way (ARGS=--quick: over 1 M events)
  make bench-hot       decisions and events the same way, every bar (ARGS=--quick)
  make bench-editors   every page of the admin at a large site (ARGS=--quick)
  make bench-privacy   erasing one person beside a million others (ARGS=--quick)
  make bench-models    features, scores and recommendations at scale (ARGS="--only scoring")
  make bench-experiments  results of 1,000 experiments, and their page (ARGS=--quick)
  make operating-characteristics  how the statistics of experiments behave when the truth is known
  make faults          kills, absences, full disks under load (ARGS="--only web --seconds 20")
  make parity          all evaluators of conditions against an oracle (N=1000000 checks)
  make mutants         seeded faults, each of which parity must catch
  make audit           known vulnerabilities of the pinned packages (asks the internet)
  make contract        the API held to its OpenAPI document, and to mutated bodies
  make shell           a Django shell on this stack's data
  make doctor          what is installed and what runs
  make schema          write launcher/schema.sql again, after new migrations
  make requirements    compile requirements/*.in again
  make docker-check    validate docker/ without Docker

  PORT (8000), ATTUNE_HOME (.attune), DATABASE_URL, REDIS_URL and WEB_WORKERS are honoured.
  With the two URLs set, nothing embedded is started.
"""


def demo(arguments: Sequence[str]) -> int:
    """Run the stack with the demo's data."""
    sessions = os.environ.get("SESSIONS") or DEFAULT_SESSIONS
    if sessions != "all" and not sessions.isdigit():
        raise Trouble(f"SESSIONS is {sessions!r}, but it is a number or `all`.")
    venv.prepare()
    stack.up(Home.locate(), sessions=sessions)
    return 0


def up(arguments: Sequence[str]) -> int:
    """Run the stack."""
    venv.prepare()
    stack.up(Home.locate())
    return 0


def down(arguments: Sequence[str]) -> int:
    """Stop the stack from another shell."""
    stack.down(Home.locate())
    return 0


# One process more than processors, for tests that wait for what they started. Files stay together:
# some share a stack that takes seconds to start; tests/conftest.py says which go first.
WHOLE_SUITE = (
    *("-n", str(min((os.cpu_count() or 1) + 1, 8))),
    *("--dist", "loadfile", "--no-loadscope-reorder"),
)


def test(arguments: Sequence[str]) -> int:
    """Run pytest; its plugin (pytest_servers.py) brings the servers of the run.

    The whole suite runs on several processes, each with a database of its own; with arguments,
    which usually name a few tests, on one.
    """
    venv.prepare()
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    command = [python(), "-m", "pytest", *(arguments or WHOLE_SUITE)]
    return processes.in_front(command, environment, PROJECT_ROOT)


def run_checks(arguments: Sequence[str]) -> int:
    """Run every static check, or those named."""
    venv.prepare()
    with temporary_home(Home.locate()) as home, running(home, throwaway=True):
        environment = {**home.environment(), "DJANGO_SETTINGS_MODULE": "config.settings.test"}
        return check.run(environment, only=arguments)


def bench(arguments: Sequence[str]) -> int:
    """Run the benchmarks; they bring fresh servers that nothing else uses."""
    venv.prepare()
    if arguments[:1] == ["segments"]:
        venv.prepare_beside("bench")  # the engines that it compares with
    return processes.in_front([python(), "-m", "bench", *arguments], os.environ, PROJECT_ROOT)


def parity(arguments: Sequence[str]) -> int:
    """Hold all evaluators of conditions against the oracle: with the database, then futures."""
    venv.prepare()
    command = [python(), "-m", "tests.parity", *arguments]
    with temporary_home(Home.locate()) as home, running(home, throwaway=True):
        environment = {**home.environment(), "DJANGO_SETTINGS_MODULE": "config.settings.test"}
        status = processes.in_front([*command, "--database"], environment, PROJECT_ROOT)
    return status or processes.in_front(command, os.environ, PROJECT_ROOT)


def faults(arguments: Sequence[str]) -> int:
    """Harm a stack of its own under load, and see that nothing acknowledged is lost."""
    venv.prepare()
    command = [python(), "-m", "tests.faults", *arguments]
    return processes.in_front(command, os.environ, PROJECT_ROOT)


def operating_characteristics(arguments: Sequence[str]) -> int:
    """Judge thousands of made-up experiments, and write docs/operating-characteristics.md."""
    venv.prepare()
    command = [python(), "-m", "bench.characteristics", *arguments]
    return processes.in_front(command, os.environ, PROJECT_ROOT)


def mutants(arguments: Sequence[str]) -> int:
    """Put faults into copies of the source, and see that parity catches each."""
    venv.prepare()
    command = [python(), "-m", "tests.mutants", *arguments]
    with temporary_home(Home.locate()) as home, running(home, throwaway=True):
        environment = {**home.environment(), "DJANGO_SETTINGS_MODULE": "config.settings.test"}
        return processes.in_front(command, environment, PROJECT_ROOT)


def contract(arguments: Sequence[str]) -> int:
    """Hold the API to its own OpenAPI document with every kind of key, and to mutated bodies."""
    venv.prepare()
    venv.prepare_beside("clients")
    tests = ["tests/clients/contract.py", "tests/hostile/contract.py"]
    command = [python(), "-m", "pytest", *tests, "-n", "0", *arguments]
    return processes.in_front(command, os.environ, PROJECT_ROOT)


def audit(arguments: Sequence[str]) -> int:
    """Ask what is known against the pinned packages; status 1 for findings, 2 for no answer."""
    venv.prepare()
    directory = venv.prepare_beside("audit")
    pinned = PROJECT_ROOT / "requirements" / "dev.txt"
    options = ["--progress-spinner", "off", "--disable-pip", "--require-hashes"]
    command = [python(), "-m", "pip_audit", "--format", "json", *options, "-r", str(pinned)]
    environment = {**os.environ, "PYTHONPATH": str(directory)}
    done = subprocess.run(
        [*command, *arguments], env=environment, cwd=PROJECT_ROOT, capture_output=True, text=True
    )
    try:
        found = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        reason = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
        print(f"The service that knows vulnerabilities did not answer: {reason[:300]}")
        return 2
    bad = [(one, flaw) for one in found for flaw in one.get("vulns", ())]
    for one, flaw in bad:
        mended = ", ".join(flaw.get("fix_versions", ())) or "none yet"
        print(f"{one['name']} {one['version']}: {flaw['id']}; mended in {mended}")
    unknown = [one for one in found if "skip_reason" in one]
    print(f"{len(found)} packages, {len(bad)} known vulnerabilities.")
    if unknown:
        print(f"Of {len(unknown)} the service said nothing: {unknown[0]['skip_reason']}")
    return 1 if bad else 2 if unknown else 0


def schema(arguments: Sequence[str]) -> int:
    """Run all migrations on a server of its own, and write down the tables they leave."""
    venv.prepare()
    with temporary_home(Home.locate()) as home, occupied(home):
        server = Postgres(home, throwaway=True)
        try:
            server.start()
            # Whatever database the shell names: the file is written from an empty one of ours.
            own = {
                **home.environment(),
                "DATABASE_URL": f"postgres:///{home.postgres_run}/{DATABASE_NAME}",
            }
            own |= {"PGUSER": SUPERUSER, "DJANGO_SETTINGS_MODULE": "config.settings.test"}
            file = head_start.write(server, own, python())
        finally:
            server.stop()
    print(f"Written: {file.relative_to(PROJECT_ROOT)}, {file.stat().st_size:,} bytes.")
    return 0


def shell(arguments: Sequence[str]) -> int:
    """Open a Django shell."""
    return manage(["shell", *arguments])


def manage(arguments: Sequence[str]) -> int:
    """Run one management command, on the running stack or on servers started for it alone."""
    venv.prepare()
    home = Home.locate()
    home.create()
    command = [python(), "manage.py", *arguments]
    if holder(home) is not None or not needed(home):
        return processes.in_front(command, home.environment(), PROJECT_ROOT)
    with running(home):
        return processes.in_front(command, home.environment(), PROJECT_ROOT)


def servers(arguments: Sequence[str]) -> int:
    """Run the embedded servers alone until stopped."""
    venv.prepare()
    home = Home.locate()
    with stack.stopping_on_signals(), running(home):
        environment = home.environment()
        print(f"DATABASE_URL={environment['DATABASE_URL']}\nREDIS_URL={environment['REDIS_URL']}")
        print("Ctrl-C stops them.", flush=True)
        _wait_for_signals()
    return 0


def _wait_for_signals() -> None:
    """Do nothing until a signal handler raises."""
    while True:
        signal.pause()


def env(arguments: Sequence[str]) -> int:
    """Print the stack's environment for a shell: eval "$(python3 -m launcher env)"."""
    home = Home.locate()
    home.create()
    for name, value in sorted(home.environment().items()):
        if os.environ.get(name) != value:
            print(f"export {name}={shlex.quote(value)}")
    return 0


def doctor(arguments: Sequence[str]) -> int:
    """Say what is there and what runs."""
    home = Home.locate()
    pid = holder(home)
    rows = [
        ("Python", f"{platform.python_version()} ({sys.executable})"),
        ("System", f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors"),
        ("venv", "ready" if venv.is_current() else "not prepared yet: any make target prepares it"),
        ("Home", str(home.root)),
        ("Running", f"yes, process {pid}" if pid else "no"),
        ("Port", str(port())),
    ]
    if home.root.exists():
        rows += [
            ("Database", "yours" if os.environ.get("DATABASE_URL") else str(home.postgres_data)),
            ("Sockets", str(home.run)),
            ("libgomp", str(openmp_directory(home) or "the system's")),
        ]
    rows += [(name, shutil.which(name) or "not found") for name in ("make", "git", "chromium")]
    for name, value in rows:
        print(f"{name:<10} {value}")
    return 0


def usage(arguments: Sequence[str]) -> int:
    """Print what there is."""
    print(USAGE, end="")
    return 0


COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    "demo": demo,
    "up": up,
    "down": down,
    "test": test,
    "check": run_checks,
    "bench": bench,
    "faults": faults,
    "operating-characteristics": operating_characteristics,
    "parity": parity,
    "mutants": mutants,
    "contract": contract,
    "audit": audit,
    "schema": schema,
    "shell": shell,
    "manage": manage,
    "servers": servers,
    "web": serving.web,
    "env": env,
    "doctor": doctor,
    "help": usage,
}


def main(arguments: Sequence[str]) -> int:
    """Run one command; trouble is one sentence on standard error and status 1."""
    name, *rest = arguments or ["help"]
    command = COMMANDS.get(name)
    if command is None:
        print(f"There is no command {name!r}; there are {', '.join(COMMANDS)}.", file=sys.stderr)
        return 2
    # A stack is a dozen processes that import two thousand modules each: without bytecode beside
    # these they take three times as long to start.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    try:
        return command([part for part in rest if part != "--"])
    except Trouble as trouble:
        print(trouble, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
