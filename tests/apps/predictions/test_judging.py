"""The arithmetic of judging, against scikit-learn and by hand."""

import json
import random
from xml.etree import ElementTree

import numpy as np
import pytest
from sklearn import metrics
from sklearn.metrics import log_loss

from apps.predictions.baselines import baselines_of, needed
from apps.predictions.domain import plot
from apps.predictions.domain.card import figures, sentences, thresholds
from apps.predictions.domain.classifying import calibration
from apps.predictions.domain.judging import (
    advantage,
    calibration_bins,
    calibration_error,
    log_losses,
)
from apps.predictions.domain.plot import calibration_svg
from apps.predictions.domain.resampling import GRID, Ranked
from apps.predictions.judging import compare, judge


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


def forecast(rows: int = 1500, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Outcomes, and forecasts that are right on average; some of them equal."""
    chance = np.random.default_rng(seed)
    p = np.round(chance.beta(1, 3, rows), 2) * 0.98 + 0.01
    return (chance.random(rows) < p).astype(float), p


def test_the_figures_are_scikit_learns():
    y, p = forecast()
    found = judge(y, p, baselines={}, seed=0, threshold=0.5).figures
    flagged = p >= 0.5
    expected = {
        "auc": metrics.roc_auc_score(y, p),
        "average_precision": metrics.average_precision_score(y, p),
        "brier": metrics.brier_score_loss(y, p),
        "log_loss": metrics.log_loss(y, p),
        "f1": metrics.f1_score(y, flagged),
        "mcc": metrics.matthews_corrcoef(y, flagged),
        "precision": metrics.precision_score(y, flagged),
        "recall": metrics.recall_score(y, flagged),
        "flagged": flagged.mean(),
        "ece": calibration(y.astype(int).tolist(), p.tolist(), 10, "uniform").ece,
    }
    assert {name: found[name][0] for name in expected} == pytest.approx(expected, abs=1e-12)
    false, true, _ = metrics.roc_curve(y, p)
    assert found["ks"][0] == pytest.approx(max(true - false))


def test_a_row_drawn_twice_counts_twice():
    y, p = forecast(400)
    weight = np.random.default_rng(1).integers(0, 4, 400).astype(float)
    found = Ranked(y, p, 0.5).judge(weight)
    assert found.numbers["auc"] == pytest.approx(metrics.roc_auc_score(y, p, sample_weight=weight))
    assert found.numbers["average_precision"] == pytest.approx(
        metrics.average_precision_score(y, p, sample_weight=weight)
    )
    assert Ranked(y, p, 0.5).auc(weight) == pytest.approx(found.numbers["auc"])
    assert found.numbers["mcc"] == pytest.approx(
        metrics.matthews_corrcoef(y, p >= 0.5, sample_weight=weight)
    )


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    """Over 40 samples the AUC of the process lies in its 95 % interval 38 times, give or take."""
    truth = judge(*forecast(200_000, seed=99), baselines={}, seed=0).figures["auc"][0]
    held = 0
    for seed in range(40):
        _, low, high = judge(*forecast(300, seed=seed), baselines={}, seed=0).figures["auc"]
        held += low <= truth <= high
    assert held >= 34


def test_the_same_seed_judges_alike_and_everything_is_json():
    y, p = forecast(300)
    first = judge(y, p, baselines={"plain": np.full(300, y.mean())}, seed=5, gain=9.0, cost=1.0)
    again = judge(y, p, baselines={"plain": np.full(300, y.mean())}, seed=5, gain=9.0, cost=1.0)
    assert first == again
    assert json.loads(json.dumps(first.document(), allow_nan=False)) == first.document()


def test_lift_is_the_rate_of_each_tenth_over_the_rate_of_all():
    p = np.linspace(0.99, 0.01, 1000)
    y = np.zeros(1000)
    y[:60], y[100:120], y[500:520] = 1, 1, 1
    report = judge(y, p, baselines={}, seed=0)
    assert [round(one["lift"], 6) for one in report.deciles] == [6, 2, 0, 0, 0, 2, 0, 0, 0, 0]
    top = report.deciles[0]
    assert top["low"] < 6 < top["high"]


def test_equal_scores_share_what_they_have_between_tenths():
    y = np.arange(1000) % 5 == 0
    report = judge(y.astype(float), np.full(1000, 0.2), baselines={}, seed=0)
    assert [one["lift"] for one in report.deciles] == pytest.approx([1.0] * 10)
    assert report.figures["auc"][0] == pytest.approx(0.5)


def test_precision_recall_and_share_flagged_stand_beside_each_threshold():
    y, p = forecast()
    table = judge(y, p, baselines={}, seed=0, threshold=0.42).thresholds
    assert [one["threshold"] for one in table] == sorted(one["threshold"] for one in table)
    (own,) = [one for one in table if one["threshold"] == 0.42]
    assert own["precision"] == pytest.approx(y[p >= 0.42].mean())
    assert own["flagged"] == pytest.approx((p >= 0.42).mean())
    assert {0.75, 0.5} <= {one["threshold"] for one in table}


def test_costs_propose_the_threshold_at_which_reaching_somebody_pays():
    y, p = forecast()
    proposal = judge(y, p, baselines={}, seed=0, gain=10.0, cost=2.0).proposal
    flagged = p >= 0.2
    assert proposal["threshold"] == pytest.approx(0.2)
    assert proposal["value"] == pytest.approx(10 * y[flagged].sum() - 2 * flagged.sum())
    assert proposal["best_value"] >= proposal["value"]
    assert "nobody pays" in judge(y, p, baselines={}, seed=0, gain=1.0, cost=2.0).proposal["words"]


def test_a_better_forecast_is_surely_better_and_the_same_one_is_neither():
    y, p = forecast()
    plain = np.full(len(y), y.mean())
    better = compare(y, p, plain, seed=0)
    assert better.is_surely_better
    assert better.log_loss[1] > 0
    worse = compare(y, plain, p, seed=0)
    assert worse.is_surely_worse
    assert worse.log_loss[0] == pytest.approx(-better.log_loss[0])
    same = compare(y, p, p, seed=0)
    assert not same.is_surely_better
    assert not same.is_surely_worse
    noisy = np.clip(p + np.random.default_rng(0).normal(0, 0.002, len(p)), 0.001, 0.999)
    assert not compare(y, noisy, p, seed=0).is_surely_better, "a hair's breadth is luck"


def test_one_outcome_alone_is_refused():
    with pytest.raises(ValueError, match="nothing can be told apart"):
        judge(np.ones(30), np.full(30, 0.5), baselines={}, seed=0)


def rules(rows: int = 2000) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Who did it lately does it again; nothing else tells."""
    chance = np.random.default_rng(0)
    since = chance.exponential(200, rows)
    since[chance.random(rows) < 0.3] = np.nan
    recency = chance.exponential(100, rows)
    x = np.stack([recency, chance.poisson(9, rows), chance.exponential(30, rows), since], axis=1)
    odds = np.where(np.isnan(since), -3.0, 1.0 - since / 80)
    y = (chance.random(rows) < 1 / (1 + np.exp(-odds))).astype(float)
    return needed("Order Completed"), x, y


def test_rules_foresee_what_a_person_would_try_first():
    names, x, y = rules()
    found = baselines_of(names, x[:1000], y[:1000], x[1000:], target_event="Order Completed")
    assert set(found) == {"plain", "recency", "last_target", "rfm3"}
    auc = {name: metrics.roc_auc_score(y[1000:], p) for name, p in found.items()}
    assert auc["plain"] == 0.5
    assert auc["last_target"] > 0.75
    assert 0.4 < auc["recency"] < 0.6
    assert all(((p > 0) & (p < 1)).all() for p in found.values())
    report = judge(y[1000:], found["last_target"], baselines=found, seed=0)
    assert not report.baselines["last_target"]["is_beaten"]
    assert report.baselines["plain"]["is_beaten"]
    assert not report.is_better
    assert "not surely better than going by who did it last" in report.words


def test_a_rule_without_its_columns_is_left_out():
    names, x, y = rules()
    found = baselines_of(names[:1], x[:, :1], y, x[:, :1], target_event="")
    assert set(found) == {"plain", "recency"}


def test_every_picture_is_well_formed_without_styles_and_says_what_it_shows():
    y, p = forecast()
    report = judge(y, p, baselines={}, seed=0)
    deciles = [[one["lift"], one["low"], one["high"]] for one in report.deciles]
    pictures = [
        plot.roc_svg(report.curves["roc"]),
        plot.precision_recall_svg(report.curves["precision_recall"], 0.25),
        plot.reliability_svg(report.curves["reliability"]),
        plot.lift_svg(deciles),
        plot.learning_svg([[100, 0.5, 0.4, 0.6, 0.2], [1000, 0.4, 0.35, 0.45, 0.3]]),
        plot.shares_svg([('number of "<b>"', 0.6), ("recency", 0.4)], "What it looks at"),
        plot.learning_svg([]),
        plot.lift_svg([]),
        plot.reliability_svg([]),
        plot.roc_svg([]),
    ]
    for svg in pictures:
        root = ElementTree.fromstring(svg)
        assert root.get("aria-label")
        assert "style" not in svg
        assert "nan" not in svg
    assert "&lt;b&gt;" in pictures[5]


def test_curves_reach_from_corner_to_corner():
    y, p = forecast()
    curves = judge(y, p, baselines={}, seed=0).curves
    assert curves["roc"][-1][:2] == [1.0, 1.0]
    assert curves["precision_recall"][-1][1] == pytest.approx(y[p >= p[y > 0].min()].mean())
    assert [one[0] for one in curves["roc"]] == GRID.tolist()
    assert all(low <= high for _, _, low, high in curves["roc"])
    assert all(low <= happened <= high for _, happened, low, high, _ in curves["reliability"])


def test_a_card_tells_all_of_it_in_words():
    y, p = forecast()
    report = judge(y, p, baselines={"plain": np.full(len(y), 0.25)}, seed=0, gain=5.0, cost=1.0)
    card = {
        "base_rate": 0.25, "rows": len(y), "positives": int(y.sum()), "auc": 0.7,
        "average_precision": 0.5, "log_loss": 0.5, "base_log_loss": 0.6, "calibration_error": 0.01,
        "bins": [list(one) for one in calibration_bins(y.tolist(), p.tolist())],
        "gains": [["events", 0.6], ["no such feature any more", 0.4]],
        "dropped": {"recency_h": "the same for everybody"},
        "champion_log_loss": 0.51, "champion_gain": [0.01, 0.02], "report": report.document(),
    }  # fmt: skip
    lineage = {
        "question": {"target_event": "Order", "horizon_hours": 48, "active_days": 30},
        "words": ['not do "Order"'],
        "method": "forest",
        "knows_by": "received",
        "moments": [
            {"part": "teach", "as_of": "2026-01-01T00:00", "rows": 10, "positives": 2},
            {"part": "judge", "as_of": "2026-02-01T00:00", "rows": 10, "positives": 2},
        ],
    }
    told = dict(sentences(card, lineage, "score.order"))
    assert 'will not do "Order" within the next 2 days' in told["What it foresees"]
    assert "surely beaten" in told["Compared with simple rules"]
    assert "From a probability of 0.20 on" in told["Whom its threshold flags"]
    assert "may be luck" in told["Compared with what served before"]
    assert "no such feature any more (40%)" in told["What it looks at most"]
    assert "the same for everybody" in told["What it leaves out"]
    assert "a random forest" in told["What it was taught with"]
    assert [one.name for one in figures(card)][:2] == ["AUC", "Average precision"]
    assert figures({}) == []
    assert [one.threshold for one in thresholds(card) if one.is_set] == ["0.75"]
    assert len(thresholds(card)) == 19
    assert thresholds({}) == []
    both = {"shoes": card | {"auc": 0.8}, "hats": card | {"auc": 0.6}}
    lineage["words"] = ["click on shoes", "click on hats"]
    told = dict(sentences(card | {"outputs": both, "report": None}, lineage, "score.next"))
    assert "Which of 2 comes next" in told["What it foresees"]
    assert "shoes 0.800, hats 0.600" in told["How well it tells visitors apart"]
    assert "Whom its threshold flags" not in told
