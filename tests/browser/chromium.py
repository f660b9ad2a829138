"""Which Chromium the browser tests drive: the machine's own, else one of npm's packages.

`CHROMIUM=/path/to/it` names another one. What npm gives lies beside the virtual environment, so
that a machine gets it once; nothing of the system is changed.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import tarfile
from functools import cache
from pathlib import Path
from typing import Final

from launcher import venv
from launcher.trouble import Trouble
from tests.clients import npm

NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "chrome")
PACKED: Final = Path("node_modules", "@sparticuz", "chromium", "bin")
# Its own copies of what Debian's packages would bring, and the letters to write with.
START: Final = """#!/bin/sh
here=$(dirname "$0")
LD_LIBRARY_PATH="$here/al2023/lib" FONTCONFIG_PATH="$here" exec "$here/browser" "$@"
"""
FONTS: Final = """<?xml version="1.0"?>
<fontconfig>
  <dir prefix="relative">fonts</dir>
  <cachedir prefix="xdg">fontconfig</cachedir>
</fontconfig>
"""


@cache
def executable() -> str:
    """Return the Chromium to start; fetched once where the machine has none (70 MB).

    Raises:
        Trouble: there is none, and none can be had.
    """
    named = os.environ.get("CHROMIUM")
    own = named or next(filter(None, map(shutil.which, NAMES)), None)
    if own is not None:
        return own
    if not (sys.platform == "linux" and os.uname().machine == "x86_64"):
        raise Trouble("There is no Chromium on this machine: install it, or set CHROMIUM.")
    packages = venv.prepare_beside("clients")
    return str(_unpacked(npm.installed("chromium", packages), npm.node_of(packages)))


def _unpacked(folder: Path, node: Path) -> Path:
    start = folder / "chromium"
    with (folder / "package.json").open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # two test processes at once: the second one waits
        if start.exists():
            return start
        _unpack(node, folder / PACKED / "chromium.br", folder / "browser")
        (folder / "browser").chmod(0o755)
        for name, into in (("al2023", "al2023"), ("fonts", "."), ("swiftshader", ".")):
            packed = folder / f"{name}.tar"
            _unpack(node, folder / PACKED / f"{name}.tar.br", packed)
            with tarfile.open(packed) as archive:
                archive.extractall(folder / into, filter="data")
            packed.unlink()
        (folder / "fonts.conf").write_text(FONTS)
        start.write_text(START)
        start.chmod(0o755)
    return start


def _unpack(node: Path, source: Path, target: Path) -> None:
    script = npm.HERE / "chromium" / "unpack.mjs"
    subprocess.run([str(node), str(script), str(source), str(target)], check=True, timeout=120)
