"""A model is kept only when it helps; it is told how well, and who said yes."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection

from apps.access.models import Site
from apps.predictions import foreseeing, services, training
from apps.predictions.domain.card import sentences
from apps.predictions.errors import InvalidHyperparameters
from apps.predictions.models import ModelSpec, ModelVersion, TrainingRun
from tests.apps.predictions.shop import fill, make_spec
from tests.apps.recommendations.world import NOW, make_site

State = TrainingRun.State
Version = ModelVersion.State
DAY = timedelta(days=1)
LONG = "The first there is, and looked at"
MIDNIGHT = datetime(2026, 3, 9, tzinfo=UTC)  # the newest answer ended a day ago at least


@pytest.fixture
def site(db: None) -> Site:
    return make_site()


@pytest.fixture
def ana(db: None) -> User:
    return User.objects.create_superuser("ana", "ana@shop.example", "x")


def test_a_model_that_beats_the_plain_rate_waits_for_a_yes_and_says_how_well_it_does(site):
    fill(site, telling=True)
    spec = make_spec(site)
    run = services.train_now(spec=spec, now=NOW)
    assert run.state == State.READY, run.outcome
    assert run.outcome.startswith("Version 1 is ready and waits for a yes: it is the first")
    version = run.version
    assert (version.state, version.promoted_at) == (Version.CANDIDATE, None)
    assert services.champion_of(spec.pk) is None
    assert version.card["auc"] > 0.7
    assert version.card["log_loss"] < version.card["base_log_loss"]
    assert version.card["calibration_error"] < 0.1
    assert "category:shoes" in [name for name, _ in version.card["gains"][:4]]
    parts = [one["part"] for one in version.lineage["moments"]]
    assert parts == ["teach", "teach", "teach", "calibrate", "judge"]
    words = dict(sentences(version.card, version.lineage, spec.trait))
    assert '"Order Completed" within the next 7 days' in words["What it foresees"]
    assert 'events in the category "shoes"' in words["What it looks at most"]
    gates = {name: passed for name, passed, _ in version.gates}
    assert gates["beats_plain"] and gates["beats_champion"] and gates["quick"]


def test_parts_are_midnights_that_do_not_overlap_in_time(site):
    fill(site, telling=True)
    run = services.train_now(spec=make_spec(site), now=NOW)
    instants = [one["as_of"] for one in run.version.lineage["moments"]]
    week = timedelta(days=7)
    assert instants == [(MIDNIGHT - week * back).isoformat() for back in (5, 4, 3, 2, 1)]


def test_one_that_knows_nothing_is_refused_with_the_reason(site):
    fill(site, telling=False)
    run = services.train_now(spec=make_spec(site), now=NOW)
    assert run.state == State.REFUSED
    assert run.outcome.startswith("It foresees no better than the plain rate of")
    assert not ModelVersion.objects.exists()


def test_too_few_who_did_it_is_refused_with_the_numbers(site):
    run = services.train_now(spec=make_spec(site), now=NOW)
    assert run.state == State.REFUSED
    assert "Too little to teach with" in run.outcome
    assert "for 0 of 0 visitors looked at" in run.outcome


def test_the_same_rows_give_the_same_trees_and_the_champion_stays(site, ana):
    fill(site, telling=True)
    spec = make_spec(site)
    first = services.train_now(spec=spec, now=NOW, approve_as=ana, note=LONG).version
    run = services.train_now(spec=spec, now=NOW, approve_as=ana, note=LONG)
    assert run.state == State.KEPT, run.outcome
    assert run.version.state == Version.CANDIDATE
    assert run.version.artifact_sha256 == first.artifact_sha256
    assert run.version.data_sha256 == first.data_sha256
    assert run.version.lineage == first.lineage
    assert not {name: passed for name, passed, _ in run.version.gates}["beats_champion"]
    assert services.champion_of(spec.pk) == first


def test_what_is_surely_better_waits_for_a_yes_while_the_champion_goes_on(site, ana):
    fill(site, telling=True)
    spec = make_spec(site, feature_names=["count:Order Completed"])
    first = services.train_now(spec=spec, now=NOW).version
    services.approve(version=first, actor=ana, note=LONG, now=NOW)
    spec.feature_names = []
    spec.save()
    run = services.train_now(spec=spec, now=NOW)
    assert run.state == State.READY, run.outcome
    assert "surely better than the champion on the newest time" in run.outcome
    assert services.champion_of(spec.pk) == first
    run.version.refresh_from_db()
    assert run.version.state == Version.CHALLENGER  # it foresees beside the champion meanwhile


def test_champion_and_candidate_answer_for_the_same_visitors_whatever_happens_meanwhile(
    site, ana, monkeypatch
):
    fill(site, telling=True)
    spec = make_spec(site, feature_names=["count:Order Completed", "events"])
    services.approve(
        version=services.train_now(spec=spec, now=NOW).version,
        actor=ana, note=LONG, now=NOW,
    )  # fmt: skip
    spec.feature_names = ["recency_h", "category:shoes"]
    spec.save()
    judged = foreseeing._judged

    def judged_while_visitors_leave(*args):
        found = judged(*args)
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM events_event WHERE site_id = %s", [site.pk])
        return found

    monkeypatch.setattr(foreseeing, "_judged", judged_while_visitors_leave)
    run = services.train_now(spec=spec, now=NOW)
    assert run.state in {State.READY, State.KEPT}, run.outcome
    assert run.version.card["champion_log_loss"] is not None


def test_another_question_may_replace_the_champion(site, ana):
    fill(site, telling=True)
    spec = make_spec(site)
    services.train_now(spec=spec, now=NOW, approve_as=ana, note=LONG)
    spec.horizon_hours = 120
    spec.save()
    run = services.train_now(spec=spec, now=NOW)
    assert run.state == State.READY, run.outcome
    assert "the champion answered another question" in run.outcome


def test_whom_nobody_hears_of_any_more_is_foreseen_too(site):
    fill(site, telling=True)
    spec = make_spec(
        site, kind=ModelSpec.Kind.ABSENCE, target_event="", horizon_hours=72, active_days=7
    )
    run = services.train_now(spec=spec, now=NOW)
    # Everybody here comes every third day: nothing can be told apart, and that is said.
    assert run.state == State.REFUSED
    assert "came true" in run.outcome


@pytest.mark.parametrize(
    "document", [{"tree": 3}, {"trees": "3"}, {"trees": 0}, {"trees": 2.5}, {"seed": 1}]
)
def test_hyperparameters_that_grow_nothing_are_refused(site, document):
    with pytest.raises(InvalidHyperparameters):
        make_spec(site, hyperparameters=document)


def test_what_it_is_for_has_to_be_declared(site):
    spec = make_spec(site)
    spec.purpose = ""
    spec.save()
    run = training.train(spec_id=spec.pk, now=NOW)
    assert run.state == State.REFUSED and run.finished_at is not None
