"""Lists for everybody at once, out of one training: the part without a database. Workers only."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from apps.recommendations.domain import alike
from apps.recommendations.domain.factorising import best_for, everybody
from apps.recommendations.domain.kernel import DAY_S, strength_of_age
from apps.recommendations.domain.seen import ItemFacts, Seen, facts_in_order, strengths_of
from apps.recommendations.domain.shelf import ALS, WHY
from apps.recommendations.domain.trials import MET
from apps.recommendations.methods import Learned

LENGTH: Final = 20
CHOSEN_FROM: Final = 60  # of which so many are left by filters, and made different
AT_ONCE: Final = 2_000

Listing = list[tuple[str, float, str]]


def lists_of(
    seen: Seen,
    facts: Mapping[str, ItemFacts],
    learned: Learned,
    *,
    as_of_s: float,
    diversity: float = 0.0,
    leaves_seen_out: bool = False,
    left_out: Mapping[int, frozenset[str]] | None = None,
) -> Iterator[tuple[list[int], list[Listing]]]:
    """Yield places of people and the list of each, LENGTH items at most, a few thousand at a time.

    Items that are not offered are on no list.
    """
    shared = facts_in_order(seen, facts)
    withheld = frozenset(
        code for code, one in zip(seen.codes, shared, strict=True) if not one.is_offered
    )
    bought = left_out or {}
    looks = _looks(shared)
    places = {code: place for place, code in enumerate(seen.codes)}
    chosen = _by_kernel if learned.method == ALS and learned.kernel is not None else _by_lists
    for people, found in chosen(seen, learned, as_of_s, leaves_seen_out, withheld, bought):
        if diversity > 0:
            found = _diverse(found, places, looks, 1.0 - diversity)
        yield people, [own[:LENGTH] for own in found]


_Found = Iterator[tuple[list[int], list[Listing]]]


def _by_kernel(
    seen: Seen,
    learned: Learned,
    as_of_s: float,
    leaves_seen_out: bool,
    withheld: frozenset[str],
    bought: Mapping[int, frozenset[str]],
) -> _Found:
    """By everything that somebody has met, not by the newest items alone."""
    vectors = learned.kernel
    assert vectors is not None
    strengths = strengths_of(seen, float(learned.params["half_life_days"]), as_of_s)
    why, codes = WHY[ALS], seen.codes
    for begin in range(0, seen.people, AT_ONCE):
        people = list(range(begin, min(begin + AT_ONCE, seen.people)))
        met = strengths[people[0] : people[-1] + 1]
        rows = everybody(met, vectors, float(learned.params["alpha"]))
        never = met if leaves_seen_out else met * 0
        if not leaves_seen_out:
            never.eliminate_zeros()
        items, scores = best_for(rows, vectors, never, CHOSEN_FROM)
        found = []
        for person, own, of_own in zip(people, items.tolist(), scores.tolist(), strict=True):
            out = withheld | bought.get(person, frozenset())
            found.append(
                [
                    (codes[item], float(f"{score:.6g}"), why)
                    for item, score in zip(own, of_own, strict=True)
                    if item >= 0 and score > 0 and codes[item] not in out
                ]
            )
        yield people, found


def _by_lists(
    seen: Seen,
    learned: Learned,
    as_of_s: float,
    leaves_seen_out: bool,
    withheld: frozenset[str],
    bought: Mapping[int, frozenset[str]],
) -> _Found:
    """By the newest items that somebody has met, as a decision would."""
    shelf, half_life = learned.shelf(), float(learned.params["half_life_days"])
    order = np.lexsort((np.arange(len(seen)), -seen.at_s, seen.person))
    begins = np.searchsorted(seen.person[order], np.arange(seen.people + 1))
    for begin in range(0, seen.people, AT_ONCE):
        people = list(range(begin, min(begin + AT_ONCE, seen.people)))
        found = []
        for person in people:
            rows = order[begins[person] : begins[person + 1]]
            met: dict[str, float] = {}
            for row in rows.tolist():
                age = (as_of_s - float(seen.at_s[row])) / DAY_S
                met.setdefault(seen.codes[seen.item[row]], strength_of_age(age, half_life))
            newest = list(met.items())[:MET]
            out = withheld | bought.get(person, frozenset())
            if leaves_seen_out:
                out |= met.keys()
            found.append(shelf.chosen(newest, CHOSEN_FROM, without=out))
        yield people, found


def _looks(facts: Sequence[ItemFacts]) -> NDArray[np.int64]:
    """Category and price band of each item as numbers; -1, -2, ...: not known, so like no other."""
    categories = {name: place for place, name in enumerate(sorted({f.category for f in facts}))}
    bands = alike.bands([one.price for one in facts])
    return np.array(
        [
            (categories[one.category] if one.category else -1 - place,
             -1 - place if band is None else band)
            for place, (one, band) in enumerate(zip(facts, bands, strict=True))
        ],
        np.int64,
    ).reshape(-1, 2)  # fmt: skip


def _diverse(
    lists: list[Listing], places: Mapping[str, int], looks: NDArray[np.int64], weight: float
) -> list[Listing]:
    """Maximal marginal relevance for many lists at once; likeness by category and price band."""
    most = max((len(own) for own in lists), default=0)
    if most < 3:
        return lists
    item = np.full((len(lists), most), -1)
    relevance = np.full((len(lists), most), -np.inf)
    for row, own in enumerate(lists):
        if own:
            best = max(score for _, score, _ in own) or 1.0
            item[row, : len(own)] = [places[code] for code, *_ in own]
            relevance[row, : len(own)] = [score / best for _, score, _ in own]
    own_looks = looks[np.maximum(item, 0)]
    share = np.array([alike.CATEGORY, alike.PRICE]) / (alike.CATEGORY + alike.PRICE)
    nearest = np.zeros(item.shape)
    left = item >= 0
    rows = np.arange(len(lists))
    picked = []
    for _ in range(min(LENGTH, most)):
        worth = np.where(left, weight * relevance - (1 - weight) * nearest, -np.inf)
        best_place = worth.argmax(1)
        picked.append(np.where(left.any(1), best_place, -1))
        left[rows, best_place] = False
        same = own_looks == own_looks[rows, best_place][:, None, :]
        nearest = np.maximum(nearest, same @ share)
    order = np.stack(picked, 1).tolist()
    return [
        [own[place] for place in chosen if place >= 0]
        for own, chosen in zip(lists, order, strict=True)
    ]
