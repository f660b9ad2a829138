"""A real Chromium, where the machine has one."""

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from launcher.home import Home
from launcher.trouble import Trouble
from tests.browser.chromium import executable
from tests.browser.folding import STACKS
from tests.browser.site import Site, serve
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
UP_WITHIN_S = 240.0  # a bound, for a machine that does much else
# What is expected comes, on a machine that does much else, later than in Playwright's five seconds.
expect.set_options(timeout=20_000)
# What demo_load does before it sends the first click, and nothing after it.
SET_UP = """
from datetime import date
from apps.access.models import Site
from apps.demo.setup import Plan, set_up
from apps.work import clock
now = clock.now()
run = set_up(Plan("demo", "demo", "", date(2008, 6, 1), 0, 0.0, 1), now=now).run
run.finished_at = now
run.save(update_fields=["finished_at"])
from django.contrib.auth.models import Group, User
editor = User.objects.create_user("nina", password="Moss-and-fern-9", is_staff=True)
editor.groups.add(Group.objects.get(name="editor"))
Site.objects.update(time_zone="Europe/Berlin")
"""


def chromium_or_skip() -> str:
    """Return the path of a Chromium; without one the test is skipped, and the summary says so."""
    try:
        return executable()
    except Trouble as trouble:
        pytest.skip(f"No Chromium: {trouble}")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The browser, started once a module."""
    path = chromium_or_skip()
    # Playwright runs an event loop in this thread, where Django refuses the database: it ends with
    # the module, so that no other test meets it.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def browser(chromium: Browser) -> Iterator[Browser]:
    """Chromium beside Django: its event loop runs in this thread, which Django would refuse."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        yield chromium


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A page of a fresh browser profile. What it complains about fails the test."""
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        lambda message: (
            complaints.append(message.text)
            # A refused call is logged by the browser itself; tests of outages cause them.
            if message.type == "error" and "Failed to load resource" not in message.text
            else None
        ),
    )
    yield page
    context.close()
    assert complaints == []


@pytest.fixture
def site() -> Iterator[Site]:
    """A page with the tracker, and an API that notes what arrives."""
    site = Site()
    server = serve(site)
    yield site
    site.may_decide.set()
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a shop that an editor has set up and nobody has visited. About 20 s."""
    chromium_or_skip()
    port = free_port()
    home = tmp_path_factory.mktemp("stack")
    given = {name: value for name, value in os.environ.items() if not name.endswith("_URL")}
    env = {**given, "ATTUNE_HOME": str(home), "PORT": str(port), "WEB_WORKERS": "1"}
    log = (home / "output").open("wb")
    stack = subprocess.Popen(
        [sys.executable, "-m", "launcher", "up"],
        cwd=ROOT,
        env=env,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    try:
        address = f"http://127.0.0.1:{port}"
        wait_until_ready(address, stack, home / "output")
        subprocess.run(
            [sys.executable, "manage.py", "shell", "-c", SET_UP], cwd=ROOT, env=env, check=True
        )
        STACKS[address] = Home(home)
        yield address
    finally:
        stack.send_signal(signal.SIGINT)
        stack.wait(timeout=60)
        log.close()


def wait_until_ready(address: str, stack: "subprocess.Popen[bytes]", output: Path) -> None:
    """Return once the stack says that it is ready.

    Raises:
        AssertionError: it ended, or was not ready after UP_WITHIN_S; with what it printed.
    """
    deadline = time.monotonic() + UP_WITHIN_S
    while time.monotonic() < deadline and stack.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/readyz", timeout=2):
            return
        time.sleep(0.2)
    raise AssertionError(output.read_text(errors="replace"))
