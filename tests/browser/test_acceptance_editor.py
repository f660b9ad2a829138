"""Every case of the acceptance set is made in the form alone, and is the condition of the case."""

from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from apps.access.models import Site
from apps.rules.services import create_rule
from apps.segments.models import Segment
from engine.conditions.canonical import where_json
from engine.conditions.normal import key_of
from engine.conditions.parse import parse_condition
from engine.conditions.policy import parse_policy, policy_json
from tests.apps.rules.conftest import new_shop
from tests.browser.building import build, lasts
from tests.browser.condition_pages import opened, published, segment_of, site, visit
from tests.browser.editing import Editing
from tests.browser.visiting import PHONE, Visit
from tests.journeys.acceptance.cases import BY_NUMBER
from tests.journeys.acceptance.shop import Case

__all__ = ["site", "visit"]  # fixtures

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NESTED = ("high-value", "engaged", "young-urban", "member", "frequent")


def canonical(document: Any) -> str:
    """A condition as its canonical JSON."""
    return key_of(where_json(parse_condition(document)))


def fill_policy(page: Page, policy: dict[str, Any]) -> None:
    """Say how members come and go. `leave` is a condition in an editor of its own."""
    if "leave" in policy:
        page.check("#policy-leave")
        build(Editing(page, "leave"), policy["leave"]["where"])
    if "parent" in policy:
        page.select_option("#policy-parent", policy["parent"])
    for name in ("minStay", "cooldown"):
        if name in policy:
            lasts(Editing(page, "policy"), name, policy[name])


@pytest.mark.parametrize("number", sorted(BY_NUMBER))
def test_a_case_is_made_by_clicking(site: Site, visit: Visit, number: int) -> None:
    for key in NESTED:
        if f"'{key}'" in str(BY_NUMBER[number]):
            published(site, key)
    for place, case in enumerate(one for one in BY_NUMBER[number] if not one.is_rule):
        segment = segment_of(site, f"case-{number}-{place}")
        do = opened(visit, segment)
        build(do, case.where)
        fill_policy(visit.page, case.policy)
        assert do.problems() == []
        assert canonical(do.condition) == canonical({"v": 1, "where": case.where})
        visit.page.click("input[name=_save]")
        visit.page.wait_for_url("**/admin/segments/segment/")
        saved = Segment.objects.get(pk=segment.pk)
        assert canonical(saved.draft) == canonical({"v": 1, "where": case.where})
        assert policy_json(parse_policy(saved.draft_policy)) == policy_json(
            parse_policy(case.policy)
        )


RULES = [case for cases in BY_NUMBER.values() for case in cases if case.is_rule]


@pytest.mark.parametrize("case", RULES, ids=[case.key for case in RULES])
def test_a_condition_of_a_rule_is_made_by_clicking(
    browser: Browser, transactional_db: None, visit: Visit, case: Case
) -> None:
    shop = new_shop("rules-shop")
    published(shop, "frequent")
    rule = create_rule(site_id=shop.pk, key="offer", placement_key="home.hero", variant_key="phone")
    visit.open(f"/admin/rules/rule/{rule.pk}/change/")
    do = Editing(visit.page, field="condition").settled()
    build(do, case.where)
    assert do.problems() == []
    assert canonical(do.condition) == canonical({"v": 1, "where": case.where})
    assert "Answered while a page is asked for" in visit.page.locator(".cp-numbers").inner_text()
    visit.page.click("input[name=_save]")
    visit.page.wait_for_url("**/admin/rules/rule/")
    rule.refresh_from_db()
    assert canonical(rule.condition) == canonical({"v": 1, "where": case.where})


def test_what_can_be_said_against_a_rule_is_said_while_it_is_edited(
    browser: Browser, transactional_db: None, visit: Visit
) -> None:
    shop = new_shop("rules-shop")
    phones = {"kind": "context", "name": "device", "op": "eq", "value": "mobile"}
    for key, priority in (("phones", 9), ("phones-again", 1)):
        rule = create_rule(
            site_id=shop.pk, key=key, placement_key="home.hero", variant_key="phone",
            condition={"v": 1, "where": phones}, priority=priority,
        )  # fmt: skip
    visit.open(f"/admin/rules/rule/{rule.pk}/change/")
    do = Editing(visit.page, field="condition").settled()
    hints = visit.page.locator(".cp-hints li")
    assert 'meets the rule "phones", which is asked first' in hints.inner_text()
    visit.page.fill("#id_priority", "10")
    visit.page.locator("#id_priority").dispatch_event("change")
    do.settled()
    assert hints.count() == 0
    visit.page.set_viewport_size(PHONE)
    assert visit.overflow() <= 0
