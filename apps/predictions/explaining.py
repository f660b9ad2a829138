"""Why a score is what it is, in words, and the least that would change it. Pure: pages use it.

Contributions are exact SHAP values of the raw score (log-odds): they sum to the score, so what is
said here leaves nothing out. They say what the model goes by, not what causes anything.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from apps.predictions.domain.card import words_of

Row = Sequence[float | None]
Score = Callable[[list[float | None]], float]

LEAST_PUSH: Final = 0.02  # of the sum of all pushes: less is not worth a line
MOST_REASONS: Final = 6
MOST_PAIRED: Final = 8  # features that are changed two at a time


@dataclass(frozen=True, slots=True)
class Reason:
    """What one feature does to one score.

    Attributes:
        value: the feature's value; None: not known.
        push: what it adds to the log-odds.
        share: of all pushes, in 0..1.
        words: the whole of it, as a sentence without its full stop.
    """

    name: str
    value: float | None
    push: float
    share: float
    words: str


@dataclass(frozen=True, slots=True)
class Change:
    """Other values that would carry a score over a threshold."""

    values: Mapping[str, float]
    score: float
    words: str


def importance(
    names: Sequence[str], contributions: Sequence[Sequence[float]]
) -> list[tuple[str, float]]:
    """Return each feature's mean absolute contribution as a share of all, the largest first.

    Args:
        contributions: rows of what each feature adds, the base last.
    """
    means = [
        sum(abs(row[place]) for row in contributions) / max(len(contributions), 1)
        for place in range(len(names))
    ]
    total = sum(means)
    shares = [(name, mean / total if total else 0.0) for name, mean in zip(names, means,
                                                                          strict=True)]  # fmt: skip
    return sorted(shares, key=lambda one: (-one[1], one[0]))


def reasons(names: Sequence[str], row: Row, contributions: Sequence[float]) -> list[Reason]:
    """Return what pushed one score up or down most, the strongest first.

    Args:
        contributions: of this row, the base last.
    """
    pushes = contributions[: len(names)]
    total = sum(abs(push) for push in pushes)
    order = sorted(range(len(names)), key=lambda place: (-abs(pushes[place]), place))
    found = []
    for place in order[:MOST_REASONS]:
        push, share = pushes[place], abs(pushes[place]) / total if total else 0.0
        if share < LEAST_PUSH:
            break
        value = _known(row[place])
        direction = "raises" if push > 0 else "lowers"
        words = f"{words_of(names[place])}: {told(value)} {direction} it ({share:.0%})"
        found.append(Reason(names[place], value, push, share, words))
    return found


def told(value: float | None) -> str:
    """Return a feature's value as a person would write it."""
    if value is None:
        return "not known"
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.1f}" if abs(value) >= 10 else f"{value:.2f}"


def counterfactual(
    score: Score,
    row: Row,
    names: Sequence[str],
    observed: Mapping[str, Sequence[float]],
    *,
    threshold: float,
) -> Change | None:
    """Return the least change that would carry a score over the threshold, or None.

    Tried are values that people really have, first of one feature, then of two of those that
    matter most. Of several, the one nearest to what is: counted in steps between observed values.

    Args:
        score: a row's probability.
        observed: feature -> quantiles of what people have, ascending, such as the nine deciles.
    """
    given: list[float | None] = [_known(value) for value in row]
    is_over = score(given) >= threshold
    places = [place for place, name in enumerate(names) if observed.get(name)]
    single = list(_singles(score, given, names, places, observed))
    over = [one for one in single if (one[1] >= threshold) is not is_over]
    if over:
        return _told(min(over, key=_nearness), given, names, is_over)
    # The features that move the score farthest on their own, in the direction that is asked for.
    reach: dict[int, float] = {}
    for _, found, changed in single:
        (place,) = changed
        gained = -found if is_over else found
        reach[place] = max(reach.get(place, gained), gained)
    best = sorted(reach, key=lambda place: (-reach[place], place))[:MOST_PAIRED]
    pairs = _pairs(score, given, names, best, observed)
    over = [one for one in pairs if (one[1] >= threshold) is not is_over]
    return _told(min(over, key=_nearness), given, names, is_over) if over else None


# How far, the score there, and what is changed by place.
_Tried = tuple[float, float, dict[int, float]]


def _singles(
    score: Score,
    given: list[float | None],
    names: Sequence[str],
    places: Sequence[int],
    observed: Mapping[str, Sequence[float]],
) -> Iterator[_Tried]:
    for place in places:
        for steps, value in _others(given[place], observed[names[place]]):
            yield steps, score(_with(given, {place: value})), {place: value}


def _pairs(
    score: Score,
    given: list[float | None],
    names: Sequence[str],
    places: Sequence[int],
    observed: Mapping[str, Sequence[float]],
) -> Iterator[_Tried]:
    for one, other in itertools.combinations(places, 2):
        firsts = _others(given[one], observed[names[one]])
        seconds = _others(given[other], observed[names[other]])
        for (near, value), (far, second) in itertools.product(firsts, seconds):
            changed = {one: value, other: second}
            yield near + far, score(_with(given, changed)), changed


def _others(value: float | None, quantiles: Sequence[float]) -> list[tuple[float, float]]:
    """Observed values other than the own one, each with how many of them lie between."""
    others = sorted({float(one) for one in quantiles} - {value})
    if value is None:
        return [(len(others) / 2, one) for one in others]
    below = [one for one in others if one < value]
    return [
        (float(len(below) - place if one < value else place - len(below) + 1), one)
        for place, one in enumerate(others)
    ]


def _with(given: list[float | None], changed: Mapping[int, float]) -> list[float | None]:
    row = list(given)
    for place, value in changed.items():
        row[place] = value
    return row


def _nearness(one: _Tried) -> tuple[float, list[int]]:
    return one[0], sorted(one[2])


def _told(one: _Tried, given: list[float | None], names: Sequence[str], is_over: bool) -> Change:
    _, found, changed = one
    parts = [
        f"{words_of(names[place])} were {told(value)} instead of {told(given[place])}"
        for place, value in sorted(changed.items())
    ]
    side = "below" if is_over else "above"
    words = f"The score would be {found:.2f}, {side} the threshold, if {' and '.join(parts)}"
    return Change({names[place]: value for place, value in changed.items()}, found, words)


def _known(value: float | None) -> float | None:
    """NaN and None are both: not known."""
    return None if value is None or value != value else float(value)
