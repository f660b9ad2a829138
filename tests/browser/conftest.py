"""A real Chromium, where the machine has one."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.site import Site, serve

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The browser, started once a module."""
    if CHROMIUM is None:
        pytest.skip("There is no Chromium on this machine.")
    # Playwright runs an event loop in this thread, where Django refuses the database: it ends with
    # the module, so that no other test meets it.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield browser
        browser.close()


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
    server.shutdown()
    server.server_close()
