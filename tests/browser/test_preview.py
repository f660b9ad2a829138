"""Previews in a real browser: the desk side by side, a shared link, a page by its tracker."""

from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from playwright.sync_api import Browser, Page, expect

from apps.delivery.previewing import content as contents
from apps.demo.setup import Plan, set_up
from apps.recommendations import selectors as recommendations
from tests.apps.studio.conftest import Shop
from tests.browser.site import Site
from tests.browser.visiting import PHONE, WIDE, Visit

pytestmark = [pytest.mark.browser, pytest.mark.slow]

TWO = (
    "pictures=2&placements=home.hero&a.device=desktop&b.who=segments&b.segments=blouses"
    "&b.device=phone"
)


@pytest.fixture
def shop(browser: Browser, transactional_db: None) -> Shop:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM events_inbox")
    contents.forget()
    made = Shop()
    made.publish()
    return made


def editor_in(browser: Browser, origin: str, viewport: Any) -> Visit:
    user = User.objects.create_user("eva", is_staff=True)
    user.groups.add(Group.objects.get(name="editor"))
    visit = Visit(browser, origin, viewport=viewport)
    visit.come_as(user)
    return visit


@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["desktop", "phone"])
def test_two_pictures_stand_side_by_side_and_break_nothing(
    shop: Shop, live_server: Any, browser: Browser, viewport: Any
) -> None:
    visit = editor_in(browser, live_server.url, viewport)
    visit.open(f"/admin/preview/?{TWO}")
    page = visit.page
    page.locator("#picture-b").scroll_into_view_if_needed()
    first, second = (page.frame_locator(f"#picture-{name} iframe") for name in "ab")
    expect(first.locator(".headline")).to_have_text("Welcome")
    expect(second.locator(".headline")).to_have_text("Blouses")
    # Its own sheet is let in, nothing else is: the frame is of no origin.
    expect(second.locator(".picture.is-marked")).to_have_css("border-top-width", "2px")
    expect(page.locator(".differences")).to_contain_text("headline")
    visit.must_fit(viewport)
    visit.close()


def test_an_editor_compares_and_shares_by_clicking(
    shop: Shop, live_server: Any, browser: Browser
) -> None:
    visit = editor_in(browser, live_server.url, WIDE)
    page = visit.page
    visit.open("/admin/")
    visit.leads("nav >> text=Preview")
    visit.leads("text=Add a picture to compare")
    page.click("#picture-b summary >> text=Who, when, where")
    page.select_option("#b-who", "segments")
    picture = page.locator("#picture-b")
    search = picture.get_by_label("Segments", exact=True)
    expect(page.locator("#b-number")).to_be_hidden()
    search.fill("brow")
    expect(picture.get_by_role("option", name="Browsing blouses")).to_be_visible()
    search.press("ArrowDown")
    search.press("Enter")
    expect(picture.locator(".chip")).to_contain_text("Browsing blouses")
    expect(picture.get_by_role("status").first).to_have_text("Browsing blouses was added")
    expect(page.locator("#b-segments")).to_have_value("blouses")
    page.select_option("#b-device", "desktop")
    visit.leads("#picture-b >> button:text-is('Show')")
    expect(page.locator(".differences")).to_be_visible()
    page.fill("#share-name", "For review")
    visit.leads("button:text-is('Share')")
    link = page.input_value("#made")
    visit.close()
    stranger = Visit(browser, live_server.url, viewport=PHONE)
    stranger.open(link.removeprefix(live_server.url))
    banner = stranger.page.locator(".banner")
    expect(banner).to_contain_text("shared by eva")
    expect(stranger.page.locator(".headline").nth(1)).to_have_text("Blouses")
    expect(banner).to_have_css("background-color", "rgb(34, 48, 42)")
    stranger.close()


# The real page, by its tracker

LOAD = "window.t = Attune.load({writeKey: 'pk_test', delay: 20, deadline: 20000})"
HERO = {
    "decisionId": None,
    "variant": "b",
    "reason": "PREVIEW",
    "fields": {"headline": "Blouses", "cta": "See blouses", "link": "/blouses"},
}


