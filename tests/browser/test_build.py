"""The built scripts are what their sources give, and small."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def builder():
    spec = importlib.util.spec_from_file_location("sdk_build", ROOT / "sdk" / "build.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["TRACKER", "BANNER", "EDGE", "DECISIONS"])
def test_the_built_file_is_up_to_date(name):
    build = builder()
    script = getattr(build, name)
    assert script.target.read_text(encoding="utf-8") == build.joined(script)


@pytest.mark.parametrize(
    ("name", "kib"), [("TRACKER", 7), ("BANNER", 4), ("EDGE", 10), ("DECISIONS", 20)]
)
def test_a_script_keeps_to_its_byte_budget(name, kib):
    build = builder()
    script = getattr(build, name)
    assert 1_000 < build.compressed_bytes(build.joined(script)) <= kib * 1024
