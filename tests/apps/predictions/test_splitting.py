"""Which rows teach and which judge."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest

from apps.predictions.errors import ModelRefused
from apps.predictions.splitting import folds, instants

DAY = 24.0


def rows(people: int = 60, moments: int = 6) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each person at each moment, a week apart, in hours; every fifth person does it."""
    groups = np.tile(np.arange(people), moments)
    times = np.repeat(np.arange(moments) * 7 * DAY, people)
    return (groups % 5 == 0).astype(float), groups, times


def test_stratified_folds_hold_their_share_of_yeses_and_judge_each_row_once():
    y, _, _ = rows()
    judged = []
    for teach, judge in folds(y, None, None, kind="stratified"):
        assert not set(teach) & set(judge)
        assert y[judge].mean() == pytest.approx(0.2, abs=0.02)
        judged += judge.tolist()
    assert sorted(judged) == list(range(len(y)))


def test_nobody_is_on_both_sides_of_a_stratified_fold():
    y, groups, _ = rows()
    for teach, judge in folds(y, groups, None, kind="stratified"):
        assert not set(groups[teach]) & set(groups[judge])


def test_the_seed_draws_the_folds():
    y, groups, _ = rows()
    one, again, other = (
        [judge.tolist() for _, judge in folds(y, groups, None, kind="stratified", seed=seed)]
        for seed in (1, 1, 2)
    )
    assert one == again != other


@pytest.mark.parametrize("embargo_days", [7, 10, 14])
def test_what_teaches_ends_an_embargo_before_what_judges(embargo_days):
    y, groups, times = rows()
    found = list(folds(y, groups, times, kind="time", embargo=embargo_days * DAY, count=3))
    assert found
    for teach, judge in found:
        assert len(teach)
        assert len(set(times[judge])) == 1
        assert times[teach].max() + embargo_days * DAY <= times[judge].min()
    assert [times[judge][0] for _, judge in found] == sorted(times[judge][0] for _, judge in found)
    assert times[found[-1][1]].max() == times.max()


def test_too_few_moments_or_one_answer_alone_are_refused_in_words():
    y, groups, times = rows(moments=1)
    with pytest.raises(ModelRefused, match="ask for more moments"):
        next(folds(y, groups, times, kind="time", embargo=7 * DAY))
    with pytest.raises(ModelRefused, match="0 are a yes"):
        next(folds(np.zeros(9), None, None, kind="stratified"))


NOW = datetime(2026, 5, 20, 15, 30, tzinfo=UTC)


@pytest.mark.parametrize("horizon", [1, 24, 36, 168], ids=["1h", "1d", "36h", "7d"])
@pytest.mark.parametrize("embargo", [0, 30], ids=["no embargo", "embargo of 30 h"])
def test_moments_are_midnights_so_far_apart_that_no_answer_reaches_the_next(horizon, embargo):
    found = instants(NOW, horizon_hours=horizon, embargo_hours=embargo, moments=5)
    assert len(found) == 5
    assert all(one.tzinfo is UTC and one.timetuple()[3:6] == (0, 0, 0) for one in found)
    ahead = timedelta(hours=horizon)
    *teach, calibrate, judge = found
    assert all(later - one >= ahead for one, later in pairwise(teach))
    apart = ahead + timedelta(hours=embargo)
    assert calibrate - teach[-1] >= apart
    assert judge - calibrate >= apart
    assert judge + ahead <= NOW - timedelta(days=1), "late events are still on their way"
    assert NOW - (judge + ahead) < timedelta(days=2)
