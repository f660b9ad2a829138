"""The tracker in a browser: silent before consent, nothing lost after it, the page never blank."""

import re

import pytest
from playwright.sync_api import Page

from tests.browser.site import Site
from tests.browser.visiting import rest

pytestmark = pytest.mark.browser

# An answer that comes late is no answer: only the test of that has a deadline to miss.
LOAD = "window.t = Attune.load({writeKey: 'pk_test', delay: 20, deadline: 20000})"
BOTH = "t.consent({analytics: true, personalization: true})"
HERO = {
    "decisionId": "dec_hero",
    "variant": "b",
    "reason": "TARGETING_MATCH",
    "fields": {"headline": "<b>Blouses</b>", "cta": "See blouses", "link": "/blouses"},
}


def open_page(page: Page, site: Site) -> None:
    """The page with the tracker loaded, as window.t."""
    page.goto(site.origin + "/")
    page.evaluate(LOAD)


def chosen(*granted: str) -> dict[str, bool]:
    """All five purposes, of which these have a yes."""
    names = ("functional", "analytics", "personalization", "advertising", "sale")
    return {name: name in granted for name in names}


def stored(page: Page) -> list[str]:
    """Keys in localStorage."""
    return page.evaluate("Object.keys(localStorage).sort()")


def test_before_a_choice_nothing_is_stored_and_nothing_names_the_visitor(page: Page, site: Site):
    site.placements = {"home.hero": HERO}
    open_page(page, site)
    page.evaluate("t.page('home'); t.track('Product Viewed', {product_id: 'C14'})")
    page.evaluate("t.identify('anna', {plan: 'pro'})")
    page.evaluate("t.flush().then(() => t.decide())")
    page.goto("about:blank")  # Leaving sends nothing either.
    page.goto(site.origin + "/")
    assert stored(page) == []
    assert page.context.cookies() == []
    assert {path for path, _ in site.calls} == {"/v1/decide"}
    (asked,) = site.bodies("/v1/decide")
    assert "anonymousId" not in asked and "userId" not in asked


def test_a_grant_sends_what_waited_under_one_identifier(page: Page, site: Site):
    open_page(page, site)
    page.evaluate("t.page('home'); t.track('Product Viewed', {product_id: 'C14'})")
    page.evaluate(BOTH)
    site.wait_for("/v1/batch")
    (told,) = site.bodies("/v1/consent")
    assert told["purposes"] == chosen("analytics", "personalization")
    events = site.events()
    assert [event["type"] for event in events] == ["page", "track"]
    assert {event["anonymousId"] for event in events} == {told["anonymousId"]}
    assert all(re.fullmatch(r"[0-9a-f-]{36}", event["messageId"]) for event in events)
    assert events[1]["context"]["consent"]["categoryPreferences"]["analytics"] is True
    assert site.bodies("/v1/batch")[0]["writeKey"] == "pk_test"
    page.reload()
    page.evaluate(LOAD)
    assert page.evaluate("t.anonymousId()") == told["anonymousId"]
    page.evaluate("t.decide()")
    assert site.bodies("/v1/decide")[-1]["anonymousId"] == told["anonymousId"]
    assert len(site.bodies("/v1/consent")) == 1  # Told once, not on every page.


def test_a_refusal_sends_nothing_and_keeps_only_the_answer(page: Page, site: Site):
    open_page(page, site)
    page.evaluate("t.track('Product Viewed')")
    page.evaluate("t.consent({analytics: false, personalization: false})")
    page.evaluate("t.track('Product Viewed'); t.flush()")
    page.goto("about:blank")
    page.goto(site.origin + "/")
    assert site.calls == []
    assert stored(page) == ["attune.consent.pk_test"]


def test_withdrawing_is_told_and_then_the_identifier_is_gone(page: Page, site: Site):
    site.placements = {"home.hero": HERO}
    open_page(page, site)
    page.evaluate(BOTH)
    page.evaluate("t.decide()")
    assert page.inner_text("h1") == "<b>Blouses</b>"
    site.statuses["/v1/consent"] = [503]
    page.evaluate("t.track('Late'); t.consent({})")
    assert page.inner_text("h1") == "Hello"  # The personalized words go at once.
    page.reload()  # The first try failed: the next page tells it.
    page.evaluate(LOAD)
    told = site.wait_for("/v1/consent", 3)
    assert told[-1]["purposes"] == chosen()
    assert told[-1]["anonymousId"] == told[0]["anonymousId"]
    page.wait_for_function("!localStorage.getItem('attune.anonymousId.pk_test')")
    assert stored(page) == ["attune.consent.pk_test"]
    assert site.events() == []


