"""The editor of formatted text is what its pinned packages give, whoever bundles them."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from launcher.home import PROJECT_ROOT
from launcher.trouble import Trouble
from tests.clients import npm

pytestmark = pytest.mark.slow

SOURCE = PROJECT_ROOT / "sdk" / "vendor"
SHIPPED = PROJECT_ROOT / "static" / "vendor"


def test_a_bundle_made_anew_is_the_one_that_is_shipped(packages: Path, tmp_path: Path) -> None:
    try:
        folder = npm.installed("vendor", packages, SOURCE)
    except Trouble as trouble:
        pytest.skip(f"The packages are not here, and no registry answers: {trouble}")
    for script in ("build.mjs", "prosemirror.js"):
        shutil.copy(SOURCE / script, folder)
    done = subprocess.run(
        [str(npm.node_of(packages)), "build.mjs", str(tmp_path)],
        cwd=folder,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    [made] = tmp_path.iterdir()
    for file in made.iterdir():
        assert file.read_bytes() == (SHIPPED / made.name / file.name).read_bytes(), file.name
