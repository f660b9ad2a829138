"""What a list may hold for one person: filters, exploring places, mixing, folding in."""

from collections import Counter
from uuid import uuid4

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from apps.recommendations import choosing
from apps.recommendations.choosing import Chosen, Filters, ForSegment, kept_from, parsed
from apps.recommendations.domain.factorising import Hyperparameters, factorise
from apps.recommendations.domain.followers import Ranked
from apps.recommendations.tables import Catalogue, Learned, Row, Settings, Table

POPULAR: Ranked = [(f"P{n}", 0.5 - n / 100) for n in range(30)]
EVERYTHING = {
    "bought": 30,
    "seen": True,
    "current": False,
    "only": [{"segment": "staff", "items": ["A1"]}],
    "never": [{"segment": "vip", "categories": ["sale"]}],
}


def table(method: str = "followed_by", *rows: Row, **settings: object) -> Table:
    params = {"new": ["N1", "N2"]}
    learned = Learned(rows, POPULAR, method, params)
    return Table(uuid4(), learned=learned, settings=Settings(**settings))  # type: ignore[arg-type]


def codes(found: list[Chosen]) -> list[str]:
    return [one.code for one in found]


def test_filters_are_read_as_they_were_written():
    assert parsed(EVERYTHING) == Filters(
        30,
        True,
        False,
        (ForSegment("staff", items=frozenset({"A1"})),),
        (ForSegment("vip", frozenset({"sale"})),),
    )
    assert parsed({}) == Filters(None, seen=False, current=True)
    assert parsed(EVERYTHING).segments == {"staff", "vip"}


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ([], "Filters are an object."),
        ({"brought": 1}, "There is no filter “brought”."),
        ({"bought": True}, "bought: a number of days from 1 to 3650, or false."),
        ({"bought": 0}, "bought: a number of days from 1 to 3650, or false."),
        ({"seen": 1}, "seen: true or false."),
        ({"only": {}}, "only: a list."),
        ({"only": ["vip"]}, "only: each says which segment."),
        ({"never": [{"segment": "vip"}]}, "never: name at least one category or item for “vip”."),
        ({"never": [{"segment": "vip", "items": "A1"}]}, "never: items are a list of texts."),
    ],
    ids=[
        "no object", "unknown", "bought is true", "no day", "a number", "no list", "no segment",
        "nothing named", "no list of items",
    ],
)  # fmt: skip
def test_a_filter_that_cannot_be_read_says_why(document, said):
    with pytest.raises(ValueError, match="^" + said.replace(".", r"\.") + "$"):
        parsed(document)


def test_what_was_bought_comes_back_with_its_window_and_with_its_return():
    bought = {"old": 100, "fresh": 900_000, "returned": -900_000}
    kept = kept_from(
        Filters(bought_days=1), bought=bought, seen=(), inside=(), category_of={}, now_s=950_000
    )
    assert "fresh" in kept
    assert "old" not in kept
    assert "returned" not in kept


def test_what_is_for_members_alone_is_kept_from_all_others_and_from_nobody():
    filters = Filters(
        only=(ForSegment("staff", frozenset({"samples"}), frozenset({"A1"})),),
        never=(ForSegment("vip", frozenset({"sale"})),),
    )
    category_of = {"S1": "samples", "C1": "sale"}

    def kept(*inside: str) -> list[str]:
        found = kept_from(
            filters, bought={}, seen=(), inside=inside, category_of=category_of, now_s=0
        )
        return [code for code in ("A1", "S1", "C1", "X") if code in found]

    assert kept() == ["A1", "S1"]
    assert kept("staff") == []
    assert kept("vip") == ["A1", "S1", "C1"]
    assert kept("staff", "vip") == ["C1"]


def test_a_list_is_rather_short_than_filled_with_what_is_filtered():
    small = Table(uuid4(), {"A": [("B", 0.6), ("C", 0.4)]}, [("C", 0.5), ("D", 0.3), ("A", 0.2)])
    assert codes(small.choose([("A", 1.0)], 10, exclude={"C"}, current="A")) == ["B", "D"]
    assert small.choose([("A", 1.0)], 0) == []


