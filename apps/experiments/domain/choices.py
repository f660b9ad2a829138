"""What it is worth to choose for each segment, or person, what does best there.

Choosing and judging by the same people promises too much: what did best by chance is chosen, and
looks good. So people are dealt to folds; what is chosen by the others is judged by each fold in
turn (cross-fitting: Chernozhukov et al., Econometrics J. 21, 2018). The value of a choice is taken
from those who happened to get it, weighted by one over the logged probability, around what the
others did (doubly robust: Dudik, Langford and Li, ICML 2011).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from apps.experiments.domain.comparing import Interval, Vector
from apps.experiments.domain.sequential import any_time

Places = NDArray[np.int64]
FOLDS: Final = 5
ALPHA: Final = 0.05
LEAST: Final = 20  # people of a context in an arm that an own choice is made from
SUPPORT: Final = 50  # people in an arm, or nothing is told
SUPPOSED: Final = 20_000
NO_SUPPORT: Final = "Every arm needs 50 participants at least with a known probability."
ONE_ARM: Final = "There is nothing to choose: fewer than two arms have people in them."
NO_CONTEXT: Final = "None of the segments has 20 people in each arm."


@dataclass(frozen=True, slots=True)
class Rounds:
    """One row a person: context (its place in a list), arm (its place), probability, outcome."""

    context: Places
    arm: Places
    probability: Vector
    y: Vector
    fold: Places


@dataclass(frozen=True, slots=True)
class Gain:
    """What choosing adds for each of `n` people; `chosen`: arms, with how many folds chose them."""

    n: int
    gain: float | None = None
    se: float | None = None
    interval: Interval | None = None
    chosen: tuple[tuple[int, int], ...] = ()
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Worth:
    """The value of choosing by context beside the best single arm.

    Attributes:
        single: the arm that does best for everybody.
        contexts: the same for the people of each context.
    """

    whole: Gain
    single: int | None = None
    contexts: tuple[Gain, ...] = ()


def worth_of_choosing(rounds: Rounds, contexts: int, arms: int, is_up: bool = True) -> Worth:
    """Judge choosing the best arm of each context, against the best single arm.

    Args:
        is_up: whether more is better.
    """
    n = len(rounds.y)
    sizes = np.bincount(rounds.arm, minlength=arms)
    if (sizes > 0).sum() < 2:
        return Worth(Gain(n, reason=ONE_ARM))
    if sizes.min() < SUPPORT or not (rounds.probability > 0).all():
        return Worth(Gain(n, reason=NO_SUPPORT))
    y = rounds.y if is_up else -rounds.y
    score = np.zeros(n)
    picked = np.zeros((contexts, arms), int)
    for fold in range(FOLDS):
        test = rounds.fold == fold
        mean, count = _means(rounds, y, ~test, contexts, arms)
        overall = _overall(rounds, y, ~test, arms)
        single = int(np.argmax(overall))
        is_known = count.min(axis=1) >= LEAST
        own = np.where(is_known, np.argmax(mean, axis=1), single)
        for context in range(contexts):
            picked[context, own[context]] += 1
        believed = np.where(count >= LEAST, mean, overall)
        score[test] = _value(rounds, y, test, own[rounds.context[test]], believed) - _value(
            rounds, y, test, np.full(int(test.sum()), single), believed
        )
    single = int(np.argmax(_overall(rounds, y, np.ones(n, bool), arms)))
    _, count = _means(rounds, y, np.ones(n, bool), contexts, arms)
    found = []
    for context in range(contexts):
        mine = rounds.context == context
        chosen = tuple((int(a), int(k)) for a, k in enumerate(picked[context]) if k)
        if count[context].min() < LEAST:
            found.append(Gain(int(mine.sum()), chosen=chosen, reason=NO_CONTEXT))
        else:
            found.append(gain_of(score[mine], chosen))
    whole = gain_of(score)
    if whole.interval is None and whole.reason is None:
        whole = Gain(n, 0.0, reason=NO_CONTEXT)
    return Worth(whole, single, tuple(found))


def gain_of(score: Vector, chosen: tuple[tuple[int, int], ...] = ()) -> Gain:
    """Return the average of one score a person, with an interval that holds at any time."""
    n = len(score)
    if n < 2:
        return Gain(n, chosen=chosen, reason=NO_CONTEXT)
    mean, se = float(score.mean()), float(score.std(ddof=1) / math.sqrt(n))
    if se == 0:
        return Gain(n, mean, 0.0, chosen=chosen, reason=SAME if not mean else None)
    return Gain(n, mean, se, any_time(mean, se, n, ALPHA, SUPPOSED).ci, chosen)


SAME: Final = "It would be shown what does best for everybody: there is no own choice to judge."


def _means(
    rounds: Rounds, y: Vector, chosen: NDArray[np.bool_], contexts: int, arms: int
) -> tuple[Vector, Places]:
    """Of each (context, arm): the average weighted by one over the probability, and the people."""
    place = rounds.context[chosen] * arms + rounds.arm[chosen]
    weight = 1.0 / rounds.probability[chosen]
    shape, size = (contexts, arms), contexts * arms
    total = np.bincount(place, weight, size)
    sums = np.bincount(place, weight * y[chosen], size)
    mean = np.divide(sums, total, out=np.zeros(size), where=total > 0)
    return mean.reshape(shape), np.bincount(place, minlength=size).reshape(shape)


def _overall(rounds: Rounds, y: Vector, chosen: NDArray[np.bool_], arms: int) -> Vector:
    weight = 1.0 / rounds.probability[chosen]
    total = np.bincount(rounds.arm[chosen], weight, arms)
    sums = np.bincount(rounds.arm[chosen], weight * y[chosen], arms)
    found: Vector = np.divide(sums, total, out=np.full(arms, -np.inf), where=total > 0)
    return found


def _value(
    rounds: Rounds, y: Vector, test: NDArray[np.bool_], choice: Places, believed: Vector
) -> Vector:
    """What the choice is worth for each person of a fold, doubly robust."""
    context, arm = rounds.context[test], rounds.arm[test]
    base = believed[context, choice]
    got = (arm == choice) / rounds.probability[test]
    found: Vector = base + got * (y[test] - base)
    return found


def words_of(gain: Gain) -> str:
    """Return "earns", "costs" or "open"."""
    if gain.interval is None:
        return "open"
    low, high = gain.interval
    return "earns" if low > 0 else "costs" if high < 0 else "open"


def folds_of(people: Sequence[bytes]) -> Places:
    """Deal people to folds by their ids: the same each time."""
    return np.asarray([int.from_bytes(one[-4:], "big") % FOLDS for one in people], np.int64)
