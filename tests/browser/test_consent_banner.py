"""The consent banner in a real browser: it asks fairly, keeps nothing before, moves nothing."""

import hashlib
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from apps.consent.models import ConsentEvent, NoticeVersion
from apps.decisions import records
from apps.decisions.models import DecisionRecord
from apps.privacy import notices
from apps.work import clock
from tests.apps.delivery.conftest import World, _new_process  # noqa: F401
from tests.browser.consent_page import SIGNAL, ConsentPage, focused, rows_of_all_tables
from tests.browser.visiting import PHONE, WIDE, becomes, rest

pytestmark = pytest.mark.browser

NAMES = ("functional", "analytics", "personalization", "advertising", "sale")
ALL_NO = dict.fromkeys(NAMES, False)
ALL_YES = dict.fromkeys(NAMES, True)
LOOK = """(element) => { const s = getComputedStyle(element);
  const { width, height, top } = element.getBoundingClientRect();
  return {width, height, top, color: s.color, background: s.backgroundColor, border: s.border,
  font: s.font, opacity: s.opacity, radius: s.borderRadius, shadow: s.boxShadow}; }"""


@pytest.fixture
def world(browser: Browser, transactional_db: None) -> World:
    notices._answers.clear()
    clock.replace(None)  # the browser's clock and the server's are one
    made = World(consent_mode="required")
    made.hero()
    return made


@pytest.fixture
def shop(browser: Browser, live_server: Any, world: World) -> Iterator[ConsentPage]:
    made = ConsentPage(browser, str(live_server), world)
    yield made
    made.close()


def contrast(one: str, other: str) -> float:
    """WCAG's contrast of two colours as `getComputedStyle` tells them."""

    def light(colour: str) -> float:
        channels = [int(text) / 255 for text in colour[colour.index("(") + 1 : -1].split(",")[:3]]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    darker, lighter = sorted((light(one), light(other)))
    return (lighter + 0.05) / (darker + 0.05)


def publish_notice(world: World, version: str, *, is_material: bool = False) -> None:
    text = f"The text of {version}."
    NoticeVersion.objects.create(
        site=world.site, version=version, language="en", text=text, is_material=is_material,
        text_sha256=hashlib.sha256(text.encode()).hexdigest(), published_at=clock.now(),
    )  # fmt: skip
    notices._answers.clear()


def test_before_a_choice_browser_network_and_every_table_stay_empty(shop: ConsentPage):
    before = rows_of_all_tables()
    shop.come()
    page = shop.page
    page.evaluate("attune.page('home'); attune.track('Product Viewed', {product_id: 'C14'})")
    page.evaluate("attune.identify('anna', {plan: 'pro'})")
    page.evaluate("attune.flush().then(() => attune.decide())")
    page.mouse.wheel(0, 800)  # scrolling on is no consent
    shop.button("Refuse all").focus()
    page.keyboard.press("Escape")  # nor is closing
    shop.button("Privacy choices").wait_for()
    page.goto(f"{shop.origin}/site/other")
    page.goto("about:blank")  # leaving sends nothing either
    page.goto(f"{shop.origin}/site/last")
    assert shop.stored() == []
    assert {path.partition("?")[0] for _, path, _ in shop.calls} == {"/v1/notice", "/v1/decide"}
    for _, path, body in shop.calls:
        assert not {"anonymousId", "userId", "traits"} & body.keys(), path
        assert "anna" not in f"{path}{body}"
    records.flush()
    after = rows_of_all_tables()
    # What everybody is shown is logged too, of nobody.
    assert after.pop("decisions_decisionrecord") > before.pop("decisions_decisionrecord")
    assert set(DecisionRecord.objects.values_list("profile_id", "unit_id")) == {(None, "")}
    assert after == before
    assert before["profiles_profile"] == before["consent_consentevent"] == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_refusing_stands_beside_accepting_and_looks_the_same(
    browser: Browser, live_server: Any, world: World, width: int, scheme: str
):
    viewport = {390: PHONE, 1280: WIDE}[width]
    shop = ConsentPage(browser, str(live_server), world, viewport=viewport, scheme=scheme)
    shop.come()
    refuse = shop.button("Refuse all").evaluate(LOOK)
    accept = shop.button("Accept all").evaluate(LOOK)
    assert refuse == accept
    assert contrast(refuse["color"], refuse["background"]) >= 4.5
    assert refuse["height"] >= 44
    assert shop.page.locator(".answers button").all_inner_texts() == ["Refuse all", "Accept all"]
    shop.must_fit(viewport)
    shop.must_be_readable("banner")
    shop.button("Choose one by one").click()
    shop.must_be_readable("settings")
    shop.must_fit(viewport)
    shop.close()


