"""What another rule would have earned, told from logged rounds: one of each person.

A round is a decision, what it was likely to be, and what the person did in the time after it. The
estimator is chosen before the reward is looked at: doubly robust where enough is known of the
rounds to foresee anything, self-normalised weights where not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from sklearn.linear_model import Ridge

from apps.experiments.domain import off_policy
from apps.experiments.domain.comparing import Vector, normal_quantile
from apps.experiments.domain.off_policy import Log

FOLDS: Final = 5
LEAST_TO_FORESEE: Final = 1_000  # rounds
LEAST_OF_ACTION: Final = 50  # rounds of a variant, for a model of its own
PRIOR: Final = 10.0  # rounds that the mean of everybody counts for beside a variant's own
STIFFNESS: Final = 10.0
CERTAIN: Final = 1.0 - 1e-9  # from here on nothing was left to chance
MOST_COLUMNS: Final = 40
RAREST: Final = 0.02  # what fewer are said to be tells nothing apart
WEIGHTS: Final = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 50.0)
NOBODY: Final = (
    "Nothing that was shown here was left to chance: without an experiment, a bandit or "
    "exploration a log cannot say what else would have earned."
)
ESTIMATORS: Final = ("ips", "snips", "dr", "switch-dr")


@dataclass(frozen=True, slots=True)
class Rounds:
    """Logged rounds, in an order that tells nothing of them.

    Attributes:
        actions: keys of variants, "" where nothing is shown.
        action: what was served, (rounds,), its place in `actions`.
        propensity: how likely that was, (rounds,).
        reward: (rounds,).
        rule: the other rule's probabilities, (rounds, actions).
        features: what was known of each round, (rounds, columns).
    """

    actions: Sequence[str]
    action: "np.ndarray[tuple[int], np.dtype[np.intp]]"
    propensity: Vector
    reward: Vector
    rule: Vector
    features: Vector


def judged(rounds: Rounds, *, everybody: bool = False, alpha: float = 0.05) -> dict[str, Any]:
    """Return what the other rule would have earned a person, as a document.

    {"rounds", "certain": rounds of which nothing was left to chance, "observed", "interval",
    "chosen": the estimator that counts and "why", "value", "value_interval", "gain",
    "gain_interval", "reason": why there is no value, "ess", "max_weight", "mean_weight",
    "estimators": [{"name", "value", "interval"}, ...], "actions": [{"variant", "served", "rule",
    "observed"}, ...], "weights": [[from, rounds], ...]}.

    Args:
        everybody: also rounds of which nothing was left to chance.
    """
    is_certain = rounds.propensity >= CERTAIN
    kept = np.ones(len(is_certain), bool) if everybody else ~is_certain
    told: dict[str, Any] = {"rounds": int(kept.sum()), "certain": int(is_certain.sum())}
    if kept.sum() < 2:
        return told | {"reason": NOBODY}
    chosen = _of(rounds, kept)
    is_foreseen = chosen.features.shape[1] > 0 and len(chosen.reward) >= LEAST_TO_FORESEE
    log = Log(
        chosen.reward,
        chosen.action,
        chosen.propensity,
        chosen.rule,
        foreseen(chosen) if is_foreseen else None,
    )
    name = "dr" if is_foreseen else "snips"
    best = off_policy.estimate(log, name, alpha)
    value = off_policy.evaluate(log)
    mean = float(chosen.reward.mean())
    half = _half(chosen.reward, alpha)
    return told | {
        "observed": mean,
        "interval": [mean - half, mean + half],
        "chosen": name,
        "why": WHY[name],
        "value": best.value,
        "value_interval": _pair(best.ci),
        "gain": best.gain,
        "gain_interval": _pair(best.gain_ci),
        "reason": best.reason,
        "ess": value.ess,
        "max_weight": value.max_weight,
        "mean_weight": value.mean_weight,
        "estimators": _others(log, alpha) if best.reason is None else [],
        "actions": _actions(chosen),
        "weights": _histogram(log.weights),
    }


WHY: Final[Mapping[str, str]] = {
    "dr": "Doubly robust: a model foresees each variant from what was known of the visitor, and "
    "the logged chances correct it where it is wrong.",
    "snips": "Self-normalised weights: too little is known of the visitors, or there are too few, "
    "to foresee what each variant brings.",
}


def foreseen(rounds: Rounds) -> Vector:
    """Return what each variant may be expected to earn, (rounds, actions), cross-fitted.

    No round is foreseen by a model that has seen it. A variant that was served rarely has the mean
    of everybody, drawn towards its own.
    """
    n, k = rounds.rule.shape
    found: Vector = np.zeros((n, k))
    fold = np.arange(n) % FOLDS
    low, high = float(rounds.reward.min()), float(rounds.reward.max())
    for held in range(FOLDS):
        here, others = fold == held, fold != held
        overall = float(rounds.reward[others].mean())
        for action in range(k):
            own = others & (rounds.action == action)
            if own.sum() < LEAST_OF_ACTION:
                total = float(rounds.reward[own].sum())
                found[here, action] = (total + PRIOR * overall) / (float(own.sum()) + PRIOR)
                continue
            model = Ridge(alpha=STIFFNESS).fit(rounds.features[own], rounds.reward[own])
            found[here, action] = model.predict(rounds.features[here])
    return np.clip(found, low, high)


def columns(facts: Sequence[Mapping[str, Any]]) -> Vector:
    """Return what records say of their rounds as 0 or 1, (rounds, columns); rare things are left.

    Of the request only what was read in every round: what is read in some may hang on what was
    served, and must not foresee it.

    Args:
        facts: {"segments": [number, ...], "context": {name: value, ...}} of each round.
    """
    if not facts:
        return np.zeros((0, 0))
    seen: dict[tuple[str, object], list[int]] = {}
    everywhere = set.intersection(*(set(one.get("context") or ()) for one in facts))
    for place, one in enumerate(facts):
        for number in one.get("segments") or ():
            seen.setdefault(("segment", number), []).append(place)
        for name, value in (one.get("context") or {}).items():
            if name in everywhere and isinstance(value, str | bool):
                seen.setdefault((name, value), []).append(place)
    n = len(facts)
    usual = [rows for rows in seen.values() if RAREST * n <= len(rows) <= (1 - RAREST) * n]
    usual.sort(key=lambda rows: (abs(len(rows) - n / 2), rows[0]))
    found: Vector = np.zeros((n, min(len(usual), MOST_COLUMNS)))
    for column, rows in enumerate(usual[:MOST_COLUMNS]):
        found[rows, column] = 1.0
    return found


def _of(rounds: Rounds, kept: "np.ndarray[tuple[int], np.dtype[np.bool_]]") -> Rounds:
    return Rounds(
        rounds.actions,
        rounds.action[kept],
        rounds.propensity[kept],
        rounds.reward[kept],
        rounds.rule[kept],
        rounds.features[kept],
    )


def _others(log: Log, alpha: float) -> list[dict[str, Any]]:
    found = []
    for name in ESTIMATORS:
        if log.q_hat is None and name in ("dr", "switch-dr"):
            continue
        one = off_policy.estimate(log, name, alpha)
        found.append({"name": name, "value": one.value, "interval": _pair(one.ci)})
    return found


def _actions(rounds: Rounds) -> list[dict[str, Any]]:
    n = len(rounds.reward)
    found = []
    for place, variant in enumerate(rounds.actions):
        own = rounds.action == place
        served, share = int(own.sum()), float(rounds.rule[:, place].mean())
        if served or share > 0:
            mean = float(rounds.reward[own].mean()) if served else None
            found.append(
                {"variant": variant, "served": served / n, "rule": share, "observed": mean}
            )
    return found


def _histogram(weights: Vector) -> list[list[float]]:
    """How many rounds have a weight from each bound on, up to the next; 0 apart."""
    found = [[0.0, float((weights == 0).sum())]]
    bounds = [*WEIGHTS[1:], float("inf")]
    low = 0.0
    for high in bounds:
        found.append([low, float(((weights > low) & (weights <= high)).sum())])
        low = high
    return found


def _half(values: Vector, alpha: float) -> float:
    spread = float(values.std(ddof=1)) / float(np.sqrt(len(values)))
    return normal_quantile(1 - alpha / 2) * spread


def _pair(interval: tuple[float, float] | None) -> list[float] | None:
    return None if interval is None else list(interval)
