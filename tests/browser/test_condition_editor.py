"""Editors build conditions by clicking; what the form makes is what the engine takes."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Browser

from apps.access.models import Site
from engine.conditions.describe import describe
from engine.conditions.parse import parse_condition
from engine.conditions.sentences import people
from tests.browser.condition_pages import opened, published, segment_of, site, visit
from tests.browser.editing import Editing
from tests.browser.visiting import PHONE, Visit

__all__ = ["site", "visit"]  # fixtures

pytestmark = [pytest.mark.browser, pytest.mark.slow]


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
        words = people(parse_condition(built))
        assert do.words() == f"{words[:1].upper()}{words[1:]}."
        visit.leads("input[name=_publish]")
        visit.page.wait_for_url("**/publish/")
        segment.refresh_from_db()
        assert segment.draft == built
        visit.leads("button:has-text('Publish')")
        visit.page.wait_for_url("**/change/")
        assert segment.versions.get().number == 1


def test_the_form_fits_a_phone_in_the_dark(site: Site, browser: Browser, live_server: Any) -> None:
    visit = Visit(browser, live_server.url, viewport=PHONE, scheme="dark")
    visit.come_as(User.objects.create_superuser("root"))
    do = opened(visit, segment_of(site))
    for steps in (hesitates, same_section_again, weighted):
        visit.page.click("#ce-tab-json")
        visit.page.fill("#id_draft", '{"v": 1, "where": {"all": []}}')
        visit.page.click("#ce-tab-form")
        steps(do)
        do.settled()
        assert visit.overflow() <= 0
    visit.close()
