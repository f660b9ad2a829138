"""A model is kept only when it helps, and replaced only by a better one."""

from datetime import timedelta

import pytest

from apps.access.models import Site
from apps.predictions import artifacts, services, training
from apps.predictions.domain.card import sentences
from apps.predictions.errors import ArtifactBroken, InvalidHyperparameters
from apps.predictions.models import ModelVersion, TrainingRun
from tests.apps.predictions.shop import VISITORS, fill, make_spec
from tests.apps.recommendations.world import NOW, make_site

State = TrainingRun.State


@pytest.fixture
def site(db: None) -> Site:
    return make_site()


def test_a_model_that_beats_the_plain_rate_serves_and_says_how_well(site):
    fill(site, telling=True)
    spec = make_spec(site)
    run = services.train_now(spec=spec, now=NOW)
    assert (run.state, run.rows) == (State.PROMOTED, 5 * VISITORS), run.outcome
    version = run.version
    assert version.state == ModelVersion.State.CHAMPION
    assert version.card["auc"] > 0.7
    assert version.card["log_loss"] < version.card["base_log_loss"]
    assert version.card["calibration_error"] < 0.1
    assert "category:shoes" in [name for name, _ in version.card["gains"][:4]]
    parts = [one["part"] for one in version.lineage["moments"]]
    assert parts == ["teach", "teach", "teach", "calibrate", "judge"]
    words = dict(sentences(version.card, version.lineage, spec.trait))
    assert '"Order Completed" within the next 7 days' in words["What it foresees"]
    assert 'events in the category "shoes"' in words["What it looks at most"]


def test_parts_do_not_overlap_in_time(site):
    fill(site, telling=True)
    run = services.train_now(spec=make_spec(site), now=NOW)
    instants = [one["as_of"] for one in run.version.lineage["moments"]]
    week = timedelta(days=7)
    assert instants == [(NOW - week * back).isoformat() for back in (5, 4, 3, 2, 1)]


def test_one_that_knows_nothing_is_refused_with_the_reason(site):
    fill(site, telling=False)
    run = services.train_now(spec=make_spec(site), now=NOW)
    assert run.state == State.REFUSED
    assert run.outcome.startswith("It foresees no better than the plain rate of")
    assert not ModelVersion.objects.exists()


def test_too_few_who_did_it_is_refused_with_the_numbers(site):
    run = services.train_now(spec=make_spec(site), now=NOW)
    assert run.state == State.REFUSED
    assert "'Order Completed' followed for 0 of 0 visitors" in run.outcome


def test_the_same_rows_give_the_same_trees_and_the_champion_stays(site):
    fill(site, telling=True)
    spec = make_spec(site)
    first = services.train_now(spec=spec, now=NOW).version
    run = services.train_now(spec=spec, now=NOW)
    assert run.state == State.KEPT
    assert run.version.state == ModelVersion.State.CANDIDATE
    assert run.version.artifact_sha256 == first.artifact_sha256
    assert run.version.lineage == first.lineage
    first.refresh_from_db()
    assert first.state == ModelVersion.State.CHAMPION


def test_a_better_one_replaces_the_champion(site):
    fill(site, telling=True)
    spec = make_spec(site, feature_names=["count:Order Completed"])
    first = services.train_now(spec=spec, now=NOW).version
    assert first.state == ModelVersion.State.CHAMPION
    spec.feature_names = []
    spec.save()
    run = services.train_now(spec=spec, now=NOW)
    assert run.state == State.PROMOTED, run.outcome
    assert "better than the champion on the newest time" in run.outcome
    first.refresh_from_db()
    assert first.state == ModelVersion.State.RETIRED
    services.promote(version=first, now=NOW)
    champion = spec.versions.get(state=ModelVersion.State.CHAMPION)
    assert champion == first


def test_another_question_retires_the_champion(site):
    fill(site, telling=True)
    spec = make_spec(site)
    services.train_now(spec=spec, now=NOW)
    spec.horizon_hours = 120
    spec.save()
    run = services.train_now(spec=spec, now=NOW)
    assert run.state == State.PROMOTED, run.outcome
    assert "the champion answered another question" in run.outcome


def test_a_model_that_is_not_what_was_stored_is_not_used(site, artifact_dir):
    fill(site, telling=True)
    spec = make_spec(site)
    version = services.train_now(spec=spec, now=NOW).version
    assert artifacts.load(version).startswith("tree\n")
    (path,) = (artifact_dir / "predictions").iterdir()
    path.write_text(path.read_text().replace("leaf_value=", "leaf_value=9", 1))
    with pytest.raises(ArtifactBroken, match="not the one that was stored"):
        training.restored(version)
    path.unlink()
    with pytest.raises(ArtifactBroken, match="cannot be read"):
        training.restored(version)
    assert "file is broken" in services.train_now(spec=spec, now=NOW).outcome


@pytest.mark.parametrize(
    "document", [{"tree": 3}, {"trees": "3"}, {"trees": 0}, {"trees": 2.5}, {"seed": 1}]
)
def test_hyperparameters_that_grow_nothing_are_refused(site, document):
    with pytest.raises(InvalidHyperparameters):
        make_spec(site, hyperparameters=document)
