"""The statistics on real experiments: peeking, many comparisons, and logs that do not carry."""

import csv
import gzip
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from apps.experiments.domain import off_policy, sequential
from apps.experiments.domain.comparing import two_sided
from apps.experiments.domain.multiplicity import corrected
from bench import characteristics

DATA = Path("tests/data")
ALPHA = 0.05


def rows(path: str) -> list[dict[str, str]]:
    with gzip.open(DATA / path, "rt", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def series() -> list[list[tuple[float, float, float]]]:
    """(difference, standard error, people) at each check of 200 treatments and metrics."""
    found: dict[tuple[str, ...], list[tuple[float, float, float, float]]] = defaultdict(list)
    for row in rows("asos-experiments/checkpoints.csv.gz"):
        n_c, n_t = float(row["count_c"]), float(row["count_t"])
        if not row["variance_c"] or not row["variance_t"] or min(n_c, n_t) < 2:
            continue
        spread = float(row["variance_c"]) / n_c + float(row["variance_t"]) / n_t
        found[row["experiment_id"], row["variant_id"], row["metric_id"]].append(
            (
                float(row["time_since_start"]),
                float(row["mean_t"]) - float(row["mean_c"]),
                spread**0.5,
                n_c + n_t,
            )
        )
    return [[check[1:] for check in sorted(checks)] for checks in found.values()]


def p_at(check: tuple[float, float, float]) -> float:
    return two_sided(check[0] / check[1]) if check[1] else 1.0


def test_at_the_end_42_of_200_differ_and_after_holm_15(
    series: list[list[tuple[float, float, float]]],
) -> None:
    at_the_end = [p_at(checks[-1]) for checks in series]
    assert len(at_the_end) == 200
    assert sum(p < ALPHA for p in at_the_end) == 42
    assert corrected(at_the_end, ALPHA)["holm"].n_rejected == 15


def test_who_looks_every_day_finds_112_and_an_interval_for_any_time_does_not(
    series: list[list[tuple[float, float, float]]],
) -> None:
    naive = sum(any(p_at(check) < ALPHA for check in checks) for checks in series)
    assert naive == 112
    honest = 0
    for checks in series:
        planned = checks[-1][2]
        looks = [
            sequential.any_time(diff, se, people, ALPHA, planned) for diff, se, people in checks
        ]
        honest += any(one.ci and not one.ci[0] <= 0 <= one.ci[1] for one in looks)
    assert 15 <= honest <= 42  # a valid look at any time lies near what the end says, not 112


@pytest.mark.parametrize(("campaign", "items"), [("men", 34), ("women", 46)])
def test_what_showing_at_random_would_have_earned_is_told_only_where_the_log_carries_it(
    campaign: str, items: int
) -> None:
    logged = [row for row in rows("open-bandit/thompson.csv.gz") if row["campaign"] == campaign]
    # Which item it was does not matter: at random each is as likely. The rest is one other item.
    log = off_policy.Log(
        np.array([float(row["click"]) for row in logged]),
        np.zeros(len(logged), np.intp),
        np.array([float(row["propensity_score"]) for row in logged]),
        np.tile([1 / items, 1 - 1 / items], (len(logged), 1)),
    )
    found = off_policy.estimate(log, "snips")
    assert found.ess is not None
    if campaign == "men":
        assert found.ci is not None
        # The publisher's own 10,000 rounds at random have 46 clicks.
        assert found.ci[0] <= 0.0046 <= found.ci[1]
        assert found.ess > 600
    else:
        assert found.value is None
        assert found.reason == off_policy.TOO_THIN
        assert found.ess < 3


@pytest.mark.slow
def test_the_published_characteristics_are_what_the_code_does() -> None:
    text, is_held = characteristics.page()
    assert is_held
    assert text == characteristics.PAGE.read_text("utf-8")
