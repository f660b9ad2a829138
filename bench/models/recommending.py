"""Recommenders: how long everybody's lists take, and how good they are on real clicks and reads.

The e-shop's clicks are in the project. Deskdrop's reads are not (their licence wants them apart):
they are judged where ATTUNE_DATA names a directory with `deskdrop/interactions.csv.gz`, and the
part says so where they are missing.
"""

import os
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import numpy as np
from scipy import sparse

from bench.models import recommending_data as data
from bench.report import Bar
from bench.segments.parts import django_on_servers

NOW: Final = datetime(2026, 6, 15, 13, 0, tzinfo=UTC)
ROUNDS: Final = 3


def measure(quick: bool) -> tuple[list[Bar], dict[str, Any]]:
    """Return the bars and the figures behind them."""
    with django_on_servers():
        clicked, found = _eshop()
        read, known = _deskdrop()
        quickly, took = _speed(quick)
    return [*clicked, *read, *quickly], {"eshop": found, "deskdrop": known, "speed": took}


def _eshop() -> tuple[list[Bar], dict[str, Any]]:
    """Learn from April and May through the tables; ask what serves of every step of June."""
    from apps.recommendations import selectors, training
    from apps.recommendations.models import Recommender

    clicks = data.eshop()
    site_id = data.make_eshop(clicks, now=NOW)
    last_click = clicks.hits_of_last_category()
    found: dict[str, Any] = {"steps": len(clicks.asked), "category_of_last_click": last_click}
    for method in ("followed_by", "neighbours", "als", "content", "popular", "session"):
        recommender = Recommender.objects.create(
            site_id=site_id, key=method, name=method, kind=method, filters={"current": False}
        )
        began = time.monotonic()
        training.train(recommender_id=recommender.pk, now=NOW)
        seconds = time.monotonic() - began
        table = selectors.refresh(site_id)[method]
        hits = categories = 0
        for previous, last, following in clicks.asked:
            met = [(last, 1.0), *([(previous, 1.0)] if previous else [])]
            shown = [one.code for one in table.choose(met, 10)]
            hits += following in shown
            likeliest = data.likeliest_category(shown, clicks.category)
            categories += likeliest == clicks.category[following]
        steps = len(clicks.asked)
        found[method] = {
            "among_ten": hits / steps, "category": categories / steps, "seconds": seconds,
        }  # fmt: skip
    learned = [one for one in found.values() if isinstance(one, dict)]
    best = max(one["among_ten"] for one in learned)
    category = max(last_click, *(one["category"] for one in learned))
    bars = [
        Bar("e-shop, June: next product among ten", 100 * best, 54.0, False, "%"),
        Bar("e-shop, June: next category", 100 * category, 80.8, False, "%"),
    ]
    return bars, found


def _deskdrop() -> tuple[list[Bar], Any]:
    home = os.environ.get("ATTUNE_DATA", "")
    path = Path(home) / "deskdrop" / "interactions.csv.gz"
    if not home or not path.exists():
        return [], "skipped: ATTUNE_DATA names no directory with deskdrop/interactions.csv.gz"
    reads = data.deskdrop(path)
    recall = _random_split(reads)
    judged, differences, winner = _time_split(reads)
    # Popularity as the data set's own protocol has it: of all time. Fading popularity is a method.
    beside = judged[winner]["ndcg"][0] / judged["ever_popular"]["ndcg"][0]
    bars = [
        Bar("Deskdrop, random split: recall@5 of ALS", recall["als"], 0.33, False, ""),
        Bar(
            "Deskdrop, time split: served, times the nDCG of plain popularity",
            beside,
            1.0,
            False,
            "x",
        ),
    ]
    whole = {
        "random": recall, "time": judged, "over_popular": differences, "served": winner,
        "future_of_each_reader": _futures(reads),
    }  # fmt: skip
    return bars, whole


def _random_split(reads: data.Reads) -> dict[str, float]:
    """The notebook's protocol: four fifths taught, each held-out read ranked among 100 unread."""
    from apps.recommendations.domain.factorising import Hyperparameters, factorise
    from apps.recommendations.domain.neighbours import scores, similar_items

    strengths = data.strengths(reads)
    enough = np.flatnonzero(np.diff(strengths.indptr) >= 5)
    rows = sparse.csr_matrix(strengths[enough])
    rng = np.random.default_rng(42)
    taught, held = data.split(rows, rng)
    factors = factorise(taught, Hyperparameters())
    near = scores(similar_items(taught), taught).toarray()
    popular = np.asarray(taught.sum(0)).ravel()
    found = {"als": 0, "neighbours": 0, "popular": 0}
    total = 0
    for person, items in enumerate(held):
        touched = set(rows[person].indices.tolist())
        unread = np.array([item for item in range(rows.shape[1]) if item not in touched])
        own = {"als": factors.scores(person), "neighbours": near[person], "popular": popular}
        for item in items:
            others = rng.choice(unread, 100, replace=False)
            total += 1
            for name, values in own.items():
                found[name] += int((values[others] >= values[item]).sum() < 5)
    return {name: hits / total for name, hits in found.items()}


