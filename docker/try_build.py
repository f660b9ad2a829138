"""Tries docker/Dockerfile without Docker: its build steps in a clean directory, then its roles.

Each stage gets a directory that stands for `/`. COPY honours .dockerignore; RUN is executed with
the image's directories replaced by the stage's, except for lines that need Debian's package manager
or accounts, which are named as skipped. The finished tree is then started with embedded servers:
migrate, web and consumer run from it, and the image's health check must pass for both.

Usage: .venv/bin/python docker/try_build.py
"""

import contextlib
import json
import os
import re
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from launcher import processes  # noqa: E402
from launcher.home import Home, openmp_directory  # noqa: E402
from launcher.servers import running  # noqa: E402
from launcher.testhome import temporary_home  # noqa: E402

# The image's own directories; anything else a step names belongs to the base image.
OURS = re.compile(r"(?<![\w./])/(?=opt/attune|srv/attune|var/lib/attune)")
NEEDS_DEBIAN = ("apt-get", "useradd", "rm -rf /var/lib/apt")
HEALTHY_WITHIN = 40.0  # seconds


@dataclass
class Stage:
    """One build stage: the directory that stands for `/`, its environment and working directory."""

    root: Path
    environment: dict[str, str] = field(default_factory=dict)
    directory: str = "/"
    entrypoint: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)

    def place(self, path: str) -> Path:
        """Return where a path of the image lies here."""
        return self.root / str(Path(self.directory) / path).lstrip("/")

    def words(self, text: str) -> str:
        """Replace the image's directories in a text by ours."""
        return OURS.sub(f"{self.root}/", text)

    def variables(self) -> dict[str, str]:
        """Return the environment of a step: the image's, over the few of ours that pip needs."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if name in {"PATH", "HOME", "LANG", "SSL_CERT_FILE"} or name.startswith("PIP_")
        }
        own = {name: self.words(value) for name, value in self.environment.items()}
        return {name: os.path.expandvars(value) for name, value in {**kept, **own}.items()}


def instructions(text: str) -> Iterator[tuple[str, str]]:
    """Yield (name, arguments) of a Dockerfile, continuation lines joined, comments dropped."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        if line.strip():
            name, _, arguments = line.strip().partition(" ")
            yield name.upper(), arguments.strip()


def ignored(path: str, patterns: list[str]) -> bool:
    """Tell whether .dockerignore keeps a path, relative to the context, out of the image."""
    candidates = [path, *(str(parent) for parent in Path(path).parents)]
    return any(
        fnmatch(candidate, pattern) or fnmatch(candidate, pattern.removeprefix("**/"))
        for candidate in candidates
        for pattern in patterns
    )


def copy(stage: Stage, stages: dict[str, Stage], arguments: str) -> None:
    """COPY: from another stage, or from the checkout without what .dockerignore names."""
    words = shlex.split(arguments)
    origin = next((w.removeprefix("--from=") for w in words if w.startswith("--from=")), None)
    source, target = [word for word in words if not word.startswith("--")]
    if origin is not None:
        shutil.copytree(stages[origin].place(source), stage.place(target), symlinks=True)
        return
    if source != ".":
        stage.place(target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / source, stage.place(target))
        return
    patterns = [
        line.strip().rstrip("/")
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.strip() and not line.startswith("#")
    ]
    for folder, names, files in os.walk(ROOT):
        inside = Path(folder).relative_to(ROOT)
        names[:] = [name for name in names if not ignored(str(inside / name), patterns)]
        for name in files:
            if not ignored(str(inside / name), patterns):
                place = stage.place(target) / inside / name
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(Path(folder) / name, place)


def run(stage: Stage, arguments: str) -> None:
    """RUN: each `&&` part by itself, so that the ones that need Debian can be left out."""
    for part in (part.strip() for part in arguments.split("&&")):
        if part.startswith(NEEDS_DEBIAN):
            print(f"  skipped (needs Debian and root): {' '.join(part.split())}")
            continue
        print(f"  run: {' '.join(part.split())}")
        directory = stage.place("")
        directory.mkdir(parents=True, exist_ok=True)
        command = ["sh", "-euc", stage.words(part)]
        subprocess.run(command, cwd=directory, env=stage.variables(), check=True)