def test_a_page_under_preview_sends_and_stores_nothing_but_the_question(
    page: Page, site: Site
) -> None:
    site.placements = {"home.hero": HERO}
    page.goto(site.origin + "/")
    page.evaluate(
        "localStorage.setItem('attune.consent.pk_test', JSON.stringify({purposes: "
        "{analytics: true, personalization: true}, policyVersion: '1', told: false}))"
    )
    page.evaluate("localStorage.setItem('attune.anonymousId.pk_test', 'a1')")
    before = page.evaluate("JSON.stringify(localStorage)")
    page.goto(site.origin + "/?x=1&attune_preview=prv_abc")
    page.evaluate(LOAD)
    page.evaluate("t.page('home'); t.track('Product Viewed'); t.identify('anna'); t.live()")
    page.evaluate("t.consent({analytics: false, personalization: false})")
    page.evaluate("t.decide()")
    expect(page.locator("h1")).to_have_text("Blouses")
    banner = page.locator("#attune-preview")
    expect(banner).to_contain_text("Preview: nothing is counted.")
    page.wait_for_timeout(300)
    page.evaluate("t.flush()")
    assert {path for path, _ in site.calls} == {"/v1/decide"}
    (asked,) = site.bodies("/v1/decide")
    assert asked["preview"] == "prv_abc" and "anonymousId" not in asked and "userId" not in asked
    assert page.evaluate("JSON.stringify(localStorage)") == before
    assert site.opened == []
    banner.get_by_role("link").click()
    page.wait_for_url(site.origin + "/?x=1")


def test_a_preview_that_is_over_leaves_the_page_as_it_is_and_says_so(
    page: Page, site: Site
) -> None:
    site.statuses = {"/v1/decide": [400]}
    page.goto(site.origin + "/?attune_preview=prv_abc")
    page.evaluate(LOAD)
    page.evaluate("t.decide()")
    expect(page.locator("h1")).to_have_text("Hello")
    expect(page.locator("#attune-preview")).to_contain_text("This preview is over")


def test_another_parameter_is_no_preview(page: Page, site: Site) -> None:
    site.placements = {"home.hero": {**HERO, "reason": "DEFAULT"}}
    page.goto(site.origin + "/?attune_preview=javascript:alert(1)")
    page.evaluate(LOAD)
    page.evaluate("t.decide()")
    expect(page.locator("h1")).to_have_text("Blouses")
    assert "preview" not in site.bodies("/v1/decide")[0]
    assert page.locator("#attune-preview").count() == 0


def test_the_demo_shop_stands_on_the_desk_as_it_would_be_shown(
    browser: Browser, transactional_db: None, live_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Its thread would go on looking when the database of the test is gone.
    monkeypatch.setattr(recommendations, "_watch", lambda: None)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM events_inbox")
    contents.forget()
    now = datetime.now(UTC)
    run = set_up(Plan("demo", "demo", "", date(2008, 6, 1), 0, 0.0, 1), now=now).run
    run.finished_at = now
    run.save(update_fields=["finished_at"])
    visit = editor_in(browser, live_server.url, WIDE)
    sent: list[str] = []
    visit.page.on("request", lambda one: sent.append(urlsplit(one.url).path))
    visit.open("/admin/preview/?page=0&view=page&a.who=segments&a.segments=browsing-blouses-now")
    shown = visit.page.frame_locator("#picture-a iframe")
    expect(shown.locator("h1")).to_have_text("Blouses with room to breathe")
    expect(shown.locator("#attune-preview")).to_contain_text("Preview: nothing is counted.")
    visit.page.wait_for_timeout(500)
    assert "/v1/decide" in sent
    assert not {"/v1/batch", "/v1/exposures", "/v1/consent", "/v1/stream/tickets"} & set(sent)
    visit.close()


@pytest.mark.parametrize(
    "path",
    [f"/admin/preview/?{TWO}", "/admin/preview/links/", "/admin/why/?new=1&variant=blouses"],
    ids=["desk", "links", "why"],
)
def test_nothing_serious_is_said_against_a_page_by_axe(
    shop: Shop, live_server: Any, browser: Browser, path: str
) -> None:
    for viewport in (WIDE, PHONE):
        User.objects.filter(username="eva").delete()
        visit = editor_in(browser, live_server.url, viewport)
        visit.open(path)
        visit.must_be_readable(path)
        visit.close()
