"""Groups of 200,000 people by 20 features: found by every way of grouping, and everybody assigned.

The people are planted in six groups of unequal size, the smallest of three in a hundred; as many
without groups have to be told that there are none.
"""

import resource
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import adjusted_rand_score

from apps.predictions.domain import assigning, mapping
from apps.predictions.domain.grouping import (
    KS,
    METHODS,
    MOST_PEOPLE,
    NO_STRUCTURE,
    Grouping,
    search,
)
from bench.report import Bar

Matrix = NDArray[np.float64]
T = TypeVar("T")

PEOPLE: Final = 200_000
FEATURES: Final = 20
SHARES: Final = (0.37, 0.25, 0.16, 0.12, 0.07, 0.03)
SECONDS: Final = 420.0
MEGABYTES: Final = 900.0


def measure(quick: bool) -> tuple[list[Bar], dict[str, Any]]:
    """Return the bars of groups, and how long each step took."""
    people = PEOPLE // 20 if quick else PEOPLE
    rng = np.random.default_rng(21)
    truth = rng.choice(len(SHARES), people, p=SHARES)
    middles = rng.normal(size=(len(SHARES), FEATURES)) * 1.2
    # Counts with heavy tails, as visits are.
    x = np.exp(1.5 + middles[truth] + 0.45 * rng.normal(size=(people, FEATURES)))
    drawn = np.sort(rng.choice(people, min(people, MOST_PEOPLE), replace=False))
    steps: dict[str, float] = {}
    scaling = _timed(steps, "scale", lambda: assigning.scaling_of(x[drawn], [0.0] * FEATURES))
    assert scaling is not None, "they vary"
    rows = scaling.scaled(x[drawn])
    found: Grouping = _timed(steps, "search", lambda: _search(rows))
    assert found.best is not None, "six groups were planted"
    assert found.labels is not None, "six groups were planted"
    labels = found.labels
    circles = _timed(
        steps, "describe", lambda: assigning.circles(rows, labels, is_round=True, seed=0)
    )
    names = tuple(f"f{number}" for number in range(FEATURES))
    model = assigning.Assigning(names, scaling, circles)
    own = _timed(steps, "assign", lambda: model.labels(x))
    _timed(steps, "map", lambda: mapping.cells(rows, labels))
    agreement = adjusted_rand_score(truth, [-1 if key is None else int(key) for key in own])
    even = rng.uniform(size=(len(drawn), FEATURES))
    nothing: Grouping = _timed(steps, "search even noise", lambda: _search(even))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    whole = sum(took for name, took in steps.items() if name != "search even noise")
    bars = [
        Bar(
            "groups: agreement with what was planted (ARI)", agreement, 0.95, at_most=False, unit=""
        ),
        Bar(
            "groups: of even noise, groups found",
            float(nothing.best is not None),
            0.0,
            at_most=True,
            unit="",
        ),
        Bar(f"groups: {people:,} people, all methods", whole, SECONDS, at_most=True, unit="s"),
        Bar("groups: memory at most", peak, MEGABYTES, at_most=True, unit="MB"),
    ]
    assert nothing.reason == NO_STRUCTURE
    figures = {
        "people": people,
        "steps_s": steps,
        "best": [found.best.method, found.best.found_k],
        "assigned_per_s": people / steps["assign"],
    }
    return bars, figures


def _search(rows: Matrix) -> Grouping:
    return search(rows, range(KS[0], KS[1] + 1), METHODS)


def _timed(steps: dict[str, float], name: str, work: Callable[[], T]) -> T:
    begun = time.perf_counter()
    found = work()
    steps[name] = round(time.perf_counter() - begun, 2)
    return found
