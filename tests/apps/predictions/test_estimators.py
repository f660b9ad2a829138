"""Methods of learning behind one protocol: repeatable, stored as text, explained exactly."""

import hashlib
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from apps.predictions.domain.hyperparameters import KNOBS, METHODS, settled
from apps.predictions.errors import ArtifactBroken, InvalidHyperparameters
from apps.predictions.estimators import calibrated, fitted, learned, make, restored
from apps.predictions.estimators.inputs import inputs_of, scaled

ROOT = Path(__file__).resolve().parents[3]
SMALL = {
    "trees": {"trees": 20},
    "forest": {"trees": 20},
    "linear": {},
    "network": {"passes": 60},
}


def world(rows: int = 600, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two features that tell, one code that does, one of noise; gaps here and there."""
    chance = np.random.default_rng(seed)
    x = chance.normal(size=(rows, 4))
    x[:, 2] = chance.integers(0, 4, rows)
    odds = 1.5 * x[:, 0] - np.abs(x[:, 1]) + (x[:, 2] == 3)
    y = (chance.random(rows) < 1 / (1 + np.exp(-odds))).astype(float)
    x[chance.random((rows, 4)) < 0.1] = np.nan
    return x, y


def small(method: str, seed: int = 0):
    x, y = world()
    return make(method, SMALL[method], seed=seed).fit(x, y, categorical=[2])


@pytest.mark.parametrize("method", METHODS)
def test_the_same_rows_and_seed_give_the_same_model_bit_for_bit(method):
    first, again = small(method), small(method)
    assert first.text() == again.text()
    x, _ = world(seed=1)
    assert first.raw_scores(x).tobytes() == again.raw_scores(x).tobytes()


def digest_of_all() -> str:
    """What every method says of the same rows, in one digest."""
    x, _ = world(seed=1)
    told = hashlib.sha256()
    for method in METHODS:
        told.update(small(method).raw_scores(x).tobytes())
    return told.hexdigest()


@pytest.mark.slow
def test_another_process_learns_the_same():
    script = (
        "from tests.apps.predictions.test_estimators import digest_of_all; print(digest_of_all())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        # BLAS has other kernels for other kinds of processors, and they round otherwise: the rest
        # of the environment, which may name a kind, is as it is here.
        env=os.environ | {"PYTHONHASHSEED": "7", "OMP_NUM_THREADS": "2"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().splitlines()[-1] == digest_of_all()


@pytest.mark.parametrize("method", METHODS)
def test_what_was_stored_scores_as_before(method):
    model, (x, _) = small(method), world(seed=1)
    again = restored(model.text())
    assert again.method == method
    assert again.raw_scores(x).tobytes() == model.raw_scores(x).tobytes()
    assert not model.text().startswith("\x80"), "a pickle"


@pytest.mark.parametrize("method", METHODS)
def test_one_row_scores_as_it_does_among_others(method):
    model, (x, _) = small(method), world(seed=1)
    apart = np.concatenate([model.raw_scores(x[place : place + 1]) for place in range(20)])
    assert apart.tolist() == pytest.approx(model.raw_scores(x)[:20].tolist(), abs=1e-12)


@pytest.mark.parametrize("method", ["trees", "forest", "linear"])
def test_contributions_sum_to_the_raw_score(method):
    model, (x, _) = small(method), world(seed=1)
    parts = model.contributions(x)
    assert parts.shape == (len(x), x.shape[1] + 1)
    assert np.allclose(parts.sum(axis=1), model.raw_scores(x), atol=1e-9)


def test_a_network_has_no_exact_contributions_and_says_so():
    assert small("network").contributions(world()[0]) is None


@pytest.mark.parametrize("method", METHODS)
def test_gains_name_what_tells_and_are_shares(method):
    gains = small(method).gains()
    assert sum(gains) == pytest.approx(1)
    assert max(gains) == gains[0]
    assert gains[3] < gains[0] / 2


@pytest.mark.parametrize("method", METHODS)
def test_infinities_are_as_good_as_unknown(method):
    x, y = world()
    wild, tame = x.copy(), x.copy()
    wild[::7, 0], tame[::7, 0] = math.inf, math.nan
    wild[::11, 1], tame[::11, 1] = -math.inf, math.nan
    one = make(method, SMALL[method], seed=0).fit(wild, y)
    other = make(method, SMALL[method], seed=0).fit(tame, y)
    assert np.isfinite(one.raw_scores(wild)).all()
    assert one.raw_scores(wild).tolist() == other.raw_scores(tame).tolist()


@pytest.mark.parametrize("method", METHODS)
def test_a_code_never_seen_and_a_row_of_nothing_still_score(method):
    model = small(method)
    odd = np.array([[0.0, 0.0, 99.0, 0.0], [math.nan] * 4])
    assert np.isfinite(model.raw_scores(odd)).all()


@pytest.mark.parametrize("method", METHODS)
def test_constant_and_empty_features_add_nothing(method):
    x, y = world()
    x[:, 0], x[:, 1] = 5.0, math.nan
    model = make(method, SMALL[method], seed=0).fit(x, y)
    assert model.gains()[:2] == [0, 0]
    assert np.isfinite(model.raw_scores(x)).all()


@pytest.mark.parametrize("method", METHODS)
def test_nothing_but_constants_leaves_the_plain_rate(method):
    x, y = np.full((400, 2), 3.0), np.arange(400) % 4 == 0
    model = fitted(method, {}, seed=0, teach=(x, y.astype(float)), calibrate=(x, y.astype(float)))
    assert model.probabilities(x[:3]).tolist() == pytest.approx([0.25] * 3, abs=0.01)


@pytest.mark.parametrize("method", METHODS)
def test_who_stops_it_while_it_learns_is_heard(method):
    class Lost(Exception):
        pass

    def stop(done, total, note=""):
        raise Lost

    x, y = world()
    with pytest.raises(Lost):
        make(method, SMALL[method], seed=0).fit(x, y, progress=stop)


@pytest.mark.parametrize("text", ["", "tree\nbroken", "{}", '{"method": "magic"}'])
def test_a_broken_text_is_refused(text):
    with pytest.raises(ArtifactBroken, match="cannot be read"):
        restored(text)


def test_calibrated_scores_keep_their_order_where_isotonic_steps_would_tie():
    x, y = world(4000)
    model = fitted("trees", {}, seed=0, teach=(x[:2000], y[:2000]), calibrate=(x[2000:], y[2000:]))
    assert model.calibration["kind"] == "isotonic"
    raw, foreseen = model.raw_scores(x), model.probabilities(x)
    assert len(set(foreseen)) == len(set(raw))
    assert np.array_equal(np.argsort(raw, kind="stable"), np.argsort(foreseen, kind="stable"))


def test_a_score_that_points_the_wrong_way_becomes_the_plain_rate():
    raw = np.linspace(-2, 2, 100)
    y = (np.arange(100) < 30).astype(float)
    assert calibrated(raw, learned(raw, y)).tolist() == pytest.approx([0.3] * 100, abs=1e-6)


def test_one_class_alone_is_left_as_it_is():
    assert learned(np.zeros(5), np.ones(5)) == {"kind": "platt", "slope": 1.0, "shift": 0.0}


def test_rare_codes_and_constants_are_no_inputs():
    x = np.zeros((100, 3))
    x[:50, 0], x[:3, 0] = 1.0, 7.0  # code 7 is of three rows
    x[:, 1] = 4.0
    x[:, 2] = np.arange(100)
    found = inputs_of(x, [0])
    middle = pytest.approx(np.median(np.arcsinh(x[:, 2])))
    expected = [[0, "is", 0.0], [0, "is", 1.0], [2, "number", middle]]
    assert [one[:3] for one in found] == expected
    assert np.allclose(scaled(x, found).mean(axis=0), 0)
    assert np.allclose(scaled(x, found).std(axis=0), 1)


@pytest.mark.parametrize(
    ("method", "document", "words"),
    [
        ("trees", {"passes": 3}, "no hyperparameter 'passes'"),
        ("linear", {"l2": 0}, "lies between"),
        ("network", {"passes": 1.5}, "whole number"),
        ("trees", {"trees": True}, "is a number"),
        ("magic", {}, "no method 'magic'"),
        ("best", {"nothing": 1}, "no hyperparameter 'nothing'"),
        ("best", {"trees": 0}, "lies between"),
    ],
    ids=["unknown name", "out of range", "a fraction", "a truth", "unknown method",
         "best, unknown name", "best, out of range"],
)  # fmt: skip
def test_hyperparameters_that_learn_nothing_are_refused(method, document, words):
    with pytest.raises(InvalidHyperparameters, match=words):
        settled(method, document)


@pytest.mark.parametrize("method", METHODS)
def test_every_default_and_all_that_a_search_tries_may_be_set(method):
    for name, knob in KNOBS[method].items():
        for value in (knob.default, *knob.between, *knob.grid):
            settled(method, {name: value})
