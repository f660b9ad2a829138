"""Browser libraries that are shipped are the ones that were published, and say whose they are."""

import hashlib
import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENDOR = ROOT / "static/vendor"


def test_every_vendored_file_is_the_one_that_was_taken_in() -> None:
    sums = json.loads((VENDOR / "MANIFEST.json").read_text())
    there = {
        str(path.relative_to(VENDOR)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDOR.rglob("*")
        if path.is_file() and path.name != "MANIFEST.json"
    }
    assert there == sums


def test_every_library_has_its_licence_beside_it_and_a_line_in_the_notice() -> None:
    notice = (ROOT / "NOTICE").read_text()
    for library in (one for one in VENDOR.iterdir() if one.is_dir()):
        assert list(library.glob("LICEN[CS]E*")), library.name
        assert f"static/vendor/{library.name}/" in notice
