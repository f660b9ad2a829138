"""Our Liquid beside liquidjs and Handlebars: an editor's template means the same everywhere."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from launcher.trouble import Trouble
from tests.clients import npm
from tests.vectors import make_liquid, vectors

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def rendered(packages: Path) -> dict[str, list[Any]]:
    """What each engine makes of every case, as plain text."""
    try:
        folder = npm.installed("templates", packages)
    except Trouble as trouble:
        pytest.skip(f"Engines for templates are not here, and no registry answers: {trouble}")
    shutil.copy(npm.HERE / "templates" / "render.mjs", folder)
    cases = [{"source": case["source"], "values": make_liquid.VALUES} for case in vectors("liquid")]
    done = subprocess.run(
        [str(npm.node_of(packages)), "render.mjs"],
        cwd=folder,
        input=json.dumps({"cases": cases}),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, list[Any]] = json.loads(done.stdout)
    return found


def test_the_file_of_templates_is_what_our_sandbox_makes() -> None:
    assert make_liquid.written(make_liquid.made()) == make_liquid.TARGET.read_text("utf-8")


def test_liquidjs_makes_the_same_of_every_template_but_those_that_are_known(
    rendered: dict[str, list[Any]],
) -> None:
    cases = vectors("liquid")
    other = [
        (case["source"], case["text"], text)
        for case, text in zip(cases, rendered["liquidjs"], strict=True)
        if text != case.get("liquidjs", case["text"])
    ]
    assert other == []
    assert sum("liquidjs" not in case for case in cases) > 50


def test_handlebars_makes_the_same_of_templates_that_only_show_values(
    rendered: dict[str, list[Any]],
) -> None:
    other = [
        (case["source"], case["text"], text)
        for case, text in zip(vectors("liquid"), rendered["handlebars"], strict=True)
        if case["shows_only"] and text != case["text"]
    ]
    assert other == []
