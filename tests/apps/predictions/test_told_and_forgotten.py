"""What was said is taken back, who is erased meanwhile is forgotten, a shadow has one champion."""

from datetime import timedelta

import pytest

from apps.predictions import runs, scoring, services, shadow_gate
from apps.predictions.models import ModelVersion, Score, TrainingRun
from apps.profiles.models import ProfileState
from apps.work.ids import uuid7
from tests.apps.predictions.champions import champion
from tests.apps.predictions.shop import fill, make_spec
from tests.apps.recommendations.world import NOW, make_site

HOUR = timedelta(hours=1)


@pytest.fixture
def site(db):
    return make_site()


@pytest.mark.parametrize("category", ["shoes", "Möbel", "靴", 'a"b', "a\\b", "a\tb", "a,{b}"])
def test_what_was_said_of_a_category_of_any_spelling_is_taken_back(site, category):
    fill(site, telling=True)
    spec = make_spec(site)
    version = champion(spec)
    who = ProfileState.objects.order_by("pk").values_list("pk", flat=True)[0]
    scoring.write(spec, version, {"": {who: category}, category: {who: 0.8}}, NOW)
    assert f"score.order.{category}" in ProfileState.objects.get(pk=who).traits
    scoring.take_back(spec, [who], NOW)
    assert not Score.objects.exists()
    assert ProfileState.objects.get(pk=who).traits == {}


def test_who_is_erased_during_the_first_training_is_not_in_what_it_leaves(site):
    spec = make_spec(site)
    run = runs.begin(spec, now=NOW)
    # Its rows are read; then somebody is erased; then it ends.
    assert spec.pk in services.cut(site_id=site.pk, now=NOW + HOUR)
    settle = {"spec_id": spec.pk, "cut_at": NOW + HOUR, "insist_at": NOW + 30 * HOUR}
    assert services.settle_cut(**settle, now=NOW + HOUR) is False
    version = ModelVersion(
        pk=uuid7(),
        spec=spec,
        trained_at=NOW,
        feature_names=["events"],
        card={},
        lineage={},
        calibration={},
    )
    runs.keep(version)
    runs.finish(run, TrainingRun.State.READY, "ready")
    services.settle_cut(**settle, now=NOW + 2 * HOUR)
    version.refresh_from_db()
    assert version.deleted_at is not None


def test_what_held_beside_one_champion_has_not_held_beside_the_next(site):
    spec = make_spec(site)
    first = champion(spec)
    waiting = champion(spec)
    moment = {"rows": 500, "gain": 50.0, "square": 10.0, "champion": first.number}
    ModelVersion.objects.filter(pk=waiting.pk).update(
        state=ModelVersion.State.CANDIDATE, promoted_at=None, shadow={"moments": [moment]}
    )
    ModelVersion.objects.filter(pk=first.pk).update(state=ModelVersion.State.CHAMPION)
    waiting.refresh_from_db()
    assert shadow_gate.check(waiting, NOW)[1] is True
    champion(spec)
    assert shadow_gate.check(waiting, NOW)[1] is False
