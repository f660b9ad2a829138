"""The built tracker is what its sources give, and small."""

import importlib.util
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def builder():
    spec = importlib.util.spec_from_file_location("sdk_build", ROOT / "sdk" / "build.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_built_file_is_up_to_date():
    assert (ROOT / "static" / "sdk" / "attune.js").read_text(encoding="utf-8") == builder().joined()


def test_the_tracker_keeps_to_its_byte_budget():
    build = builder()
    assert 1_000 < build.compressed_bytes(build.joined()) <= 6 * 1024
