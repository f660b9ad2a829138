"""Looking for the method and the hyperparameters that foresee best. Workers only.

Every trial is judged on the same folds by its mean log loss, as it would be after calibration. What
is set by hand is always the first trial, so that a search never ends below it by its own measure.
"""

import itertools
import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from apps.predictions import estimators
from apps.predictions.domain.hyperparameters import BEST, KNOBS, METHODS, Number, known_to, settled
from apps.predictions.domain.judging import CERTAIN_TWO_SIDED, log_losses
from apps.predictions.errors import ModelRefused
from apps.predictions.estimators.protocol import Matrix, Vector, silent
from apps.predictions.splitting import Index, folds
from apps.work.types import Progress

FOLDS: Final = 4
SHARES: Final = (0.1, 0.2, 0.4, 0.7, 1.0)  # of the rows that teach, for a learning curve


class Asked(Protocol):
    """What a search reads of a question."""

    method: str
    search: str
    trials: int
    seed: int
    hyperparameters: Any
    horizon_hours: int
    embargo_hours: int


@dataclass(frozen=True, slots=True)
class Rows:
    """What teaches.

    Attributes:
        x: float64 (rows, features), NaN where unknown; y: 0 or 1, (rows,).
        times: hours since 1970 of each row's moment, (rows,); groups: whose row it is, (rows,).
        categorical: the columns whose numbers are codes.
    """

    names: Sequence[str]
    x: Matrix
    y: Vector
    times: Vector | None = None
    groups: NDArray[np.generic] | None = None
    categorical: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Trial:
    """One try: its mean log loss over the folds, lower is better; None: it could not be judged."""

    method: str
    hyperparameters: Mapping[str, Number]
    log_loss: float | None

    def document(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "method": self.method,
            "hyperparameters": dict(self.hyperparameters),
            "log_loss": self.log_loss,
        }


class Choice(NamedTuple):
    """What to learn with."""

    method: str
    hyperparameters: dict[str, Number]


@dataclass(slots=True)
class _Search:
    """Trials so far, none twice."""

    rows: Rows
    parts: list[tuple[Index, Index]]
    seed: int
    most: int
    progress: Progress
    trials: list[Trial] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        return len(self.trials) >= self.most

    def judge(self, method: str, document: Mapping[str, Number]) -> float:
        """Return the mean log loss of a try, from memory where it was tried before."""
        for one in self.trials:
            if one.method == method and one.hyperparameters == document:
                return math.inf if one.log_loss is None else one.log_loss
        note = f"Try {len(self.trials) + 1} of {self.most}: {method}"
        self.progress(len(self.trials), self.most, note)
        losses = []
        for teach, judge in self.parts:
            losses.append(self._one(method, document, teach, judge))
        mean = float(np.mean(losses))
        self.trials.append(Trial(method, dict(document), mean if math.isfinite(mean) else None))
        return mean if math.isfinite(mean) else math.inf

    def _one(
        self, method: str, document: Mapping[str, Number], teach: Index, judge: Index
    ) -> float:
        own = self.rows
        model = estimators.make(method, document, seed=self.seed)
        # The lease is told of each tree too: a search may take long.
        done = len(self.trials)
        model.fit(
            own.x[teach],
            own.y[teach],
            categorical=own.categorical,
            progress=lambda _d, _t, note="": self.progress(done, self.most, note),
        )
        return _loss_when_calibrated(model.raw_scores(own.x[judge]), own.y[judge])


def search(spec: Asked, rows: Rows, progress: Progress = silent) -> tuple[Choice, list[Trial]]:
    """Return what foresees best, and every try. Without a search and with one method: no try.

    Folds go over time where the rows have at least three moments that far apart, else they are
    stratified. The same rows and seed give the same tries, in the same order.

    Raises:
        InvalidHyperparameters: what is set by hand cannot be learned with.
        ModelRefused: too little to judge a try with, or the search is not installed.
    """
    settled(spec.method, spec.hyperparameters)
    methods = METHODS if spec.method == BEST else (spec.method,)
    by_hand = {one: settled(one, known_to(one, spec.hyperparameters)) for one in methods}
    if len(methods) == 1 and spec.search == "none":
        return Choice(spec.method, dict(spec.hyperparameters)), []
    most = len(methods) if spec.search == "none" else max(spec.trials, len(methods))
    found = _Search(rows, _parts(spec, rows), spec.seed, most, progress)
    for method in methods:
        found.judge(method, by_hand[method])
    if spec.search == "grid":
        _by_grid(found, by_hand)
    elif spec.search == "bayes":
        _by_optuna(found, by_hand)
    best = min(found.trials, key=lambda one: math.inf if one.log_loss is None else one.log_loss)
    if best.log_loss is None:
        raise ModelRefused("No try could be judged: too few visitors of either kind.")
    progress(most, most, "Searched")
    return Choice(best.method, dict(best.hyperparameters)), found.trials


