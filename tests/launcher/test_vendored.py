"""Scripts of others are what was put there, and say whose they are."""

import json
from pathlib import Path

import pytest

from launcher.vendored import MANIFEST, VENDOR, digests, problems


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sorter-1").mkdir()
    (tmp_path / "sorter-1" / "sorter.js").write_text("sort()")
    (tmp_path / "sorter-1" / "LICENSE").write_text("MIT")
    (tmp_path / MANIFEST).write_text(json.dumps(digests(tmp_path)))
    return tmp_path


def test_what_is_shipped_is_what_was_put_there() -> None:
    assert problems(VENDOR) == []


def test_a_changed_a_new_and_a_lost_file_are_named(folder: Path) -> None:
    assert problems(folder) == []
    (folder / "sorter-1" / "sorter.js").write_text("steal()")
    (folder / "sorter-1" / "more.js").write_text("")
    (folder / "sorter-1" / "LICENSE").unlink()
    assert problems(folder) == [
        "sorter-1 has no LICENSE",
        "sorter-1/LICENSE is missing",
        f"sorter-1/more.js is not in {MANIFEST}",
        "sorter-1/sorter.js was changed",
    ]


def test_without_a_manifest_nothing_is_known(tmp_path: Path) -> None:
    assert problems(tmp_path) == [f"{MANIFEST} cannot be read"]
