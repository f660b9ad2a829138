"""One logged-in page of the admin, and what a browser says against it."""

import time
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, ViewportSize

WIDE: Final = ViewportSize(width=1280, height=900)
PHONE: Final = ViewportSize(width=390, height=800)
SECRET: Final = "x"
WORST: Final = {"serious", "critical"}  # of what axe finds
# Frames are documents of their own, into some of which
# no script may come. Style sheets read anew would ask for what they import at the page's address.
OWN_FRAME: Final = {"resultTypes": ["violations"], "iframes": False, "preload": False}


def rest(page: Page) -> None:
    """Let half a second pass by the page's own timers, however slow the machine is.

    What a library does a moment later (animations, where the caret is) has then been done.
    """
    page.evaluate(
        "new Promise((done) => {"
        " let left = 10; const turn = () => (left-- ? setTimeout(turn, 50) : done()); turn(); })"
    )


def becomes(page: Page, is_so: Callable[[], bool]) -> None:
    """Return once it is so, while the page goes on.

    Raises:
        AssertionError: it was not within twenty seconds.
    """
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline, "waited in vain"
        page.wait_for_timeout(20)


class Visit:
    """A page of its own browser profile. `complaints` gathers errors, foreign requests, widths."""

    def __init__(
        self,
        browser: Browser,
        origin: str,
        *,
        viewport: ViewportSize = WIDE,
        scheme: Any = "light",
        **more: Any,
    ) -> None:
        """Open a profile; `more` is what else Playwright's `new_context` takes."""
        self.origin = origin
        self.context = browser.new_context(viewport=viewport, color_scheme=scheme, **more)
        self.context.set_default_timeout(20_000)
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self._complain(str(error)))
        self.page.on("request", self._asked)

    def _complain(self, words: str) -> None:
        self.complaints.append(f"{urlsplit(self.page.url).path}: {words}")

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._complain(message.text)

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((self.origin, "data:", "blob:", "about:")):
            self._complain(f"asks somebody else: {request.url}")

    def log_in(self, user: User) -> None:
        """By the form, as a person does."""
        self.page.goto(f"{self.origin}/admin/login/")
        self.page.fill("#id_username", user.get_username())
        self.page.fill("#id_password", SECRET)
        self.page.click("input[type=submit]")
        self.page.wait_for_url(f"{self.origin}/admin/")

    def come_as(self, user: User) -> None:
        """By a session's cookie, which takes no time."""
        client = Client()
        client.force_login(user)
        name = settings.SESSION_COOKIE_NAME
        self.context.add_cookies(
            [{"name": name, "value": client.cookies[name].value, "url": self.origin}]
        )

    def open(self, path: str, status: int = 200) -> None:
        """Go to a page, which must answer so."""
        answer = self.page.goto(f"{self.origin}{path}")
        if answer is None or answer.status != status:
            self.complaints.append(f"{path}: {answer and answer.status}")

    def leads(self, selector: str) -> None:
        """Click on what leads to a page, and wait until that page is there.

        A form that keeps what is typed goes out some time after its button was pressed.
        """
        with self.page.expect_navigation():
            self.page.click(selector)

    def overflow(self) -> int:
        """By how many pixels the page is wider than the window."""
        self.page.wait_for_load_state()
        return int(self.page.evaluate("document.documentElement.scrollWidth - innerWidth"))

    def must_fit(self, viewport: ViewportSize) -> None:
        """Complain when the page is wider than such a window."""
        self.page.set_viewport_size(viewport)
        if (over := self.overflow()) > 0:
            self._complain(f"{over} px too wide at {viewport['width']} px")

    def must_be_readable(self, name: str) -> None:
        """Complain of what axe finds serious or worse."""
        for found in Axe().run(self.page, options=OWN_FRAME).response["violations"]:
            if found["impact"] in WORST:
                places = ", ".join(str(node["target"]) for node in found["nodes"][:3])
                self.complaints.append(f"{name}: {found['id']} at {places}")

    def close(self) -> None:
        """End the visit.

        Raises:
            AssertionError: the browser had something to say.
        """
        self.page.goto("about:blank")  # which sends nothing more
        self.context.close()
        if self.complaints:
            raise AssertionError("\n".join(self.complaints))