def _parts(spec: Asked, rows: Rows) -> list[tuple[Index, Index]]:
    embargo = float(spec.horizon_hours + spec.embargo_hours)
    if rows.times is not None and len(np.unique(rows.times)) >= 3:
        try:
            parts = folds(rows.y, rows.groups, rows.times, kind="time", embargo=embargo,
                          count=FOLDS)  # fmt: skip
            usable = [one for one in parts if _has_both(rows.y[one[0]], rows.y[one[1]])]
        except ModelRefused:
            usable = []
        if len(usable) >= 2:
            return usable
    parts = folds(rows.y, rows.groups, None, kind="stratified", count=FOLDS, seed=spec.seed)
    usable = [one for one in parts if _has_both(rows.y[one[0]], rows.y[one[1]])]
    if not usable:
        raise ModelRefused("Too little to search with: no fold has visitors of either kind.")
    return usable


def _has_both(*parts: Vector) -> bool:
    return all(0 < part.sum() < len(part) for part in parts)


def _by_grid(found: _Search, by_hand: Mapping[str, Mapping[str, Number]]) -> None:
    """Try combinations of what the knobs list, each method in turn, while tries are left."""
    for choices in itertools.zip_longest(*(_grid(method, by_hand[method]) for method in by_hand)):
        for method, document in zip(by_hand, choices, strict=True):
            if document is not None and not found.is_over:
                found.judge(method, document)


def _grid(method: str, by_hand: Mapping[str, Number]) -> Iterator[dict[str, Number]]:
    knobs = {name: knob.grid for name, knob in KNOBS[method].items() if knob.grid}
    for values in itertools.product(*knobs.values()):
        yield dict(by_hand) | dict(zip(knobs, values, strict=True))


def _by_optuna(found: _Search, by_hand: Mapping[str, Mapping[str, Number]]) -> None:
    """Tree-structured Parzen estimator: seeded, one try after the other, no clock.

    Source: Bergstra et al., NeurIPS 2011; optuna's TPESampler.
    """
    try:
        import optuna  # seconds and SQLAlchemy: only where it is asked for
    except ImportError as missing:
        raise ModelRefused(
            "The Bayesian search needs the package optuna, which is not installed: choose the grid."
        ) from missing
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    logging.getLogger("optuna").setLevel(logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=found.seed))
    for method, document in by_hand.items():
        # Where to begin; what lies outside of what a search tries is drawn instead.
        inside = {
            f"{method}:{name}": value
            for name, value in document.items()
            if KNOBS[method][name].between[0] <= value <= KNOBS[method][name].between[1]
        }
        study.enqueue_trial({"method": method} | inside)

    def tried(trial: Any) -> float:
        method = trial.suggest_categorical("method", list(by_hand))
        document = dict(by_hand[method])
        for name, knob in KNOBS[method].items():
            low, high = knob.between
            ask = trial.suggest_int if knob.is_whole else trial.suggest_float
            document[name] = ask(f"{method}:{name}", low, high, log=knob.is_log)
        return found.judge(method, document)

    # A try that comes again costs nothing and counts for nothing: so many more, never endlessly.
    for _ in range(2 * found.most):
        if found.is_over:
            return
        study.optimize(tried, n_trials=1)


def _loss_when_calibrated(raw: Vector, y: Vector) -> float:
    """The mean log loss of scores, each half calibrated by the other."""
    halves = np.arange(len(y)) % 2
    losses = np.empty(len(y))
    for half in (0, 1):
        own, other = halves == half, halves != half
        foreseen = estimators.calibrated(raw[own], estimators.learned(raw[other], y[other]))
        losses[own] = log_losses(y[own].tolist(), foreseen.tolist())
    return float(losses.mean())


def learning_curve(
    choice: Choice,
    *,
    seed: int,
    teach: Rows,
    calibrate: tuple[Matrix, Vector],
    judge: tuple[Matrix, Vector],
    progress: Progress = silent,
) -> list[dict[str, Any]]:
    """Return how well it foresees with ever more to learn from, ascending.

    Each point: `rows`, `log_loss` with its 95 % interval `low` and `high` on the judged rows, and
    `taught_log_loss`, on the rows it learned from: far below the other, it learned by heart.
    """
    order = np.random.default_rng(seed).permutation(len(teach.y))
    points = []
    for done, share in enumerate(SHARES):
        rows = np.sort(order[: max(1, round(len(order) * share))])
        if not _has_both(teach.y[rows]):
            continue
        progress(done, len(SHARES), f"Learning curve: {len(rows):,} rows")
        model = estimators.fitted(
            choice.method,
            choice.hyperparameters,
            seed=seed,
            teach=(teach.x[rows], teach.y[rows]),
            calibrate=calibrate,
            categorical=teach.categorical,
        )
        losses = np.array(log_losses(judge[1].tolist(), model.probabilities(judge[0]).tolist()))
        taught = log_losses(teach.y[rows].tolist(), model.probabilities(teach.x[rows]).tolist())
        margin = CERTAIN_TWO_SIDED * float(losses.std(ddof=1)) / math.sqrt(len(losses))
        mean = float(losses.mean())
        points.append(
            {
                "rows": len(rows),
                "log_loss": mean,
                "low": mean - margin,
                "high": mean + margin,
                "taught_log_loss": sum(taught) / len(taught),
            }
        )
    return points
