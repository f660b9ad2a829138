"""A page of somebody's site with the consent banner, under a strict policy, and its visitor."""

from typing import Any, Final

from django.db import connection
from playwright.sync_api import Browser, Locator, Page, Route

from tests.apps.delivery.conftest import World
from tests.browser.visiting import WIDE, Visit

POLICY: Final = "default-src 'self'; frame-ancestors 'none'"
BODY: Final = """<h1>Shop</h1><p><a href="#low" id="first">First link</a></p>
<p data-attune-placement="home.hero">Welcome</p><div id="far"></div><p id="low">Low</p>"""
SHIFTS: Final = """(() => { window.shifts = []; new PerformanceObserver((list) =>
  window.shifts.push(...list.getEntries().filter((entry) => !entry.hadRecentInput)
  .map((entry) => entry.value)))
  .observe({type: "layout-shift", buffered: true}); })()"""
SIGNAL: Final = "Object.defineProperty(navigator, 'globalPrivacyControl', {value: true})"
# Tables in which processes write about themselves.
_NOT_ABOUT_VISITORS: Final = ("django_", "work_unsealed", "decisions_hotgeneration")


class ConsentPage(Visit):
    """The page, opened by a fresh browser; the banner is started by the script's own attributes."""

    def __init__(
        self, browser: Browser, origin: str, world: World, *, language: str = "en", **more: Any
    ) -> None:
        more.setdefault("viewport", WIDE)
        super().__init__(browser, origin, **more)
        self.world, self.language, self.body = world, language, BODY
        self.calls: list[tuple[str, str, dict[str, Any]]] = []
        self.page.add_init_script(SHIFTS)
        self.page.route(f"{origin}/site/**", self._serve)
        self.page.on("request", self._note)

    def _serve(self, route: Route) -> None:
        html = (
            f'<!DOCTYPE html><html lang="{self.language}"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            "<title>Shop</title>"
            '<script src="/static/sdk/attune.js" defer></script>'
            f'<script src="/static/sdk/attune-consent.js" data-write-key="{self.world.pk}" defer>'
            f"</script></head><body>{self.body}</body></html>"
        )
        headers = {"Content-Type": "text/html", "Content-Security-Policy": POLICY}
        route.fulfill(status=200, headers=headers, body=html)

    def _note(self, request: Any) -> None:
        path = request.url.removeprefix(self.origin)
        if path.startswith("/v1/"):
            self.calls.append((request.method, path, request.post_data_json or {}))

    def come(self, path: str = "/site/") -> None:
        """Open the page and wait for its banner."""
        with self.page.expect_response("**/v1/notice?*"):
            self.page.goto(f"{self.origin}{path}")
        self.page.locator("attune-consent").wait_for(state="attached")

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def press(self, name: str) -> dict[str, Any]:
        """Press a button that makes a choice; what the server was told."""
        with self.page.expect_response("**/v1/consent") as told:
            self.button(name).click()
        assert told.value.ok
        self.page.wait_for_load_state("networkidle")
        return dict(told.value.request.post_data_json)

    def stored(self) -> list[str]:
        """Names of all that the browser keeps for this page."""
        kept = "[...Object.keys(localStorage), ...Object.keys(sessionStorage)]"
        return [*self.page.evaluate(kept), *(one["name"] for one in self.context.cookies())]

    def shifted(self) -> float:
        """Cumulative layout shift since the page was opened: what moved without being asked to."""
        return float(self.page.evaluate("window.shifts.reduce((sum, one) => sum + one, 0)"))

    def places(self) -> list[float]:
        """Where the page's own elements are."""
        boxes = "[...document.querySelectorAll('body > :not(attune-consent)')]"
        return list(self.page.evaluate(f"{boxes}.map((one) => one.getBoundingClientRect().top)"))

    def choice(self) -> dict[str, bool] | None:
        found = self.page.evaluate("attune.choice()")
        return None if found is None else dict(found)


def focused(page: Page) -> str:
    """The text of what has the focus, inside the banner too."""
    return str(
        page.evaluate(
            "(() => { let at = document.activeElement;"
            " while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;"
            " return at ? at.textContent.trim() : ''; })()"
        )
    )


def rows_of_all_tables() -> dict[str, int]:
    """How many rows each table has."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition"
            " AND relnamespace = 'public'::regnamespace ORDER BY relname"
        )
        names = [name for (name,) in cursor.fetchall() if not name.startswith(_NOT_ABOUT_VISITORS)]
        counts = {}
        for name in names:
            cursor.execute(f'SELECT count(*) FROM "{name}"')
            counts[name] = int(cursor.fetchone()[0])
    return counts
