"""Methods beside each other on days that none has learned from: the part without a database."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from apps.recommendations.domain import trials
from apps.recommendations.domain.seen import ItemFacts, Seen, popularity_of
from apps.recommendations.domain.shelf import (
    ALS,
    CONTENT,
    EVER_POPULAR,
    FOLLOWED_BY,
    LAST_ITEM,
    MOST_RECENT,
    NEIGHBOURS,
    POPULAR,
    SERVING,
    SESSION,
    Shelf,
)
from apps.recommendations.domain.trials import K, Step, TrialFigures
from apps.recommendations.methods import Params, learn, silent
from apps.work.types import Progress

# In the order in which the first of equally good ones serves: what is simplest to understand.
CHOSEN_FROM: Final = (FOLLOWED_BY, NEIGHBOURS, ALS, SESSION, CONTENT)
EVER: Final = 1e9  # days: a half-life by which nothing fades
HELD_OUT_SHARE: Final = 0.1  # of the time that events were seen in
HELD_OUT_LEAST_S: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Compared:
    """A trial: every method on the same steps.

    Attributes:
        problems: of methods that could not learn, the sentence why.
    """

    cut_s: float
    found: list[TrialFigures]
    problems: Mapping[str, str]
    steps: Sequence[Step]

    def of(self, method: str) -> TrialFigures | None:
        """Return the figures of one method, None where it could not learn."""
        return next((one for one in self.found if one.method == method), None)


def cut_of(seen: Seen) -> float:
    """Return the moment that divides off the last tenth of the time, a day at least."""
    newest = seen.newest_s
    span = newest - float(seen.at_s.min()) if len(seen) else 0.0
    return newest - max(span * HELD_OUT_SHARE, HELD_OUT_LEAST_S)


def compared(
    seen: Seen,
    facts: Mapping[str, ItemFacts],
    params: Params,
    methods: Sequence[str],
    *,
    cut_s: float,
    leaves_current_out: bool = True,
    leaves_seen_out: bool = False,
    most_people: int = trials.MOST_PEOPLE,
    most_steps: int = trials.MOST_STEPS,
    progress: Progress = silent,
    serving: tuple[str, float, float] | None = None,
) -> Compared:
    """Judge methods on what came after a cut, in Unix seconds. The same each time.

    Args:
        most_people, most_steps: of each person; 0: all.
    """
    before = seen.until(cut_s)
    known = _known_then(facts, before, cut_s)
    steps = trials.steps_after(
        seen,
        cut_s,
        leaves_current_out=leaves_current_out,
        leaves_seen_out=leaves_seen_out,
        most_people=most_people,
        most_steps=most_steps,
    )
    asked, problems = _asks(before, known, params, methods, cut_s, progress)
    if serving is not None:
        method, half_life, diversity = serving
        other = replace(params, half_life_days=half_life, diversity=diversity)
        found_then, _ = _asks(before, known, other, [method], cut_s, silent)
        if method in found_then:
            asked[SERVING] = found_then[method]
    total = max(int(before.counts.sum()), 1)
    shares = {
        code: int(count) / total
        for code, count in zip(before.codes, before.counts, strict=True)
        if count
    }
    found = trials.judged(steps, asked, codes=seen.codes, shares=shares)
    return Compared(cut_s, found, problems, steps)


def _known_then(facts: Mapping[str, ItemFacts], before: Seen, cut_s: float) -> dict[str, ItemFacts]:
    """What is known of items, without those that came after the cut: nobody had described them."""
    met = {code for code, count in zip(before.codes, before.counts, strict=True) if count}
    return {
        code: replace(one, is_offered=True)
        for code, one in facts.items()
        if code in met or one.first_seen_s is None or one.first_seen_s <= cut_s
    }


def _asks(
    before: Seen,
    facts: Mapping[str, ItemFacts],
    params: Params,
    methods: Sequence[str],
    cut_s: float,
    progress: Progress,
) -> tuple[dict[str, trials.Ask], dict[str, str]]:
    asked: dict[str, trials.Ask] = {}
    problems: dict[str, str] = {}
    for number, method in enumerate(dict.fromkeys([POPULAR, *methods])):
        progress(number, len(methods) + 1, f"Trying {method}")
        try:
            shelf = learn(method, before, facts, params, as_of_s=cut_s).shelf()
        except ValueError as problem:
            problems[method] = str(problem)
            continue
        asked[method] = _ask(shelf)
    asked[EVER_POPULAR] = _first_of(code for code, _ in _shares(before, EVER, cut_s))
    asked[LAST_ITEM] = _repeating(_shares(before, params.half_life_days, cut_s))
    asked[MOST_RECENT] = _newest(before)
    return asked, problems


def _shares(before: Seen, half_life_days: float, cut_s: float) -> list[tuple[str, float]]:
    values = popularity_of(before, half_life_days, cut_s)
    order = np.lexsort((np.arange(len(values)), -values))[: 2 * K + trials.MET]
    return [(before.codes[place], float(values[place])) for place in order if values[place] > 0]


def _ask(shelf: Shelf) -> trials.Ask:
    def ask(met: Sequence[tuple[str, float]], left_out: frozenset[str]) -> list[str]:
        return [code for code, *_ in shelf.chosen(met, K, without=left_out)]

    return ask


def _repeating(popular: Sequence[tuple[str, float]]) -> trials.Ask:
    """What was met last, then what is popular."""

    def ask(met: Sequence[tuple[str, float]], left_out: frozenset[str]) -> list[str]:
        codes = dict.fromkeys([*(code for code, _ in met), *(code for code, _ in popular)])
        return [code for code in codes if code not in left_out][:K]

    return ask


def _newest(before: Seen) -> trials.Ask:
    """The items that came into sight last."""
    first = np.full(len(before.codes), np.inf)
    np.minimum.at(first, before.item, before.at_s)
    known = np.flatnonzero(np.isfinite(first))
    order = known[np.lexsort((known, -first[known]))][: K + trials.MET]
    return _first_of(before.codes[place] for place in order)


def _first_of(found: Iterable[str]) -> trials.Ask:
    """The same for everybody."""
    codes = list(found)

    def ask(met: Sequence[tuple[str, float]], left_out: frozenset[str]) -> list[str]:
        return [code for code in codes if code not in left_out][:K]

    return ask
