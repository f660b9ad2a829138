"""The preference centre in a real browser, without script, and the way to it from the banner."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from apps.privacy import links, notices
from apps.work import clock
from tests.apps.delivery.conftest import World, _new_process  # noqa: F401
from tests.browser.consent_page import ConsentPage
from tests.browser.visiting import PHONE, WIDE, Visit, becomes

pytestmark = pytest.mark.browser


@pytest.fixture
def world(browser: Browser, transactional_db: None, live_server: Any, settings: Any) -> World:
    notices._answers.clear()
    clock.replace(None)
    settings.PUBLIC_ORIGIN = str(live_server)
    made = World(consent_mode="required")
    made.hero()
    return made


@pytest.fixture
def plain(browser: Browser, live_server: Any, world: World) -> Iterator[Visit]:
    """A browser without script."""
    visit = Visit(browser, str(live_server), java_script_enabled=False)
    yield visit
    assert visit.context.cookies() == []
    visit.close()


def link(world: World) -> str:
    """The path of a link for a browser that is known as a1."""
    token = links.token_for(world.site.pk, [("anonymous_id", "a1")], "browser", clock.now())
    return f"/privacy/{world.site.key}?k={token}"


def recorded(world: World) -> dict[str, bool]:
    headers = {"Authorization": f"Bearer {world.pk}"}
    answer = world.client.get("/v1/consent", {"anonymousId": "a1"}, headers=headers)
    return dict(answer.json()["recorded"])


def test_without_script_choices_are_made_changed_and_taken_back(plain: Visit, world: World):
    plain.open(link(world))
    page = plain.page
    for radio in page.get_by_role("radio").all():
        expect(radio).not_to_be_checked()
    page.get_by_role("group", name="Statistics").get_by_label("Yes").check()
    plain.leads("text=Save these answers")
    expect(page.get_by_role("status")).to_contain_text("in force")
    assert recorded(world) == {"analytics": True}
    expect(page.get_by_role("group", name="Statistics").get_by_label("Yes")).to_be_checked()
    plain.leads("text=Refuse all")
    assert set(recorded(world).values()) == {False}


def test_one_press_opts_out_of_sale(plain: Visit, world: World):
    plain.open(link(world))
    plain.leads("button:has-text('Do not sell or share')")
    assert recorded(world)["sale"] is False
    expect(plain.page.get_by_role("status")).to_contain_text("nothing about you is sold")


def test_refusing_all_looks_like_accepting_all(plain: Visit, world: World):
    plain.open(link(world))
    boxes = [
        plain.page.get_by_role("button", name=name).bounding_box()
        for name in ("Refuse all", "Accept all")
    ]
    assert boxes[0] and boxes[1]
    assert [boxes[0][side] for side in ("width", "height", "y")] == [
        boxes[1][side] for side in ("width", "height", "y")
    ]  # fmt: skip


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_public_pages_fit_and_can_be_read(
    browser: Browser, live_server: Any, world: World, scheme: str
):
    decision_id = world.hero_of("a1")["decisionId"]
    visit = Visit(browser, str(live_server), scheme=scheme)
    home = f"/privacy/{world.site.key}"
    for path in (home, link(world), f"{home}/notice", f"{home}/why?d={decision_id}"):
        visit.open(path)
        visit.must_be_readable(path[:40])
        for viewport in (PHONE, WIDE):
            visit.must_fit(viewport)
    assert visit.context.cookies() == []
    visit.close()


def test_the_banner_leads_to_the_centre_of_this_very_browser(
    browser: Browser, live_server: Any, world: World
):
    shop = ConsentPage(browser, str(live_server), world)
    shop.come()
    shop.press("Accept all")
    shop.button("Privacy choices").click()
    with shop.page.expect_navigation():
        shop.button("More rights and choices").click()
    expect(shop.page.get_by_text("the choices of the browser you came from")).to_be_visible()
    with shop.page.expect_navigation():
        shop.page.get_by_role("button", name="Refuse all").click()
    expect(shop.page.get_by_role("status")).to_contain_text("saved")
    # Back on the site: what was refused in the centre is refused there, and the identifier goes.
    shop.come()
    shop.page.evaluate("attune.decide()")
    becomes(shop.page, lambda: not any("Id" in name for name in shop.stored()))
    choice = shop.choice()
    assert choice is not None and set(choice.values()) == {False}
    expect(shop.button("Withdraw")).to_be_hidden()
    shop.close()
