"""A random forest, grown by LightGBM: the same file, scorer and SHAP values as boosted trees.

Each tree sees a bootstrap-like sample (63.2 %, drawn anew) and each split a share of the features;
they vote. From the plain rate each leaf makes one step along the log-odds, which is linear in the
leaf's share: the mean raw score is the forest's mean share on another scale, and calibration maps
it back. Source: Breiman, "Random Forests", Machine Learning 45 (2001).
"""

from typing import Any

from apps.predictions.estimators.trees import COMMON, Trees

BOOTSTRAP_SHARE = 0.632  # distinct rows of a sample as large as the whole, drawn with replacement


class Forest(Trees):
    """Trees that vote."""

    method = "forest"

    def _parameters(self) -> dict[str, Any]:
        own = self.hyperparameters
        return COMMON | {
            "boosting": "rf",
            "seed": self.seed,
            "num_leaves": own["leaves"],
            "min_data_in_leaf": own["min_rows_in_leaf"],
            "bagging_fraction": BOOTSTRAP_SHARE,
            "bagging_freq": 1,
            "feature_fraction_bynode": own["feature_share"],
        }
