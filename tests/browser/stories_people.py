"""Somebody at the admin who finds things by what the page calls them."""

from django.contrib.auth.models import Group, User
from playwright.sync_api import Browser, Locator, expect

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
        """Press the button of that name, and wait for the page that it leads to."""
        with self.page.expect_navigation():
            self.page.get_by_role("button", name=name, exact=True).click()

    def follow(self, name: str, *, is_part: bool = False) -> None:
        """Follow the first link of that name, or with that in its name, in the page."""
        with self.page.expect_navigation():
            self.main.get_by_role("link", name=name, exact=not is_part).first.click()

    def go(self, entry: str) -> None:
        """Follow an entry of the menu."""
        menu = self.page.get_by_role("navigation", name="Menu")
        with self.page.expect_navigation():
            menu.get_by_role("link", name=entry, exact=True).click()

    def go_to_publish(self) -> None:
        """Open the page to publish on, and wait until it has found what changes."""
        self.go("Publish")
        expect(self.page.locator("#publish-form")).to_be_visible()

    def leave(self) -> None:
        """Close the page, then the visit.

        Raises:
            AssertionError: the browser had something to say.
        """
        # The browser logs what a page is told by a status; these are answers that people read.
        self.complaints[:] = [one for one in self.complaints if "409 (Conflict)" not in one]
        self.close()


def employ(name: str, role: str) -> User:
    """Make an account of a role."""
    user = User.objects.create_user(name, password=SECRET, is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    return user
