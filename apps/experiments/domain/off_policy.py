"""What another rule would have earned, from decisions whose probabilities were logged.

Sources: Horvitz and Thompson (1952); Swaminathan and Joachims, NIPS 2015 (SNIPS); Dudik et al.,
Stat. Sci. 29 (2014) (DR); Wang et al., ICML 2017 (switch). Rewards are per round.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from apps.experiments.domain.comparing import Interval, Vector, around, normal_quantile

SWITCH_ABOVE: Final = 2.0
# Below these the answer is refused: it would rest on a handful of rounds.
MIN_EFFECTIVE: Final = 100.0
MIN_EFFECTIVE_SHARE: Final = 0.01
NO_SUPPORT: Final = "The other rule never does what was logged: there is nothing to learn from."
TOO_THIN: Final = "Too few of the logged decisions are such as the other rule would make."
# Where everything the other rule does was tried now and then, the weights are 1 on average.
LEAST_COVERED: Final = 0.95
SURELY: Final = 4.0
UNTRIED: Final = (
    "The other rule does what was never tried for about {share:.0%} of the decisions: nobody knows "
    "what comes of that."
)


@dataclass(frozen=True, slots=True)
class Value:
    """The value of a rule by several estimators, and how much of the log it rests on."""

    ips: float | None = None
    snips: float | None = None
    dm: float | None = None
    dr: float | None = None
    sndr: float | None = None
    switch_dr_tau2: float | None = None
    ess: float | None = None
    max_weight: float | None = None
    mean_weight: float | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Log:
    """Logged rounds, and what the other rule would have done in each.

    Attributes:
        reward: (rounds,).
        action: what was shown, (rounds,), 0-based.
        pscore: the logged probability of what was shown, above 0, (rounds,).
        pi_e: the other rule's probabilities, (rounds, actions); rows sum to 1.
        q_hat: a model's expected reward, (rounds, actions); None: none was fitted.
    """

    reward: Vector
    action: "np.ndarray[tuple[int], np.dtype[np.intp]]"
    pscore: Vector
    pi_e: Vector
    q_hat: Vector | None = None

    @property
    def weights(self) -> Vector:
        """How much more often the other rule would have done what was done."""
        found: Vector = self.pi_e[np.arange(len(self.action)), self.action] / self.pscore
        return found


def log_of(
    reward: Sequence[float],
    action: Sequence[int],
    pscore: Sequence[float],
    pi_e: Sequence[Sequence[float]],
    q_hat: Sequence[Sequence[float]] | None = None,
) -> Log:
    """Check logged rounds and take them over.

    Raises:
        ValueError: lengths that differ, a probability that is none, or an unknown action.
    """
    rewards, shown = np.asarray(reward, float), np.asarray(action, np.intp)
    chances, policy = np.asarray(pscore, float), np.asarray(pi_e, float)
    model = None if q_hat is None else np.asarray(q_hat, float)
    if not len(rewards) == len(shown) == len(chances) == len(policy) or policy.ndim != 2:
        raise ValueError("Every round needs a reward, an action, its probability and a rule.")
    if model is not None and model.shape != policy.shape:
        raise ValueError("The reward model has a row for each round and a column for each action.")
    if len(rewards) and (chances.min() <= 0 or chances.max() > 1):
        raise ValueError("A logged probability lies above 0 and at most at 1.")
    if len(rewards) and not 0 <= int(shown.min()) <= int(shown.max()) < policy.shape[1]:
        raise ValueError("An action is a column of the rule.")
    if len(rewards) and np.abs(policy.sum(1) - 1).max() > 1e-6:
        raise ValueError("The other rule's probabilities sum to 1 in every round.")
    return Log(rewards, shown, chances, policy, model)


def evaluate(log: Log) -> Value:
    """Return the value of the other rule, by every estimator that the log allows."""
    if not len(log.reward):
        return Value(reason="No decision was logged.")
    w = log.weights
    total = float(w.sum())
    if total == 0:
        return Value(ips=0.0, max_weight=0.0, mean_weight=0.0, ess=0.0, reason=NO_SUPPORT)
    plain = Value(
        ips=float((w * log.reward).mean()),
        snips=float((w * log.reward).sum() / total),
        ess=total**2 / float((w**2).sum()),
        max_weight=float(w.max()),
        mean_weight=float(w.mean()),
    )
    if log.q_hat is None:
        return plain
    modelled = (log.pi_e * log.q_hat).sum(1)
    left = log.reward - log.q_hat[np.arange(len(log.action)), log.action]
    kept = np.where(w <= SWITCH_ABOVE, w, 0.0)
    direct = float(modelled.mean())
    return Value(
        plain.ips,
        plain.snips,
        direct,
        direct + float((w * left).mean()),
        direct + float((w * left).sum() / total),
        direct + float((kept * left).mean()),
        plain.ess,
        plain.max_weight,
        plain.mean_weight,
    )


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its interval; refused when the log does not carry it.

    Attributes:
        gain, gain_ci: how much more, or less, than what was really done.
    """

    value: float | None = None
    ci: Interval | None = None
    ess: float | None = None
    reason: str | None = None
    gain: float | None = None
    gain_ci: Interval | None = None