def build(top: Path) -> Stage:
    """Execute the Dockerfile; return its last stage."""
    stages: dict[str, Stage] = {}
    stage = Stage(top)
    for name, arguments in instructions((ROOT / "docker" / "Dockerfile").read_text()):
        if name == "FROM":
            words = arguments.split()
            stage = Stage(top / f"stage{len(stages)}")
            stage.root.mkdir()
            stages[words[2] if len(words) > 2 else str(len(stages))] = stage
            print(f"stage {words[-1]}")
        elif name == "ENV":
            pairs = (part.partition("=") for part in shlex.split(arguments))
            stage.environment.update({name: value for name, _, value in pairs})
        elif name == "WORKDIR":
            stage.directory = arguments
        elif name == "COPY":
            print(f"  copy: {arguments}")
            copy(stage, stages, arguments)
        elif name == "RUN":
            run(stage, arguments)
        elif name == "ENTRYPOINT":
            stage.entrypoint = json.loads(arguments)
        elif name == "HEALTHCHECK":
            stage.health = json.loads(arguments.partition("CMD ")[2])
    return stage


@contextlib.contextmanager
def role(image: Stage, name: str, variables: dict[str, str], top: Path) -> Iterator[str]:
    """Run one role for the length of a block; yields its private TMPDIR, a container's /tmp."""
    own = top / f"tmp-{name}"
    own.mkdir()
    process = processes.spawn(
        [image.place("") / image.entrypoint[0], name],
        log=top / f"{name}.log",
        environment={**variables, "TMPDIR": str(own)},
        directory=image.place(""),
    )
    try:
        yield str(own)
    except BaseException:
        print(processes.tail(top / f"{name}.log", 30))
        raise
    finally:
        processes.stop(process, farewell=signal.SIGTERM, patience=20)


def try_roles(image: Stage, top: Path) -> None:
    """Migrate, then hold web and consumer to the image's own health check."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    with temporary_home(Home(top / "home")) as home, running(home):
        servers = home.environment()
        variables = {
            **image.variables(),
            **{name: servers[name] for name in ("DATABASE_URL", "REDIS_URL", "PGUSER")},
            "PORT": port,
            "ALLOWED_HOSTS": "127.0.0.1",
            "PUBLIC_ORIGIN": f"http://127.0.0.1:{port}",
            "SECRET_KEY": secrets.token_urlsafe(48),
            "SIGNING_KEY": secrets.token_urlsafe(48),
            "TOMBSTONE_KEY": secrets.token_urlsafe(48),
            "MASTER_KEYS": f"first:{secrets.token_urlsafe(32)}",
        }
        openmp = openmp_directory(home)
        if openmp is not None:
            variables["LD_LIBRARY_PATH"] = str(openmp)
        entry = image.place("") / image.entrypoint[0]
        subprocess.run(
            [entry, "migrate"],
            cwd=image.place(""),
            env=variables,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        print("  migrate: done")
        for name in ("web", "consumer"):
            with role(image, name, variables, top) as own:
                asking = {**variables, "TMPDIR": own}

                def healthy(asking: dict[str, str] = asking) -> bool:
                    result = subprocess.run(
                        image.health, env=asking, cwd=image.place(""), capture_output=True
                    )
                    return result.returncode == 0

                if not processes.wait_until(healthy, HEALTHY_WITHIN):
                    raise SystemExit(f"{name} did not become healthy.")
                print(f"  {name}: healthy")


def main() -> None:
    """Build, start, say so."""
    with tempfile.TemporaryDirectory(prefix="attune-image-") as directory:
        top = Path(directory)
        top.chmod(0o755)
        image = build(top)
        print("roles")
        try_roles(image, top)
    print("The image's steps and roles work.")


if __name__ == "__main__":
    main()
