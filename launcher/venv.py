"""The project's virtual environment: made once, refreshed when the pinned requirements change."""

import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from launcher.home import PROJECT_ROOT
from launcher.trouble import Trouble

VENV = PROJECT_ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / ".requirements"
UV = "uv==0.13.9"
MINIMUM = (3, 11)


def hand_over_to_venv() -> None:
    """Start this command again with the virtual environment's Python when this one lacks Django."""
    if importlib.util.find_spec("django") is not None:
        return
    if not PYTHON.exists() or Path(sys.prefix).resolve() == VENV.resolve():
        raise SystemExit("Django is not installed here: run `make up` once, it prepares .venv.")
    os.execv(PYTHON, [str(PYTHON), *sys.orig_argv[1:]])


def prepare(requirements: str = "dev") -> None:
    """Make `.venv` hold exactly the pinned `requirements/<name>.txt`; fast when it already does.

    Raises:
        Trouble: a part of Python is missing, or packages could not be installed.
    """
    if sys.version_info < MINIMUM:
        raise Trouble("Attune needs Python 3.11 or newer: install python3.11, or set PYTHON to it.")
    pinned = PROJECT_ROOT / "requirements" / f"{requirements}.txt"
    with pinned.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # two first commands at once: the second one waits
        wanted, found = _wanted(pinned), _found()
        if PYTHON.exists() and found == wanted:
            return
        began = time.monotonic()
        print("Preparing the virtual environment .venv ...", flush=True)
        moved = found[1:] not in ([], wanted[1:])
        if moved or not (PYTHON.exists() and (VENV / "bin" / "pip").exists()):
            _create()
        _install(pinned)
        STAMP.write_text("\n".join(wanted) + "\n")
        print(f"Packages installed in {time.monotonic() - began:.0f} s.", flush=True)


def prepare_beside(requirements: str) -> Path:
    """Make a directory hold the pinned `requirements/<name>.txt`; return it for `sys.path`.

    For packages that one command alone needs: `.venv` itself never sees them.

    Raises:
        Trouble: packages could not be installed.
    """
    pinned = PROJECT_ROOT / "requirements" / f"{requirements}.txt"
    directory = beside(requirements)
    stamp = directory / STAMP.name
    with pinned.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # two test processes at once: the second one waits
        wanted = "\n".join(_wanted(pinned))
        if stamp.exists() and stamp.read_text() == wanted:
            return directory
        shutil.rmtree(directory, ignore_errors=True)
        print(f"Installing the packages of {pinned.name} into {directory.name} ...", flush=True)
        _install_beside(pinned, directory)
        stamp.write_text(wanted)
    return directory


def beside(requirements: str) -> Path:
    """Return where `prepare_beside` puts the packages of this name."""
    return VENV / f"beside-{requirements}"


def is_current(requirements: str = "dev") -> bool:
    """Tell whether `prepare` would have nothing to do."""
    pinned = PROJECT_ROOT / "requirements" / f"{requirements}.txt"
    return PYTHON.exists() and _found() == _wanted(pinned)


def _wanted(pinned: Path) -> list[str]:
    """Return the stamp of an up-to-date environment.

    With the path, because a moved checkout has scripts that point to where it was.
    """
    return [hashlib.sha256(pinned.read_bytes()).hexdigest(), str(VENV)]


def _found() -> list[str]:
    """Return the stamp that is there; empty when there is none."""
    return STAMP.read_text().splitlines() if STAMP.exists() else []


def _create() -> None:
    """Make an empty virtual environment with pip."""
    for module in ("venv", "ensurepip"):
        # Debian ships Python without ensurepip unless the venv package is installed.
        if importlib.util.find_spec(module) is None:
            raise Trouble(
                "Python's venv module is missing: install it "
                "(on Debian and Ubuntu: apt-get install python3-venv)."
            )
    if VENV.is_symlink():
        VENV.unlink()  # clearing would empty somebody else's directory
    result = subprocess.run(
        [sys.executable, "-m", "venv", "--clear", str(VENV)], capture_output=True, text=True
    )
    if result.returncode:
        raise Trouble(f"The virtual environment could not be made: {_last_line(result)}.")


def _install(pinned: Path) -> None:
    """Install the pinned set: with uv, which takes seconds, else with plain pip."""
    pip = [str(PYTHON), "-m", "pip", "--disable-pip-version-check"]
    if subprocess.run([*pip, "install", "--quiet", UV], capture_output=True).returncode == 0:
        sync = [str(VENV / "bin" / "uv"), "pip", "sync", "--quiet", "--python", str(PYTHON)]
        result = subprocess.run([*sync, str(pinned)], capture_output=True, text=True)
        if result.returncode == 0:
            return
        print("uv could not install the packages; trying pip, which takes longer ...", flush=True)
    result = subprocess.run(
        [*pip, "install", "--quiet", "-r", str(pinned)], stderr=subprocess.PIPE, text=True
    )
    if result.returncode:
        raise _not_installed(pinned, result)


def _install_beside(pinned: Path, directory: Path) -> None:
    """Install a pinned set into a directory of its own."""
    pip = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    options = ["--no-deps", "--require-hashes", "--target", str(directory), "-r", str(pinned)]
    result = subprocess.run([*pip, *options], stderr=subprocess.PIPE, text=True)
    if result.returncode:
        raise _not_installed(pinned, result)


def _not_installed(pinned: Path, result: "subprocess.CompletedProcess[str]") -> Trouble:
    return Trouble(
        f"The packages of {pinned.relative_to(PROJECT_ROOT)} could not be installed "
        f"({_last_line(result)}): check the network or pip's index settings, and try again."
    )


def _last_line(result: "subprocess.CompletedProcess[str]") -> str:
    """Return the last line that a command complained with."""
    lines = ((result.stderr or "") + (result.stdout or "")).strip().splitlines()
    return lines[-1].strip().rstrip(".") if lines else f"status {result.returncode}"
