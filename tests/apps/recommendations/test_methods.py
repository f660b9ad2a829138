"""What each method learns: tastes, the order of visits, items nobody has met; bit for bit."""

from dataclasses import replace

import numpy as np
import pytest

from apps.recommendations.domain import session_ranking
from apps.recommendations.domain.factorising import everybody, factorise, kernel_of
from apps.recommendations.domain.seen import ItemFacts, Seen, pairs_of, strengths_of
from apps.recommendations.methods import METHODS, Params, learn

DAY = 86_400.0
SMALL = Params(
    session=session_ranking.Settings(trees=30, leaves=7, least_rows=20), pair_least=5
)  # fmt: skip


def walks(people: int = 400, items: int = 30, seed: int = 5) -> Seen:
    """Visits of six steps. After item n comes n + 1, but n + 2 for who came by way of n - 1."""
    rng = np.random.default_rng(seed)
    rows = []
    for person in range(people):
        at = rng.integers(0, 30) * DAY
        item = int(rng.integers(items))
        before = -9
        for step in range(6):
            rows.append((person, person, item, at + 30.0 * step))
            jump = 2 if before == item - 1 else 1
            if rng.random() < 0.2:
                jump = int(rng.integers(items))
            before, item = item, (item + jump) % items
    person_, device, item_, at_ = (np.array(own) for own in zip(*rows, strict=True))
    count = len(rows)
    return Seen(
        person_.astype(np.int32), device.astype(np.int32), item_.astype(np.int32),
        at_.astype(float), np.ones(count), np.ones(count, bool),
        [f"P{number:02d}" for number in range(items)], people,
    )  # fmt: skip


FACTS = {
    f"P{number:02d}": ItemFacts(f"kind {number % 3}", f"word{number % 5} all", float(number))
    for number in range(30)
}


@pytest.mark.parametrize("method", METHODS)
def test_two_trainings_on_the_same_events_give_the_same_lists_bit_for_bit(method):
    seen = walks()
    one, other = (
        learn(method, data, FACTS, SMALL, as_of_s=31 * DAY)
        for data in (seen, replace(seen, weight=seen.weight.copy()))
    )
    assert one.sha256 == other.sha256 and one.rows == other.rows
    assert seen.digest() == replace(seen, item=seen.item.copy()).digest()
    assert seen.digest() != seen.until(15 * DAY).digest()


@pytest.mark.parametrize("method", METHODS)
def test_every_method_recommends_to_whoever_has_met_something_and_to_whoever_has_not(method):
    shelf = learn(method, walks(), FACTS, SMALL, as_of_s=31 * DAY).shelf()
    for met in ([], [("P03", 1.0)], [("P04", 1.0), ("P03", 0.5)], [("unheard of", 1.0)]):
        shown = shelf.chosen(met, 10, without={"P05"})
        assert len(shown) == 10
        assert len({code for code, *_ in shown}) == 10
        assert "P05" not in {code for code, *_ in shown}
        assert all(why for *_, why in shown)


def test_followers_are_counted_and_the_session_method_knows_where_somebody_came_from():
    seen = walks()
    followed = learn("followed_by", seen, FACTS, SMALL, as_of_s=31 * DAY)
    assert {code for code, _ in followed.lists["P10"][:2]} == {"P11", "P12"}
    session = learn("session", seen, FACTS, SMALL, as_of_s=31 * DAY).shelf()
    assert session.chosen([("P10", 1.0), ("P09", 1.0)], 1)[0][0] == "P12"
    assert session.chosen([("P10", 1.0), ("P08", 1.0)], 1)[0][0] == "P11"
    rows = learn("session", seen, FACTS, SMALL, as_of_s=31 * DAY).rows
    assert any(row.previous for row in rows)
    assert all(
        values == sorted(values, reverse=True)
        for row in rows
        if row.method == "session"
        for values in [[value for _, value in row.ranked]]
    )


def test_the_session_method_says_when_there_is_too_little():
    with pytest.raises(ValueError, match="too few: trees need 1,000"):
        learn("session", walks(people=20), FACTS, SMALL, as_of_s=31 * DAY)