def _time_split(reads: data.Reads) -> tuple[dict[str, Any], dict[str, Any], str]:
    """What the product does: methods learn up to the cut and are asked step by step after it."""
    from apps.recommendations.comparing import CHOSEN_FROM, compared, cut_of
    from apps.recommendations.domain.trials import winner
    from apps.recommendations.methods import Params

    found = compared(
        reads.seen, {}, Params(), CHOSEN_FROM, cut_s=cut_of(reads.seen), most_steps=0, most_people=0
    )
    figures = {
        one.method: {"people": one.people, "steps": one.steps, **one.figures} for one in found.found
    }
    differences = {
        one.method: (0.0, 0.0, 0.0) if one.over_popular is None else one.over_popular
        for one in found.found
    }
    return figures, differences, winner(found.found, CHOSEN_FROM)[0]


def _futures(reads: data.Reads) -> dict[str, Any]:
    """One list for each reader at the cut, judged by everything new that was read afterwards."""
    from apps.recommendations.comparing import cut_of
    from apps.recommendations.domain.ranking import quality
    from apps.recommendations.everybody import lists_of
    from apps.recommendations.methods import Params, learn

    seen, cut_s = reads.seen, cut_of(reads.seen)
    before = seen.until(cut_s)
    known: Mapping[int, set[int]] = _by_person(before)
    after = seen.taken(seen.at_s > cut_s)
    future = {
        person: items - known.get(person, set())
        for person, items in _by_person(after).items()
        if person in known and items - known[person]
    }
    found = {}
    for method in ("popular", "als", "neighbours", "followed_by"):
        learned = learn(method, before, {}, Params(), as_of_s=cut_s)
        lists = _everybody(lists_of(before, {}, learned, as_of_s=cut_s, leaves_seen_out=True))
        people = sorted(future)
        relevant = [[seen.codes[item] for item in future[person]] for person in people]
        figures = quality(
            [lists.get(person, []) for person in people], relevant, 10, len(seen.codes)
        )
        found[method] = {"ndcg": figures.ndcg, "recall": figures.recall, "people": len(people)}
    return found


def _by_person(seen: Any) -> dict[int, set[int]]:
    found: defaultdict[int, set[int]] = defaultdict(set)
    for person, item in zip(seen.person.tolist(), seen.item.tolist(), strict=True):
        found[person].add(item)
    return dict(found)


def _everybody(parts: Any) -> dict[int, list[str]]:
    return {
        person: [code for code, *_ in own]
        for people, lists in parts
        for person, own in zip(people, lists, strict=True)
    }


def _speed(quick: bool) -> tuple[list[Bar], dict[str, Any]]:
    """Read, learn, write everybody's twenty: through the tables, by the training that is hourly."""
    from apps.recommendations import training
    from apps.recommendations.models import PersonList, Recommender

    people, items, events = (5_000, 500, 50_000) if quick else (100_000, 5_000, 1_000_000)
    site_id: UUID = data.make_shop(people, items, events, now=NOW)
    recommender = Recommender.objects.create(
        site_id=site_id, key="for-you", name="For you", kind="als", per_person=True,
        filters={"seen": True},
    )  # fmt: skip
    began = time.monotonic()
    training.train(recommender_id=recommender.pk, now=NOW)
    first = time.monotonic() - began
    seconds: list[float] = []
    processor: list[float] = []  # of this process; the database's comes on top
    stages: Sequence[Any] = []
    for number in range(1 if quick else ROUNDS):
        stages = []
        began, own_began = time.monotonic(), time.process_time()

        def told(
            done: int, total: int, note: str = "", began: float = began, own: Any = stages
        ) -> None:
            own.append((round(time.monotonic() - began, 1), note))

        later = NOW + timedelta(hours=1 + number)
        training.train(recommender_id=recommender.pk, now=later, progress=told)
        seconds.append(time.monotonic() - began)
        processor.append(time.process_time() - own_began)
    listed = PersonList.objects.count()
    assert listed > 0.9 * people, listed
    assert all(len(one.items) == 20 for one in PersonList.objects.all()[:100])
    name = f"train and list 20 for {people:,} people, {items:,} items"
    bar = Bar(name, sorted(seconds)[len(seconds) // 2], 60.0, True, "s")
    figures = {
        "seconds": seconds, "processor_s": processor, "with_trial": first, "listed": listed,
        "stages": stages,
    }  # fmt: skip
    return [bar], figures