def test_refusing_accepting_and_withdrawing_take_one_press_each(shop: ConsentPage):
    shop.come()
    shop.button("Refuse all").click()
    # A refusal is kept by the browser alone: telling it would take an identifier.
    assert shop.choice() == ALL_NO
    assert shop.stored() == [f"attune.consent.{shop.world.pk[-8:]}"]
    expect(shop.button("Withdraw")).to_be_hidden()

    shop.button("Privacy choices").click()
    told = shop.press("Accept all")
    assert told["purposes"] == ALL_YES and shop.choice() == ALL_YES
    assert told["controls"]["control"] == "accept_all"
    kept = shop.page.evaluate(
        "Object.entries(localStorage).find(([name]) => name.includes('.consent.'))"
    )
    asked_again = clock.from_ms(json.loads(kept[1])["until"])
    assert timedelta(days=364) < asked_again - clock.now() < timedelta(days=367)

    told = shop.press("Withdraw")
    assert told["purposes"] == ALL_NO and shop.choice() == ALL_NO
    becomes(shop.page, lambda: not any("Id" in name for name in shop.stored()))
    entry = ConsentEvent.objects.order_by("pk").last()
    assert entry is not None and (entry.kind, entry.policy_version) == ("withdrawn", "built-in")


def test_nothing_is_ticked_and_only_what_is_ticked_is_saved(shop: ConsentPage):
    shop.come()
    shop.button("Choose one by one").click()
    boxes = shop.page.get_by_role("checkbox")
    assert boxes.count() == 4
    for box in boxes.all():
        expect(box).not_to_be_checked()
    shop.page.get_by_label("Statistics").check()
    told = shop.press("Save this choice")
    assert told["purposes"] == {**ALL_NO, "analytics": True}
    shop.button("Privacy choices").click()
    shop.button("Choose one by one").click()
    expect(shop.page.get_by_label("Statistics")).to_be_checked()
    expect(shop.page.get_by_label("Personalization")).not_to_be_checked()


def test_nothing_in_the_page_moves(shop: ConsentPage):
    shop.come()
    places = shop.places()
    shop.button("Choose one by one").click()
    assert shop.places() == places
    shop.page.get_by_label("Personalization").check()
    shop.press("Save this choice")
    shop.button("Privacy choices").click()
    shop.press("Refuse all")
    rest(shop.page)
    assert shop.places() == places
    assert shop.shifted() == 0


def test_all_of_it_works_by_keyboard(shop: ConsentPage):
    shop.come()
    page = shop.page
    assert focused(page) != "Your privacy choices"  # the focus is not taken from the visitor
    seen = []
    for _ in range(4):
        page.keyboard.press("Tab")
        seen.append(focused(page))
    assert seen[:3] == ["Refuse all", "Accept all", "Choose one by one"]
    page.keyboard.press("Escape")
    expect(shop.button("Accept all")).to_be_hidden()
    assert shop.choice() is None  # closing is no answer
    assert focused(page) == "Privacy choices"
    page.keyboard.press("Enter")
    assert focused(page) == "Your privacy choices"
    page.keyboard.press("Tab")
    with page.expect_response("**/v1/consent"):
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
    assert shop.choice() == ALL_YES
    assert focused(page) == "Privacy choices"
    expect(page.get_by_role("status")).to_have_text("Your choice is saved.")


