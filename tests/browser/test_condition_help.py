"""What helps an editor to write a condition: sentences, values seen, pictures, numbers proposed."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from playwright.sync_api import Browser, expect

from apps.access.models import Site
from apps.profiles.models import ProfileState
from apps.segments.editor_sentences import SENTENCES
from apps.segments.models import Persona, Segment, SegmentVersion
from apps.work import clock
from tests.browser.condition_pages import (
    EVERYONE,
    opened,
    published,
    segment_of,
    site,
    visit,
)
from tests.browser.editing import Editing, Happened, make_profile
from tests.browser.visiting import PHONE, Visit

__all__ = ["site", "visit"]  # fixtures

pytestmark = [pytest.mark.browser, pytest.mark.slow]

DAY = 86_400_000


def use(do: Editing, key: str) -> None:
    do.page.locator(f'[data-sentence="{key}"] button').last.click()


def test_a_sentence_is_filled_in_and_used(site: Site, visit: Visit) -> None:
    do = opened(visit, segment_of(site))
    do.fill("say-often-lately-event", "Article Viewed").fill("say-often-lately-count", 4)
    do.lasts("say-often-lately-time", 15, "m")
    use(do, "often-lately")
    assert do.words() == "Everybody who viewed at least 4 articles in the last 15 minutes."
    assert do.at("all[0].kind").evaluate(
        "card => card.closest('[data-node]').contains(document.activeElement)"
    )
    do.click("where-sentences")
    do.at("say-first-visit-on-device").focus()
    offered = visit.page.locator("[id='ce-say-first-visit-on-device-values'] option")
    offered.first.wait_for(state="attached")
    assert offered.first.get_attribute("value") == "mobile"
    do.fill("say-read-some-of-pages", "/prices\n/plans\n")
    use(do, "read-some-of")
    assert do.where["all"][1]["at_least"]["k"] == 2
    assert [one["where"][0]["value"] for one in do.where["all"][1]["at_least"]["of"]] == [
        "/prices",
        "/plans",
    ]
    assert do.problems() == []


def test_every_sentence_can_be_used_as_it_stands(site: Site, visit: Visit) -> None:
    do = opened(visit, segment_of(site))
    for sentence in SENTENCES:
        use(do, sentence["key"])
        assert do.problems() == []
        assert do.words() not in ("", "Everybody.")
        do.click("undo")
        assert do.where == {"all": []}


def test_values_that_were_really_seen_are_offered(site: Site, visit: Visit) -> None:
    cache.clear()
    at_ms = clock.to_ms(clock.now()) - 60_000
    for category in ["shoes"] * 12 + ["hats"] * 10 + ["masks"] * 3:
        make_profile(site, [Happened(at_ms, "Product Viewed", {"category": category})], {"age": 40})
    do = opened(visit, segment_of(site))
    do.add("event").fill("all[0].name", "Product Viewed")
    do.click("all[0].where-add").fill("all[0].where[0].property", "category")
    value = do.at("all[0].where[0].value")
    value.focus()
    options = visit.page.locator("[id='ce-all[0].where[0].value-values'] option")
    options.first.wait_for(state="attached")
    assert options.evaluate_all("all => all.map((one) => one.value)") == ["shoes", "hats"]
    # A number is written as one, though the field took a text.
    do.add("trait").fill("all[1].name", "age")
    do.at("all[1].value").focus()
    visit.page.locator("[id='ce-all[1].value-values'] option").first.wait_for(state="attached")
    do.fill("all[1].value", "40")
    assert do.where["all"][1]["value"] == 40


def test_segments_are_taken_in_and_left_out_in_one_row(site: Site, visit: Visit) -> None:
    for key in ("loyal", "staff", "testers"):
        published(site, key)
    do = opened(visit, segment_of(site))
    do.fill("audience-any", "loyal").fill("audience-none", "Staff").fill("audience-none", "testers")
    segments = {key: {"kind": "segment", "key": key} for key in ("loyal", "staff", "testers")}
    assert do.where == {
        "all": [{"any": [segments["loyal"]]}, {"none": [segments["staff"], segments["testers"]]}]
    }
    assert do.words() == (
        'Everybody who is in the segment "loyal" and is in none of the segments "staff", "testers".'
    )
    visit.page.get_by_role("button", name="Take out Loyal").click()
    visit.page.get_by_role("button", name="Take out Staff").click()
    assert do.where == {"all": [{"none": [segments["testers"]]}]}


def test_among_many_segments_one_types_instead_of_looking_through_a_menu(
    site: Site, visit: Visit
) -> None:
    made = Segment.objects.bulk_create(
        Segment(site=site, number=n, key=f"s{n}", name=f"Group {n}", created_at=clock.now())
        for n in range(1, 62)
    )
    SegmentVersion.objects.bulk_create(
        SegmentVersion(
            segment=one, number=1, condition=EVERYONE, state="live", published_at=clock.now()
        )
        for one in made
    )
    do = opened(visit, segment_of(site))
    do.add("segment")
    assert do.at("all[0].key").evaluate("field => [field.tagName, field.list.options.length]") == [
        "INPUT",
        61,
    ]
    do.fill("all[0].key", "s60")
    assert do.words() == 'Everybody who is in the segment "s60".'
    do.fill("audience-none", "Group 7")
    assert do.where["all"][0] == {"none": [{"kind": "segment", "key": "s7"}]}


def test_time_is_drawn_and_told_in_words(site: Site, visit: Visit) -> None:
    do = opened(visit, segment_of(site))
    do.add("event").fill("all[0].name", "Product Viewed").fill("all[0].value", 3)
    do.lasts("all[0].window.last", 10, "m")
    figure = do.at("all[0]-card").locator("figure")
    told = (
        "3 or more times “Product Viewed”, from 10 minutes ago until now; what is older falls out."
    )
    assert figure.locator("figcaption").inner_text() == told
    assert figure.locator("svg").get_attribute("aria-label") == told
    assert figure.locator("circle").count() == 3
    do.add("sequence").fill("all[1].steps[0].name", "A").fill("all[1].steps[1].name", "B")
    told = do.at("all[1]-card").locator("figcaption").inner_text()
    assert told.startswith("In this order: first “A”, then “B” within 5 minutes;")
    do.add("absence").fill("all[2].after.name", "A").fill("all[2].without.name", "B")
    told = do.at("all[2]-card").locator("figcaption").inner_text()
    assert told.startswith("After “A” it waits 1 minute. If no “B” has come by then, it is true")
    do.add("consent")
    assert do.at("all[3]-card").locator("figure").count() == 0


def test_a_number_is_proposed_with_what_it_would_have_done_and_taken(
    site: Site, visit: Visit
) -> None:
    now_ms = clock.to_ms(clock.now())
    for views in [2] * 12 + [6] * 12:
        events = [Happened(now_ms - 20 * DAY + n, "Product Viewed") for n in range(views)]
        make_profile(site, events)
    ProfileState.objects.filter(site_id=site.pk).update(last_seen_at=clock.now())
    do = opened(visit, segment_of(site))
    do.add("event").fill("all[0].name", "Product Viewed")
    do.click("all[0]-propose")
    table = visit.page.locator(".ce-thresholds")
    table.wait_for()
    rows = table.locator("tbody tr").all_inner_texts()
    assert [row.split("\t")[0].strip() for row in rows] == ["1 as it is", "2", "6"]
    assert "100% (76% to 100%)" in rows[2]
    assert visit.page.locator(".ce-chart").get_attribute("aria-label").startswith("How many people")  # type: ignore[union-attr]
    visit.page.get_by_role("button", name="Take 6", exact=True).click()
    assert do.where["all"][0]["value"] == 6
    expect(visit.page.locator(".ce-proposals")).to_have_count(0)


def test_a_persona_is_invented_without_code(site: Site, visit: Visit) -> None:
    leaf = {
        "kind": "event", "name": "Product Added", "aggregate": "count", "window": {"last": "1h"},
        "op": "gte", "value": 1,
    }  # fmt: skip
    segment_of(site, "cart", {"v": 1, "where": leaf})
    visit.open("/admin/segments/persona/add/?sample=cart-left-40-minutes-ago")
    page = visit.page
    page.locator("persona-editor").wait_for()
    page.select_option("#id_site", str(site.pk))
    page.locator(".cp-in li").first.wait_for()
    assert page.locator(".cp-in li strong").all_inner_texts() == ["Cart"]
    do = Editing(page, "pe", field="document")
    do.lasts("events[2].ago", 2, "h")
    page.get_by_text("By the drafts: in 0 of 1").wait_for()
    do.click("traits-add").fill("traits[0].name", "plan").fill("traits[0].value", "pro")
    do.choose("consents.advertising", "no")
    page.click("input[name=_save]")
    page.wait_for_url("**/admin/segments/persona/")
    kept = Persona.objects.get(site=site)
    assert kept.traits == {"plan": "pro"}
    assert kept.consents["advertising"] is False
    assert {one["name"]: one["ago_ms"] for one in kept.events}["Product Added"] == 2 * 3_600_000


def test_all_of_it_fits_a_phone(site: Site, browser: Browser, live_server: Any) -> None:
    published(site, "loyal")
    visit = Visit(browser, live_server.url, viewport=PHONE, scheme="dark")
    visit.come_as(User.objects.create_superuser("root"))
    do = opened(visit, segment_of(site))
    assert visit.overflow() <= 0
    do.fill("audience-any", "loyal")
    do.click("where-sentences")
    use(do, "spent-much")
    do.click("all[1]-propose")
    visit.page.locator(".ce-proposals .ce-error").wait_for()  # nobody was here
    assert visit.overflow() <= 0
    visit.open("/admin/segments/persona/add/?sample=loyal-customer-in-the-evening")
    visit.page.locator("persona-editor").wait_for()
    assert visit.overflow() <= 0
    # Too few people were here for a proposal: the browser reports the refusal as a failed load.
    visit.complaints[:] = [one for one in visit.complaints if "422" not in one]
    visit.close()
