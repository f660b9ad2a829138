"""How large and how long: what the form works out before the start."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.experiments.domain.planning import Asked, cost_of_looking, plan

PLAIN = Asked(
    mean=0.1, sd=None, is_rate=True, mde=0.2, alpha=0.05, power=0.8, arms=2, comparisons=1,
    looking="planned", looks=1, weekly=1_400.0,
)  # fmt: skip


def test_the_size_is_that_of_the_books_where_nobody_looks_before_the_end() -> None:
    """Fleiss, Levin and Paik, ch. 4, unpooled: 3,839 in each arm for 10 % against 12 %."""
    found = plan(PLAIN)
    assert found.fixed == 3_839
    assert found.per_arm == math.ceil(3_838.2 * found.factor)
    assert found.factor == pytest.approx(1.0, abs=0.001)
    # 7,678 people of 1,400 a week: 5.5 weeks, told as whole ones.
    assert found.weeks == 6


def test_means_take_their_own_spread() -> None:
    """Two means 1 apart with a standard deviation of 5: 393 in each arm by z, 394 by t (Cohen)."""
    found = plan(replace(PLAIN, mean=10.0, sd=5.0, mde=0.1, is_rate=False))
    assert found.fixed in (394, 395)


@pytest.mark.parametrize("looking", ["any_time", "planned"])
def test_with_the_cost_of_looking_the_change_is_found_as_often_as_was_asked(looking: str) -> None:
    """At the planned size the bound of the end alone is passed in 80 % of runs."""
    alpha, power = 0.05, 0.8
    factor = cost_of_looking(looking, 4, alpha, power)
    # A change that a fixed end finds with 80 % is, at `factor` times its size, so many errors big.
    shift = (1.959964 + 0.841621) * math.sqrt(factor)
    bound = shift - 0.841621
    draws = np.random.default_rng(7).normal(shift, 1.0, 200_000)
    assert np.mean(draws > bound) == pytest.approx(power, abs=0.005)
    least = {"any_time": (1.8, 2.1), "planned": (1.0, 1.1)}[looking]
    assert least[0] < factor < least[1]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (replace(PLAIN, mean=None), "Nothing is known"),
        (replace(PLAIN, mean=0.0), "zero"),
        (replace(PLAIN, mean=1.0), "Everybody"),
        (replace(PLAIN, mean=3.0, sd=0.0, is_rate=False), "does not vary"),
        (replace(PLAIN, mde=None), "least that is worth"),
        (replace(PLAIN, mean=0.6, mde=0.9), "more than everybody"),
        (replace(PLAIN, weekly=0.0), "never end"),
    ],
)
def test_what_cannot_be_planned_says_why(asked: Asked, words: str) -> None:
    found = plan(asked)
    assert words in found.reason
    assert found.weeks is None


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)  # a busy machine
@given(
    mean=st.floats(0, 5, allow_nan=False),
    sd=st.one_of(st.none(), st.floats(0, 100)),
    mde=st.one_of(st.none(), st.floats(0, 3)),
    weekly=st.floats(0, 1e7),
    arms=st.integers(2, 10),
    is_rate=st.booleans(),
)
def test_no_number_is_ever_without_meaning(
    mean: float, sd: float | None, mde: float | None, weekly: float, arms: int, is_rate: bool
) -> None:
    found = plan(
        replace(
            PLAIN, mean=mean, sd=sd, mde=mde, weekly=weekly, arms=arms, comparisons=arms - 1,
            is_rate=is_rate, looking="any_time",
        )
    )  # fmt: skip
    assert found.reason or (found.per_arm and found.weeks)
    for row in found.by_week:
        assert row.mde is None or (math.isfinite(row.mde) and row.mde > 0)
    assert all(math.isfinite(x) and math.isfinite(y) for x, y in found.line)