def test_the_item_looked_at_is_not_shown_again_unless_the_filter_says_so():
    rows = (Row("A", "", "followed_by", [("A", 0.6), ("B", 0.4)], None),)
    met = [("A", 1.0)]
    assert codes(table("followed_by", *rows).choose(met, 1, current="A")) == ["B"]
    again = table("followed_by", *rows, filters=Filters(current=False))
    assert codes(again.choose(met, 1, current="A")) == ["A"]


def test_what_is_withheld_is_in_no_list():
    found = Table(
        uuid4(), {"A": [("B", 1.0)]}, POPULAR, catalogue=Catalogue(frozenset({"B", "P0"}))
    ).choose([("A", 1.0)], 2)
    assert codes(found) == ["P1", "P2"]


def test_a_pair_of_items_tells_more_than_the_last_one():
    rows = (
        Row("B", "", "session", [("X", 0.9)], None),
        Row("B", "A", "session", [("Y", 0.8)], None),
    )
    session = table("session", *rows)
    assert codes(session.choose([("B", 1.0), ("A", 1.0)], 1)) == ["Y"]
    assert codes(session.choose([("B", 1.0), ("C", 1.0)], 1)) == ["X"]
    assert session.choose([("B", 1.0)], 1)[0].why == "followed_by"


def test_an_item_that_the_method_does_not_know_yet_brings_what_is_like_it():
    rows = (
        Row("A", "", "als", [("B", 0.4)], [1.0, 0.0]),
        Row("B", "", "als", [("A", 0.4)], [0.4, 0.2]),
        Row("fresh", "", "content", [("F1", 0.9)], None),
    )
    als = table("als", *rows)
    assert [(one.code, one.why) for one in als.choose([("fresh", 1.0)], 2)] == [
        ("F1", "like_this"),
        ("P0", "popular"),
    ]
    met = [("fresh", 1.0), ("A", 1.0)]
    assert [(one.code, one.why) for one in als.choose(met, 2, current="fresh")] == [
        ("B", "liked_by_like_minded"),
        ("F1", "like_this"),
    ]


def test_everybody_else_gets_what_is_popular_and_then_what_is_new():
    found = table().choose([], 32)
    assert {one.why for one in found[:30]} == {"popular"}
    assert [(one.code, one.why) for one in found[30:]] == [("N1", "new"), ("N2", "new")]


def test_neighbours_of_all_that_was_met_are_added_up():
    rows = (
        Row("A", "", "neighbours", [("X", 0.5), ("Y", 0.4)], None),
        Row("B", "", "neighbours", [("Y", 0.4), ("Z", 0.3)], None),
    )
    found = table("neighbours", *rows).choose([("A", 1.0), ("B", 1.0)], 3)
    assert codes(found) == ["Y", "X", "Z"]
    assert {one.why for one in found} == {"similar"}


def test_folding_in_finds_nearly_the_twenty_items_that_a_training_would():
    rng = np.random.default_rng(7)
    people, items = 600, 300
    taste, kind = rng.integers(0, 6, people), rng.integers(0, 6, items)
    liking = np.where(kind[None, :] == taste[:, None], 0.12, 0.01)
    met = sparse.csr_matrix((rng.random((people, items)) < liking).astype(float))
    by = Hyperparameters(factors=8)
    factors = factorise(met, by)
    gram = np.linalg.inv(factors.items.T @ factors.items + by.ridge * np.eye(by.factors))
    vectors = factors.items @ np.linalg.cholesky(gram)
    near = vectors @ vectors.T
    rows = []
    for item in range(items):
        others = [int(j) for j in np.argsort(-near[item]) if j != item][:200]
        ranked = [(f"i{j}", float(near[item, j])) for j in others]
        rows.append(Row(f"i{item}", "", "als", ranked, vectors[item].tolist()))
    served = Table(uuid4(), learned=Learned(rows, POPULAR, "als", {"alpha": by.alpha}))
    shares = []
    for person in range(100):
        own = met[person].indices[:5]
        if not len(own):
            continue
        scores = factors.items @ factors.folded_in(own, np.ones(len(own)))
        scores[own] = -np.inf
        wanted = {f"i{j}" for j in np.argsort(-scores)[:20]}
        seen = {f"i{j}" for j in own}
        found = served.choose([(code, 1.0) for code in seen], 20, exclude=seen)
        assert found[0].score == pytest.approx(scores.max(), abs=1e-9)
        shares.append(len(wanted & set(codes(found))) / 20)
    assert np.mean(shares) >= 0.95


