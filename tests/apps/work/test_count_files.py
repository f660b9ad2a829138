"""The counts of several processes, living and dead, are one sum."""

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from apps.work import count_files
from apps.work.count_files import Counts, OwnFile, added, total
from apps.work.counting import BOUNDS, COUNTERS, GAUGES, HISTOGRAMS, Counter, Gauge

OTHER = """
    import sys
    from pathlib import Path
    from apps.work.counting import Counter, Gauge, Histogram
    from apps.work.count_files import OwnFile

    Counter("tests_seen", "", "what").add("doors", amount=5)
    Gauge("tests_open", "", lambda: 2.0)
    Histogram("tests_seconds", "", "route").observe("here", 0.3)
    OwnFile(Path(sys.argv[1])).write()
    print("written", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _own_counts() -> Iterator[None]:
    registers: list[list[Any]] = [COUNTERS, GAUGES, HISTOGRAMS]
    kept = [list(found) for found in registers]
    Counter("tests_seen", "", "what").add("doors", amount=2)
    Gauge("tests_open", "", lambda: 1.0)
    yield
    for found, before in zip(registers, kept, strict=True):
        found[:] = before


@contextmanager
def another(directory: Path) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(OTHER), str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "written\n"
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def seen(counts: Counts) -> float:
    return dict(counts.counters["tests_seen"])[("doors",)]


def test_the_living_are_added_up(tmp_path: Path) -> None:
    with another(tmp_path), another(tmp_path):
        found = total(tmp_path)
    assert seen(found) == 12
    assert found.gauges["tests_open"] == 5
    [(route, row)] = found.histograms["tests_seconds"]
    assert route == "here" and sum(row[:-1]) == 2 and row[-1] == pytest.approx(0.6)


def test_what_the_dead_have_counted_stays_and_what_they_held_goes(tmp_path: Path) -> None:
    with another(tmp_path):
        assert seen(total(tmp_path)) == 7
    for _ in range(2):  # each of the dead is added once
        found = total(tmp_path)
        assert seen(found) == 7
        assert found.gauges["tests_open"] == 1
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {f"{count_files._host()}-departed.{kind}" for kind in ("json", "lock")}


def test_a_file_that_nobody_could_finish_counts_for_nothing(tmp_path: Path) -> None:
    (tmp_path / f"{count_files._host()}-99.json").write_bytes(b'{"counters":{"tests_se')
    assert seen(total(tmp_path)) == 2


def test_a_process_with_the_number_of_a_dead_one_keeps_what_that_one_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a restart of a container: same host name, same numbers."""
    with another(tmp_path) as process:
        pass
    monkeypatch.setattr(os, "getpid", lambda: process.pid)
    own = OwnFile(tmp_path)
    own.write()
    monkeypatch.setattr(count_files, "_own_file", own)
    assert seen(total(tmp_path)) == 7
    own.close()


def test_a_death_before_the_files_of_the_dead_are_deleted_counts_nobody_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(Exception):
        """In place of a signal that no process survives."""

    def die(self: Path, missing_ok: bool = False) -> None:
        raise Killed

    with another(tmp_path):
        pass
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Path, "unlink", die)
        total(tmp_path)
    for _ in range(2):
        assert seen(total(tmp_path)) == 7
    assert not list(tmp_path.glob("*-[0-9]*.json"))


@pytest.mark.parametrize("name", ["elsewhere-1.json", "{host}-2-1.json"], ids=["other", "longer"])
def test_another_host_is_not_counted(tmp_path: Path, name: str) -> None:
    (tmp_path / name.format(host=count_files._host())).write_bytes(
        b'{"counters":{"tests_seen":[[["doors"],5]]},"gauges":{},"histograms":{}}'
    )
    assert seen(total(tmp_path)) == 2


def test_histograms_of_another_release_do_not_break_the_sum() -> None:
    ours = Counts(histograms={"a": [("r", [1.0] * (len(BOUNDS) + 2))]})
    theirs = Counts(histograms={"a": [("r", [1.0, 2.0])]})
    assert added([theirs, ours]).histograms["a"] == ours.histograms["a"]
