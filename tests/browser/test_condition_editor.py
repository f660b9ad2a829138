"""Editors build conditions by clicking; what the form makes is what the engine takes."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from playwright.sync_api import Browser

from apps.access.models import Site
from apps.segments import services
from apps.segments.models import Segment
from apps.work import clock
from engine.conditions.describe import describe
from engine.conditions.parse import parse_condition
from tests.browser.editing import Editing, Happened, make_profile, make_site
from tests.browser.test_admin import PHONE, WIDE, Visit

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ADD = "/admin/segments/segment/add/"
EVERYONE = {"v": 1, "where": {"all": []}}


@pytest.fixture(scope="module")
def browser(chromium: Browser) -> Iterator[Browser]:
    """Chromium beside Django: its event loop runs in this thread, which Django would refuse."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        yield chromium


@pytest.fixture
def site(browser: Browser, transactional_db: None) -> Site:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM events_inbox")
    return make_site()


@pytest.fixture
def visit(browser: Browser, site: Site, live_server: Any) -> Iterator[Visit]:
    """Somebody logged in at a wide window. A complaint of the browser fails the test."""
    user = User.objects.create_superuser("root", password="x")
    context = browser.new_context(viewport=WIDE)
    visit = Visit(context.new_page(), live_server.url)
    visit.log_in(user)
    yield visit
    context.close()
    assert visit.complaints == []


def segment_of(site: Site, key: str = "drafted", condition: Any = EVERYONE) -> Segment:
    return services.create_segment(
        site_id=site.pk, key=key, name=key.title(), condition=condition, now=clock.now()
    )


def published(site: Site, key: str) -> Segment:
    segment = segment_of(site, key)
    services.publish_segment(site_id=site.pk, segment_id=segment.pk, actor=None, now=clock.now())
    return segment


def opened(visit: Visit, segment: Segment) -> Editing:
    visit.open(f"/admin/segments/segment/{segment.pk}/change/")
    return Editing(visit.page).settled()


# What editors have asked for, each built from an empty condition: (steps, what it must be).


def vip_while_still_here(do: Editing) -> None:
    do.add("segment").choose("all[0].key", "highvalue")
    do.add("dwell").choose("all[1].on", "session").lasts("all[1].value", 5, "m")


def hesitates(do: Editing) -> None:
    do.add("dwell").choose("all[0].on", "page")
    do.filter("all[0]", 0, "page_type", "product")
    do.add("event").choose("all[1].aggregate", "ratio")
    do.fill("all[1].name", "Product Added").fill("all[1].over.name", "Product Viewed")
    do.choose("all[1].window", "session").choose("all[1].op", "lt").fill("all[1].value", "0.05")


def high_intent(do: Editing) -> None:
    do.add("event").count("all[0]", "Product Viewed", "session", "gt", 3)
    do.add("event").count("all[1]", "Product Added", "session", "gt", 2)


def abandoned_cart(do: Editing) -> None:
    do.add("absence").fill("all[0].after.name", "Product Added")
    do.fill("all[0].without.name", "Checkout Started").lasts("all[0].for", 1, "m")


def bought_category(do: Editing) -> None:
    do.add("event").count("all[0]", "Order Completed", "last", "gte", 1, last=(7, "d"))
    do.offer("all[0].bind").fill("all[0].bind", "category")
    do.fill("all[0].bind.category", "category")


def highly_engaged(do: Editing) -> None:
    do.add("event").choose("all[0].aggregate", "max").fill("all[0].name", "Page Scrolled")
    do.fill("all[0].of", "depth").choose("all[0].window", "page_view").fill("all[0].value", 75)
    do.add("dwell").choose("all[1].window", "page_view").choose("all[1].op", "gte")
    do.add("event").count("all[2]", "Link Clicked", "page_view", "gte", 1)
    do.filter("all[2]", 0, "area", "related")


def reads_and_hovers(do: Editing) -> None:
    do.add("event").count("all[0]", "Article Viewed", "last", "gte", 3, last=(10, "m"))
    do.add("event").count("all[1]", "Element Hovered", "ever", "gte", 2)
    do.filter("all[1]", 0, "element", "Subscribe")


def same_section_again(do: Editing) -> None:
    do.add("sequence").fill("all[0].steps[0].name", "Section Viewed")
    do.fill("all[0].steps[1].name", "Section Viewed")
    do.offer("all[0].by").fill("all[0].by", "section").offer("all[0].in_session")


def likely_buyer(do: Editing) -> None:
    do.add("model").fill("all[0].name", "purchase").fill("all[0].value", "0.75")
    do.offer("all[0].max_age").lasts("all[0].max_age", 7, "d").offer("all[0].fallback")


def few_offers(do: Editing) -> None:
    do.add("exposure").offer("all[0].placement").fill("all[0].placement", "offer")


def weighted(do: Editing) -> None:
    do.add("score").fill("all[0].events[0].name", "Order Completed")
    do.fill("all[0].events[0].weight", 20).click("all[0].traits-add")
    do.fill("all[0].traits[0].name", "plan").fill("all[0].traits[0].value", "pro")
    do.fill("all[0].value", 50)


