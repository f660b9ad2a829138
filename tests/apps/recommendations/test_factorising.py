"""Factors, neighbours and lists, held to brute force and to tastes that were planted."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from apps.recommendations.domain.diversifying import diversified
from apps.recommendations.domain.factorising import Hyperparameters, best, factorise
from apps.recommendations.domain.neighbours import scores, similar_items
from apps.recommendations.domain.ranking import quality


def planted(seed: int = 3) -> tuple[sparse.csr_matrix, list[list[int]], np.ndarray]:
    """300 people of three tastes, 60 items of three kinds; two liked items of each are held out."""
    rng = np.random.default_rng(seed)
    taste = np.arange(300) % 3
    met = np.zeros((300, 60))
    held = []
    for person, own in enumerate(taste):
        liked = rng.choice(np.arange(20) + 20 * own, 10, replace=False)
        met[person, liked[:8]] = rng.integers(1, 5, 8)
        met[person, rng.integers(60)] = 1.0
        held.append([int(one) for one in liked[8:] if not met[person, one]])
    return sparse.csr_matrix(met), held, taste


def test_planted_tastes_are_found() -> None:
    met, held, taste = planted()
    found, _ = best(factorise(met, Hyperparameters(factors=8)), met, 10)
    of_kind = np.mean(found // 20 == taste[:, None])
    assert of_kind > 0.95
    popular = np.argsort(-np.asarray(met.sum(0)).ravel(), kind="stable")[:10]
    served = quality([list(map(int, row)) for row in found], held, 10, 60)
    everybody = quality([list(map(int, popular))] * 300, held, 10, 60)
    assert served.recall is not None
    assert everybody.recall is not None
    assert served.recall > 2 * everybody.recall


def test_people_solve_the_normal_equations_of_the_paper() -> None:
    met, _, _ = planted()
    by = Hyperparameters(factors=5, sweeps=3)
    factors = factorise(met, by)
    strengths = met.toarray()
    for person in (0, 17, 299):
        confidence = np.diag(1 + by.alpha * strengths[person])
        left = factors.items.T @ confidence @ factors.items + by.ridge * np.eye(5)
        right = factors.items.T @ confidence @ (strengths[person] > 0)
        assert np.allclose(factors.people[person], np.linalg.solve(left, right))


def test_two_trainings_on_the_same_data_are_the_same_bit_for_bit() -> None:
    met, _, _ = planted()
    one, other = factorise(met, Hyperparameters()), factorise(met.copy(), Hyperparameters())
    assert one.people.tobytes() == other.people.tobytes()
    assert one.items.tobytes() == other.items.tobytes()


def test_somebody_folded_in_is_as_after_a_training_and_follows_a_new_event() -> None:
    met, _, _ = planted()
    factors = factorise(met, Hyperparameters(factors=8))
    row = met[7]
    again = factors.folded_in(row.indices, row.data)
    assert np.allclose(again, factors.people[7])
    other_kind = [item for item in range(60) if item // 20 == 2][:6]
    moved = factors.folded_in(np.array(other_kind), np.full(6, 4.0))
    assert np.argmax(factors.items @ moved) // 20 == 2


@given(seed=st.integers(0, 10_000), count=st.integers(1, 12))
def test_what_somebody_has_met_is_never_among_theirs(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    met = sparse.csr_matrix((rng.random((6, 9)) < 0.5) * 1.0)
    if not met.nnz:
        return
    factors = factorise(met, Hyperparameters(factors=2, sweeps=2))
    found, values = best(factors, met, count, at_once=4)
    for person in range(6):
        shown = [int(item) for item in found[person] if item >= 0]
        assert not set(shown) & set(met[person].indices)
        assert len(shown) == len(set(shown)) == min(count, 9 - met[person].nnz)
        told = values[person][: len(shown)]
        assert list(told) == sorted(told, reverse=True)


def test_nothing_to_factorise_is_refused() -> None:
    with pytest.raises(ValueError, match="above zero"):
        factorise(sparse.csr_matrix((3, 4)), Hyperparameters())
    with pytest.raises(ValueError, match="above zero"):
        factorise(sparse.csr_matrix(np.array([[1.0, -2.0]])), Hyperparameters())


def test_neighbours_are_the_damped_cosines() -> None:
    met, _, _ = planted()
    dense = met.toarray()
    found = similar_items(met, most=59, damping=5.0).toarray()
    for one, other in ((0, 1), (3, 44), (21, 39)):
        common = int(((dense[:, one] > 0) & (dense[:, other] > 0)).sum())
        lengths = np.linalg.norm(dense[:, one]) * np.linalg.norm(dense[:, other])
        cosine = dense[:, one] @ dense[:, other] / lengths
        assert found[one, other] == pytest.approx(cosine * common / (common + 5.0))
    assert not found.diagonal().any()


def test_only_the_nearest_are_kept_and_people_are_scored_by_them() -> None:
    met, _, taste = planted()
    similar = similar_items(met, most=5)
    assert int(np.diff(similar.indptr).max()) == 5
    likes = scores(similar, met).toarray()
    assert np.mean(np.argmax(likes, 1) // 20 == taste) > 0.9


RANKED = st.lists(st.integers(0, 30), max_size=12, unique=True).map(
    lambda items: [(item, 1 - place / 20) for place, item in enumerate(items)]
)


def alike(one: int, other: int) -> float:
    return float(one % 3 == other % 3)


@given(ranked=RANKED, count=st.integers(0, 12))
def test_with_all_weight_on_relevance_the_order_stays(
    ranked: list[tuple[int, float]], count: int
) -> None:
    assert diversified(ranked, alike, count, 1.0) == ranked[:count]


@given(ranked=RANKED, count=st.integers(1, 12), weight=st.floats(0, 1))
def test_a_diverse_list_begins_with_the_best_and_repeats_nothing(
    ranked: list[tuple[int, float]], count: int, weight: float
) -> None:
    found = diversified(ranked, alike, count, weight)
    assert len(found) == min(count, len(ranked))
    assert len(set(found)) == len(found)
    assert set(found) <= set(ranked)
    if ranked and weight > 0:
        assert found[0] == ranked[0]


def test_likeness_brings_the_other_kinds_up() -> None:
    ranked = [(0, 1.0), (3, 0.95), (6, 0.9), (1, 0.6), (2, 0.5)]
    assert [item for item, _ in diversified(ranked, alike, 3, 0.5)] == [0, 1, 2]