def test_one_purpose_without_the_other(page: Page, site: Site):
    open_page(page, site)
    page.evaluate("t.consent({analytics: true})")
    page.evaluate("t.track('Seen'); t.flush().then(() => t.decide())")
    assert [event["event"] for event in site.events()] == ["Seen"]
    assert "anonymousId" not in site.bodies("/v1/decide")[0]
    page.evaluate("t.consent({personalization: true})")
    page.evaluate("t.track('Unseen'); t.flush().then(() => t.decide())")
    assert [event["event"] for event in site.events()] == ["Seen"]
    assert site.bodies("/v1/decide")[1]["anonymousId"]


def test_a_new_notice_asks_again(page: Page, site: Site):
    open_page(page, site)
    page.evaluate(BOTH)
    page.evaluate(LOAD.replace("{writeKey", "{policyVersion: '2', writeKey"))
    assert page.evaluate("t.choice()") is None
    page.evaluate("t.track('Unseen'); t.flush()")
    page.evaluate("t.decide()")
    assert site.events() == []
    assert "anonymousId" not in site.bodies("/v1/decide")[-1]


def test_a_failed_batch_is_repeated_with_the_same_ids(page: Page, site: Site):
    open_page(page, site)
    page.evaluate(BOTH)
    site.statuses["/v1/batch"] = [503, 500]
    page.evaluate("t.track('One'); t.track('Two')")
    first, second, third = site.wait_for("/v1/batch", 3)
    ids = [[event["messageId"] for event in body["batch"]] for body in (first, second, third)]
    assert ids[0] == ids[1] == ids[2]
    page.wait_for_timeout(300)
    assert len(site.bodies("/v1/batch")) == 3


def test_a_refused_batch_is_not_repeated(page: Page, site: Site):
    open_page(page, site)
    page.evaluate(BOTH)
    site.statuses["/v1/batch"] = [401]
    page.evaluate("t.track('One'); t.flush()")
    page.wait_for_timeout(1500)
    assert len(site.bodies("/v1/batch")) == 1


def test_many_events_go_in_small_batches_in_order(page: Page, site: Site):
    open_page(page, site)
    page.evaluate(BOTH)
    page.evaluate("for (let n = 0; n < 50; n += 1) t.track('N' + n); t.flush()")
    assert [event["event"] for event in site.events()] == [f"N{n}" for n in range(50)]
    assert [len(body["batch"]) for body in site.bodies("/v1/batch")] == [20, 20, 10]


def test_leaving_the_page_sends_what_waits_by_beacon(page: Page, site: Site):
    page.goto(site.origin + "/")
    page.evaluate("window.t = Attune.load({writeKey: 'pk_test', delay: 60000})")
    page.evaluate(BOTH)
    page.evaluate("t.track('Last words')")
    page.goto("about:blank")
    (body,) = site.wait_for("/v1/batch")
    assert [event["event"] for event in body["batch"]] == ["Last words"]
    assert body["writeKey"] == "pk_test"


def test_a_decision_fills_fields_as_text_and_html_as_html(page: Page, site: Site):
    html = {"decisionId": "d2", "reason": "DEFAULT", "fields": {}, "html": "<p>From <b>it</b></p>"}
    site.placements = {"home.hero": HERO, "home.html": html, "home.low": {"reason": "ERROR"}}
    open_page(page, site)
    page.evaluate("t.decide()")
    assert page.inner_text("h1") == "<b>Blouses</b>"
    assert page.get_attribute("#hero a", "href") == site.origin + "/blouses"
    assert page.inner_html("#html") == "<p>From <b>it</b></p>"
    assert page.inner_text("#low") == "Low default"


def test_a_link_from_content_cannot_be_script(page: Page, site: Site):
    site.placements = {"home.hero": {**HERO, "fields": {"link": "javascript:alert(1)"}}}
    open_page(page, site)
    page.evaluate("t.decide()")
    assert page.get_attribute("#hero a", "href") == "/all"


@pytest.mark.parametrize("trouble", ["late", "failed", "gone"])
def test_the_default_content_stays_when_the_answer_does_not_come(
    page: Page, site: Site, trouble: str
):
    site.placements = {"home.hero": HERO}
    page.goto(site.origin + "/")
    page.evaluate("window.t = Attune.load({writeKey: 'pk_test', deadline: 100})")
    if trouble == "late":
        site.may_decide.clear()
    elif trouble == "failed":
        site.statuses["/v1/decide"] = [500]
    else:
        page.context.set_offline(True)
    assert page.evaluate("t.decide()") is None  # though the site has not answered yet
    site.may_decide.set()
    rest(page)
    assert page.inner_text("h1") == "Hello"
    page.context.set_offline(False)


