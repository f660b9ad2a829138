"""What a model is without its strongest features: a leak shows by what is left. Workers only."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from apps.predictions import estimators, features, labels
from apps.predictions.domain.passing import auc_error
from apps.predictions.estimators import Calibrated, Matrix, Vector, silent
from apps.predictions.leaks import Leak, alone, auc_alone, auc_of, carrying, over_time
from apps.predictions.models import ModelSpec
from apps.predictions.reading import CALIBRATE, JUDGE, TEACH, Looked
from apps.predictions.splitting import folds
from apps.work.types import Progress

MOST_TAUGHT_AGAIN: Final = 5  # outputs, each with as many trainings as `leaks.MOST_LEFT_OUT`


def flags(
    spec: ModelSpec, looked: Looked, parts: Mapping[str, Calibrated], progress: Progress = silent
) -> list[Leak]:
    """Return every feature of a training that a person has to vouch for, those of certainty first.

    Of several outputs each is asked: what knows one category may know nothing of another. Teaching
    again without a feature costs most, so that is done for MOST_TAUGHT_AGAIN of them, those first
    that a single feature tells best.
    """
    places = {label.output: place for place, label in enumerate(labels.labels_of(spec))}
    judges = {one: (looked.x(JUDGE), looked.y(JUDGE, places[one])) for one in parts}
    found: dict[str, Leak] = {}
    for output, (x, y) in judges.items():
        for leak in features.check(looked.names, y, x, spec=spec):
            found.setdefault(leak.name, _of_output(leak, output))
    told_best = sorted(
        judges, key=lambda one: -max(auc_alone(c, judges[one][1]) for c in judges[one][0].T)
    )
    for output in told_best[:MOST_TAUGHT_AGAIN]:
        place = places[output]
        carried = of_model(
            looked.names,
            parts[output],
            seed=spec.seed,
            teach=(looked.x(TEACH), looked.y(TEACH, place)),
            calibrate=(looked.x(CALIBRATE), looked.y(CALIBRATE, place)),
            judge=judges[output],
            progress=progress,
        )
        for leak in carried:
            found.setdefault(leak.name, _of_output(leak, output))
    first = next(iter(parts))
    return [
        *found.values(),
        *_over_time(spec, looked, parts[first], places[first], judges[first], progress),
    ]


def _of_output(leak: Leak, output: str) -> Leak:
    return replace(leak, words=f"Of “{output}”: {leak.words}") if output else leak


def _over_time(
    spec: ModelSpec,
    looked: Looked,
    model: Calibrated,
    place: int,
    judge: tuple[Matrix, Vector],
    progress: Progress,
) -> list[Leak]:
    """Teach again without a fifth of the people, and ask about them: at the same times."""
    x, y = looked.x(TEACH), looked.y(TEACH, place)
    parts = folds(y, looked.people(TEACH), None, kind="stratified", seed=spec.seed)
    teach, aside = next(parts, (None, None))
    if teach is None or aside is None or not (_has_both(y[teach]) and _has_both(y[aside])):
        return []
    progress(0, 1, "Learning without a fifth of the visitors")
    own = model.estimator
    again = estimators.make(own.method, own.document(), seed=spec.seed).fit(x[teach], y[teach])
    now = auc_of(judge[1], model.raw_scores(judge[0]))
    then = auc_of(y[aside], again.raw_scores(x[aside]))
    error = math.hypot(_error(now, judge[1]), _error(then, y[aside]))
    return over_time(then, now, error=error)


def _error(auc: float, y: Vector) -> float:
    return auc_error(auc, int(y.sum()), int(len(y) - y.sum()))


def _has_both(y: Vector) -> bool:
    return bool(0 < y.sum() < len(y))


def of_model(
    names: Sequence[str],
    model: Calibrated,
    *,
    seed: int,
    teach: tuple[Matrix, Vector],
    calibrate: tuple[Matrix, Vector],
    judge: tuple[Matrix, Vector],
    progress: Progress = silent,
) -> list[Leak]:
    """Return the features that tell nearly all by themselves, then those that carry the model.

    Trains up to leaks.MOST_LEFT_OUT times more, each time without one strong feature.
    """
    x, y = judge
    if not _has_both(y):
        return []
    own = model.estimator

    def without(place: int) -> float:
        progress(0, 1, f"Learning without {names[place]}")
        rest = estimators.fitted(
            own.method,
            own.document(),
            seed=seed,
            teach=(np.delete(teach[0], place, axis=1), teach[1]),
            calibrate=(np.delete(calibrate[0], place, axis=1), calibrate[1]),
        )
        return auc_of(y, rest.raw_scores(np.delete(x, place, axis=1)))

    certain = alone(names, y, x)
    if len(names) < 2:
        return certain  # without its only feature there is no model
    told = {one.name for one in certain}
    carried = carrying(names, y, x, auc=auc_of(y, model.raw_scores(x)), without=without)
    return [*certain, *(one for one in carried if one.name not in told)]