def test_the_browsers_signal_is_told_and_accepting_all_leaves_out_what_it_refuses(
    shop: ConsentPage,
):
    shop.page.add_init_script(SIGNAL)
    shop.context.set_extra_http_headers({"Sec-GPC": "1"})
    shop.come()
    expect(shop.page.get_by_text("It is honoured")).to_be_visible()
    shop.must_be_readable("signal")
    told = shop.press("Accept all")
    assert told["purposes"] == {**ALL_YES, "advertising": False, "sale": False}
    assert (told["gpc"], told["conflictShown"]) == (True, False)

    shop.button("Privacy choices").click()
    shop.button("Choose one by one").click()
    expect(shop.page.get_by_text("a tick here overrides it")).to_be_visible()
    shop.page.get_by_label("Advertising and sharing").check()
    told = shop.press("Save this choice")
    assert told["conflictShown"] is True and told["purposes"]["advertising"] is True


def test_it_speaks_the_language_of_the_page(browser: Browser, live_server: Any, world: World):
    shop = ConsentPage(browser, str(live_server), world, language="de-AT")
    shop.come()
    expect(shop.button("Alles ablehnen")).to_be_visible()
    assert shop.page.locator("attune-consent").get_attribute("lang") == "de"
    shop.button("Einzeln auswählen").click()
    shop.page.get_by_label("Statistik").check()
    told = shop.press("Auswahl speichern")
    assert told["language"] == "de"
    shop.close()


def test_a_notice_that_changes_what_was_agreed_to_asks_again(shop: ConsentPage):
    publish_notice(shop.world, "one")
    shop.come()
    shop.press("Accept all")
    publish_notice(shop.world, "two")
    shop.come("/site/again")
    expect(shop.button("Accept all")).to_be_hidden()
    publish_notice(shop.world, "three", is_material=True)
    shop.come("/site/later")
    expect(shop.page.get_by_text("The text of three.")).to_be_visible()
    assert shop.choice() is None
    told = shop.press("Refuse all")
    assert told["policyVersion"] == "three"
    publish_notice(shop.world, "four", is_material=True)
    shop.come("/site/last")
    expect(shop.button("Accept all")).to_be_hidden()  # a no is not asked about again so soon


def test_a_page_may_bring_its_own_ways_in_and_out(shop: ConsentPage):
    shop.body += "<button data-attune-consent>My choices</button>"
    shop.body += "<button data-attune-withdraw hidden>Stop all</button>"
    shop.come()
    shop.press("Accept all")
    expect(shop.button("Privacy choices")).to_be_hidden()
    expect(shop.button("Stop all")).to_be_visible()
    shop.button("My choices").click()
    expect(shop.button("My choices")).to_have_attribute("aria-expanded", "true")
    shop.page.keyboard.press("Escape")
    assert focused(shop.page) == "My choices"
    told = shop.press("Stop all")
    assert told["purposes"] == ALL_NO
    expect(shop.button("Stop all")).to_be_hidden()


def test_what_was_shown_because_of_a_yes_goes_with_it(shop: ConsentPage):
    shop.come()
    shop.press("Accept all")
    page = shop.page
    page.evaluate("document.querySelector('[data-attune-placement]').textContent")
    answer = page.evaluate("attune.decide()")
    why = page.evaluate("attune.why", answer["placements"]["home.hero"]["decisionId"])
    assert f"/privacy/{shop.world.site.key}/why?d=dec_" in why["page"] and why["sentence"]
    assert "Welcome" in page.locator("[data-attune-placement]").inner_text()
    assert page.locator("[data-attune-reason]").count() == 1
    shop.press("Withdraw")
    assert page.locator("[data-attune-reason]").count() == 0
