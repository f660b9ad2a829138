"""The condition editor as somebody uses it: fields by their place in the condition."""

import json
from typing import Any

from playwright.sync_api import Locator, Page

from tests.apps.segments.world import Happened, make_profile, make_site
from tests.browser.visiting import becomes

__all__ = ["Editing", "Happened", "make_profile", "make_site"]

SETTLED = "condition-panel:not([aria-busy])"


class Editing:
    """One page with the editor. A place is written like a refusal's: `all[0].where[0].value`."""

    def __init__(self, page: Page, name: str = "ce", field: str = "draft") -> None:
        self.page = page
        self.name = name
        self.field = field

    def at(self, place: str) -> Locator:
        return self.page.locator(f'[id="{self.name}-{place}"]')

    def fill(self, place: str, text: object) -> "Editing":
        self.at(place).fill(str(text))
        self.at(place).dispatch_event("change")
        return self

    def choose(self, place: str, value: str) -> "Editing":
        self.at(place).select_option(value)
        return self

    def click(self, place: str) -> "Editing":
        self.at(place).click()
        return self

    def offer(self, place: str) -> "Editing":
        """Add a field that may be left out."""
        return self.click(f"{place}-add")

    def lasts(self, place: str, amount: int, unit: str) -> "Editing":
        """Give a duration."""
        return self.choose(f"{place}-unit", unit).fill(place, amount)

    def add(self, kind: str, group: str = "where") -> "Editing":
        """Add a condition of a kind to a group."""
        return self.choose(f"{group}-new", kind).click(f"{group}-add")

    def filter(self, holder: str, number: int, of: str, value: object, op: str = "eq") -> "Editing":
        """Add the filter of this number; `holder` is the place of the event match."""
        where = f"{holder}.where" if holder else "where"
        self.click(f"{where}-add").fill(f"{where}[{number}].property", of)
        self.choose(f"{where}[{number}].op", op)
        if isinstance(value, int | float):
            self.choose(f"{where}[{number}].value-type", "number")
        return self.fill(f"{where}[{number}].value", value)

    def count(
        self, place: str, name: str, window: str, op: str, value: object, **more: Any
    ) -> "Editing":
        """Fill an event leaf that counts."""
        self.fill(f"{place}.name", name).choose(f"{place}.window", window)
        if "last" in more:
            self.lasts(f"{place}.window.last", *more["last"])
        return self.choose(f"{place}.op", op).fill(f"{place}.value", value)

    @property
    def condition(self) -> dict[str, Any]:
        """What the form would send."""
        found: dict[str, Any] = json.loads(self.page.locator(f"#id_{self.field}").input_value())
        return found

    @property
    def where(self) -> Any:
        return self.condition["where"]

    def comes_to(self, where: Any) -> "Editing":
        """Wait until the form would send this condition, and the server has said what it is."""
        becomes(self.page, lambda: bool(self.where == where))
        return self.settled()

    def settled(self) -> "Editing":
        """Wait until the server has said what it makes of the last change."""
        self.page.locator(SETTLED).wait_for()
        return self

    def words(self) -> str:
        return self.settled().page.locator(".cp-words").inner_text()

    def problems(self) -> list[str]:
        return self.settled().page.locator(".cp-problem").all_inner_texts()
