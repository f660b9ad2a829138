"""Somebody at the admin who finds things by what the page calls them."""

from django.contrib.auth.models import Group, User
from playwright.sync_api import Browser, Locator

from tests.browser.visiting import SECRET, Visit


class Person(Visit):
    """A visit by somebody who clicks and types: roles and labels, no ids."""

    def __init__(self, browser: Browser, origin: str, name: str, password: str = SECRET) -> None:
        super().__init__(browser, origin)
        self.page.goto(f"{origin}/admin/")
        self.fill("Username:", name)
        self.fill("Password:", password)
        self.press("Log in")
        self.page.wait_for_url(f"{origin}/admin/")

    @property
    def main(self) -> Locator:
        """What is on the page besides the menu."""
        return self.page.get_by_role("main")

    def fill(self, label: str, text: str) -> None:
        """Write into the field of that label."""
        self.page.get_by_label(label, exact=True).fill(text)

    def press(self, name: str) -> None:
        """Press the button of that name, and wait for what it does."""
        self.page.get_by_role("button", name=name, exact=True).click()
        self.settle()

    def follow(self, name: str, *, is_part: bool = False) -> None:
        """Follow the first link of that name, or with that in its name, in the page."""
        with self.page.expect_navigation():
            self.main.get_by_role("link", name=name, exact=not is_part).first.click()
        self.settle()

    def go(self, entry: str) -> None:
        """Follow an entry of the menu."""
        menu = self.page.get_by_role("navigation", name="Menu")
        with self.page.expect_navigation():
            menu.get_by_role("link", name=entry, exact=True).click()
        self.settle()

    def go_to_publish(self) -> None:
        """Open the page to publish on, and look again where it is still finding what changes."""
        self.go("Publish")
        for _ in range(20):
            if not self.main.get_by_role("link", name="Look again").count():
                return
            self.page.wait_for_timeout(500)
            self.follow("Look again")

    def settle(self) -> None:
        """Wait until nothing is on its way: what is typed is kept by calls of its own."""
        self.page.wait_for_load_state("networkidle")

    def leave(self) -> None:
        """Close the page, then the visit.

        Raises:
            AssertionError: the browser had something to say.
        """
        self.settle()
        self.page.goto("about:blank")
        # The browser logs what a page is told by a status; these are answers that people read.
        self.complaints[:] = [one for one in self.complaints if "409 (Conflict)" not in one]
        self.close()


def employ(name: str, role: str) -> User:
    """Make an account of a role."""
    user = User.objects.create_user(name, password=SECRET, is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    return user
