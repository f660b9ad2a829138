"""Models keep their artifacts in a directory of the test's own."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def artifact_dir(settings, tmp_path: Path) -> Path:
    settings.ARTIFACT_DIR = tmp_path / "artifacts"
    return settings.ARTIFACT_DIR
