"""Conditions are moved by hand, by mouse and by finger, as the arrow keys move them."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Browser, CDPSession, Locator

from apps.access.models import Site
from tests.browser.condition_pages import browser, leave, opened, segment_of, site, visit
from tests.browser.editing import Editing
from tests.browser.test_admin import PHONE, Visit

__all__ = ["browser", "site", "visit"]  # fixtures

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LEAVES = [{"kind": "segment", "key": key} for key in ("a", "b", "c")]
NESTED = {"all": [LEAVES[0], {"any": [LEAVES[1]]}, LEAVES[2]]}


def grip(do: Editing, place: str) -> Locator:
    return do.at(f"{place}-card").locator(".ce-grip").first


def middle(at: Locator) -> tuple[float, float]:
    box = at.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def drag(do: Editing, place: str, goal: Locator, below: float = 0.8) -> None:
    """Take a card by its handle and let it go over another; `below`: how far down on it."""
    # All of the form is in the window: what lies below it no mouse can reach.
    do.page.set_viewport_size({"width": 1280, "height": 2400})
    mouse = do.page.mouse
    mouse.move(*middle(grip(do, place)))
    mouse.down()
    box = goal.bounding_box()
    assert box is not None
    x, y = box["x"] + 40, box["y"] + box["height"] * below
    mouse.move(x, y - 6, steps=12)
    mouse.move(x, y, steps=4)
    do.page.wait_for_timeout(250)  # the cards make room while one is moved over them
    mouse.up()
    do.page.wait_for_timeout(300)  # the animation, and the drawing after it


def test_a_condition_is_dragged_within_its_group_and_undone(site: Site, visit: Visit) -> None:
    do = opened(visit, segment_of(site, condition={"v": 1, "where": {"all": LEAVES}}))
    drag(do, "all[0]", do.at("all[2]-card"))
    assert do.where == {"all": [LEAVES[1], LEAVES[2], LEAVES[0]]}
    said = visit.page.locator(".ce-said").first.inner_text()
    assert said == "Moved: A segment, 3 of 3, in “All of these”."
    do.click("undo")
    assert do.where == {"all": LEAVES}


def test_a_condition_is_dragged_into_a_group_and_the_group_is_dragged_as_a_whole(
    site: Site, visit: Visit
) -> None:
    do = opened(visit, segment_of(site, condition={"v": 1, "where": NESTED}))
    drag(do, "all[2]", do.at("all[1].any[0]-card"))
    assert do.where == {"all": [LEAVES[0], {"any": [LEAVES[1], LEAVES[2]]}]}
    drag(do, "all[1]", do.at("all[0]-card"), below=0.2)
    assert do.where == {"all": [{"any": [LEAVES[1], LEAVES[2]]}, LEAVES[0]]}
    drag(do, "all[0].any[0]", do.at("all[1]-card"))
    group, *others = do.where["all"]
    assert group == {"any": [LEAVES[2]]}
    assert sorted(one["key"] for one in others) == ["a", "b"]


def test_keys_say_where_a_condition_went(site: Site, visit: Visit) -> None:
    do = opened(visit, segment_of(site, condition={"v": 1, "where": NESTED}))
    do.at("all[2]-card").focus()
    visit.page.keyboard.press("Alt+ArrowRight")
    assert do.where == {"all": [LEAVES[0], {"any": [LEAVES[1], LEAVES[2]]}]}
    said = visit.page.locator(".ce-said").first
    assert said.get_attribute("role") == "status"
    visit.page.wait_for_function(
        "text => document.querySelector('.ce-said').textContent === text",
        arg="Moved: A segment, 2 of 2, in “Any of these, 2 of 2”.",
    )


def touch(cdp: CDPSession, kind: str, *points: tuple[float, float]) -> None:
    told = [{"x": x, "y": y} for x, y in points]
    cdp.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": told})


def test_a_finger_moves_a_condition_on_a_phone(
    site: Site, browser: Browser, live_server: Any
) -> None:
    user = User.objects.create_superuser("root", password="x")
    context = browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True)
    visit = Visit(context.new_page(), live_server.url)
    visit.log_in(user)
    do = opened(visit, segment_of(site, condition={"v": 1, "where": {"all": LEAVES}}))
    do.at("all[0]-card").scroll_into_view_if_needed()
    cdp = context.new_cdp_session(visit.page)
    x, y = middle(grip(do, "all[0]"))
    touch(cdp, "touchStart", (x, y))
    visit.page.wait_for_timeout(300)  # a finger rests before it drags, else it scrolls
    _, goal = middle(do.at("all[1]-card"))
    for part in range(1, 9):
        touch(cdp, "touchMove", (x, y + (goal + 30 - y) * part / 8))
        visit.page.wait_for_timeout(30)
    touch(cdp, "touchEnd")
    visit.page.wait_for_timeout(300)
    assert do.where == {"all": [LEAVES[1], LEAVES[0], LEAVES[2]]}
    assert visit.overflow() <= 0
    leave(visit)
    context.close()
    assert visit.complaints == []
