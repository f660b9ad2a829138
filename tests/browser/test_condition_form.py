"""The form of a condition as something one works in: undo, keys, JSON, what is said beside it."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Browser, expect

from apps.access.models import Site
from apps.segments.models import Segment
from apps.work import clock
from tests.browser.condition_pages import opened, published, segment_of, site, visit
from tests.browser.editing import Editing, Happened, make_profile
from tests.browser.visiting import Visit

__all__ = ["site", "visit"]  # fixtures

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ADD = "/admin/segments/segment/add/"


def test_what_was_done_is_undone_and_done_again(site: Site, visit: Visit) -> None:
    do = opened(visit, segment_of(site))
    do.add("trait").fill("all[0].name", "plan").fill("all[0].value", "pro")
    whole = do.where
    do.add("consent")
    assert len(do.where["all"]) == 2
    visit.page.keyboard.press("Control+z")
    assert do.where == whole
    visit.page.keyboard.press("Control+z")  # the value, which was typed as one
    assert do.where["all"][0]["value"] == ""
    visit.page.keyboard.press("Control+Shift+z")
    assert do.where == whole
    do.click("undo").click("undo").click("undo")
    assert do.where == {"all": []}


def test_a_click_that_ends_a_change_is_not_lost(site: Site, visit: Visit) -> None:
    do = opened(visit, segment_of(site))
    do.add("event").fill("all[0].name", "Page Viewed").offer("all[0].bind")
    do.at("all[0].bind").fill("page")  # changes when the field is left
    do.click("where-add")
    assert len(do.where["all"]) == 2
    assert do.where["all"][0]["bind"] == {"page": ""}
    expect(do.at("all[0].bind.page")).to_be_visible()


def test_conditions_move_by_keys_out_of_groups_and_into_them(site: Site, visit: Visit) -> None:
    leaves = [{"kind": "segment", "key": key} for key in ("a", "b", "c")]
    where = {"all": [leaves[0], {"any": [leaves[1]]}, leaves[2]]}
    do = opened(visit, segment_of(site, condition={"v": 1, "where": where}))
    press = visit.page.keyboard.press
    do.at("all[2]-card").focus()
    press("Alt+ArrowRight")
    assert do.where == {"all": [leaves[0], {"any": [leaves[1], leaves[2]]}]}
    press("Alt+ArrowUp")
    press("Alt+ArrowUp")  # the first of its group goes out of it
    assert do.where == {"all": [leaves[0], leaves[2], {"any": [leaves[1]]}]}
    press("Alt+ArrowUp")
    assert do.where["all"][:2] == [leaves[2], leaves[0]]
    assert do.at("all[0]-card").evaluate("card => card === document.activeElement")
    do.click("all[2]-duplicate").click("all[0]-remove").choose("where-which", "at_least")
    assert do.where == {"at_least": {"k": 2, "of": [leaves[0], *[{"any": [leaves[1]]}] * 2]}}


def test_what_is_wrong_is_said_where_it_is_and_blocks_nothing_else(
    site: Site, visit: Visit
) -> None:
    do = opened(visit, segment_of(site))
    do.add("event").add("trait").fill("all[1].name", "plan").choose("all[1].op", "version_gt")
    do.fill("all[1].value", "new").settled()
    assert do.problems() == [
        "Event: expected a text that is not empty",
        'Compared: expected a version such as "2.10" (one to four numbers)',
    ]
    wrong = do.at("all[1].value")
    assert wrong.get_attribute("aria-invalid") == "true"
    said = visit.page.locator(f"[id='{wrong.get_attribute('aria-describedby')}']")
    assert said.inner_text() == 'expected a version such as "2.10" (one to four numbers)'
    visit.page.click(".cp-problem >> nth=0")
    assert do.at("all[0].name").evaluate("field => field === document.activeElement")
    do.fill("all[0].name", "Page Viewed").fill("all[1].value", "2.1").settled()
    assert visit.page.locator("[aria-invalid]").count() == 0


def test_form_and_json_are_the_same_condition(site: Site, visit: Visit) -> None:
    do = opened(visit, segment_of(site))
    do.add("consent")
    visit.page.click("#ce-tab-json")
    area = visit.page.locator("#id_draft")
    assert '"consent"' in area.input_value()
    area.fill('{"v": 1, "where": {"none": [{"kind": "list", "key": "press"}]}}')
    visit.page.click("#ce-tab-form")
    assert do.at("none[0].key").input_value() == "press"
    assert do.words() == 'Everybody who is not on the list "press".'
    visit.page.click("#ce-tab-json")
    area.fill('{"v": 1,')
    visit.page.locator("#ce-json-error:visible").wait_for()
    visit.page.click("#ce-tab-form")
    assert do.at("none[0].key").input_value() == "press"


def test_sizes_and_samples_stand_beside_the_form(site: Site, visit: Visit) -> None:
    for plan in ["pro"] * 12 + ["free"] * 3:
        make_profile(site, traits={"plan": plan})
    do = opened(visit, segment_of(site))
    do.add("trait").fill("all[0].name", "plan").fill("all[0].value", "pro").settled()
    counts = visit.page.locator(".cp-counts dd").all_inner_texts()
    assert counts == ["12 of 15", "12", "fewer than 10"]
    assert visit.page.locator(".cp-samples summary").count() == 5
    do.fill("all[0].value", "free").settled()
    assert visit.page.locator(".cp-counts dd").first.inner_text() == "fewer than 10 of 15"


def test_members_come_and_go_as_the_policy_form_says(site: Site, visit: Visit) -> None:
    published(site, "everybody")
    segment = segment_of(site)
    do = opened(visit, segment)
    do.add("model").fill("all[0].name", "purchase")
    page = visit.page
    page.check("#policy-leave")
    leave = Editing(page, "leave")
    leave.add("model").fill("all[0].name", "purchase").choose("all[0].op", "lt")
    leave.fill("all[0].value", "0.5")
    page.fill("#policy-minStay", "10")
    page.check("#policy-once")
    page.select_option("#policy-parent", "everybody")
    page.fill("#policy-group", "offers")
    page.fill("#policy-priority", "3")
    assert do.problems() == []
    visit.leads("input[name=_continue]")
    expect(page.locator(".messagelist")).to_be_visible()
    segment.refresh_from_db()
    leaf = {"kind": "model", "name": "purchase", "op": "lt", "value": 0.5}
    assert segment.draft_policy == {
        "leave": {"v": 1, "where": {"all": [leaf]}},
        "minStay": "10m",
        "once": True,
        "parent": "everybody",
        "group": "offers",
        "priority": 3,
    }
    do.settled()
    assert leave.at("all[0].value").input_value() == "0.5"
    page.fill("#policy-priority", "99999")
    do.settled()
    assert page.locator("[data-path='policy.priority'] .ce-error:visible").count() == 1


def test_a_new_segment_is_made_with_the_form(site: Site, visit: Visit) -> None:
    visit.open(ADD)
    do = Editing(visit.page)
    visit.page.locator("condition-editor").wait_for()
    visit.page.select_option("#id_site", str(site.pk))
    visit.page.fill("#id_name", "Pros")
    do.add("trait").fill("all[0].name", "plan").fill("all[0].value", "pro")
    assert do.words() == 'Everybody whose trait plan is "pro".'
    visit.page.click("input[name=_save]")
    visit.page.wait_for_url("**/admin/segments/segment/")
    leaf = {"kind": "trait", "name": "plan", "op": "eq", "value": "pro"}
    assert Segment.objects.get(key="pros").draft == {"v": 1, "where": {"all": [leaf]}}


def test_without_scripts_the_condition_is_written_as_json(
    site: Site, browser: Browser, live_server: Any
) -> None:
    segment = segment_of(site)
    visit = Visit(browser, live_server.url, java_script_enabled=False)
    visit.come_as(User.objects.create_superuser("root"))
    visit.open(f"/admin/segments/segment/{segment.pk}/change/")
    visit.page.fill("#id_draft", '{"v": 1, "where": {"kind": "list", "key": "press"}}')
    visit.leads("input[name=_save]")
    segment.refresh_from_db()
    visit.close()
    assert segment.draft["where"] == {"kind": "list", "key": "press"}


def test_why_somebody_is_not_in_is_told_with_what_would_change_it(site: Site, visit: Visit) -> None:
    viewed = [Happened(clock.to_ms(clock.now()) - 60_000, "Product Viewed")]
    person = make_profile(site, viewed)
    leaf = {
        "kind": "event", "name": "Product Viewed", "aggregate": "count",
        "window": {"last": "10m"}, "op": "gte", "value": 3,
    }  # fmt: skip
    segment = segment_of(site, condition={"v": 1, "where": {"all": [leaf]}})
    visit.open(f"/admin/segments/segment/{segment.pk}/why/?draft=1")
    visit.page.fill("#who", str(person.pk))
    visit.page.fill("#reason", "Ticket 4711: asks")
    visit.leads("button:has-text('Find')")
    said = visit.page.locator("#content").inner_text()
    assert "does not meet it" in said
    assert '2 more "Product Viewed"' in said
    assert "found 1" in said and "asked for 3" in said
    assert visit.page.locator(".evidence").count() == 1
    assert visit.overflow() <= 0
