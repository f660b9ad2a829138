"""Files of models: whole, signed, and swept up after whoever died over them."""

import os
from datetime import timedelta
from pathlib import Path

import pytest

from apps.predictions import artifacts
from apps.predictions.errors import ArtifactBroken
from apps.predictions.models import ModelSpec, ModelVersion
from apps.work import clock
from apps.work.ids import uuid7
from tests.apps.predictions.kept import TEXT, keep_version
from tests.apps.predictions.shop import make_spec
from tests.apps.recommendations.world import make_site


@pytest.fixture
def spec(db: None) -> ModelSpec:
    return make_spec(make_site())


def test_what_was_stored_comes_back(spec):
    assert artifacts.load(keep_version(spec, 1)) == TEXT


def test_a_file_that_was_changed_or_is_gone_is_not_used(spec):
    version = keep_version(spec, 1)
    artifacts.store(version.pk, TEXT.replace("1.0]]", "9.0]]"))
    with pytest.raises(ArtifactBroken, match="not the one that was stored"):
        artifacts.load(version)
    artifacts.delete(version.pk)
    with pytest.raises(ArtifactBroken, match="cannot be read"):
        artifacts.load(version)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("feature_names", ["value_sum"]),
        ("calibration", {"kind": "platt", "slope": -1.0, "shift": 0.0}),
        ("lineage", {"question": {"target_event": "Refund"}}),
        ("data_sha256", "1" * 64),
        ("method", "trees"),
        ("signature", ""),
        ("signature", "0" * 64),
    ],
)
def test_whoever_changes_what_a_version_says_in_the_database_breaks_its_signature(
    spec, field, value
):
    version = keep_version(spec, 1)
    ModelVersion.objects.filter(pk=version.pk).update(**{field: value})
    version.refresh_from_db()
    with pytest.raises(ArtifactBroken, match="not signed by this installation"):
        artifacts.load(version)


def test_a_file_with_the_hash_beside_it_changed_as_well_is_not_used(spec):
    version = keep_version(spec, 1)
    digest = artifacts.store(version.pk, TEXT.replace("1.0]]", "9.0]]"))
    ModelVersion.objects.filter(pk=version.pk).update(artifact_sha256=digest)
    version.refresh_from_db()
    with pytest.raises(ArtifactBroken, match="not signed"):
        artifacts.load(version)


def test_a_retired_key_still_opens_and_a_foreign_one_does_not(spec, settings):
    version = keep_version(spec, 1)
    old = settings.SIGNING_KEY
    settings.SIGNING_KEY = "another key, which is as long as it has to be"
    with pytest.raises(ArtifactBroken):
        artifacts.load(version)
    settings.SIGNING_KEYS_RETIRED = [old]
    assert artifacts.load(version) == TEXT


def test_drafts_and_files_without_a_version_are_swept_once_they_are_old(spec, artifact_dir):
    version = keep_version(spec, 1)
    folder: Path = artifact_dir / "predictions"
    lost = uuid7()
    artifacts.store(lost, TEXT)
    (folder / f"{uuid7().hex}.4711.draft").write_text("half")
    (folder / "notes.txt").write_text("somebody's own")
    now = clock.now()
    assert artifacts.sweep(now=now) == 0  # a living process may be about to insert its row
    late = (now - artifacts.LEFT_BEHIND - timedelta(minutes=1)).timestamp()
    for path in folder.iterdir():
        os.utime(path, (late, late))
    assert artifacts.sweep(now=now) == 2
    assert {path.name for path in folder.iterdir()} == {f"{version.pk.hex}.txt", "notes.txt"}
