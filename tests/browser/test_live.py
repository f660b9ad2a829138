"""A page that stays open follows what becomes known elsewhere, and only with consent."""

from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.site import Site
from tests.browser.test_tracker import BOTH, HERO, LOAD
from tests.browser.visiting import becomes

pytestmark = pytest.mark.browser

CHANGED = {"type": "refetchEvaluation", "etag": "pub-1", "lastModified": 1}
NOON_MS = 1773144000000  # when the site's decisions say that they were made


def open_page(page: Page, site: Site, *steps: str) -> None:
    page.goto(site.origin + "/")
    for step in (LOAD, *steps):
        page.evaluate(step)


def test_a_notice_has_the_page_ask_and_show_again(page: Page, site: Site):
    open_page(page, site, BOTH, "t.decide().then(() => { t.live(); })")
    becomes(page, lambda: len(site.streams) == 1)
    site.placements = {"home.hero": HERO}
    site.tell(CHANGED)
    expect(page.locator("h1")).to_have_text("<b>Blouses</b>")
    assert len(site.bodies("/v1/decide")) == 2


def test_notices_that_come_together_are_one_question(page: Page, site: Site):
    open_page(page, site, BOTH, "t.decide().then(() => { t.live(); })")
    becomes(page, lambda: len(site.streams) == 1)
    site.tell(CHANGED, times=5)
    site.wait_for("/v1/decide", 2)
    page.wait_for_timeout(200)
    assert len(site.bodies("/v1/decide")) == 2


def test_other_types_of_notices_are_ignored(page: Page, site: Site):
    open_page(page, site, BOTH, "t.decide().then(() => { t.live(); })")
    becomes(page, lambda: len(site.streams) == 1)
    site.tell({"type": "of a later version"})
    page.wait_for_timeout(200)
    assert len(site.bodies("/v1/decide")) == 1


def test_a_rule_that_fires_is_told_to_whoever_listens(page: Page, site: Site):
    open_page(page, site, BOTH, "t.decide().then(() => { t.live(); })")
    page.evaluate("addEventListener('attune:trigger', (event) => { window.fired = event.detail; })")
    becomes(page, lambda: len(site.streams) == 1)
    fired = {"type": "trigger", "placement": "home.hero", "rule": "r"}
    site.tell(fired)
    becomes(page, lambda: page.evaluate("window.fired") == fired)
    assert len(site.bodies("/v1/decide")) == 1


def test_before_consent_nothing_is_opened_and_after_a_withdrawal_nothing_stays(
    page: Page, site: Site
):
    open_page(page, site, "t.decide().then(() => { t.live(); })")
    page.wait_for_timeout(200)
    assert site.opened == [] and site.bodies("/v1/stream/tickets") == []
    page.evaluate("t.consent({analytics: true, personalization: false})")
    page.wait_for_timeout(200)
    assert site.opened == [] and site.bodies("/v1/stream/tickets") == []

    page.evaluate(BOTH)
    becomes(page, lambda: len(site.streams) == 1)
    (asked,) = site.bodies("/v1/stream/tickets")
    assert asked["anonymousId"] == page.evaluate("t.anonymousId()")

    page.evaluate("t.consent({analytics: true, personalization: false})")
    becomes(page, lambda: site.streams == [])
    page.wait_for_timeout(200)
    assert len(site.opened) == 1


def test_the_stream_is_asked_for_what_came_after_the_answer_on_show(page: Page, site: Site):
    open_page(page, site, BOTH, "t.decide().then(() => { t.live(); })")
    becomes(page, lambda: len(site.opened) == 1)
    asked = parse_qs(urlsplit(site.opened[0]).query)
    assert asked == {"ticket": ["t1"], "lastEventId": [f"{NOON_MS}-0"]}


def test_leaving_the_page_closes_the_stream(page: Page, site: Site):
    open_page(page, site, BOTH, "t.decide().then(() => { t.live(); })")
    becomes(page, lambda: len(site.streams) == 1)
    page.goto("about:blank")
    becomes(page, lambda: site.streams == [])


def test_a_refused_ticket_leaves_the_page_as_it_is(page: Page, site: Site):
    site.statuses = {"/v1/stream/tickets": [401]}
    open_page(page, site, BOTH, "t.decide().then(() => { t.live(); })")
    page.wait_for_timeout(300)
    assert len(site.bodies("/v1/stream/tickets")) == 1 and site.opened == []


def test_the_servers_word_to_stop_is_kept(page: Page, site: Site):
    site.statuses = {"/v1/stream": [204] * 20}
    open_page(page, site, BOTH, "t.decide().then(() => { t.live(); })")
    becomes(page, lambda: len(site.opened) == 2)  # the stream, and the question why not
    page.evaluate("dispatchEvent(new Event('visibilitychange'))")
    page.wait_for_timeout(1_500)  # more than the first pause before another try
    assert len(site.opened) == 2
    assert len(site.bodies("/v1/stream/tickets")) == 1


def test_a_full_server_is_asked_again_when_it_says(page: Page, site: Site):
    site.statuses = {"/v1/stream": [503, 503]}
    open_page(page, site, BOTH, "t.decide().then(() => { t.live(); })")
    becomes(page, lambda: len(site.streams) == 1)
    assert len(site.opened) == 3
    assert len(site.bodies("/v1/stream/tickets")) == 2