def test_a_fold_sees_no_count_of_its_own():
    seen = walks(people=100)
    steps = session_ranking.steps_of(seen, pairs_of(seen, 1800.0))
    known = session_ranking.known_of(steps, [FACTS[code] for code in seen.codes], seen.codes)
    own = steps.person == 7
    others = ~(steps.person % session_ranking.FOLDS == 7 % session_ranking.FOLDS)
    key = steps.last[own][0] * 30 + steps.following[own][0]
    expected = int(((steps.last * 30 + steps.following)[others] == key).sum())
    fold = np.array([7 % session_ranking.FOLDS])
    assert known.after.of(np.array([key]), fold)[0] == expected


def test_a_new_item_has_a_list_of_what_is_like_it_and_is_listed_as_new():
    facts = FACTS | {
        "new": ItemFacts("kind 1", "word1 all", 4.0, first_seen_s=30 * DAY),
        "gone": ItemFacts("kind 1", "word1 all", 4.0, first_seen_s=30 * DAY, is_offered=False),
    }
    seen = walks()
    seen = replace(seen, codes=[*seen.codes, "gone", "new"])
    for method in ("followed_by", "als", "neighbours", "content"):
        learned = learn(method, seen, facts, SMALL, as_of_s=31 * DAY)
        row = next(row for row in learned.rows if row.item == "new")
        assert row.method == "content"
        best = row.ranked[0][0]
        assert facts[best].category == "kind 1" and "gone" not in dict(row.ranked)
        assert learned.params["new"] == ["new"]
        assert learned.shelf().chosen([("new", 1.0)], 1)[0][2] == "like_this"


def test_what_is_popular_fades_by_half_in_a_half_life():
    at = np.array([0.0, 0.0, 0.0, 20 * DAY, 20 * DAY])
    seen = Seen(
        np.arange(5, dtype=np.int32), np.arange(5, dtype=np.int32),
        np.array([0, 0, 0, 1, 1], np.int32), at, np.ones(5), np.ones(5, bool), ["A", "B"], 5,
    )  # fmt: skip
    quick = learn("popular", seen, {}, Params(half_life_days=10), as_of_s=20 * DAY)
    assert quick.popular == [("B", round(2 / 2.75, 6)), ("A", round(0.75 / 2.75, 6))]
    slow = learn("popular", seen, {}, Params(half_life_days=1e6), as_of_s=20 * DAY)
    assert [code for code, _ in slow.popular] == ["A", "B"]


def test_diversity_brings_other_kinds_up_and_loses_nothing():
    seen = walks()
    plain = learn("followed_by", seen, FACTS, SMALL, as_of_s=31 * DAY).lists
    mixed = learn("followed_by", seen, FACTS, replace(SMALL, diversity=0.7), as_of_s=31 * DAY).lists

    def kinds(lists: dict) -> float:
        firsts = [[FACTS[code].category for code, _ in own[:4]] for own in lists.values()]
        return float(np.mean([len(set(own)) for own in firsts]))

    assert kinds(mixed) > kinds(plain)
    for item, own in plain.items():
        assert sorted(own) == sorted(mixed[item])
        assert own[0] == mixed[item][0]


def test_lists_of_a_kernel_score_somebody_new_as_a_training_with_them_would():
    """The lists hold everything here, so nothing but rounding is between the two."""
    seen = walks(items=30)
    learned = learn("als", seen, {}, SMALL, as_of_s=31 * DAY)
    factors = factorise(strengths_of(seen, SMALL.half_life_days, 31 * DAY), SMALL.factors)
    met, liked = [3, 4, 17], [1.0, 0.4, 0.7]
    wanted = factors.items @ factors.folded_in(np.array(met), np.array(liked))
    wanted[met] = -np.inf
    codes = [seen.codes[item] for item in met]
    shown = learned.shelf().chosen(list(zip(codes, liked, strict=True)), 10, without=set(codes))
    best = [seen.codes[item] for item in np.argsort(-wanted)[:10]]
    assert len({code for code, *_ in shown} & set(best)) >= 9
    rows = strengths_of(seen, SMALL.half_life_days, 31 * DAY)
    everyone = everybody(rows, kernel_of(factors), SMALL.factors.alpha) @ kernel_of(factors).T
    assert np.allclose(everyone[5], factors.scores(5))
