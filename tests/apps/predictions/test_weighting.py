"""Points of a scorecard, fitted from who converted afterwards."""

import random
from datetime import timedelta

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from apps.predictions.domain.points import DOUBLES, RIDGE, Seen, points_of
from apps.predictions.errors import ModelRefused
from apps.predictions.weighting import HORIZON, fitted
from tests.apps.recommendations.world import NOW, make_profile, make_site, store
from tests.apps.recommendations.world import Seen as Event


def test_points_are_those_of_a_known_logistic_regression() -> None:
    chance = random.Random(4)
    rows = [
        Seen((bool(n & 1), bool(n & 2), bool(n & 4)), people, chance.randint(0, people))
        for n in range(8)
        for people in [chance.randint(20, 90)]
    ]
    x = [row.did for row in rows for _ in range(row.people)]
    y = [n < row.converted for row in rows for n in range(row.people)]
    theirs = LogisticRegression(C=1 / RIDGE, tol=1e-12, max_iter=1_000).fit(x, y)
    wanted = DOUBLES * theirs.coef_[0] / np.log(2)
    assert points_of(rows, 3) == pytest.approx(wanted, abs=0.06)


def test_what_all_converts_did_has_no_endless_points() -> None:
    rows = [Seen((True,), 30, 30), Seen((False,), 30, 0)]
    (points,) = points_of(rows, 1)
    assert 20 < points < 200


@pytest.mark.django_db
def test_what_leads_to_orders_has_points_and_what_comes_after_them_has_none() -> None:
    site, chance, events = make_site(), random.Random(5), []
    before = NOW - HORIZON
    for number in range(400):
        profile_id = make_profile(site)
        events.append(Event(profile_id, before - timedelta(days=2), name="Page Viewed"))
        adds = number % 2 == 0
        if adds:
            events.append(Event(profile_id, before - timedelta(days=1), name="Product Added"))
        if chance.random() < (0.5 if adds else 0.1):
            events.append(Event(profile_id, NOW - timedelta(days=2), name="Order Completed"))
            events.append(Event(profile_id, NOW - timedelta(days=1), name="Thanked"))
    store(site, events)
    names = ["Product Added", "Thanked"]
    added, thanked = fitted(site.pk, names, "Order Completed", now=NOW)
    assert added.points > 20
    assert (thanked.people, thanked.points) == (0, 0.0), "it was not known yet"
    assert added.people == added.others == 200
    assert added.converted > 3 * added.others_converted


@pytest.mark.django_db
def test_who_refuses_teaches_nothing() -> None:
    site = make_site()
    events = []
    for number in range(100):
        profile_id = make_profile(site, denied=-1 if number % 2 else 0)
        events.append(Event(profile_id, NOW - HORIZON - timedelta(days=1), name="Product Added"))
        events.append(Event(profile_id, NOW - timedelta(days=2), name="Order Completed"))
    store(site, events)
    with pytest.raises(ModelRefused, match="50 of 50 visitors"):
        fitted(site.pk, ["Product Added"], "Order Completed", now=NOW)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("names", "conversion", "problem"),
    [
        ([], "Order Completed", "Name 1 to 12 events"),
        ([f"e{n}" for n in range(13)], "Order Completed", "Name 1 to 12 events"),
        (["a"], "", "Name a conversion"),
        (["a"], "a", "Name a conversion"),
        (["a"], "b", "followed for 0 of 0 visitors"),
    ],
)
def test_what_cannot_be_fitted_is_refused_in_words(
    names: list[str], conversion: str, problem: str
) -> None:
    with pytest.raises(ModelRefused, match=problem):
        fitted(make_site().pk, names, conversion, now=NOW)
