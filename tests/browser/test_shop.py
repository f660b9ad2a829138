"""The demo shop as a visitor meets it: a stack in processes of its own, and a real browser.

All that needs the shop is in this file: with tests on several processes it is started once.
"""

import json
import re
import urllib.request

import pytest
from playwright.sync_api import Page, expect

from tests.browser.folding import wait_until_folded

pytestmark = [pytest.mark.browser, pytest.mark.slow]

WELCOME = "Clothes for the months that matter"
BLOUSES = "Blouses with room to breathe"
MY_ID = (
    "localStorage.getItem("
    "Object.keys(localStorage).find((key) => key.startsWith('attune.anonymousId')))"
)
SHIFTS = """(() => { window.shifted = 0; new PerformanceObserver(list => list.getEntries()
  .forEach(entry => { window.shifted += entry.value; }))
  .observe({type: "layout-shift", buffered: true}); })()"""


@pytest.fixture(autouse=True)
def _at_the_door(page: Page, shop: str) -> None:
    """Every test begins on the front page, as somebody new."""
    page.add_init_script(SHIFTS)
    page.goto(f"{shop}/demo/")


def accept(page: Page) -> None:
    """Accept all, and wait until the server has it."""
    with page.expect_response("**/v1/consent") as told:
        page.get_by_role("button", name="Accept all").click()
    assert told.value.ok
    page.wait_for_load_state("networkidle")


def view(page: Page, shop: str, code: str) -> None:
    """Look at one product until the click is folded."""
    with page.expect_response("**/v1/batch") as stored:
        page.goto(f"{shop}/demo/products/{code}/", wait_until="networkidle")
    assert stored.value.ok
    wait_until_folded(shop)


def test_looking_at_a_blouse_changes_the_hero_at_the_next_view(page: Page, shop: str):
    expect(page.locator("h1")).to_have_text(WELCOME)
    accept(page)
    view(page, shop, "C14")
    page.goto(f"{shop}/demo/", wait_until="networkidle")
    expect(page.locator("h1")).to_have_text(BLOUSES)
    expect(page.locator(".hero")).to_have_attribute("data-category", "blouses")
    expect(page.locator("[data-why]")).to_have_text(
        "It was chosen by what you looked at in this visit."
    )
    assert page.evaluate("window.shifted") < 0.01
    page.get_by_role("link", name="See all blouses").click()
    expect(page.locator("h1")).to_have_text("Blouses")


def test_before_an_answer_the_browser_holds_nothing(page: Page, shop: str):
    expect(page.get_by_role("button", name="Refuse all")).to_be_visible()
    page.goto(f"{shop}/demo/products/C14/", wait_until="networkidle")
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0
    assert page.context.cookies() == []


def test_refusing_is_as_easy_as_accepting(page: Page, shop: str):
    refuse = page.get_by_role("button", name="Refuse all").bounding_box()
    agree = page.get_by_role("button", name="Accept all").bounding_box()
    assert refuse and agree
    assert (refuse["width"], refuse["height"]) == (agree["width"], agree["height"])
    filled = "(button) => getComputedStyle(button).backgroundColor"
    colours = {
        page.get_by_role("button", name=name).evaluate(filled)
        for name in ("Refuse all", "Accept all")
    }
    assert len(colours) == 1 and colours != {"rgba(0, 0, 0, 0)"}  # in the shop's own colours
    page.get_by_text("Choose one by one").click()
    for box in page.get_by_role("checkbox").all():
        expect(box).not_to_be_checked()
    page.get_by_role("button", name="Refuse all").click()
    expect(page.get_by_role("button", name="Accept all")).to_be_hidden()
    page.reload(wait_until="networkidle")
    expect(page.get_by_role("button", name="Accept all")).to_be_hidden()  # Asked once.
    expect(page.get_by_role("button", name="Privacy choices")).to_be_visible()


def test_withdrawing_takes_one_click_and_the_hero_is_everyones_again(page: Page, shop: str):
    accept(page)
    view(page, shop, "C14")
    page.goto(f"{shop}/demo/", wait_until="networkidle")
    expect(page.locator("h1")).to_have_text(BLOUSES)
    with page.expect_response("**/v1/consent"):
        page.get_by_role("button", name="Withdraw").click()
    expect(page.locator("h1")).to_have_text(WELCOME)
    page.wait_for_function(f"!{MY_ID}")
    page.reload(wait_until="networkidle")
    expect(page.locator("h1")).to_have_text(WELCOME)


def test_no_page_is_wider_than_the_screen(page: Page, shop: str):
    for path in ("", "sale/", "products/A1/"):
        page.goto(f"{shop}/demo/{path}")
        for width in (320, 390, 768, 1280):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (path, width)


def test_unknown_products_and_categories_are_not_found(page: Page, shop: str):
    for path in ("hats/", "products/Z9/", "products/A1%00/"):
        answer = page.request.get(f"{shop}/demo/{path}")
        assert answer.status == 404, path


def test_what_is_done_in_one_tab_changes_the_page_open_in_the_other(page: Page, shop: str):
    with page.expect_response("**/v1/stream?*"):
        page.goto(f"{shop}/demo/")
        accept_and_stay(page)
    expect(page.locator("h1")).to_have_text(WELCOME)
    page.evaluate("window.isSamePage = true")

    other = page.context.new_page()
    other.goto(f"{shop}/demo/products/C14/")

    expect(page.locator("h1")).to_have_text(BLOUSES)
    expect(page.locator(".hero")).to_have_attribute("data-category", "blouses")
    assert page.evaluate("window.isSamePage")
    other.close()


def test_what_a_server_tells_changes_the_open_page(page: Page, shop: str):
    with page.expect_response("**/v1/stream?*"):
        page.goto(f"{shop}/demo/")
        accept_and_stay(page)
    settings = json.loads(page.locator("#shop-settings").text_content() or "")
    event = {
        "type": "track",
        "event": "Product Viewed",
        "anonymousId": page.evaluate(MY_ID),
        "properties": {"product_id": "C14", "category": "blouses"},
    }
    body = json.dumps({"batch": [event], "writeKey": settings["writeKey"]}).encode()
    call = urllib.request.Request(f"{shop}/v1/batch", body, {"Content-Type": "text/plain"})
    with urllib.request.urlopen(call) as answer:
        assert answer.status == 200
    expect(page.locator("h1")).to_have_text(BLOUSES)
    expect(page.locator("[data-announce]")).to_have_text(re.compile("blouses"))


def accept_and_stay(page: Page) -> None:
    """Accept all. The network of a page with a stream is never idle."""
    with page.expect_response("**/v1/consent") as told:
        page.get_by_role("button", name="Accept all").click()
    assert told.value.ok
