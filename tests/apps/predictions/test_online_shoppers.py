"""The estimator on a public data set with published figures: see tests/data/.../README.md.

PMC10121810 (2023) reports AUC 0.937 with XGBoost, feature selection and oversampling.
"""

import csv
import gzip
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import StratifiedKFold, train_test_split

from apps.predictions.domain.hyperparameters import Hyperparameters
from apps.predictions.domain.judging import calibration_error
from apps.predictions.estimator import PropensityModel

FILE = Path(__file__).parents[2] / "data/online-shoppers-intention/sessions.csv.gz"
CODES = ("Month", "OperatingSystems", "Browser", "Region", "TrafficType", "VisitorType", "Weekend")


def table(without: frozenset[str] = frozenset()) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """x: float64 (12330, features), codes as numbers; y: 0 or 1; the columns that hold codes."""
    with gzip.open(FILE, "rt", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    names = [name for name in rows[0] if name != "Revenue" and name not in without]
    columns = []
    for name in names:
        values = [row[name] for row in rows]
        codes = {value: code for code, value in enumerate(sorted(set(values)))}
        columns.append([codes[v] if name in CODES else float(v) for v in values])
    y = np.array([row["Revenue"] == "TRUE" for row in rows], dtype=np.float64)
    return np.array(columns).T, y, [names.index(name) for name in CODES]


def out_of_fold(x: np.ndarray, y: np.ndarray, categorical: list[int]) -> tuple[list[float], ...]:
    """AUC, average precision and calibration error of five folds."""
    figures: tuple[list[float], ...] = ([], [], [])
    for train, test in StratifiedKFold(5, shuffle=True, random_state=0).split(x, y):
        grow, calibrate = train_test_split(train, test_size=0.2, stratify=y[train], random_state=0)
        model = PropensityModel(Hyperparameters()).fit(
            x[grow],
            y[grow],
            calibration_x=x[calibrate],
            calibration_y=y[calibrate],
            categorical=categorical,
        )
        found = model.probabilities(x[test])
        figures[0].append(roc_auc_score(y[test], found))
        figures[1].append(average_precision_score(y[test], found))
        figures[2].append(calibration_error(y[test].tolist(), found.tolist()))
    return figures


@pytest.mark.parametrize(
    ("without", "auc_at_least", "auc_at_most"),
    [(frozenset(), 0.925, 0.95), (frozenset({"PageValues"}), 0.76, 0.80)],
    ids=["with PageValues", "without PageValues, which leaks the outcome"],
)
def test_the_estimator_reaches_published_figures(
    record_property, without, auc_at_least, auc_at_most
):
    auc, precision, error = out_of_fold(*table(without))
    record_property("auc", f"{np.mean(auc):.4f}")
    record_property("average_precision", f"{np.mean(precision):.4f}")
    print(f"AUC {np.mean(auc):.4f} AP {np.mean(precision):.4f} ECE {np.mean(error):.4f}")
    assert auc_at_least <= np.mean(auc) <= auc_at_most
    assert np.mean(error) < 0.03


def test_the_same_seed_gives_the_same_trees_and_stored_ones_the_same_scores():
    x, y, categorical = table()
    slices = {"calibration_x": x[8000:10000], "calibration_y": y[8000:10000]}
    first, again = (
        PropensityModel(Hyperparameters(trees=30)).fit(
            x[:8000], y[:8000], categorical=categorical, **slices
        )
        for _ in range(2)
    )
    assert first.text() == again.text()
    restored = PropensityModel.restored(first.text(), first.calibration_, first.document())
    assert restored.probabilities(x[10000:]).tolist() == first.probabilities(x[10000:]).tolist()
