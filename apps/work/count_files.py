"""The counts of every process of a host, each left in a file of its own, added up by who is asked.

A process holds a lock of its file for as long as it lives: a file that can be locked belongs to a
dead one. Its counters are added to those of the departed, so that sums never fall; its gauges end
with it. A host name stands in each name, because containers share the home and number alike.
"""

import contextlib
import fcntl
import logging
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
from django.conf import settings

from apps.work.counting import COUNTERS, GAUGES, HISTOGRAMS, Labels
from apps.work.endings import at_end

logger = logging.getLogger(__name__)

EVERY_S: Final = 1.0


class Counts(msgspec.Struct):
    """The counts of one process, or the sum of several; keyed by metric, then by labels."""

    counters: dict[str, list[tuple[Labels, float]]] = {}
    gauges: dict[str, float] = {}
    histograms: dict[str, list[tuple[str, list[float]]]] = {}


_decoder: Final = msgspec.json.Decoder(Counts)
_encoder: Final = msgspec.json.Encoder()


def own() -> Counts:
    """Return what this process has counted."""
    return Counts(
        {one.name: list(one.values.copy().items()) for one in COUNTERS if one.values},
        {one.name: one.read() for one in GAUGES},
        {one.name: [(k, list(v)) for k, v in one.rows.copy().items()] for one in HISTOGRAMS},
    )


class OwnFile:
    """This process's file. One per process, made in the process itself."""

    def __init__(self, directory: Path | None = None) -> None:
        """Open and lock it.

        Raises:
            OSError: the directory cannot be written.
        """
        self._directory = directory or folder()
        self._directory.mkdir(parents=True, exist_ok=True)
        self.path = self._directory / f"{_host()}-{os.getpid()}.json"
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def write(self) -> None:
        """Leave the present counts. A reader sees the old ones or the new ones."""
        text = _encoder.encode(own())
        # In place: the lock is of this file. A torn read does not parse, and is read again.
        os.pwrite(self._file, text + b"\n", 0)
        os.ftruncate(self._file, len(text) + 1)

    def close(self) -> None:
        """Leave the last counts and let go of the lock."""
        with contextlib.suppress(OSError):
            self.write()
        os.close(self._file)


_own_file: OwnFile | None = None


def start() -> None:
    """Leave this process's counts every second, from a thread, until the process ends."""
    global _own_file
    try:
        _own_file = file = OwnFile()
    except OSError as error:  # a process that cannot say what it does goes on doing it
        logger.warning("counts.not_written", extra={"error": str(error)})
        return
    threading.Thread(target=_keep_writing, args=(file,), name="counts", daemon=True).start()
    at_end(file.write, is_last=True)


def _keep_writing(file: OwnFile) -> None:
    while True:
        try:
            file.write()
        except OSError as error:  # a full disk, say
            logger.warning("counts.not_written", extra={"error": str(error)})
        time.sleep(EVERY_S)


def folder() -> Path:
    """Return where the files are."""
    home: Path = settings.METRICS_DIR
    return home


def total(directory: Path | None = None) -> Counts:
    """Return the sum over this host's processes: the living, the departed and, live, this one."""
    where = directory or folder()
    # This process's own file is older than what it knows.
    but = _own_file.path if _own_file is not None else where / f"{_host()}-{os.getpid()}.json"
    found = [own()]
    if where.is_dir():
        found += _others(where, but)
    return added(found)


def _others(where: Path, but: Path) -> Iterator[Counts]:
    departed = where / f"{_host()}-departed.json"
    with departed.open("a+b") as ledger:
        fcntl.flock(ledger, fcntl.LOCK_EX)  # two that are asked at once
        ledger.seek(0)
        gone = _parsed(ledger.read()) or Counts()
        newly: list[Path] = []
        for path in sorted(where.glob(f"{_host()}-*.json")):
            if path in (but, departed):
                continue
            counts, is_dead = _read(path)
            if counts is None:
                continue
            if is_dead:
                newly.append(path)
                counts.gauges = {}
                gone = added([gone, counts])
            else:
                yield counts
        if newly:
            ledger.truncate(0)
            ledger.write(_encoder.encode(gone))
            ledger.flush()
            for path in newly:
                path.unlink(missing_ok=True)
    yield gone


def _read(path: Path) -> tuple[Counts | None, bool]:
    """The counts of a file, and whether its process is dead."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None, False
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            is_dead = True
        except BlockingIOError:
            is_dead = False
        for _ in range(3):
            counts = _parsed(os.pread(file, 1_000_000, 0))
            if counts is not None:
                return counts, is_dead
        # Never written, or torn by a sudden end: nothing of it can be kept.
        return (Counts() if is_dead else None), is_dead
    finally:
        os.close(file)


def _parsed(text: bytes) -> Counts | None:
    try:
        return _decoder.decode(text)
    except msgspec.DecodeError:
        return None


def added(parts: list[Counts]) -> Counts:
    """Return the sum."""
    counters: dict[str, dict[Labels, float]] = {}
    gauges: dict[str, float] = {}
    histograms: dict[str, dict[str, list[float]]] = {}
    for part in parts:
        for name, rows in part.counters.items():
            sums = counters.setdefault(name, {})
            for labels, value in rows:
                sums[labels] = sums.get(labels, 0) + value
        for name, value in part.gauges.items():
            gauges[name] = gauges.get(name, 0) + value
        for name, lines in part.histograms.items():
            shapes = histograms.setdefault(name, {})
            for label, row in lines:
                have = shapes.get(label)
                if have is None or len(have) != len(row):  # bounds of another release
                    shapes[label] = list(row)
                else:
                    shapes[label] = [a + b for a, b in zip(have, row, strict=True)]
    return Counts(
        {name: list(sums.items()) for name, sums in counters.items()},
        gauges,
        {name: list(shapes.items()) for name, shapes in histograms.items()},
    )


def _host() -> str:
    return "".join(c for c in socket.gethostname() if c.isalnum() or c in "-_")[:60] or "host"
