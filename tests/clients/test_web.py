"""Public clients for browsers, unmodified, in a page of another origin: OpenFeature and Segment."""

import functools
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from launcher import processes
from launcher.trouble import Trouble
from tests.browser.conftest import chromium_or_skip
from tests.clients import npm
from tests.clients.conftest import Address

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.django_db]

FOLDED_WITHIN_S = 15.0


class Quiet(SimpleHTTPRequestHandler):
    """Files of a folder, without a line for each."""

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def site(packages: Path) -> Iterator[str]:
    """Where the shop's page and the clients' files are served."""
    chromium_or_skip()
    try:
        folder = npm.installed("web", packages)
    except Trouble as trouble:
        pytest.skip(f"Public clients for browsers are not here, no registry answers: {trouble}")
    shutil.copy(npm.HERE / "web" / "page.html", folder)
    handler = functools.partial(Quiet, directory=str(folder))
    shop = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=shop.serve_forever, daemon=True).start()
    yield f"http://localhost:{shop.server_port}"
    shop.shutdown()
    shop.server_close()


@pytest.fixture(scope="module")
def visit(server: Address, site: str) -> dict[str, Any]:
    """One visit in a real browser, in a process of its own: it runs an event loop."""
    address = f"{site}/page.html?host={server.host}&key={server.publishable}"
    done = subprocess.run(
        [sys.executable, str(npm.HERE / "web" / "visit.py"), chromium_or_skip(), address],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_openfeature_reads_every_type_of_value_that_is_for_pages(visit: dict[str, Any]) -> None:
    first = visit["first"]
    values = {name: first[name]["value"] for name in ("boolean", "string", "integer", "float")}
    assert values == {
        "boolean": True,
        "string": "Good to see you",
        "integer": 24,
        "float": 7.5,
    }
    assert first["object"]["value"] == {"accent": "teal", "dense": False}
    assert (first["placement"]["variant"], first["placement"]["reason"]) == ("everyone", "DEFAULT")
    for name in ("unknown", "segment"):
        assert first[name]["errorCode"] == "FLAG_NOT_FOUND"


def test_what_segments_library_tells_changes_the_open_page(visit: dict[str, Any]) -> None:
    placement = visit["changed"]["placement"]
    assert (placement["variant"], placement["reason"]) == ("blouses", "TARGETING_MATCH")
    assert placement["value"]["fields"] == {"headline": "Blouses"}
    assert visit["evaluations"] == [200, 200]


def test_a_page_that_is_loaded_again_is_told_that_nothing_has_changed(
    visit: dict[str, Any],
) -> None:
    assert visit["again"]["placement"]["variant"] == "blouses"
    assert set(visit["evaluations again"]) == {304}


def test_no_call_of_the_page_is_refused(visit: dict[str, Any]) -> None:
    assert visit["refused"] == []


def test_segments_library_delivers_what_the_page_tells(
    server: Address, visit: dict[str, Any]
) -> None:
    identity = f"anonymous_id:{visit['first']['anonymousId']}"

    def kinds() -> list[str]:
        return sorted(event["type"] for event in server.events_of(identity))

    assert processes.wait_until(lambda: kinds() == ["page", "track"], FOLDED_WITHIN_S), kinds()
