"""Groups that were planted are found, noise has none, and groups keep their names."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from apps.predictions.domain import grouping
from apps.predictions.domain.assigning import (
    Assigning,
    Circle,
    Scaling,
    circles,
    restored,
    scaling_of,
)
from apps.predictions.domain.grouping import METHODS, OWN_NUMBER, Method, renamed_after, search
from apps.predictions.domain.naming import differences, name_of
from apps.predictions.domain.surrogates import held, rounded, surrogate_of
from apps.predictions.domain.trajectories import trajectories


def blobs(groups: int = 4, each: int = 60, apart: float = 8.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(11)
    centers = rng.normal(size=(groups, 3))
    centers *= (
        apart
        / np.linalg.norm(centers[:, None] - centers[None], axis=2)[
            ~np.eye(groups, dtype=bool)
        ].min()
    )
    truth = np.repeat(np.arange(groups), each)
    return centers[truth] + rng.normal(size=(groups * each, 3)), truth


@pytest.mark.parametrize("method", METHODS)
def test_planted_groups_are_found(method: Method) -> None:
    rows, truth = blobs()
    found = search(rows, [3, 4, 5], [method])
    assert found.best is not None
    assert found.labels is not None
    assert found.best.found_k == found.labels.max() + 1 == 4
    assert adjusted_rand_score(truth, found.labels) >= 0.95


@pytest.mark.parametrize("method", METHODS)
def test_even_noise_has_no_clear_structure(method: Method) -> None:
    rows = np.random.default_rng(5).uniform(size=(300, 3))
    found = search(rows, [3, 4, 5], [method])
    assert found.best is None
    assert found.reason == grouping.NO_STRUCTURE
    assert len(found.tried) == (1 if method in OWN_NUMBER else 3)  # and all of it can be seen


def test_one_round_cloud_has_no_clear_structure() -> None:
    rows = np.random.default_rng(6).normal(size=(300, 4))
    assert search(rows, [2, 3, 4]).best is None


def test_one_heavy_tail_is_no_group() -> None:
    rng = np.random.default_rng(7)
    tail = np.column_stack([10 * rng.pareto(1.1, 800), rng.normal(size=(800, 4))])
    # How active people are spreads all counts alike: whoever does much does much of everything.
    counts = rng.poisson(rng.gamma(1.0, 5.0, (800, 1)) * rng.dirichlet(np.ones(6), 800))
    for raw in (tail, counts.astype(float)):
        scaling = scaling_of(raw, [0.0] * raw.shape[1])
        assert scaling is not None
        assert search(scaling.scaled(raw), [2, 3], ["kmeans", "mixture", "dbscan"]).best is None


def test_a_small_group_is_found_beside_large_ones() -> None:
    rng = np.random.default_rng(9)
    truth = rng.choice(4, 1_500, p=[0.5, 0.3, 0.16, 0.04])
    rows = 5.0 * rng.normal(size=(4, 6))[truth] + rng.normal(size=(1_500, 6))
    found = search(rows, [3, 4], ["kmeans", "mixture", "density"])
    assert found.labels is not None
    assert adjusted_rand_score(truth, found.labels) >= 0.95


def test_outliers_are_in_no_group() -> None:
    rows, truth = blobs()
    scaling = scaling_of(rows, [0.0] * 3)
    assert scaling is not None
    drawn = circles(scaling.scaled(rows), truth, is_round=True, seed=0)
    model = Assigning(("a", "b", "c"), scaling, drawn)
    own = np.asarray([int(one) if one else -1 for one in model.labels(rows)])
    assert adjusted_rand_score(truth, own) >= 0.95
    assert restored(model.text()).labels(rows) == model.labels(rows)
    middle = rows.mean(0, keepdims=True) * 50
    assert model.labels(middle) == [None]


@pytest.mark.parametrize(
    ("at", "before", "now"),
    [(4.9, "left", "left"), (5.1, "left", "left"), (5.1, "right", "right"),
     (5.4, "left", "right"), (5.1, None, "right"), (5.1, "gone", "right")],
)  # fmt: skip
def test_a_group_is_left_only_for_one_that_is_a_tenth_nearer(
    at: float, before: str | None, now: str
) -> None:
    plain = Scaling(((0, False, 0.0, 5.0, 2.0),), (0.0,), ((1.0,),))
    groups = (Circle("left", ((-2.5,),), 9.0), Circle("right", ((2.5,),), 9.0))
    assert Assigning(("a",), plain, groups).labels(np.array([[at]]), [before]) == [now]


def test_trends_tell_rising_from_fading() -> None:
    weeks = np.array([[0, 0, 0, 0, 1, 2, 4, 8], [8, 4, 2, 1, 0, 0, 0, 0], [0] * 8], float)
    rising, fading, nothing = trajectories(weeks)
    assert rising[0] > 0.5 > -0.5 > fading[0]
    assert (rising[1], fading[1]) == (0.0, 7.0)
    assert rising[2] == 4.0
    assert np.isnan(nothing).all()


def test_all_indices_of_all_numbers_are_told() -> None:
    rows, _ = blobs()
    for one in search(rows, [2, 3, 4]).tried:
        assert one.found.silhouette is not None
        assert one.found.calinski_harabasz is not None
        assert one.found.davies_bouldin is not None
        assert len(one.stability) == one.k


def test_equal_seeds_give_equal_groups() -> None:
    rows, _ = blobs()
    one, other = search(rows, [3, 4], seed=2), search(rows, [3, 4], seed=2)
    assert one.best is not None
    assert other.best is not None
    assert (one.labels == other.labels).all()
    assert one.best.stability == other.best.stability


def test_too_few_people_and_broken_rows_are_refused() -> None:
    assert search(np.zeros((30, 2)), [4]).reason == grouping.TOO_FEW
    with pytest.raises(ValueError, match="finite"):
        search(np.full((100, 2), np.inf), [2])


def test_groups_keep_their_names_through_a_refresh() -> None:
    before = {f"p{n}": "ABC"[n % 3] for n in range(90)}
    now = {f"p{n}": (n % 3 + 1) % 3 for n in range(80)} | {"new": 0, "nobody's": -1}
    now["p0"] = 2  # one has moved
    assert renamed_after(before, now) == {1: "A", 2: "B", 0: "C"}


def test_a_group_of_strangers_is_new_and_a_group_that_split_goes_on_in_its_larger_part() -> None:
    before = {f"p{n}": "A" for n in range(30)}
    now = {f"p{n}": 0 if n < 20 else 1 for n in range(30)} | {f"q{n}": 2 for n in range(10)}
    assert renamed_after(before, now) == {0: "A", 1: None, 2: None}


def test_a_group_becomes_a_rule_that_can_be_read() -> None:
    rng = np.random.default_rng(1)
    rows = np.column_stack([rng.integers(0, 60, 3_000), rng.uniform(0, 200, 3_000)])
    members = (rows[:, 0] >= 12) & (rows[:, 1] < 49.5)
    found = surrogate_of(rows, members, ["visits", "spent"])
    assert found.is_faithful
    (box,) = found.boxes
    assert {bound.feature for bound in box} == {"visits", "spent"}
    visits = next(bound for bound in box if bound.feature == "visits")
    assert (visits.low, visits.high) == (12.0, None)
    assert (held(found.boxes, rows, ["visits", "spent"]) == members).mean() > 0.99


def test_a_group_that_no_rule_describes_is_not_called_faithful() -> None:
    rng = np.random.default_rng(2)
    rows = rng.uniform(size=(2_000, 3))
    members = rng.random(2_000) < 0.3
    assert not surrogate_of(rows, members, ["a", "b", "c"]).is_faithful
    with pytest.raises(ValueError, match="Some are in the group"):
        surrogate_of(rows, np.zeros(2_000, bool), ["a", "b", "c"])


@given(
    values=st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30, unique=True),
    share=st.floats(0, 1),
)
def test_a_rounded_bound_divides_as_the_exact_one(values: list[float], share: float) -> None:
    rows = np.array(sorted(values))
    place = min(int(share * (len(rows) - 1)), len(rows) - 2)
    cut = (rows[place] + rows[place + 1]) / 2
    if not rows[place] < cut < rows[place + 1]:
        return
    assert ((rows < rounded(float(cut), rows)) == (rows <= cut)).all()


def test_names_say_what_a_group_does_more_and_nothing_twice() -> None:
    rng = np.random.default_rng(4)
    members = np.arange(400) < 100
    visits = np.where(members, 20.0, 3.0) + rng.normal(size=400)
    x = np.column_stack([visits, visits * 2, np.where(members, 0.1, 1.5), rng.normal(size=400)])
    x[:, 2] += 0.3 * rng.random(400)
    names = ["sessions", "days_active", "path_entropy", "items"]
    words = {
        "sessions": "number of visits",
        "days_active": "number of days with a visit",
        "path_entropy": "how scattered the categories looked at are (bits)",
        "items": "number of different items",
    }
    found = differences(x, members, names, words)
    assert {one.feature for one in found} <= {"sessions", "days_active", "path_entropy"}
    assert len([one for one in found if one.feature in ("sessions", "days_active")]) == 1
    assert name_of(found, 1) in ("More visits", "More days with a visit")
    assert name_of(found, 2, [name_of(found, 1)]).endswith("(2)")
    less = [one for one in found if one.by < 0]
    assert name_of(less, 1) == "Few kinds of things"
    assert name_of([], 3) == "Like most"
