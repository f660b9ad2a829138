"""What logged rounds say of another rule: values, intervals that hold, and refusals."""

import csv
import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from apps.experiments.domain import off_policy
from apps.experiments.domain.what_if import Rounds, columns, foreseen, judged

LOG = Path("tests/data/open-bandit/thompson.csv.gz")


def rounds(
    action: Any, propensity: Any, reward: Any, rule: Any, features: Any = None, names: str = "abc"
) -> Rounds:
    shown = np.asarray(action, np.intp)
    shares = np.asarray(rule, float)
    known = np.zeros((len(shown), 0)) if features is None else np.asarray(features, float)
    return Rounds(
        list(names[: shares.shape[1]]),
        shown,
        np.asarray(propensity, float),
        np.asarray(reward, float),
        shares,
        known,
    )


@pytest.mark.parametrize(("campaign", "items"), [("men", 34), ("women", 46)])
def test_a_shop_s_log_carries_a_rule_for_men_and_none_for_women(campaign: str, items: int):
    """The Open Bandit data: Thompson sampling logged it, every item as likely is asked about."""
    with gzip.open(LOG, "rt", encoding="utf-8") as file:
        logged = [row for row in csv.DictReader(file) if row["campaign"] == campaign]
    share = [1 / items, 1 - 1 / items]  # which item it was does not matter: each is as likely
    found = judged(
        rounds(
            np.zeros(len(logged)),
            [float(row["propensity_score"]) for row in logged],
            [float(row["click"]) for row in logged],
            np.tile(share, (len(logged), 1)),
        )
    )
    assert found["rounds"] == 10_000 and found["chosen"] == "snips"
    if campaign == "women":
        assert found["value"] is None and found["reason"] == off_policy.TOO_THIN
        assert found["ess"] < 3 and found["estimators"] == []
    else:
        low, high = found["value_interval"]
        assert low <= 0.0046 <= high  # what showing at random earned in the publisher's own rounds
        assert found["ess"] > 600 and found["reason"] is None


def logs(seed: int, n: int = 1_500) -> tuple[Rounds, float]:
    """Rounds of visitors of two kinds and three variants; the truth of a rule of their kind."""
    random = np.random.default_rng(seed)
    kind = random.integers(0, 2, n)
    logged = np.array([[0.5, 0.3, 0.2], [0.2, 0.3, 0.5]])[kind]
    shown = (random.random(n)[:, None] > logged.cumsum(1)).sum(1)
    chance = np.array([[0.10, 0.20, 0.30], [0.40, 0.20, 0.10]])
    reward = (random.random(n) < chance[kind, shown]).astype(float)
    rule = np.array([[0.0, 0.2, 0.8], [0.9, 0.1, 0.0]])[kind]
    truth = float((chance * np.array([[0.0, 0.2, 0.8], [0.9, 0.1, 0.0]])).sum(1).mean())
    features = np.stack([kind, random.random(n) < 0.5], 1)
    return rounds(shown, logged[np.arange(n), shown], reward, rule, features), truth


def test_the_interval_of_the_page_holds_the_truth():
    runs = 400
    held = gained = 0
    for seed in range(runs):
        log, truth = logs(seed)
        found = judged(log)
        assert found["chosen"] == "dr"
        low, high = found["value_interval"]
        held += low <= truth <= high
        gained += found["gain_interval"][0] > 0
        names = [one["name"] for one in found["estimators"]]
        assert names == ["ips", "snips", "dr", "switch-dr"]
    # 95 % of 400 with what chance leaves open (3 standard errors)
    assert 0.917 <= held / runs <= 0.983
    assert gained == runs  # it is far better than what was done


def test_a_rule_that_does_what_was_done_earns_what_was_earned():
    log, _ = logs(1)
    for known in (log.features, np.zeros((len(log.reward), 0))):
        n = len(log.reward)
        same = np.zeros_like(log.rule)
        same[np.arange(n), log.action] = 1.0
        certain = rounds(log.action, np.full(n, 0.5), log.reward, log.rule * 0 + 1 / 3, known)
        assert judged(certain)["observed"] == pytest.approx(log.reward.mean())
    logged = np.array([[0.5, 0.3, 0.2], [0.2, 0.3, 0.5]])[log.features[:, 0].astype(int)]
    alike = Rounds(log.actions, log.action, log.propensity, log.reward, logged, log.features[:, :0])
    found = judged(alike)
    assert found["mean_weight"] == pytest.approx(1.0) and found["max_weight"] == pytest.approx(1.0)
    assert found["value"] == pytest.approx(found["observed"])
    assert found["gain_interval"] == pytest.approx([0.0, 0.0], abs=1e-12)


def test_what_was_never_tried_is_said():
    random = np.random.default_rng(3)
    n = 2_000
    reward = random.random(n)
    shown = random.integers(0, 2, n)
    rule = np.tile([0.4, 0.3, 0.3], (n, 1))  # the third variant had no chance at all
    found = judged(rounds(shown, np.full(n, 0.5), reward, rule))
    assert found["value"] is None and found["gain"] is None
    assert "never tried for about 3" in found["reason"] and found["estimators"] == []
    only = np.tile([0.0, 0.0, 1.0], (n, 1))
    assert judged(rounds(shown, np.full(n, 0.5), reward, only))["reason"] == off_policy.NO_SUPPORT


def test_what_was_certain_is_left_out_unless_everybody_is_asked_about():
    random = np.random.default_rng(4)
    shown = np.r_[np.zeros(500, int), random.integers(0, 2, 1_000)]
    propensity = np.r_[np.ones(500), np.full(1_000, 0.5)]
    reward = np.r_[np.zeros(500), np.ones(1_000)]
    always = np.tile([1.0, 0.0], (1_500, 1))
    found = judged(rounds(shown, propensity, reward, always))
    assert (found["rounds"], found["certain"]) == (1_000, 500)
    assert found["value"] == pytest.approx(1.0)
    whole = judged(rounds(shown, propensity, reward, always), everybody=True)
    assert whole["rounds"] == 1_500
    assert whole["value"] == pytest.approx(2 / 3, abs=0.03)
    nobody = judged(rounds(shown[:500], propensity[:500], reward[:500], always[:500]))
    assert nobody["rounds"] == 0 and "left to chance" in nobody["reason"]


def test_no_round_is_foreseen_by_a_model_that_has_seen_it():
    log, _ = logs(5)
    before = foreseen(log)
    changed = np.array(log.reward)
    changed[0] = 1 - changed[0]
    after = foreseen(
        Rounds(log.actions, log.action, log.propensity, changed, log.rule, log.features)
    )
    own = np.arange(len(changed)) % 5 == 0
    assert np.array_equal(before[own], after[own])
    assert not np.array_equal(before[~own], after[~own])


def test_columns_are_of_what_was_read_of_everybody():
    facts: list[dict[str, Any]] = [
        {"segments": [1] if n % 2 else [], "context": {"device": "mobile" if n % 3 else "desktop"}}
        for n in range(100)
    ]
    facts[0]["segments"] = [7]  # one in a hundred says nothing
    facts[5]["context"]["page"] = "a"  # read of one alone
    found = columns(facts)
    assert found.shape == (100, 3)
    assert sorted(found.sum(0).tolist()) == [34.0, 50.0, 66.0]
    assert columns([]).shape == (0, 0)
    assert columns([{}, {}]).shape == (2, 0)
