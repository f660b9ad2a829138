"""One logged-in page of the admin, and what a browser says against it."""

from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Browser, ConsoleMessage, Request, ViewportSize

WIDE: Final = ViewportSize(width=1280, height=900)
PHONE: Final = ViewportSize(width=390, height=800)
SECRET: Final = "x"


class Visit:
    """A page of its own browser profile. `complaints` gathers errors, foreign requests, widths."""

    def __init__(
        self, browser: Browser, origin: str, *, viewport: ViewportSize = WIDE, scheme: Any = "light"
    ) -> None:
        self.origin = origin
        self.context = browser.new_context(viewport=viewport, color_scheme=scheme)
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

    def overflow(self) -> int:
        """By how many pixels the page is wider than the window."""
        self.page.wait_for_load_state()
        return int(self.page.evaluate("document.documentElement.scrollWidth - innerWidth"))

    def must_fit(self, viewport: ViewportSize) -> None:
        """Complain when the page is wider than such a window."""
        self.page.set_viewport_size(viewport)
        if (over := self.overflow()) > 0:
            self._complain(f"{over} px too wide at {viewport['width']} px")

    def close(self) -> None:
        """End the visit.

        Raises:
            AssertionError: the browser had something to say.
        """
        # What the page still sends ends before a test empties the tables.
        self.page.wait_for_load_state("networkidle")
        self.page.goto("about:blank")
        self.context.close()
        if self.complaints:
            raise AssertionError("\n".join(self.complaints))
