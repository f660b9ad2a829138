"""An editor who has never seen the tool, from an empty page to visitors of the shop and back."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.stories_people import Person
from tests.browser.test_shop import WELCOME, accept, view

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SEGMENT = "Three in ten minutes"
SEGMENT_KEY = "three-in-ten-minutes"
HEADLINE = "So many good things"
ZONE = ZoneInfo("Europe/Berlin")  # of the shop's site: tests/browser/conftest.py
PRODUCTS = ("A1", "A2", "C14")


@pytest.fixture
def nina(chromium: Browser, shop: str) -> Iterator[Person]:
    """The editor."""
    person = Person(chromium, shop, "nina", "Moss-and-fern-9")
    yield person
    person.leave()


def test_a_new_editor_makes_a_segment_and_content_for_it_and_takes_it_back(
    nina: Person, page: Page, shop: str
) -> None:
    reads_what_is_for(nina)
    makes_the_segment(nina)
    writes_the_variant(nina)
    previews_it(nina)
    page.goto(f"{shop}/demo/")
    accept(page)
    for product in PRODUCTS:
        view(page, shop, product)
    expect_hero(page, shop, other_than=HEADLINE)
    schedules_it(nina)
    expect_hero(page, shop, HEADLINE)
    takes_it_back(nina)
    expect_hero(page, shop, other_than=HEADLINE)
    finds_it_ticked_in_the_tour(nina)
    other = page.context.browser
    assert other is not None
    stranger = other.new_page()
    stranger.goto(f"{shop}/demo/")
    expect(stranger.locator("h1")).to_have_text(WELCOME)
    stranger.close()


def reads_what_is_for(nina: Person) -> None:
    """Pages on which nothing is yet say what they are for and what to do."""
    for entry, words in (
        ("Releases", "Use one when changes belong together"),
        ("Themes", "A theme is what you say to some segments"),
        ("Personas", "Begin with somebody"),
        ("Pictures", "Add the first above"),
    ):
        nina.go(entry)
        expect(nina.main).to_contain_text(words)


def makes_the_segment(nina: Person) -> None:
    """From the sentence of the form, with the shop's event in its blank."""
    nina.go("Add to Segments")
    # There is one site only: it is chosen already.
    expect(nina.page.get_by_label("Site:").locator("option:checked")).to_have_text("Demo")
    nina.fill("Name:", SEGMENT)
    sentences = nina.page.get_by_role("region", name="Begin with a sentence")
    often = sentences.get_by_role("listitem").filter(has=nina.page.get_by_label("How often")).first
    expect(often).to_contain_text("Did")
    often.get_by_label("What they did").fill("Product Viewed")
    often.get_by_role("button", name="Use").click()
    expect(nina.main).to_contain_text("viewed at least 3 products in the last 10 minutes")
    nina.press("Save and continue editing")
    nina.follow("Publish")
    expect(nina.main).to_contain_text("viewed at least 3 products in the last 10 minutes")
    nina.page.get_by_label("Why is it published?").fill("For the hero of curious visitors")
    nina.press("Publish")
    expect(nina.main).to_contain_text(f"{SEGMENT}: version 1")


def writes_the_variant(nina: Person) -> None:
    """A variant of the hero, ahead of those for one category."""
    nina.go("Blocks")
    nina.follow("Hero")
    nina.page.get_by_role("button", name="Add a variant", exact=True).click()
    panel = nina.page.get_by_role("tabpanel")
    panel.get_by_label("Name:", exact=True).fill("Just looking around")
    panel.get_by_label("Priority:").fill("10")
    panel.get_by_role("combobox", name="Segments:").press_sequentially("three")
    nina.page.get_by_role("option", name=SEGMENT).click()
    panel.get_by_label("Headline").fill(HEADLINE)
    panel.get_by_label("Text:", exact=True).fill("Take three home and send two back.")
    nina.press("Save and continue editing")
    expect(nina.main).to_contain_text("was changed successfully")
    tab = nina.page.get_by_role("tab", name="Just looking around")
    expect(tab).to_contain_text("new")
    expect(nina.page.get_by_role("tab", name="Blouses")).not_to_contain_text("changed")


