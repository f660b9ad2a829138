"""The arithmetic of judging, against scikit-learn and by hand."""

import random

import pytest
from sklearn.metrics import log_loss

from apps.predictions.domain.judging import (
    advantage,
    calibration_bins,
    calibration_error,
    log_losses,
)
from apps.predictions.domain.plot import calibration_svg


def sample(count: int = 500) -> tuple[list[float], list[float]]:
    chance = random.Random(1)
    foreseen = [chance.uniform(0.01, 0.99) for _ in range(count)]
    return [float(chance.random() < p) for p in foreseen], foreseen


def test_log_loss_is_scikit_learns():
    y, foreseen = sample()
    assert sum(log_losses(y, foreseen)) / len(y) == pytest.approx(log_loss(y, foreseen))


def test_bins_hold_a_tenth_each_and_say_what_happened():
    y, foreseen = sample()
    bins = calibration_bins(y, foreseen)
    assert [one.rows for one in bins] == [50] * 10
    assert sum(one.happened for one in bins) * 50 == pytest.approx(sum(y))
    assert calibration_error(y, foreseen) < 0.08
    assert calibration_error(y, [1 - p for p in foreseen]) > 0.4


def test_equal_forecasts_are_not_sorted_by_their_outcome():
    y = [0.0, 1.0] * 50
    assert calibration_error(y, [0.5] * 100) == 0


def test_an_advantage_is_certain_only_beyond_luck():
    better = advantage([0.1, 0.2] * 50, [0.2, 0.3] * 50)
    assert better.mean == pytest.approx(0.1)
    assert better.is_certain
    assert not advantage([0.1], [0.1]).is_certain
    assert not advantage([0.0, 1.0] * 20, [1.0, 0.1] * 20).is_certain


def test_the_plot_is_svg_without_styles():
    svg = calibration_svg([[0.01, 0.02, 50], [0.1, 0.08, 50]])
    assert svg.startswith("<svg ")
    assert svg.endswith("</svg>")
    assert "style=" not in svg
    assert svg.count("<circle") == 2
    assert calibration_svg([]).count("<circle") == 0
