"""Quantiles by person and effects within strata: their intervals hold what is true."""

from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import numpy as np
import pytest

from apps.experiments import strata
from apps.experiments.domain.effects import Looking, effect_of, quantile_effect
from apps.experiments.domain.quantiles import Sampled, compare_quantiles, needed
from apps.experiments.domain.sums import NAMES, Sums, post_stratified
from apps.experiments.models import Phase
from apps.experiments.phase_sums import PhaseSums

PLANNED = Looking("planned", 0.05, 100, 1)


def loads(rng: np.random.Generator, people: int, slower: float = 0.0) -> Sampled:
    """Loading times: who has a slow line is slow each time, and some load often."""
    found = Sampled()
    sample: list[Any] = []
    for _ in range(people):
        own = rng.normal(0, 0.6)
        sample.append(np.exp(own + slower + rng.normal(0, 0.3, rng.integers(1, 15))).tolist())
    found.add(people, sample, people)
    return found


def test_quantile_intervals_hold_the_truth_although_people_bring_many_values() -> None:
    rng = np.random.default_rng(11)
    held, apart = 0, 0
    for _ in range(200):
        a, b = loads(rng, 300), loads(rng, 300)
        found = compare_quantiles(a, b, 0.75)
        assert found.diff is not None and found.se is not None
        held += abs(found.diff) <= 1.96 * found.se
        # As if every value were somebody else's.
        flat = [
            Sampled(300, [[v] for one in side.values for v in one], [1.0] * 9_999)
            for side in (a, b)
        ]
        spread = [np.std(np.concatenate(one.values)) / np.sqrt(len(one.values)) for one in flat]
        apart += abs(found.diff) <= 1.96 * float(np.hypot(*spread)) * 1.36  # of a 75 % quantile
    assert 0.91 <= held / 200 <= 0.99
    assert apart < held  # values that are taken for independent promise too much


def test_a_quantile_says_what_it_lacks() -> None:
    rng = np.random.default_rng(3)
    few, many = loads(rng, 40), loads(rng, 400)
    assert needed(0.9) == 100 and needed(0.5) == 20 and needed(0.99) == 1_000
    found = quantile_effect("b", many, few, 0.9, PLANNED)
    assert found.interval is None
    assert "each arm needs 100" in str(found.reason)
    same = Sampled(200, [[1.0]] * 200, [1.0] * 200)
    assert "Nothing varies" in str(quantile_effect("b", same, same, 0.5, PLANNED).reason)


def test_days_of_which_a_part_is_kept_count_as_the_whole_day() -> None:
    quiet, busy = [[1.0]] * 50, [[3.0]] * 50
    found = Sampled()
    found.add(50, cast(list[Any], quiet), 50)
    found.add(500, cast(list[Any], busy), 50)  # one in ten was kept
    told = compare_quantiles(found, found, 0.3)
    assert told.of_a == 3.0  # 500 of 550


def test_people_who_differ_between_strata_are_compared_more_exactly_and_rightly() -> None:
    rng = np.random.default_rng(5)
    plain, within, held = [], [], 0
    for _ in range(400):
        pairs = []
        for base in (1.0, 4.0, 9.0):
            n = 2 * [120]
            n[0] += int(rng.integers(-40, 40))
            pairs.append(
                (
                    Sums.of(rng.normal(base, 1, n[0]).tolist()),
                    Sums.of(rng.normal(base + 0.2, 1, n[1]).tolist()),
                )
            )
        whole = [sum((one[side] for one in pairs), Sums()) for side in (0, 1)]
        plain.append(whole[1].moments.mean - whole[0].moments.mean)
        found = post_stratified(pairs)
        assert found.diff is not None and found.ci_diff is not None
        within.append(found.diff)
        held += found.ci_diff[0] <= 0.2 <= found.ci_diff[1]
    assert np.mean(within) == pytest.approx(0.2, abs=0.01)
    assert np.var(within) < 0.25 * np.var(plain)
    assert 0.92 <= held / 400 <= 0.98


def day_sums(days: int, people: int) -> tuple[PhaseSums, Any]:
    """Sums of arms 0 and 1 by day, of which a third is in the segment vip."""
    rng, metric, found = np.random.default_rng(2), uuid4(), PhaseSums()
    for arm in (0, 1):
        for number in range(days):
            inside = rng.normal(5 + arm, 1, people // 3).tolist()
            outside = rng.normal(1 + arm, 1, people - people // 3).tolist()
            for segment, values in (("", inside + outside), ("vip", inside)):
                one = Sums.of(values)
                day = date(2026, 3, 2) + timedelta(number)
                numbers = [getattr(one, name) for name in NAMES]
                found.rows.setdefault((metric, arm, segment), []).append((day, numbers))
                found.all[metric, arm, segment] = found.of(metric, arm, segment) + one
    return found, metric


@pytest.mark.parametrize(
    ("days", "people", "segments", "by"),
    [
        (5, 60, ["vip"], "day and segment vip"),
        (10, 12, ["vip"], "week and segment vip"),
        (5, 60, [], "day"),
        (2, 6, ["vip"], None),
    ],
)
def test_strata_are_as_fine_as_people_allow(
    days: int, people: int, segments: list[str], by: str | None
) -> None:
    sums, metric = day_sums(days, people)
    phase = cast(Phase, SimpleNamespace(segments=segments, bandit={}))
    looking = Looking("any_time", 0.05, 100)
    effect = effect_of("b", sums.of(metric, 0), sums.of(metric, 1), "mean", looking)
    found = strata.told(phase, metric, "mean", sums, effect, (0, 1), looking)
    assert found is not None
    assert found["by"] == by
    if by is None:
        assert found["reason"] == strata.TOO_SMALL
        return
    assert found["interval"][0] <= 1.0 <= found["interval"][1]
    assert (found["reduction"] > 0.5) == bool(segments)