def previews_it(nina: Person) -> None:
    """The draft as somebody in the segment, and beside it what somebody new sees."""
    nina.go("Preview")
    with nina.page.expect_navigation():
        nina.page.get_by_label("Page", exact=True).select_option(label="Front page")
    picture = nina.page.get_by_role("region", name="A ")
    picture.get_by_text("Who, when, where").click()
    picture.get_by_label("Who looks").select_option(label="Somebody in segments")
    picture.get_by_label("Segments", exact=True).fill(SEGMENT_KEY)
    picture.get_by_role("option", name=SEGMENT).click()
    picture.get_by_label("Content", exact=True).select_option(label="The drafts")
    with nina.page.expect_navigation():
        picture.get_by_role("button", name="Show").click()
    seen = nina.page.frame_locator("iframe[title*='Picture A']")
    expect(seen.locator("body")).to_contain_text(HEADLINE)
    expect(picture).to_contain_text(SEGMENT)
    nina.press("Add a picture to compare")
    expect(nina.main).to_contain_text("Where the pictures differ")
    beside = nina.page.frame_locator("iframe[title*='Picture B']")
    expect(beside.locator("body")).to_contain_text(WELCOME)


def schedules_it(nina: Person) -> None:
    """A release that publishes itself, at a time of the site's own clock."""
    nina.go_to_publish()
    expect(nina.main).to_contain_text(f"for {SEGMENT}")
    nina.fill("Name of the release", "Hero for the curious")
    nina.press("Make a release of what is ticked")
    # To the minute, as the input has it: 30 to 90 seconds from now.
    at = (datetime.now(ZONE) + timedelta(seconds=90)).replace(second=0, microsecond=0)
    nina.page.get_by_label("Publish it at (Europe/Berlin)").fill(f"{at:%Y-%m-%dT%H:%M}")
    nina.press("Keep these times")
    expect(nina.main).to_contain_text(f"{at:%d %b %Y %H:%M} (Europe/Berlin)")
    for _ in range(60):
        if nina.main.get_by_text("Published", exact=True).count():
            break
        nina.page.wait_for_timeout(2_000)
        nina.page.reload()
    expect(nina.main).to_contain_text("Publication 2")
    assert datetime.now(ZONE) >= at


def takes_it_back(nina: Person) -> None:
    """The publication of before serves again."""
    nina.go("Publications")
    row = nina.main.get_by_role("listitem").filter(has_text="№ 1")
    with nina.page.expect_navigation():
        row.get_by_role("button", name="Bring back").click()
    expect(nina.main).to_contain_text("№ 3")


def finds_it_ticked_in_the_tour(nina: Person) -> None:
    """What she did without the tour is ticked; its links are filled in with what is hers."""
    nina.go("Home")
    tour = nina.page.get_by_role("region", name="Start here")
    expect(tour).to_contain_text("4 of 6 done")
    with nina.page.expect_navigation(url="**/admin/preview/**"):
        tour.get_by_role("link", name="See it as one of them").click()
    seen = nina.page.frame_locator("iframe[title*='Picture A']")
    expect(seen.locator("body")).to_contain_text(HEADLINE)
    nina.go("Home")
    expect(tour).to_contain_text("5 of 6 done")
    with nina.page.expect_navigation():
        tour.get_by_role("button", name="Put the tour away").click()
    expect(tour).to_have_count(0)
    expect(nina.page.get_by_role("button", name="Start tour")).to_be_visible()


def expect_hero(page: Page, shop: str, text: str = "", *, other_than: str = "") -> None:
    """What the visitor sees above all; a publication needs a moment to reach every process."""
    for _ in range(20):
        page.goto(f"{shop}/demo/", wait_until="networkidle")
        shown = page.locator("h1").inner_text()
        if (not text or shown == text) and shown != other_than:
            return
        page.wait_for_timeout(500)
    raise AssertionError(f"{shown!r} is shown")
