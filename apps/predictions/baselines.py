"""What a person would try before a model: rules that a model has to beat. Workers only."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from sklearn.isotonic import IsotonicRegression

from apps.predictions.estimators.linear import Linear
from apps.predictions.estimators.protocol import Matrix, Vector, finite

RECENCY: Final = "recency_h"
FREQUENCY: Final = "events"
VALUE: Final = ("value_sum", "spent", "value_mean")  # the first there is


def needed(target_event: str) -> list[str]:
    """Return the features that the rules read, whether or not the model does."""
    found = [RECENCY, FREQUENCY, VALUE[0]]
    return [*found, f"since_h:{target_event}"] if target_event else found


def baselines_of(
    names: Sequence[str], x: Matrix, y: Vector, judge_x: Matrix, *, target_event: str
) -> dict[str, Vector]:
    """Return what each rule foresees for the rows that judge: probabilities, (rows,), by name.

    Args:
        names: of the columns of `x` and `judge_x`; a rule whose columns are missing is left out.
        x, y: the rows that teach, and their outcomes.
    """
    place = {name: column for column, name in enumerate(names)}
    taught, judged = finite(x), finite(judge_x)
    rate = float(np.mean(y))
    found = {"plain": np.full(len(judged), rate)}
    if RECENCY in place:
        column = place[RECENCY]
        found["recency"] = _by_one(taught[:, column], y, judged[:, column])
    since = place.get(f"since_h:{target_event}") if target_event else None
    if since is not None:
        found["last_target"] = _by_one(taught[:, since], y, judged[:, since])
    value = next((place[name] for name in VALUE if name in place), None)
    if RECENCY in place and FREQUENCY in place and value is not None and 0 < y.sum() < len(y):
        columns = [place[RECENCY], place[FREQUENCY], value]
        weighed = Linear({}, seed=0).fit(taught[:, columns], y)
        raw = weighed.raw_scores(judged[:, columns])
        found["rfm3"] = 1 / (1 + np.exp(-raw))
    return found


def _by_one(values: Vector, y: Vector, judged: Vector) -> Vector:
    """The rate of yeses along one number, rising or falling; its own where it is not known."""
    rows, yeses = len(y), float(np.sum(y))
    known, unknown = ~np.isnan(values), np.isnan(values)
    # Shrunk towards the rate of all by two rows, so that nothing is foreseen for certain.
    rate = yeses / rows if rows else 0.5
    of_unknown = (float(y[unknown].sum()) + 2 * rate) / (unknown.sum() + 2)
    if not known.any():
        return np.full(len(judged), of_unknown)
    # Rising or falling: as it fits who teaches better.
    ways = []
    for is_rising in (True, False):
        steps = IsotonicRegression(
            y_min=1 / (rows + 2),
            y_max=1 - 1 / (rows + 2),
            increasing=is_rising,
            out_of_bounds="clip",
        )
        off = float(np.square(steps.fit_transform(values[known], y[known]) - y[known]).sum())
        ways.append((off, steps))
    steps = min(ways, key=lambda one: one[0])[1]
    filled = np.where(np.isnan(judged), 0.0, judged)
    found: Vector = np.where(np.isnan(judged), of_unknown, steps.predict(filled))
    return found
