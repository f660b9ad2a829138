"""The counts of every process of a host, each left in a file of its own, added up by who is asked.

A process holds a lock of its file for as long as it lives: a file that can be locked belongs to a
dead one. Its counters are added to those of the departed, so that sums never fall; its gauges end
with it. A host name stands in each name, because containers share the home and number alike, and a
random part, because a container that was started again numbers its processes as before.
"""

import contextlib
import fcntl
import logging
import os
import re
import secrets
import socket
import threading
import time
from collections.abc import Iterable
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


class Ledger(Counts):
    """The sum of the departed.

    Attributes:
        taken: names of files that are in the sum already and may not be deleted yet.
    """

    taken: list[str] = []


_decoder: Final = msgspec.json.Decoder(Counts)
_ledger_decoder: Final = msgspec.json.Decoder(Ledger)
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
        """Make and lock it.

        Raises:
            OSError: the directory cannot be written.
        """
        directory = directory or folder()
        directory.mkdir(parents=True, exist_ok=True)
        self.path = directory / f"{_host()}-{os.getpid()}-{secrets.token_hex(4)}.json"
        # Locked before it has the name by which others find it: they would take it for a dead one.
        making = self.path.with_suffix(".new")
        self._file = os.open(making, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        making.rename(self.path)

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
    but = _own_file.path if _own_file is not None else None
    found = [own()]
    if where.is_dir():
        found += _others(where, but)
    return added(found)


def _others(where: Path, but: Path | None) -> list[Counts]:
    """The living but one, each for itself, and the departed together."""
    with (where / f"{_host()}-departed.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two that are asked at once
        departed = where / f"{_host()}-departed.json"
        ledger = _ledger(departed)
        living: list[Counts] = []
        dead: dict[str, Counts] = {}
        for path in _files(where):
            if path == but or path.name in ledger.taken:
                continue
            counts, is_dead = _read(path)
            if counts is None:
                continue
            if is_dead:
                dead[path.name] = counts
            else:
                living.append(counts)
        # Those that a process that ended right here had written down, and not deleted.
        _delete(where, ledger.taken)
        gone = added([ledger, *dead.values()])
        gone.gauges = {}
        if dead:
            _replace(departed, Ledger(gone.counters, {}, gone.histograms, list(dead)))
            _delete(where, dead)
    return [*living, gone]


def _files(where: Path) -> list[Path]:
    """The files of this host's processes; a release of before gave them no random part."""
    name = re.compile(rf"{re.escape(_host())}-[0-9]+(-[0-9a-f]{{8}})?\.json")
    return sorted(path for path in where.iterdir() if name.fullmatch(path.name))


def _ledger(path: Path) -> Ledger:
    try:
        return _ledger_decoder.decode(path.read_bytes())
    except (FileNotFoundError, msgspec.DecodeError):
        return Ledger()


def _replace(path: Path, ledger: Ledger) -> None:
    """Write the ledger as a whole: a sudden end leaves the old one or the new one."""
    making = path.with_suffix(".new")
    making.write_bytes(_encoder.encode(ledger))
    making.replace(path)


def _delete(where: Path, names: Iterable[str]) -> None:
    for name in names:
        (where / name).unlink(missing_ok=True)


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
