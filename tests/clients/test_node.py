"""Public clients for Node, unmodified: OpenFeature's SDK with OFREP, and Segment's library."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from launcher import processes
from launcher.trouble import Trouble
from tests.clients import npm
from tests.clients.conftest import Address

pytestmark = [pytest.mark.slow, pytest.mark.django_db]

FOLDED_WITHIN_S = 15.0
VISITOR = "node-looker"


@pytest.fixture(scope="module")
def folder(packages: Path) -> Path:
    """Where the clients are installed, our scripts beside them."""
    try:
        folder = npm.installed("node", packages)
    except Trouble as trouble:
        pytest.skip(f"Public clients for Node are not here, and no registry answers: {trouble}")
    for script in (npm.HERE / "node").glob("*.mjs"):
        shutil.copy(script, folder)
    return folder


def run(folder: Path, packages: Path, script: str, server: Address, key: str) -> Any:
    """Run a script; what it printed, decoded."""
    done = subprocess.run(
        [str(npm.node_of(packages)), script],
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "ATTUNE_HOST": server.host,
            "ATTUNE_KEY": key,
            "ATTUNE_VISITOR": VISITOR,
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def events(server: Address, folder: Path, packages: Path) -> list[dict[str, Any]]:
    """What Segment's library sent, as the consumer folded it."""
    assert run(folder, packages, "events.mjs", server, server.publishable) == []

    def kept() -> list[dict[str, Any]]:
        return server.events_of(f"user_id:{VISITOR}")

    assert processes.wait_until(lambda: len(kept()) == 6, FOLDED_WITHIN_S), kept()
    return kept()


def test_segments_library_delivers_every_kind_of_event(events: list[dict[str, Any]]) -> None:
    kinds = sorted(event["type"] for event in events)
    assert kinds == ["alias", "group", "identify", "page", "screen", "track"]


@pytest.fixture(scope="module")
def found(server: Address, folder: Path, packages: Path, events: object) -> dict[str, Any]:
    """What the OpenFeature SDK made of each evaluation, with a secret key."""
    found: dict[str, Any] = run(folder, packages, "flags.mjs", server, server.secret)
    return found


def test_openfeature_reads_every_type_of_value(found: dict[str, Any]) -> None:
    values = {name: details["value"] for name, details in found.items()}
    assert values["boolean"] is True
    assert values["string"] == "Good to see you"
    assert (values["integer"], values["float"]) == (24, 7.5)
    assert values["object"] == {"accent": "teal", "dense": False}
    for name in ("boolean", "string", "integer", "float", "object"):
        assert found[name]["reason"] == "DEFAULT", found[name]


def test_what_segments_library_told_is_what_openfeature_decides_by(found: dict[str, Any]) -> None:
    assert found["placement"]["value"]["fields"] == {"headline": "Blouses"}
    assert (found["placement"]["reason"], found["placement"]["variant"]) == (
        "TARGETING_MATCH",
        "blouses",
    )
    assert (found["segment"]["value"], found["segment"]["reason"]) == (True, "TARGETING_MATCH")


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("unknown", "FLAG_NOT_FOUND"),
        ("of nobody", "TARGETING_KEY_MISSING"),
        ("wrong type", "TYPE_MISMATCH"),
    ],
)
def test_openfeature_understands_what_went_wrong(
    found: dict[str, Any], name: str, code: str
) -> None:
    assert (found[name]["errorCode"], found[name]["reason"]) == (code, "ERROR")
