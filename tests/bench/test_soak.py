"""A soak compares its last fifth with its second, by medians, and can tell growth from noise."""

import itertools
from dataclasses import replace

import pytest

from bench import soak
from bench.soak import Sample

STEADY = Sample(0, 0, 10, 100 * soak.MIB, 50 * soak.MIB, 9_000, 700, 3)


def _run(*consumers: float) -> list[Sample]:
    return [
        replace(STEADY, at_s=n, consumer=int(size * soak.MIB)) for n, size in enumerate(consumers)
    ]


def test_the_fifths_of_a_run_are_a_fifth_each_and_the_last_has_what_is_left():
    run = _run(*range(1, 13))
    assert [len(soak.fifth(run, place)) for place in range(5)] == [2, 2, 2, 2, 4]
    assert soak.fifth(run, 4)[-1] is run[-1]


@pytest.mark.parametrize("count", [1, 2, 4])
def test_a_run_of_fewer_than_five_samples_is_still_read(count):
    run = _run(*[100] * count)
    assert soak.growth(run, lambda sample: sample.consumer) == 1
    assert len(soak.lines(run).splitlines()) == 6


def test_warming_up_is_no_growth_and_one_high_sample_is_none_either():
    run = _run(*[60] * 10, *[100] * 35, 500, *[100] * 4)
    held = {bar.name: bar.is_held for bar in soak.bars(run, 400)}
    assert set(held.values()) == {True}


def test_slow_growth_misses_the_bar():
    run = _run(*(100 + n / 4 for n in range(50)))
    held = {bar.name: bar.is_held for bar in soak.bars(run, 400)}
    assert [name for name, is_held in held.items() if not is_held] == [
        "consumer's memory at the end"
    ]


def test_a_consumer_that_does_not_keep_up_misses_the_bar():
    run = [replace(sample, waiting=41) for sample in _run(*[100] * 10)]
    held = [bar for bar in soak.bars(run, 400) if not bar.is_held]
    assert [bar.name for bar in held] == ["inbox rows waiting at the end"]


def test_nine_batches_in_ten_return_and_everybody_equally_often():
    returning = [f"v{n}" for n in range(10)]
    batches = list(itertools.islice(soak._batches(returning), 100))
    new = [name for batch in batches for name in batch if name.startswith("n")]
    old = [name for batch in batches for name in batch if name.startswith("v")]
    assert len(new) == len(set(new)) == 40
    assert {name: old.count(name) for name in returning} == dict.fromkeys(returning, 36)


def test_histories_of_who_returns_are_full_after_a_fifth():
    assert soak.regulars(400, 1_800, 256) == 506  # 400 * 0.9 * 360 s / 256
    assert soak.regulars(1, 10, 256) == 2 * soak.VISITORS_A_BATCH
