"""Recency, frequency and value of real customers as traits, by bounds that stay where they are."""

from collections import Counter
from datetime import timedelta

import numpy as np
import pytest
from django.contrib.auth.models import User

from apps.access.models import Site
from apps.predictions import services
from apps.predictions.domain.purchasing import Customers, customers_at
from apps.predictions.models import ModelSpec, TrainingRun
from apps.predictions.rfm_traits import bounds_of, name_of
from tests.apps.predictions.test_lifetimes import (
    LAST_DAY,
    NOW,
    make_spec,
    person,
    retail,
    sell,
    traits,
)
from tests.apps.recommendations.world import Seen, make_site, store


@pytest.fixture
def site(db) -> Site:
    return make_site()


@pytest.fixture
def root(db) -> User:
    return User.objects.create_superuser("root")


def test_scores_share_customers_out_and_ties_share_the_lower_score() -> None:
    of = customers_at(retail(), until=LAST_DAY)
    recency, frequency, monetary = bounds_of(of).scores(of)
    for scores in (recency, monetary):
        _, counts = np.unique(scores, return_counts=True)
        assert len(counts) == 5
        assert counts.max() / counts.min() < 1.3
    assert set(frequency[of.x == 0]) == {1.0}, "one purchase is the least there is"
    assert recency[of.recency.argmin()] == 5
    assert recency[of.recency.argmax()] == 1


def test_every_combination_has_one_name() -> None:
    names = Counter(name_of(r, f) for r in range(1, 6) for f in range(1, 6))
    assert sum(names.values()) == 25
    assert names["Champions"] == 4


def test_customers_are_named_and_a_purchase_moves_only_its_own(site: Site, root: User) -> None:
    sell(site, [row for row in retail() if row[0] < 600])
    spec = make_spec(site, ModelSpec.Kind.RFM)
    run = services.train_now(spec=spec, now=NOW, approve_as=root)
    assert run.state == TrainingRun.State.PROMOTED, run.outcome
    services.score_now(spec=spec, now=NOW)
    before = traits(site)
    assert {said["score.worth"] for said in before.values() if said} >= {"Champions", "Lost"}
    lost = next(
        one for one in (person(n) for n in range(1, 600))
        if before.get(one, {}).get("score.worth") == "Lost"
    )  # fmt: skip
    assert before[lost]["score.worth.r"] == 1

    later = NOW + timedelta(minutes=5)
    store(site, [Seen(lost, later, name="Order Completed", value=5_000.0)])
    services.score_now(spec=spec, now=later + timedelta(minutes=1))
    after = traits(site)
    assert after[lost]["score.worth.r"] == 5
    assert after[lost]["score.worth.m"] == 5
    assert {one: said for one, said in after.items() if one != lost} == {
        one: said for one, said in before.items() if one != lost
    }


def test_too_few_customers_are_told_how_many_are_needed(site: Site) -> None:
    sell(site, [(n, 1, 10.0, 0.0) for n in range(1, 20)])
    run = services.train_now(spec=make_spec(site, ModelSpec.Kind.RFM), now=NOW)
    assert run.state == TrainingRun.State.REFUSED
    assert "19 bought" in run.outcome
    assert "50 are needed" in run.outcome


def test_nobody_has_no_scores() -> None:
    nobody = customers_at([], until=5)
    assert isinstance(nobody, Customers)
    assert len(nobody) == 0