def test_an_exploring_list_changes_one_place_and_says_how_probable_each_item_was():
    exploring = table(exploration=0.4)
    seeds = [f"unit{n}|home|7" for n in range(4_000)]
    lists = [exploring.choose([], 5, seed=seed) for seed in seeds]
    plain = codes(exploring.choose([], 5))
    explored = [one for one in lists if codes(one) != plain]
    assert 0.37 < len(explored) / len(lists) < 0.43
    for one in lists:
        swapped = [n for n, item in enumerate(one) if item.why == "exploring"]
        assert len(swapped) <= 1
        assert all(one[n].code == plain[n] for n in range(5) if n not in swapped)
        # Twenty items for one of five places in 40 % of lists.
        assert {item.p for item in one if item.why == "exploring"} <= {0.4 / 5 / 20}
        assert {item.p for item in one if item.why != "exploring"} == {1 - 0.4 / 5}
    places = Counter(n for one in explored for n in range(5) if one[n].why == "exploring")
    assert all(0.15 < places[n] / len(explored) < 0.25 for n in range(5))
    others = Counter(one[n].code for one in explored for n in range(5) if one[n].code != plain[n])
    assert set(others) == {f"P{n}" for n in range(5, 25)}


def test_the_same_person_place_and_hour_explore_alike_and_without_a_seed_nobody_does():
    exploring = table(exploration=0.5)
    seeds = [f"unit{n}|home|7" for n in range(50)]
    assert [exploring.choose([], 5, seed=one) for one in seeds] == [
        exploring.choose([], 5, seed=one) for one in seeds
    ]
    assert {one.p for one in exploring.choose([], 5)} == {1.0}


def test_where_nothing_is_left_to_explore_the_list_is_certain():
    small = Table(uuid4(), {}, [("A", 0.6), ("B", 0.4)], settings=Settings(exploration=0.5))
    assert [(one.code, one.p) for one in small.choose([], 5, seed="s")] == [("A", 1.0), ("B", 1.0)]


def test_mixing_puts_something_of_another_category_beside_more_of_the_same():
    ranked = [("A1", 1.0), ("A2", 0.9), ("A3", 0.8), ("B1", 0.7)]
    sorts = {"A1": "a", "A2": "a", "A3": "a", "B1": "b"}
    assert [code for code, _ in choosing.spread(ranked, sorts, 0.3, 4)] == ["A1", "B1", "A2", "A3"]
    assert choosing.spread(ranked, sorts, 0.0, 4) == ranked
    assert choosing.spread(ranked, {}, 0.3, 4) == ranked


@given(
    popular=st.lists(st.sampled_from("ABCDEFGHIJ"), unique=True),
    followers=st.lists(st.sampled_from("ABCDEFGHIJ"), unique=True),
    withheld=st.frozensets(st.sampled_from("ABCDEFGHIJ")),
    exclude=st.frozensets(st.sampled_from("ABCDEFGHIJ")),
    method=st.sampled_from(["followed_by", "session", "neighbours", "content", "popular"]),
    exploration=st.sampled_from([0.0, 0.5]),
    count=st.integers(0, 12),
)
def test_no_method_shows_what_is_filtered_nor_anything_twice(
    popular, followers, withheld, exclude, method, exploration, count
):
    def ranked(items: list[str]) -> Ranked:
        return [(code, 1.0 / (place + 1)) for place, code in enumerate(items)]

    rows = [Row("A", "", method, ranked(followers), None)]
    found = Table(
        uuid4(),
        learned=Learned(rows, ranked(popular), method, {"new": ["J"]}),
        settings=Settings(exploration=exploration),
        catalogue=Catalogue(withheld),
    ).choose([("A", 1.0)], count, exclude=exclude, current="A", seed="somebody")
    shown = codes(found)
    assert len(set(shown)) == len(shown) <= count
    assert not set(shown) & (withheld | exclude | {"A"})
    offered = {*popular, *followers, "J"} - withheld - exclude - {"A"}
    if method == "popular":
        offered = {*popular, *followers, "J"} - withheld - exclude - {"A"}
    assert len(shown) == min(count, len(offered))
    assert all(one.why in choosing.WORDS for one in found)
