"""A model of Attune as MLflow loads it: this file travels with the export and stands alone.

It needs numpy, and LightGBM where the model is one of trees. What it says is what Attune says.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

EDGE = 1e-6  # probabilities stay this far from 0 and 1


def _load_pyfunc(path: str) -> "AttuneModel":
    """Return the model in a folder: what MLflow calls."""
    return AttuneModel(Path(path))


class AttuneModel:
    """Answers rows of features with probabilities."""

    def __init__(self, folder: Path) -> None:
        self.features: list[str] = json.loads((folder / "features.json").read_text())
        calibration = json.loads((folder / "calibration.json").read_text())
        text = (folder / "model.txt").read_text()
        if text.startswith('{"outputs"'):
            texts = json.loads(text)["outputs"]
            self._parts = {name: (_raw_of(one), calibration[name]) for name, one in texts.items()}
        else:
            self._parts = {"": (_raw_of(text), calibration)}

    def predict(self, model_input: Any, params: dict[str, Any] | None = None) -> Any:
        """Return a probability for each row, or a table of them by output.

        Args:
            model_input: a data frame or a mapping of columns by the features' names, where a
                column that is left out is one where nothing was measured; or rows of numbers in
                the features' order.
        """
        x = self._rows(model_input)
        found = {name: _calibrated(raw(x), own) for name, (raw, own) in self._parts.items()}
        if "" in found:
            return found[""]
        import pandas  # type: ignore[import-untyped]  # of MLflow, not of ours

        return pandas.DataFrame(found)

    def _rows(self, given: Any) -> Any:
        columns = getattr(given, "columns", given if isinstance(given, dict) else None)
        if columns is None:
            x = np.atleast_2d(np.asarray(given, np.float64))
            if x.shape[1] != len(self.features):
                raise ValueError(f"A row has {len(self.features)} features, not {x.shape[1]}.")
        else:
            unknown = sorted(set(columns) - set(self.features))
            if unknown:
                raise ValueError(f"The model has no feature {unknown[0]!r}.")
            count = len(given) if hasattr(given, "columns") else len(next(iter(given.values())))
            x = np.full((count, len(self.features)), np.nan)
            for place, name in enumerate(self.features):
                if name in columns:
                    x[:, place] = np.asarray(given[name], np.float64)
        if np.isinf(x).any():
            raise ValueError("A feature is infinite.")
        return x


def _raw_of(text: str) -> Any:
    """What gives the log-odds of rows: trees by LightGBM, layers by numpy."""
    if text.startswith("{"):
        return _layers(json.loads(text))
    import lightgbm

    booster = lightgbm.Booster(model_str=text)
    return lambda x: booster.predict(x, raw_score=True, num_threads=1)


def _layers(document: dict[str, Any]) -> Any:
    def raw(x: Any) -> Any:
        columns = []
        for column, kind, known, mean, scale in document["inputs"]:
            value = x[:, column]
            if kind == "number":
                found = np.where(np.isnan(value), known, np.arcsinh(value))
            elif kind == "missing":
                found = np.isnan(value).astype(np.float64)
            else:
                found = (value == known).astype(np.float64)
            columns.append((found - mean) / scale)
        values = np.stack(columns, axis=1)
        last = len(document["layers"]) - 1
        for place, (weights, biases) in enumerate(document["layers"]):
            values = values @ np.asarray(weights).T + np.asarray(biases)
            if place != last:
                values = np.maximum(values, 0.0)
        return values[:, 0]

    return raw


def _calibrated(raw: Any, calibration: dict[str, Any]) -> Any:
    if calibration["kind"] == "platt":
        exponent = np.clip(calibration["slope"] * raw + calibration["shift"], -30, 30)
        found = 1 / (1 + np.exp(-exponent))
    else:
        found = np.interp(raw, calibration["raw"], calibration["probability"])
    return np.clip(found, EDGE, 1 - EDGE)