def urban_in_the_evening(do: Editing) -> None:
    do.add("context").fill("all[0].name", "local_hour").choose("all[0].op", "between")
    do.choose("all[0].value[0]-type", "number").fill("all[0].value[0]", 18)
    do.choose("all[0].value[1]-type", "number").fill("all[0].value[1]", 23)
    do.add("event").count("all[1]", "App Opened", "last", "gte", 5, last=(7, "d"))


BUILT: list[tuple[Callable[[Editing], None], str]] = [
    (
        vip_while_still_here,
        'is in the segment "highvalue" and has been here for more than 5 minutes in this session',
    ),
    (
        hesitates,
        "was active on pages for more than 3 minutes in this session where page_type is"
        ' "product" and the number of added products for each viewed product in this session'
        " is less than 0.05",
    ),
    (
        high_intent,
        "viewed more than 3 products in this session and added more than 2 products in this"
        " session",
    ),
    (
        abandoned_cart,
        "added a product in this session, and for 1 minute no started checkout has followed",
    ),
    (bought_category, "completed an order in the last 7 days"),
    (
        highly_engaged,
        "the greatest depth of scrolled pages on this page is at least 75 and was active on the"
        " site for at least 3 minutes on this page and clicked on a link on this page where area"
        ' is "related"',
    ),
    (
        reads_and_hovers,
        "viewed at least 3 articles in the last 10 minutes and hovered over at least 2 elements"
        ' where element is "Subscribe"',
    ),
    (
        same_section_again,
        "viewed a section, then within 5 minutes viewed a section with the same section, all in"
        " one session, in the last 7 days",
    ),
    (
        likely_buyer,
        'score "purchase" at most 7 days old is at least 0.75 (counts as false without one)',
    ),
    (few_offers, 'has seen the placement "offer" fewer than 2 times in this session'),
    (
        weighted,
        "a score of 20 for each completed order, halved every 7 days; 10 if trait plan is"
        ' "pro" is at least 50',
    ),
    (
        urban_in_the_evening,
        "local_hour of the request is between 18 and 23 and opened at least 5 apps in the last"
        " 7 days",
    ),
]


def test_every_asked_for_condition_is_built_saved_and_published_by_clicking(
    site: Site, visit: Visit
) -> None:
    published(site, "highvalue")
    for steps, said in BUILT:
        segment = segment_of(site, steps.__name__.replace("_", "-"))
        do = opened(visit, segment)
        steps(do)
        built = do.condition
        assert describe(parse_condition(built)) == said
        assert do.problems() == []
        assert do.words() == f"Who {said}."
        visit.page.click("input[name=_publish]")
        visit.page.wait_for_url("**/publish/")
        segment.refresh_from_db()
        assert segment.draft == built
        visit.page.click("button:has-text('Publish')")
        visit.page.wait_for_url("**/change/")
        assert segment.versions.get().number == 1


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
    assert do.at("all[0].bind.page").is_visible()


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
    assert do.words() == 'Who none of (is on the list "press").'
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
    page.click("input[name=_continue]")
    page.wait_for_load_state()
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
    assert do.words() == 'Who trait plan is "pro".'
    visit.page.click("input[name=_save]")
    visit.page.wait_for_url("**/admin/segments/segment/")
    leaf = {"kind": "trait", "name": "plan", "op": "eq", "value": "pro"}
    assert Segment.objects.get(key="pros").draft == {"v": 1, "where": {"all": [leaf]}}


def test_without_scripts_the_condition_is_written_as_json(
    site: Site, browser: Browser, live_server: Any
) -> None:
    user = User.objects.create_superuser("root", password="x")
    segment = segment_of(site)
    context = browser.new_context(viewport=WIDE, java_script_enabled=False)
    visit = Visit(context.new_page(), live_server.url)
    visit.log_in(user)
    visit.open(f"/admin/segments/segment/{segment.pk}/change/")
    visit.page.fill("#id_draft", '{"v": 1, "where": {"kind": "list", "key": "press"}}')
    visit.page.click("input[name=_save]")
    segment.refresh_from_db()
    context.close()
    assert segment.draft["where"] == {"kind": "list", "key": "press"}


def test_the_form_fits_a_phone_in_the_dark(site: Site, browser: Browser, live_server: Any) -> None:
    user = User.objects.create_superuser("root", password="x")
    context = browser.new_context(viewport=PHONE, color_scheme="dark")
    visit = Visit(context.new_page(), live_server.url)
    visit.log_in(user)
    do = opened(visit, segment_of(site))
    for steps in (hesitates, same_section_again, weighted):
        visit.page.click("#ce-tab-json")
        visit.page.fill("#id_draft", '{"v": 1, "where": {"all": []}}')
        visit.page.click("#ce-tab-form")
        steps(do)
        do.settled()
        assert visit.overflow() <= 0
    context.close()
    assert visit.complaints == []


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
    visit.page.click("button:has-text('Find')")
    said = visit.page.locator("#content").inner_text()
    assert "does not meet it" in said
    assert '2 more "Product Viewed"' in said
    assert "found 1" in said and "asked for 3" in said
    assert visit.page.locator(".evidence").count() == 1
    assert visit.overflow() <= 0
