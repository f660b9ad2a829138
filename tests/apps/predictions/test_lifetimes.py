"""Lifetime value of real customers, through the tables: foreseen, held against what came, told."""

import csv
import gzip
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
from django.contrib.auth.models import User

from apps.access.models import Site
from apps.predictions import services
from apps.predictions.domain.foretelling import back_test
from apps.predictions.domain.purchasing import DaySum, customers_at, net_days
from apps.predictions.models import ModelSpec, TrainingRun
from apps.profiles.models import ProfileState
from tests.apps.recommendations.world import Seen, make_site, store

SUMS = Path(__file__).parents[2] / "data/online-retail/day_sums.csv.gz"
FIRST = datetime(2025, 12, 1, 12, 0, tzinfo=UTC)  # the days of the file, moved to our time
LAST_DAY = 273
NOW = FIRST + timedelta(days=LAST_DAY, hours=6)


@cache
def retail() -> list[DaySum]:
    with gzip.open(SUMS, "rt") as file:
        return [
            (int(row["customer"]), int(row["day"]), float(row["bought"]), float(row["refunded"]))
            for row in csv.DictReader(file)
        ]


def person(customer: object) -> UUID:
    return UUID(int=int(str(customer)), version=4)


def sell(site: Site, rows: list[DaySum]) -> None:
    """Store the sums as orders and refunds."""
    events = []
    for customer, day, bought, refunded in rows:
        at = FIRST + timedelta(days=day)
        if bought > 0:
            events.append(Seen(person(customer), at, name="Order Completed", value=bought))
        if refunded > 0:
            later = at + timedelta(minutes=5)
            events.append(Seen(person(customer), later, name="Order Refunded", value=refunded))
    store(site, events)
    ProfileState.objects.filter(site_id=site.pk).update(last_seen_at=NOW)


def make_spec(site: Site, kind: str = ModelSpec.Kind.LIFETIME) -> ModelSpec:
    return ModelSpec.objects.create(
        site=site, key="worth", name="Worth", kind=kind, window_days=730, active_days=730,
        created_at=NOW,
    )  # fmt: skip


@pytest.fixture
def site(db) -> Site:
    return make_site()


@pytest.fixture
def root(db) -> User:
    return User.objects.create_superuser("root")


def traits(site: Site) -> dict[UUID, dict[str, object]]:
    rows = ProfileState.objects.filter(site_id=site.pk).values_list("profile_id", "traits")
    return {one: {key: entry[0] for key, entry in said.items()} for one, said in rows}


def test_two_orders_on_a_day_are_one_and_what_was_given_back_was_never_bought() -> None:
    rows: list[DaySum] = [
        ("a", 1, 30.0, 0.0), ("a", 5, 20.0, 0.0), ("a", 6, 0.0, 25.0), ("a", 9, 10.0, 0.0),
        ("b", 3, 50.0, 50.0), ("c", 2, 0.0, 5.0),
    ]  # fmt: skip
    # The 25 take the 20 of day 5, and 5 of day 1.
    assert net_days(rows) == {"a": [(1, 25.0), (9, 10.0)]}
    of = customers_at(rows, until=11)
    assert of.ids == ["a"]
    assert (of.x[0], of.t_x[0], of.age[0], of.value[0], of.recency[0]) == (1, 8, 10, 17.5, 2)


def test_what_is_foreseen_of_real_customers_comes_true() -> None:
    found = back_test(retail(), first=0, last=LAST_DAY)
    assert found is not None
    assert found.problems == []
    assert found.sum_error < 0.10
    assert found.correlation > 0.75
    assert found.mae < found.mae_before
    value = [one[4] for one in found.deciles]
    assert value[0] > 0.4 * sum(value), "the best tenth brings most"


