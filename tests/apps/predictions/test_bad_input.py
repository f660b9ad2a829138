"""Trainings on data that teaches nothing, or too much: a sentence each, and nothing breaks."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from apps.access.models import Site
from apps.predictions import services
from apps.predictions.models import ModelSpec, TrainingRun
from tests.apps.predictions.shop import fill, make_spec
from tests.apps.recommendations.world import NOW, Seen, make_site, store

State = TrainingRun.State
WEEK = timedelta(days=7)
MIDNIGHT = datetime(2026, 3, 9, tzinfo=UTC)
MOMENTS = [MIDNIGHT - WEEK * back for back in (5, 4, 3, 2, 1)]  # of a training with five, at NOW


@pytest.fixture
def site(db: None) -> Site:
    site = make_site()
    fill(site, telling=True)
    return site


def gate(run: TrainingRun, asked: str) -> tuple[bool, str]:
    (found,) = [(passed, words) for name, passed, words in run.version.gates if name == asked]
    return found


def test_a_target_that_nobody_reached_is_refused_with_the_numbers(site):
    run = services.train_now(spec=make_spec(site, target_event="Moon Landing"), now=NOW)
    assert run.state == State.REFUSED
    assert "for 0 of" in run.outcome
    assert "at least 20" in run.outcome


def test_a_target_that_everybody_reached_is_refused_with_the_numbers(site):
    absent = make_spec(site, kind=ModelSpec.Kind.ABSENCE, target_event="Moon Landing")
    run = services.train_now(spec=absent, now=NOW)
    assert run.state == State.REFUSED
    assert "at least 20" in run.outcome


def test_what_is_the_same_for_everybody_or_known_of_nobody_is_left_out_and_named(site):
    names = ["events", "category:shoes", "category:nowhere", "since_h:Moon Landing"]
    run = services.train_now(spec=make_spec(site, feature_names=names), now=NOW)
    assert run.state == State.READY, run.outcome
    assert run.version.feature_names == ["events", "category:shoes"]
    assert run.version.card["dropped"] == {
        "category:nowhere": "the same for everybody",
        "since_h:Moon Landing": "unknown of more than 95% of visitors",
    }


def test_nothing_but_constants_is_refused_in_words(site):
    run = services.train_now(spec=make_spec(site, feature_names=["category:nowhere"]), now=NOW)
    assert run.state == State.REFUSED
    assert "Nothing that is known of visitors differs between them" in run.outcome


@pytest.mark.parametrize("method", ["trees", "network"])
def test_infinite_values_of_events_break_nothing(site, method):
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE events_event SET value = 'Infinity' WHERE name = 'Product Viewed'"
            " AND left(md5(profile_id::text), 1) = '0'"
        )
    spec = make_spec(site, feature_names=["category:shoes", "value_max", "events"], method=method,
                     hyperparameters={})  # fmt: skip
    run = services.train_now(spec=spec, now=NOW)
    assert run.state == State.READY, run.outcome
    assert 0.5 < run.version.card["auc"] <= 1
    assert gate(run, "beats_plain")[0]


def test_a_feature_that_knows_the_outcome_is_flagged_and_its_gate_is_red(site):
    with connection.cursor() as cursor:
        cursor.execute("SELECT profile_id, occurred_at FROM events_event WHERE name = %s",
                       ["Order Completed"])  # fmt: skip
        orders = cursor.fetchall()
    # As if a nightly job wrote down beforehand who is going to order.
    planted = {
        (profile_id, moment)
        for profile_id, at in orders
        for moment in MOMENTS
        if moment < at <= moment + WEEK
    }
    store(site, [Seen(who, moment - timedelta(hours=1), name="Flagged") for who, moment in planted])
    names = ["events", "category:shoes", "since_h:Flagged"]
    run = services.train_now(spec=make_spec(site, feature_names=names), now=NOW)
    passed, words = gate(run, "no_leak")
    assert not passed
    assert "since_h:Flagged" in words
    assert "category:shoes" not in words


def test_honest_features_raise_no_flag(site):
    run = services.train_now(spec=make_spec(site), now=NOW)
    assert gate(run, "no_leak")[0], gate(run, "no_leak")[1]


@pytest.mark.parametrize(
    ("options", "outputs"),
    [
        ({"method": "forest"}, [""]),
        ({"method": "linear"}, [""]),
        ({"method": "best", "search": "bayes", "trials": 6}, [""]),
        ({"kind": "absence", "target_event": "Order Completed"}, [""]),
        (
            {"kind": "categories", "target_event": "", "target": {"categories": ["shoes", "hats"]}},
            ["shoes", "hats"],
        ),
    ],
    ids=["forest", "linear", "best, searched", "absence", "categories"],
)
def test_every_question_and_method_learns_from_the_same_shop(site, options, outputs):
    few = {} if options.get("method") == "linear" else {"trees": 40, "leaves": 4}
    run = services.train_now(spec=make_spec(site, hyperparameters=few, **options), now=NOW)
    assert run.state == State.READY, run.outcome
    card = run.version.card
    assert card["auc"] > 0.6
    told = card.get("outputs", {"": card})
    assert set(told) <= set(outputs)
    assert told
    if options.get("method") == "best":
        assert len(run.report["trials"]) == 6
        assert run.version.method in ("trees", "forest", "linear", "network")


@pytest.mark.parametrize("method", ["trees", "forest", "linear", "network"])
def test_two_trainings_on_the_same_rows_keep_the_same_file(site, method):
    few = {"trees": {"trees": 30}, "forest": {"trees": 30}, "network": {"passes": 5}}
    spec = make_spec(site, method=method, hyperparameters=few.get(method, {}))
    first, again = (services.train_now(spec=spec, now=NOW).version for _ in range(2))
    assert first.pk != again.pk
    assert first.data_sha256 == again.data_sha256
    assert first.artifact_sha256 == again.artifact_sha256
    assert first.calibration == again.calibration
