"""The parts of the run about segments: what a part leaves behind, and what two say together."""

import json

import pytest

from bench.report import Bar
from bench.segments import parts, run
from bench.segments.conditions import LEAVES, segments


def _fold(*cpu_us: float) -> dict[str, object]:
    return {"fold": [{"cpu_us": us} for us in cpu_us]}


def test_growth_compares_medians_of_the_two_parts():
    figures = {"small": _fold(100, 120, 900), "refresh": _fold(150, 162, 170)}
    (bar,) = parts.growth_bars(figures)
    assert (bar.value, bar.is_held) == (162 / 120, False)


@pytest.mark.parametrize("alone", ["small", "refresh"])
def test_growth_needs_both_parts(alone):
    assert parts.growth_bars({alone: _fold(100)}) == []


def test_fifty_segments_share_leaves_and_fifty_more_share_the_same():
    fifty, hundred = segments(50), segments(100)
    assert hundred.items() >= fifty.items()
    assert len({json.dumps(document) for document in hundred.values()}) == 100
    assert LEAVES < 50


def test_a_part_records_figures_and_bars_and_says_nothing_of_its_own(tmp_path, monkeypatch):
    held = Bar("fast", 1.0, 2.0, True, "x")
    monkeypatch.setitem(
        parts.PARTS, "small", lambda scale: parts.Found({"n": scale.rounds}, [held])
    )
    record = tmp_path / "record.json"
    arguments = ["--only", "small", "--rounds", "3", "--record", str(record)]
    assert run.main(arguments) == 0
    found = json.loads(record.read_text())
    assert found["figures"] == {"n": 3}
    assert [Bar(**bar) for bar in found["bars"]] == [held]