def test_a_forecast_that_does_not_come_true_is_refused_with_its_figures(site: Site) -> None:
    # From the last third on, everybody buys each day: nothing before could have told.
    rows = [row for row in retail() if row[0] < 400 and row[1] < 180]
    rows += [(customer, day, 9.0, 0.0) for customer in range(1, 400) for day in range(190, 270, 8)]
    sell(site, rows)
    run = services.train_now(spec=make_spec(site), now=NOW)
    assert run.state == TrainingRun.State.REFUSED
    assert run.outcome.startswith("It does not foretell. It foresaw")
    assert run.report["back_test"]["sum_error"] > 0.25
    assert run.version is None


def test_too_few_who_came_back_are_told(site: Site) -> None:
    sell(site, [(n, 1, 10.0, 0.0) for n in range(1, 40)])
    run = services.train_now(spec=make_spec(site), now=NOW)
    assert run.state == TrainingRun.State.REFUSED
    assert "0 of 39 customers came back" in run.outcome


@pytest.mark.slow
def test_customers_are_told_what_they_are_worth(site: Site, root: User) -> None:
    sell(site, [row for row in retail() if row[0] % 3 == 0])
    spec = make_spec(site)
    run = services.train_now(spec=spec, now=NOW, approve_as=root)
    assert run.state == TrainingRun.State.PROMOTED, run.outcome
    services.score_now(spec=spec, now=NOW)
    said = traits(site)
    kept = {str(one) for one in net_days(row for row in retail() if row[0] % 3 == 0)}
    assert sum("score.worth.alive" in one for one in said.values()) == len(kept) > 1_000
    for own in said.values():
        if "score.worth.alive" in own:
            assert 0 <= own["score.worth.alive"] <= 1
            assert own["score.worth.churn"] == (
                "gone" if own["score.worth.alive"] < 0.5 else "here"
            )
            assert own["score.worth.value"] >= 0
            assert own["score.worth.purchases"] >= 0
    # Nobody has bought since: nobody is told anew, but for those who gave everything back.
    assert services.score_now(spec=spec, now=NOW + timedelta(minutes=15)) < 50


def test_who_buys_again_is_told_anew_and_alone(site: Site, root: User) -> None:
    sell(site, [row for row in retail() if row[0] < 600])
    spec = make_spec(site)
    assert services.train_now(spec=spec, now=NOW, approve_as=root).version is not None
    services.score_now(spec=spec, now=NOW)
    before = traits(site)
    gave_all_back = services.score_now(spec=spec, now=NOW + timedelta(minutes=1))
    later = NOW + timedelta(minutes=10)
    store(site, [Seen(person(7), later, name="Order Completed", value=30.0)])
    assert services.score_now(spec=spec, now=later + timedelta(minutes=1)) == gave_all_back + 1
    after = traits(site)
    assert {one for one in after if after[one] != before[one]} == {person(7)}
    name = "score.worth.purchases"
    assert after[person(7)][name] > before[person(7)][name]


def test_a_no_takes_the_worth_of_a_customer_back(site: Site, root: User) -> None:
    sell(site, [row for row in retail() if row[0] < 600])
    spec = make_spec(site)
    services.train_now(spec=spec, now=NOW, approve_as=root)
    services.score_now(spec=spec, now=NOW)
    assert "score.worth.value" in traits(site)[person(7)]
    ProfileState.objects.filter(profile_id=person(7)).update(denied=-1)
    services.score_now(spec=spec, now=NOW + timedelta(minutes=1))
    assert not [key for key in traits(site)[person(7)] if key.startswith("score.")]


def test_the_curve_and_the_deciles_add_up_to_what_was_foreseen() -> None:
    found = back_test(retail(), first=0, last=LAST_DAY)
    assert found is not None
    assert found.curve[-1] == pytest.approx((found.days, found.foreseen, found.came))
    sums = np.asarray([one[1:] for one in found.deciles]).sum(0)
    wanted = (found.foreseen, found.came, found.value_foreseen, found.value_came)
    assert sums == pytest.approx(wanted)
