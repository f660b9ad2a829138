"""Models that may remember somebody erased: trained again, and the old ones deleted in time."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from apps.access.models import Site
from apps.predictions import artifacts
from apps.predictions.models import ModelSpec, ModelVersion
from apps.privacy import model_cuts
from apps.privacy.models.erasures import Erasure, ErasureStep, ModelCut
from apps.recommendations.models import Recommender, RecommenderVersion
from apps.work import clock
from apps.work.ids import uuid7
from apps.work.models import Intent

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=clock.now().tzinfo)
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _home(settings: Any, tmp_path: Path) -> None:
    settings.ARTIFACT_DIR = tmp_path / "artifacts"


@pytest.fixture
def spec(db: None) -> ModelSpec:
    site = Site.objects.create(key="shop", name="Shop", created_at=NOW)
    return ModelSpec.objects.create(
        site=site, key="buys", name="Buys", target_event="Order Completed", created_at=NOW
    )


def version(spec: ModelSpec, number: int, at: datetime, state: str = "candidate") -> ModelVersion:
    pk = uuid7()
    digest = artifacts.store(pk, f"trees of {number}, count:Event of one person")
    made = ModelVersion.objects.create(
        pk=pk, spec=spec, number=number, state=state, trained_at=at, artifact_sha256=digest,
        feature_names=["count:Event of one person"], calibration={}, lineage={},
        card={"auc": 0.7, "gains": [["count:Event of one person", 1.0]]},
    )  # fmt: skip
    made.signature = artifacts.sign(made)
    made.save(update_fields=["signature"])
    return made


def erasure(spec: ModelSpec, events: int = 3) -> Erasure:
    made = Erasure.objects.create(site=spec.site, started_at=NOW)
    ErasureStep.objects.create(erasure=made, ordinal=4, name="live", stores={"events": events})
    return made


def files() -> int:
    return len(list((Path(artifacts._path(uuid7())).parent).glob("*.txt")))


def test_who_had_no_events_has_taught_nothing(spec: ModelSpec) -> None:
    version(spec, 1, NOW - DAY, "champion")
    assert model_cuts.cut(erasure(spec, events=0), now=NOW) == 0
    assert not ModelVersion.objects.exclude(cut_at=None).exists()


def test_what_was_trained_before_is_cut_once(spec: ModelSpec) -> None:
    version(spec, 1, NOW - DAY, "champion")
    made = erasure(spec)
    assert model_cuts.cut(made, now=NOW) == model_cuts.cut(made, now=NOW) == 1
    cut = ModelCut.objects.get()
    assert (cut.target_id, cut.due_at) == (spec.pk, NOW + 30 * DAY)
    assert ModelVersion.objects.get().cut_at == NOW


def test_the_old_one_serves_until_a_newer_does_and_then_its_file_is_gone(
    spec: ModelSpec, django_capture_on_commit_callbacks: Any
) -> None:
    old = version(spec, 1, NOW - DAY, "champion")
    model_cuts.cut(erasure(spec), now=NOW)

    assert model_cuts.go_on(now=NOW + DAY) == {"done": 0, "waiting": 1}
    assert Intent.objects.filter(kind="predictions.train").count() == 1
    assert artifacts.load(old)

    ModelVersion.objects.update(state="retired")
    version(spec, 2, NOW + DAY, "champion")
    with django_capture_on_commit_callbacks(execute=True):
        assert model_cuts.go_on(now=NOW + 2 * DAY) == {"done": 1, "waiting": 0}
    old.refresh_from_db()
    assert old.deleted_at == NOW + 2 * DAY and files() == 1
    assert "one person" not in f"{old.card} {old.feature_names}" and old.card["auc"] == 0.7


def test_near_the_end_the_newest_takes_over_though_it_is_no_better(
    spec: ModelSpec, django_capture_on_commit_callbacks: Any
) -> None:
    version(spec, 1, NOW - DAY, "champion")
    model_cuts.cut(erasure(spec), now=NOW)
    worse = version(spec, 2, NOW + DAY)

    assert model_cuts.go_on(now=NOW + 24 * DAY)["waiting"] == 1
    with django_capture_on_commit_callbacks(execute=True):
        assert model_cuts.go_on(now=NOW + 26 * DAY)["done"] == 1
    assert ModelVersion.objects.get(state="champion") == worse and files() == 1


def test_where_nothing_could_be_trained_nothing_serves_in_the_end(
    spec: ModelSpec, django_capture_on_commit_callbacks: Any
) -> None:
    version(spec, 1, NOW - DAY, "champion")
    model_cuts.cut(erasure(spec), now=NOW)
    with django_capture_on_commit_callbacks(execute=True):
        assert model_cuts.go_on(now=NOW + 26 * DAY)["done"] == 1
    assert not ModelVersion.objects.filter(state="champion").exists() and files() == 0


def test_lists_are_learned_again_and_the_old_ones_deleted(spec: ModelSpec) -> None:
    recommender = Recommender.objects.create(site=spec.site, key="next", name="Next")
    fields = {"since": NOW, "until": NOW, "views": 1, "pairs": 1, "popular": []}
    old = RecommenderVersion.objects.create(recommender=recommender, trained_at=NOW - DAY, **fields)
    Recommender.objects.update(active=old)
    model_cuts.cut(erasure(spec), now=NOW)
    assert model_cuts.go_on(now=NOW + DAY)["waiting"] == 1

    fresh = RecommenderVersion.objects.create(
        recommender=recommender, trained_at=NOW + DAY, **fields
    )
    Recommender.objects.update(active=fresh)
    assert model_cuts.go_on(now=NOW + DAY)["done"] == 1
    assert list(RecommenderVersion.objects.all()) == [fresh]
