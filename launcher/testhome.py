"""Homes that live as long as one test run: any number of them, also beside a running demo."""

import contextlib
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from launcher.home import Home
from launcher.servers import holder

ABANDONED_AFTER = 3600.0  # seconds; younger ones may be starting right now


@contextlib.contextmanager
def temporary_home(beside: Home) -> Iterator[Home]:
    """Yield a fresh home next to `beside`; afterwards it is removed with everything in it."""
    parent = beside.root.with_name(f"{beside.root.name}-test")
    parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(parent)
    root = Path(tempfile.mkdtemp(prefix="run-", dir=parent))
    root.chmod(0o755)  # Postgres may run as another user, who must reach its data
    home = Home(root)
    home.create()
    try:
        yield home
    finally:
        remove(home)
        with contextlib.suppress(OSError):
            parent.rmdir()


def remove(home: Home) -> None:
    """Delete a home and what it keeps outside."""
    if (home.root / "home.id").exists():
        shutil.rmtree(home.outside, ignore_errors=True)
    shutil.rmtree(home.root, ignore_errors=True)


def _remove_abandoned(parent: Path) -> None:
    """Delete the homes of runs that were killed before they could."""
    for root in parent.glob("run-*"):
        try:
            age = time.time() - root.stat().st_mtime
        except OSError:
            continue
        if age > ABANDONED_AFTER and holder(Home(root)) is None:
            remove(Home(root))