def test_an_exposure_is_told_once_when_half_is_in_view(page: Page, site: Site):
    low = {"decisionId": "dec_low", "reason": "DEFAULT", "html": "<p>Low</p>"}
    site.placements = {"home.hero": HERO, "home.low": low}
    open_page(page, site)
    page.evaluate(BOTH)
    page.evaluate("t.decide()")
    (body,) = site.wait_for("/v1/exposures")
    assert [one["decisionId"] for one in body["exposures"]] == ["dec_hero"]
    page.evaluate("document.getElementById('low').scrollIntoView()")
    site.wait_for("/v1/exposures", 2)
    page.evaluate("scrollTo(0, 0)")
    page.evaluate("t.decide()")
    page.wait_for_timeout(300)
    seen = [one["decisionId"] for body in site.bodies("/v1/exposures") for one in body["exposures"]]
    assert seen == ["dec_hero", "dec_low"]


def test_reset_makes_another_person_of_the_next(page: Page, site: Site):
    open_page(page, site)
    page.evaluate(BOTH)
    page.evaluate("t.identify('anna'); t.track('Mine'); t.reset(); t.track('Theirs'); t.flush()")
    identified, mine, theirs = site.events()
    assert identified["userId"] == mine["userId"] == "anna"
    assert "userId" not in theirs
    assert theirs["anonymousId"] != mine["anonymousId"]


def test_two_sites_of_one_origin_share_neither_choice_nor_identifier(page: Page, site: Site):
    open_page(page, site)
    page.evaluate(BOTH)
    page.evaluate("window.u = Attune.load({writeKey: 'pk_other', delay: 20})")
    assert page.evaluate("u.choice()") is None
    page.evaluate("u.consent({analytics: true})")
    ids = [body["anonymousId"] for body in site.bodies("/v1/consent")]
    assert len(set(ids)) == 2
    assert stored(page) == [
        "attune.anonymousId.pk_other", "attune.anonymousId.pk_test",
        "attune.consent.pk_other", "attune.consent.pk_test",
    ]  # fmt: skip


def test_the_login_is_told_a_choice_only_with_the_sites_proof(page: Page, site: Site):
    open_page(page, site)
    page.evaluate("t.identify('anna')")
    page.evaluate(BOTH)
    page.evaluate("t.identify('anna', {}, {userHash: 'ab12'})")
    page.evaluate("t.consent({analytics: true})")
    without, proved = site.bodies("/v1/consent")
    assert "userId" not in without
    assert (proved["userId"], proved["userHash"]) == ("anna", "ab12")
    assert "ab12" not in page.evaluate("JSON.stringify(localStorage)")


@pytest.mark.parametrize("says", ["true", "'1'", "1", "undefined"])
def test_only_a_true_signal_opts_out_of_advertising_and_sale(page: Page, site: Site, says: str):
    page.add_init_script(
        f"Object.defineProperty(navigator, 'globalPrivacyControl', {{value: {says}}})"
    )
    open_page(page, site)
    page.evaluate("t.consent({analytics: true, advertising: true, sale: true})")
    is_signal = says == "true"
    held = chosen("analytics") if is_signal else chosen("analytics", "advertising", "sale")
    assert page.evaluate("t.choice()") == held
    (told,) = site.bodies("/v1/consent")
    # What was said and what was signalled are told apart: the server sees the conflict.
    assert told["purposes"] == chosen("analytics", "advertising", "sale")
    assert (told["gpc"], told["conflictShown"]) == (is_signal, False)


def test_a_yes_to_advertising_after_the_signal_was_told_stands(page: Page, site: Site):
    page.add_init_script("Object.defineProperty(navigator, 'globalPrivacyControl', {value: true})")
    open_page(page, site)
    page.evaluate("t.consent({advertising: true}, {despite: true, control: 'save'})")
    assert page.evaluate("t.choice()") == chosen("advertising")
    (told,) = site.bodies("/v1/consent")
    assert (told["conflictShown"], told["controls"]["control"]) == (True, "save")


def test_a_choice_ends_when_the_server_says_so(page: Page, site: Site):
    site.answers["/v1/consent"] = {"askAgainAt": "2020-01-01T00:00:00Z"}
    open_page(page, site)
    page.evaluate(BOTH)
    page.evaluate(LOAD)
    assert page.evaluate("t.choice()") is None
    assert page.evaluate("t.anonymousId()") is None
    page.evaluate("t.track('Unseen'); t.flush()")
    assert site.events() == []


def test_a_yes_ends_with_a_notice_that_changes_what_was_agreed_to_and_a_no_does_not(
    page: Page, site: Site
):
    site.placements = {"home.hero": HERO}
    open_page(page, site)
    page.evaluate("t.notice('v1', ['v1']); " + BOTH)
    page.evaluate("t.decide()")
    assert page.evaluate("t.notice('v2', ['v1', 'v2'])") is False
    assert page.evaluate("t.notice('v3', ['v3'])") is True
    assert page.inner_text("h1") == "Hello"  # What was chosen under the old one goes at once.
    page.evaluate("t.consent({})")
    assert page.evaluate("t.notice('v4', ['v4'])") is False
