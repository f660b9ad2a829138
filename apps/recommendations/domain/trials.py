"""Methods beside each other on what came after they had learned: figures with intervals. Workers.

Judged is the next item: whoever came back, or went on, after the cut is followed step by step, and
each method is asked with what they had met until then, as a decision would. Each person counts
once, however many steps they made. Intervals and differences come from drawing people anew (paired
bootstrap): every method is judged on the same people each time.

Sources: Järvelin and Kekäläinen (2002) for nDCG; Efron and Tibshirani, An Introduction to the
Bootstrap (1993), chapter 13, for the percentile interval.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from apps.recommendations.domain.seen import Floats, Seen
from apps.recommendations.domain.shelf import FEWEST, POPULAR

K: Final = 10
DRAWS: Final = 500
MET: Final = 5  # as many of the newest items as decisions know
MOST_PEOPLE: Final = 3_000
MOST_STEPS: Final = 15  # of one person
SURE: Final = 0.975  # as the lower end of a 95 % interval has it


# What a method shows: (items met with how strongly, newest first; items left out) -> items
Ask = Callable[[Sequence[tuple[str, float]], frozenset[str]], Sequence[str]]
Interval = tuple[float, float, float]  # value, low, high: 95 %


@dataclass(frozen=True, slots=True)
class Step:
    """One step after the cut.

    Attributes:
        person: place in the list of judged people.
        met: the newest different items met before it, each as strong as one event of now: decisions
            do not know when it was.
        left_out: what would not be shown here.
        following: what came.
    """

    person: int
    met: tuple[tuple[str, float], ...]
    left_out: frozenset[str]
    following: str


@dataclass(frozen=True, slots=True)
class TrialFigures:
    """One method on one hold-out.

    Attributes:
        figures: ndcg, recall, hit_rate, coverage, novelty (bits), gini: each with its interval.
        hits: share of all steps whose item was among the K.
        over_popular: the difference in nDCG to popularity, with its interval; None of popularity.
        per_person: nDCG of each person, and what draws the same people for every method.
    """

    method: str
    people: int
    steps: int
    figures: Mapping[str, Interval]
    hits: float | None
    over_popular: Interval | None = None
    per_person: Floats = field(default_factory=lambda: np.zeros(0), repr=False)

    @property
    def ndcg(self) -> float:
        """The figure that decides; 0 where nobody was judged."""
        return self.figures["ndcg"][0] if self.figures else 0.0

    @property
    def is_above_popular_alone(self) -> bool:
        """Whether the interval of the difference lies above zero, had nothing else been tried."""
        return self.over_popular is not None and self.over_popular[1] > 0


def steps_after(
    seen: Seen,
    cut_s: float,
    *,
    leaves_current_out: bool,
    leaves_seen_out: bool,
    seed: int = 0,
    most_people: int = MOST_PEOPLE,
    most_steps: int = MOST_STEPS,
) -> list[Step]:
    """Return the steps after the cut of people of whom something had been met before each.

    A step to what is left out there is none: nobody could have shown it. Of many people and steps
    some are drawn, the same ones each time; 0: all.
    """
    order = np.lexsort((np.arange(len(seen)), seen.at_s, seen.person))
    person, at, item = seen.person[order], seen.at_s[order], seen.item[order]
    is_step = seen.is_step[order]
    people = np.unique(person[(at > cut_s) & is_step])
    if most_people and len(people) > most_people:
        rng = np.random.default_rng(seed)
        people = np.sort(rng.choice(people, most_people, replace=False))
    begins = np.searchsorted(person, people)
    ends = np.searchsorted(person, people, side="right")
    leaves = (leaves_current_out, leaves_seen_out)
    found: list[Step] = []
    judged = 0
    for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
        rows = [row for row in range(begin + 1, end) if at[row] > cut_s and is_step[row]]
        own = [
            step
            for row in rows
            if (step := _step(judged, seen.codes, item[begin : row + 1], leaves))
        ]
        if own:
            found += own[:most_steps] if most_steps else own
            judged += 1
    return found


def _step(
    person: int,
    codes: Sequence[str],
    item: NDArray[Any],
    leaves: tuple[bool, bool],
) -> Step | None:
    leaves_current_out, leaves_seen_out = leaves
    following = codes[item[-1]]
    met: dict[str, float] = {}
    for row in range(len(item) - 2, -1, -1):
        code = codes[item[row]]
        if code not in met:
            met[code] = 1.0
            if len(met) == MET:
                break
    left_out: frozenset[str] = frozenset()
    if leaves_seen_out:
        left_out = frozenset(met)
    elif leaves_current_out:
        left_out = frozenset([codes[item[-2]]])
    if following in left_out:
        return None
    return Step(person, tuple(met.items()), left_out, following)


def judged(
    steps: Sequence[Step],
    asked: Mapping[str, Ask],
    *,
    codes: Sequence[str],
    shares: Mapping[str, float],
    seed: int = 0,
) -> list[TrialFigures]:
    """Judge methods on the same steps; popularity is among them, and what the others are held to.

    Args:
        codes: of the catalogue, for coverage and the Gini index.
        shares: of all events, by item: novelty is the mean of -log2 of them.
    """
    people = 1 + max((step.person for step in steps), default=-1)
    if not people:
        return [TrialFigures(method, 0, 0, {}, None) for method in asked]
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(people, np.full(people, 1 / people), size=DRAWS).astype(np.float64)
    places = {code: place for place, code in enumerate(codes)}
    found = [
        _judged(method, steps, ask, people, drawn, places, shares) for method, ask in asked.items()
    ]
    popular = next((one.per_person for one in found if one.method == POPULAR), None)
    if popular is None:
        return found
    return [one if one.method == POPULAR else _beside(one, popular, drawn) for one in found]


def _judged(
    method: str,
    steps: Sequence[Step],
    ask: Ask,
    people: int,
    drawn: Floats,
    places: Mapping[str, int],
    shares: Mapping[str, float],
) -> TrialFigures:
    own = np.zeros((people, 4))  # nDCG, hits, bits, items shown
    count = np.zeros(people)
    rows, columns = [], []
    floor = min(shares.values(), default=1.0)
    for step in steps:
        shown = list(ask(step.met, step.left_out))[:K]
        rank = shown.index(step.following) + 1 if step.following in shown else 0
        gain = 1 / math.log2(rank + 1) if rank else 0.0
        bits = sum(-math.log2(shares.get(code, floor)) for code in shown)
        own[step.person] += (gain, rank > 0, bits, len(shown))
        count[step.person] += 1
        rows += [step.person] * len(shown)
        columns += [places[code] for code in shown]
    ndcg, hits = own[:, 0] / count, own[:, 1] / count
    once = (own[:, 1] > 0).astype(float)
    shape = (people, len(places))
    exposed = sparse.coo_matrix((np.ones(len(rows)), (rows, columns)), shape).tocsr()
    figures = {
        name: _interval(float(values.mean()), drawn @ values / people)
        for name, values in (("ndcg", ndcg), ("recall", hits), ("hit_rate", once))
    }
    shown_n = np.maximum(drawn @ own[:, 3], 1.0)
    figures["novelty"] = _interval(
        float(own[:, 2].sum() / max(own[:, 3].sum(), 1.0)), drawn @ own[:, 2] / shown_n
    )
    figures |= _spread(exposed, drawn)
    hit_share = float(own[:, 1].sum() / count.sum())
    return TrialFigures(method, people, len(steps), figures, hit_share, None, ndcg)


def _spread(exposed: Any, drawn: Floats) -> dict[str, Interval]:
    """Coverage, and the Gini index of how often each item of the catalogue was shown."""
    whole = np.asarray(exposed.sum(0)).ravel()
    coverage, gini = [], []
    for draw in drawn[: DRAWS // 5]:  # the whole catalogue each time: fewer draws do
        times = np.asarray(exposed.T @ draw)
        coverage.append(float((times > 0).mean()))
        gini.append(gini_of(times))
    return {
        "coverage": _interval(float((whole > 0).mean()), np.array(coverage)),
        "gini": _interval(gini_of(whole), np.array(gini)),
    }


def gini_of(times: Floats) -> float:
    """Return the Gini index: 0 where everything is shown as often, towards 1 where one item is."""
    ordered = np.sort(times)
    total = float(ordered.sum())
    if not total:
        return 0.0
    size = len(ordered)
    return float((2 * np.arange(1, size + 1) - size - 1) @ ordered / (size * total))


def _interval(value: float, draws: Floats) -> Interval:
    low, high = np.quantile(draws, [0.025, 0.975])
    return (value, min(float(low), value), max(float(high), value))


def _beside(one: TrialFigures, other: Floats, drawn: Floats) -> TrialFigures:
    return TrialFigures(
        one.method, one.people, one.steps, one.figures, one.hits,
        difference(one.per_person, other, drawn), one.per_person,
    )  # fmt: skip


def difference(one: Floats, other: Floats, drawn: Floats) -> Interval:
    """Return the mean difference of two methods over the same people, with its interval."""
    own = one - other
    return _interval(float(own.mean()), drawn @ own / len(own))


def paired(one: TrialFigures, other: TrialFigures, *, seed: int = 0) -> Interval:
    """Return by how much the nDCG of the first is above that of the second, with its interval."""
    people = len(one.per_person)
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(people, np.full(people, 1 / people), size=DRAWS).astype(np.float64)
    return difference(one.per_person, other.per_person, drawn)


def surely_above(
    found: Sequence[TrialFigures], methods: Sequence[str], *, seed: int = 0
) -> dict[str, Interval]:
    """Return the methods that are surely above popularity, each with its simultaneous interval.

    Of five methods that are no better, one in ten trials would find one whose own interval lies
    above zero. So all are judged together: with 97.5 % none is called above that is not.

    Source: Romano and Wolf, Econometrica 73 (2005), the step-down of the largest studentized
    difference over the same bootstrap draws for all.
    """
    known = {one.method: one for one in found}
    popular = known.get(POPULAR)
    names = [name for name in methods if name in known and name != POPULAR]
    if popular is None or not names or len(popular.per_person) < FEWEST:
        return {}
    people = len(popular.per_person)
    own = np.array([known[name].per_person - popular.per_person for name in names])
    drawn = np.random.default_rng(seed).multinomial(people, np.full(people, 1 / people), size=DRAWS)
    means = own.mean(1)
    moved = drawn @ own.T / people - means
    errors = np.maximum(moved.std(0), 1e-12)
    ahead = means / errors
    left = np.ones(len(names), bool)
    above: dict[str, Interval] = {}
    while left.any():
        bound = float(np.quantile((moved / errors)[:, left].max(1), SURE))
        new = left & (ahead > bound)
        if not new.any():
            break
        for place in np.flatnonzero(new):
            mean, half = float(means[place]), bound * float(errors[place])
            above[names[place]] = (mean, mean - half, mean + half)
        left &= ~new
    return above


def winner(found: Sequence[TrialFigures], methods: Sequence[str]) -> tuple[str, str]:
    """Return which of the methods serves, and why in a sentence.

    The best nDCG serves if it is surely above popularity, though several were tried. Trees have to
    be surely above what followed the last item too: they take a hundred times as long to learn.
    """
    known = {one.method: one for one in found}
    tried = [known[method] for method in methods if method in known and method != POPULAR]
    people = max((one.people for one in found), default=0)
    if people < FEWEST:
        return POPULAR, (
            f"Only {people} people could be followed into days that nothing had learned from; "
            f"{FEWEST} are needed. What is popular serves until then."
        )
    above = surely_above(found, methods)
    best = sorted(tried, key=lambda one: (-one.ndcg, methods.index(one.method)))
    simple = known.get("followed_by")
    for one in best:
        if one.method not in above:
            continue
        if one.method == "session" and simple is not None and paired(one, simple)[1] <= 0:
            continue
        mean, low, high = above[one.method]
        return one.method, (
            f"Best on {one.steps:,} steps of {one.people:,} people after the cut: nDCG@{K} "
            f"{one.ndcg:.4f}, above what is popular by {mean:.4f} ({low:.4f} to {high:.4f}, with "
            f"{len(tried)} methods tried)."
        )
    return POPULAR, "No method was surely better than what is popular, so that serves."
