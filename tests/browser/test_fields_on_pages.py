"""Every kind of field in the place that a page has for it, and nothing where it does not belong."""

from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.site import Site

pytestmark = pytest.mark.browser

SECTION = """<section data-attune-placement="home.rich">
<h2 data-attune-field="headline">Default</h2>
<a id="link" href="/all" data-attune-href="link" data-attune-field="link">All</a>
<a id="call" href="/call" data-attune-href="phone">Call</a>
<img id="picture" src="/default.png" alt="Default" data-attune-src="picture">
<div id="rich" data-attune-rich="text">Default</div>
<ul data-attune-list="points"><li class="point">Default</li></ul>
</section>"""


def show(page: Page, site: Site, **fields: Any) -> None:
    """The page with a section of every kind, filled with these fields."""
    decision = {"decisionId": "dec_rich", "variant": "b", "reason": "DEFAULT", "fields": fields}
    site.placements = {"home.rich": decision}
    page.goto(site.origin + "/")
    page.evaluate("window.t = Attune.load({writeKey: 'pk_test', deadline: 10000})")
    page.evaluate(
        "html => { const made = document.createElement('div'); made.innerHTML = html;"
        " document.body.append(made); }",
        SECTION,
    )
    page.evaluate("t.decide()")


def test_a_page_shows_links_pictures_lists_and_rich_texts(page: Page, site: Site):
    show(
        page,
        site,
        link={"url": "/blouses", "text": "See <blouses>"},
        phone="tel:+41441234567",
        picture={"url": "/blouse.png", "alt": "A blouse", "focal": [0.25, 1]},
        text='<p>Hi <em>Ann</em> <a href="/a" rel="noopener">more</a></p><ul><li>x</li></ul>',
        points=["One", "<b>Two</b>"],
    )
    link = page.locator("#link")
    assert link.inner_text() == "See <blouses>"
    assert link.get_attribute("href") == f"{site.origin}/blouses"
    assert page.locator("#call").get_attribute("href") == "tel:+41441234567"
    picture = page.locator("#picture")
    assert picture.get_attribute("alt") == "A blouse"
    assert picture.get_attribute("src") == f"{site.origin}/blouse.png"
    assert picture.evaluate("one => one.style.objectPosition") == "25% 100%"
    assert page.locator("#rich").inner_html() == (
        f'<p>Hi <em>Ann</em> <a href="{site.origin}/a" rel="noopener">more</a></p>'
        "<ul><li>x</li></ul>"
    )
    assert page.locator(".point").all_inner_texts() == ["One", "<b>Two</b>"]
    assert page.locator("h2").inner_text() == "Default"


def test_markup_of_a_visitors_making_does_not_get_in(page: Page, site: Site):
    show(
        page,
        site,
        link={"url": "javascript:hit = 1", "text": "x"},
        picture={"url": "data:image/png,x", "alt": "y"},
        text="<p class=x id=y>Hi</p><script>hit = 1</script><table><td>t</table><img src=data:x>"
        "<a href='javascript:hit = 1'>z</a><svg></svg><form><input></form>",
    )
    assert page.locator("#link").get_attribute("href") == "/all"
    assert page.locator("#picture").get_attribute("src") == "/default.png"
    rich = page.locator("#rich")
    assert rich.inner_html() == "<p>Hi</p><img><a>z</a>"
    assert page.evaluate("window.hit ?? 0") == 0


def test_an_address_alone_is_a_picture_and_a_link_as_before(page: Page, site: Site):
    show(page, site, link="/plain", picture="/plain.png", points="Only")
    assert page.locator("#link").get_attribute("href") == f"{site.origin}/plain"
    assert page.locator("#picture").get_attribute("src") == f"{site.origin}/plain.png"
    assert page.locator("#picture").get_attribute("alt") == "Default"
    assert page.locator(".point").all_inner_texts() == ["Only"]
