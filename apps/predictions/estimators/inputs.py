"""Rows made fit for weights: what a linear model and a network see of each feature.

A number becomes its inverse hyperbolic sine (as it is near 0, like a logarithm far out), the median
where it is unknown, and whether it is unknown is an input of its own; a code becomes one input for
each code that is not rare. Each input is centred and scaled. As JSON rows, one for each input:

    [column, "number", value where unknown, mean, scale]
    [column, "missing", 0, mean, scale]     1 where unknown, else 0
    [column, "is", code, mean, scale]       1 where it is this code, else 0
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from apps.predictions.estimators.protocol import Matrix, Vector

Input = list[Any]

MOST_CODES: Final = 30  # of one column; the rest, and codes never seen, are none of them
LEAST_ROWS: Final = 10  # of an input that is 0 for nearly everyone, or 1


def inputs_of(x: Matrix, categorical: Sequence[int]) -> list[Input]:
    """Choose the inputs from the rows that teach: what is constant is left out."""
    found: list[Input] = []
    for column in range(x.shape[1]):
        values = x[:, column]
        unknown = np.isnan(values)
        if column in categorical:
            codes, counts = np.unique(values[~unknown], return_counts=True)
            often = sorted(zip(-counts, codes, strict=True))[:MOST_CODES]
            asked = [[column, "is", float(code)] for code in sorted(code for _, code in often)]
        else:
            known = np.arcsinh(values[~unknown])
            asked = [[column, "number", float(np.median(known)) if len(known) else 0.0]]
        asked.append([column, "missing", 0.0])
        for one in asked:
            seen = _values(values, one)
            mean, scale = float(seen.mean()), float(seen.std())
            is_rare = one[1] != "number" and min(seen.sum(), (1 - seen).sum()) < LEAST_ROWS
            if scale > 1e-12 * (1 + abs(mean)) and not is_rare:
                found.append([*one, mean, scale])
    return found


def scaled(x: Matrix, inputs: Sequence[Input]) -> Matrix:
    """Return what each row says to each input: float64 (rows, inputs)."""
    if not inputs:
        return np.zeros((len(x), 0))
    columns = [
        (_values(x[:, one[0]], one) - one[3]) / one[4]  # column, kind, value, mean, scale
        for one in inputs
    ]
    return np.stack(columns, axis=1)


def by_column(parts: Matrix, inputs: Sequence[Input], features: int) -> Matrix:
    """Sum what inputs add by the feature they come from: float64 (rows, features)."""
    summed = np.zeros((len(parts), features))
    for place, one in enumerate(inputs):
        summed[:, one[0]] += parts[:, place]
    return summed


def _values(values: Vector, one: Input) -> Vector:
    _, kind, value, *_ = one
    unknown = np.isnan(values)
    if kind == "number":
        shown: Vector = np.where(unknown, value, np.arcsinh(values))
        return shown
    if kind == "missing":
        gaps: Vector = unknown.astype(np.float64)
        return gaps
    found: Vector = (values == value).astype(np.float64)
    return found
