"""Conditions are moved by hand, by mouse and by finger, as the arrow keys move them."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Browser, CDPSession, Locator, expect

from apps.access.models import Site
from tests.browser.condition_pages import opened, segment_of, site, visit
from tests.browser.editing import Editing
from tests.browser.visiting import PHONE, Visit, becomes, rest

__all__ = ["site", "visit"]  # fixtures

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
    rest(do.page)  # the words beside come a moment after a change, and move what is below
    mouse = do.page.mouse
    start_x, start_y = middle(grip(do, place))
    mouse.move(start_x, start_y)
    mouse.down()
    mouse.move(start_x + 6, start_y + 6)  # so far it is a click
    do.page.locator(".is-dragging").first.wait_for()
    rest(do.page)  # lists show themselves as places to drop, and grow
    box = goal.bounding_box()
    assert box is not None
    x, y = box["x"] + 40, box["y"] + box["height"] * below
    # In one go: over what lies between, cards make room, and the goal is elsewhere then.
    mouse.move(x, y - 6)
    mouse.move(x, y)
    rest(do.page)  # the cards make room while one is moved over them
    mouse.up()


def test_a_condition_is_dragged_within_its_group_and_undone(site: Site, visit: Visit) -> None:
    do = opened(visit, segment_of(site, condition={"v": 1, "where": {"all": LEAVES}}))
    drag(do, "all[0]", do.at("all[2]-card"))
    do.comes_to({"all": [LEAVES[1], LEAVES[2], LEAVES[0]]})
    said = visit.page.locator(".ce-said").first
    expect(said).to_have_text("Moved: A segment, 3 of 3, in “All of these”.")
    do.click("undo")
    do.comes_to({"all": LEAVES})


def test_a_condition_is_dragged_into_a_group_and_the_group_is_dragged_as_a_whole(
    site: Site, visit: Visit
) -> None:
    do = opened(visit, segment_of(site, condition={"v": 1, "where": NESTED}))
    drag(do, "all[2]", do.at("all[1].any[0]-card"))
    do.comes_to({"all": [LEAVES[0], {"any": [LEAVES[1], LEAVES[2]]}]})
    drag(do, "all[1]", do.at("all[0]-card"), below=0.2)
    do.comes_to({"all": [{"any": [LEAVES[1], LEAVES[2]]}, LEAVES[0]]})
    drag(do, "all[0].any[0]", do.at("all[1]-card"))
    becomes(visit.page, lambda: do.where["all"][0] == {"any": [LEAVES[2]]})
    assert sorted(one["key"] for one in do.where["all"][1:]) == ["a", "b"]


def test_keys_say_where_a_condition_went(site: Site, visit: Visit) -> None:
    do = opened(visit, segment_of(site, condition={"v": 1, "where": NESTED}))
    do.at("all[2]-card").focus()
    visit.page.keyboard.press("Alt+ArrowRight")
    assert do.where == {"all": [LEAVES[0], {"any": [LEAVES[1], LEAVES[2]]}]}
    said = visit.page.locator(".ce-said").first
    assert said.get_attribute("role") == "status"
    expect(said).to_have_text("Moved: A segment, 2 of 2, in “Any of these, 2 of 2”.")


def touch(cdp: CDPSession, kind: str, *points: tuple[float, float]) -> None:
    told = [{"x": x, "y": y} for x, y in points]
    cdp.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": told})


def test_a_finger_moves_a_condition_on_a_phone(
    site: Site, browser: Browser, live_server: Any
) -> None:
    visit = Visit(browser, live_server.url, viewport=PHONE, has_touch=True, is_mobile=True)
    visit.come_as(User.objects.create_superuser("root"))
    do = opened(visit, segment_of(site, condition={"v": 1, "where": {"all": LEAVES}}))
    do.at("all[0]-card").scroll_into_view_if_needed()
    cdp = visit.context.new_cdp_session(visit.page)
    x, y = middle(grip(do, "all[0]"))
    touch(cdp, "touchStart", (x, y))
    rest(visit.page)  # a finger does before it drags, else it scrolls
    _, goal = middle(do.at("all[1]-card"))
    for part in range(1, 9):
        touch(cdp, "touchMove", (x, y + (goal + 30 - y) * part / 8))
    rest(visit.page)
    touch(cdp, "touchEnd")
    do.comes_to({"all": [LEAVES[1], LEAVES[0], LEAVES[2]]})
    assert visit.overflow() <= 0
    visit.close()
