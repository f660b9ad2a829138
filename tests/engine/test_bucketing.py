"""Buckets against the public GrowthBook table, and their spread."""

from __future__ import annotations

from operator import itemgetter
from typing import Any

import pytest

from engine.bucketing import BUCKETS, bucket_of, fnv1a32
from tests.vectors import vectors


@pytest.mark.parametrize("case", vectors("buckets"), ids=itemgetter("name"))
def test_a_unit_lands_where_every_other_language_puts_it(case: dict[str, Any]) -> None:
    assert bucket_of(case["unit_id"], seed=case["seed"]) == case["bucket"]


@pytest.mark.parametrize(
    ("text", "expected"), [("", 0x811C9DC5), ("a", 0xE40C292C), ("foobar", 0xBF9CF968)]
)
def test_the_hash_is_fnv1a(text: str, expected: int) -> None:
    """Source: the authors' own test vectors (isthe.com/chongo/tech/comp/fnv)."""
    assert fnv1a32(text) == expected


def test_half_a_surrogate_pair_is_hashed_as_javascript_would() -> None:
    assert 0 <= bucket_of("\ud83d", seed="s") < BUCKETS


def test_buckets_are_even_and_two_look_alike_seeds_independent() -> None:
    units = [f"visitor-{i}" for i in range(20_000)]
    first = [bucket_of(unit, seed="test-1") for unit in units]
    second = [bucket_of(unit, seed="test-2") for unit in units]

    # 20,000 draws: a tenth is 2,000 with a standard deviation of 42.
    tenths = [sum(1 for bucket in first if bucket // 1000 == tenth) for tenth in range(10)]
    assert all(abs(count - 2000) < 200 for count in tenths)
    both = sum(1 for a, b in zip(first, second, strict=True) if a < 5000 and b < 5000)
    assert abs(both - 5000) < 300