def estimate(log: Log, estimator: str = "snips", alpha: float = 0.05) -> Estimate:
    """Return one estimator with a normal interval, or a refusal.

    Estimators: "ips", "snips", "dr", "switch-dr". The interval of SNIPS is the delta method's for a
    ratio of means. That of switch-DR is of its spread alone: what the model is wrong by where
    weights were cut is not in it.

    Raises:
        ValueError: an unknown estimator, or "dr" without a reward model.
    """
    found = evaluate(log)
    if found.ess is None or found.reason is not None:
        return Estimate(ess=found.ess, reason=found.reason)
    n = len(log.reward)
    reason = untried(log)
    if reason is None and found.ess < max(MIN_EFFECTIVE, MIN_EFFECTIVE_SHARE * n):
        reason = TOO_THIN
    if reason is not None:
        return Estimate(ess=found.ess, reason=reason)
    value, scores = _scored(log, found, estimator)
    quantile = normal_quantile(1 - alpha / 2) / math.sqrt(n)
    more = scores - log.reward
    gain = value - float(log.reward.mean())
    return Estimate(
        value,
        around(value, quantile * float(scores.std(ddof=1))),
        found.ess,
        gain=gain,
        gain_ci=around(gain, quantile * float(more.std(ddof=1))),
    )


def _scored(log: Log, found: Value, estimator: str) -> tuple[float, Vector]:
    """The value, and what each round adds to it: their mean, linearised for SNIPS."""
    w = log.weights
    if estimator == "ips":
        value, scores = found.ips, w * log.reward
    elif estimator == "snips":
        assert found.snips is not None
        value = found.snips
        scores = value + w * (log.reward - value) / float(w.mean())
    elif estimator in ("dr", "switch-dr") and log.q_hat is not None:
        is_cut = estimator == "switch-dr"
        kept = np.where(w <= SWITCH_ABOVE, w, 0.0) if is_cut else w
        own = log.q_hat[np.arange(len(log.action)), log.action]
        scores = (log.pi_e * log.q_hat).sum(1) + kept * (log.reward - own)
        value = found.switch_dr_tau2 if is_cut else found.dr
    else:
        raise ValueError("The estimator is ips, snips, or dr or switch-dr with a reward model.")
    assert value is not None
    return value, scores


def untried(log: Log) -> str | None:
    """Return why a log cannot carry the other rule: it does what was never tried. None: it can.

    The weights of a rule whose every action had a chance are 1 on average, whatever the rule; what
    lacks of that is the share of rounds in which it does something that had none.
    """
    w = log.weights
    if len(w) < 2:
        return None
    lacking, se = 1.0 - float(w.mean()), float(w.std(ddof=1)) / math.sqrt(len(w))
    if lacking > 1.0 - LEAST_COVERED and lacking > SURELY * se:
        return UNTRIED.format(share=lacking)
    return None
