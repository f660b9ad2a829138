"""Single rows answered without LightGBM's package say exactly what that says."""

import json
import math
import subprocess
import sys
import threading

import numpy as np
import pytest

from apps.predictions import estimators, native
from apps.predictions.domain.calibrating import probability
from apps.predictions.domain.documents import Network
from apps.predictions.errors import ModelUnavailable, RowRefused
from tests.apps.predictions.champions import ROWS, learned, rows

FEATURES = 12


@pytest.fixture(scope="module")
def trees() -> estimators.Calibrated:
    return learned(FEATURES)


def test_trees_give_the_very_numbers_that_lightgbm_gives(trees):
    x = rows(FEATURES, seed=5)
    asked = native.Booster.load(trees.estimator.text(), FEATURES)
    assert [asked.raw(row) for row in x.tolist()] == trees.raw_scores(x).tolist()
    assert [asked.contributions(row) for row in x[:50].tolist()] == (
        trees.estimator.contributions(x[:50]).tolist()
    )


@pytest.mark.parametrize("method", ["forest", "linear", "network"])
def test_every_other_method_is_answered_too(method):
    fitted = learned(FEATURES, method=method)
    x = rows(FEATURES, seed=6)[:200]
    asked = native.restored(fitted.estimator.text(), FEATURES)
    assert [asked.raw(row) for row in x.tolist()] == pytest.approx(
        fitted.raw_scores(x).tolist(), rel=1e-12, abs=1e-12
    )
    whole = fitted.estimator.contributions(x)
    for row, expected in zip(x.tolist(), [] if whole is None else whole, strict=whole is not None):
        assert asked.contributions(row) == pytest.approx(expected.tolist(), rel=1e-9, abs=1e-12)
    if whole is None:
        assert asked.contributions(x[0].tolist()) is None


@pytest.mark.parametrize("positives", [40, 600], ids=["platt", "isotonic"])
def test_a_probability_is_what_the_calibration_says_of_many(positives):
    draw = np.random.default_rng(2)
    raw = draw.normal(size=ROWS)
    y = np.zeros(ROWS)
    y[np.argsort(-raw + draw.normal(size=ROWS))[:positives]] = 1
    calibration = json.loads(json.dumps(estimators.learned(raw, y)))
    asked = np.concatenate([raw, [-99.0, 99.0], calibration.get("raw", [])])
    expected = estimators.calibrated(asked, calibration).tolist()
    found = [probability(one, calibration) for one in asked.tolist()]
    assert found == pytest.approx(expected, rel=1e-12, abs=0)


def test_what_is_missing_is_a_gap_whichever_way_it_is_said(trees):
    asked = native.Booster.load(trees.estimator.text(), FEATURES)
    assert asked.raw([None] * FEATURES) == asked.raw([math.nan] * FEATURES)


@pytest.mark.parametrize("method", ["trees", "linear"])
@pytest.mark.parametrize(
    "row",
    [[1.0] * (FEATURES - 1), [1.0] * (FEATURES + 1), [math.inf] + [1.0] * (FEATURES - 1)],
    ids=["short", "long", "infinite"],
)
def test_a_row_that_no_model_was_taught_with_is_refused(method, row):
    asked = native.restored(learned(FEATURES, method=method).estimator.text(), FEATURES)
    with pytest.raises(RowRefused):
        asked.raw(row)
    with pytest.raises(RowRefused):
        asked.contributions(row)


def test_after_a_refusal_the_next_row_is_answered_as_ever(trees):
    asked = native.Booster.load(trees.estimator.text(), FEATURES)
    row = [1.0] * FEATURES
    before = asked.raw(row)
    with pytest.raises(RowRefused):
        asked.raw([5.0] * (FEATURES - 1) + [math.inf])
    assert asked.raw(row) == before


@pytest.mark.parametrize("text", ["tree\nnonsense", "", "{", '{"features": 12, "inputs": []}'])
def test_a_text_that_is_no_model_is_said_to_be_none(text):
    with pytest.raises(ModelUnavailable):
        native.restored(text, FEATURES)


def test_trees_of_other_features_are_not_taken(trees):
    with pytest.raises(ModelUnavailable, match="12 features"):
        native.restored(trees.estimator.text(), FEATURES - 1)


def test_a_document_whose_layers_do_not_fit_is_refused():
    document = json.loads(learned(FEATURES, method="network").estimator.text())
    document["layers"][0][0].pop()
    with pytest.raises(ValueError, match="do not fit"):
        Network.of(json.dumps(document), FEATURES)


def test_without_the_library_it_is_said_and_nothing_breaks(monkeypatch, trees, tmp_path):
    text = trees.estimator.text()
    native.library.cache_clear()
    monkeypatch.setattr(native.importlib.util, "find_spec", lambda name: None)
    try:
        assert not native.is_available()
        with pytest.raises(ModelUnavailable, match="not installed"):
            native.restored(text, FEATURES)
    finally:
        native.library.cache_clear()


def test_threads_that_ask_at_once_get_their_own_answers(trees):
    x = rows(FEATURES, seed=7).tolist()
    asked = native.Booster.load(trees.estimator.text(), FEATURES)
    expected = [asked.raw(row) for row in x]
    found: dict[int, list[float]] = {}

    def ask(number: int) -> None:
        found[number] = [asked.raw(row) for row in x]

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(found[number] == expected for number in range(8))


SCRIPT = """
import gc, json, resource, sys, threading
from apps.predictions import native
text = sys.stdin.read()
row = [1.0] * %d

def life():
    one = native.Booster.load(text, %d)
    one.raw(row)
    one.contributions(row)

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

for _ in range(50):
    life()
before = peak()
for _ in range(400):
    thread = threading.Thread(target=life)
    thread.start()
    thread.join()
print(json.dumps([peak() - before, sorted({n.partition(".")[0] for n in sys.modules})]))
"""


@pytest.mark.slow
def test_what_nobody_holds_is_freed_and_no_heavy_library_came_along(trees):
    text = trees.estimator.text()
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT % (FEATURES, FEATURES)],
        input=text, capture_output=True, text=True, check=True,
    )  # fmt: skip
    grown_kb, modules = json.loads(done.stdout)
    # Four hundred more copies of the text alone would be this much.
    assert grown_kb * 1024 < 400 * len(text) / 4
    assert not {"lightgbm", "numpy", "scipy", "sklearn"} & set(modules)
