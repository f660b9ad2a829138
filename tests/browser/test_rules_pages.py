"""The pages of rules and triggers in a real browser: dragged, typed, brought in, looked at."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.urls import reverse
from playwright.sync_api import Browser, expect

from apps.access.models import Site
from apps.rules.models import Rule, Trigger
from apps.rules.selectors import order_of, table_of
from apps.rules.services import create_rule
from tests.apps.rules.conftest import PHONE, new_shop, where
from tests.browser.visiting import PHONE as NARROW
from tests.browser.visiting import WIDE, Visit, rest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SHOTS = os.environ.get("RULES_SHOTS", "")


@pytest.fixture
def shop(browser: Browser, transactional_db: None) -> Site:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM events_inbox")
    site = new_shop("shop")
    evening = {"kind": "context", "name": "local_hour", "op": "between", "value": [18, 22]}
    for key, priority, variant, condition in (
        ("vips-in-the-evening", 30, "vip", where({"all": [PHONE, evening]})),
        ("phones", 20, "phone", where(PHONE)),
        ("everybody", 10, "vip", where({"all": []})),
    ):
        create_rule(
            site_id=site.pk, key=key, name=key.replace("-", " ").capitalize(), priority=priority,
            placement_key="home.hero", variant_key=variant, condition=condition,
        )  # fmt: skip
    return site


@pytest.fixture
def visit(browser: Browser, shop: Site, live_server: Any) -> Iterator[Visit]:
    visit = Visit(browser, live_server.url)
    visit.come_as(User.objects.create_superuser("root"))
    yield visit
    visit.close()


def keys(site: Site) -> list[str]:
    return [one.key for one in order_of(site.pk, Rule.objects.all()[0].placement_id)]


def look(visit: Visit, name: str) -> None:
    """Both widths, and what reads the page aloud; pictures where somebody asks for them."""
    expect(visit.page.locator("[aria-busy=true]")).to_have_count(0)
    visit.must_be_readable(name)
    for window, viewport in (("desktop", WIDE), ("phone", NARROW)):
        visit.must_fit(viewport)
        if SHOTS:
            visit.page.screenshot(path=Path(SHOTS) / f"{name}-{window}.png", full_page=True)
    visit.page.set_viewport_size(WIDE)


def test_rules_are_dragged_moved_by_keys_and_saved_together(visit: Visit, shop: Site) -> None:
    page = visit.page
    visit.open(f"{reverse('admin:rules_order')}?placement=home.hero")
    expect(page.locator("[data-count]").first).to_contain_text("answered in each request")
    look(visit, "order")
    bar = page.locator(".rule-save")
    expect(bar).to_be_hidden()
    grip, goal = page.locator(".grip").nth(2), page.locator(".rule-list > li").first
    grip.hover()
    page.mouse.down()
    box = goal.bounding_box()
    assert box is not None
    for part in range(1, 11):
        page.mouse.move(box["x"] + 60 + part, box["y"] + 14 - part, steps=3)
    rest(page)  # the rows make room
    page.mouse.up()
    expect(page.locator(".rule-list > li").first).to_have_attribute("data-key", "everybody")
    expect(page.locator("[data-said]")).to_have_text("Everybody is number 1 of 3. Not saved yet.")
    row = page.locator(".rule-list > li", has_text="Phones")
    row.get_by_role("link").first.focus()
    page.keyboard.press("Alt+ArrowUp")
    expect(page.locator("[data-said]")).to_have_text("Phones is number 2 of 3. Not saved yet.")
    page.get_by_role("button", name="Save this order").click()
    expect(page.locator(".messagelist")).to_contain_text("The order is saved.")
    assert keys(shop) == ["everybody", "phones", "vips-in-the-evening"]

    page.get_by_role("button", name="Undo the last change of the order").click()
    expect(page.locator(".messagelist")).to_contain_text("The order is saved.")
    assert keys(shop) == ["vips-in-the-evening", "phones", "everybody"]


def test_a_new_rule_chooses_its_placement_and_variant_from_lists(visit: Visit, shop: Site) -> None:
    page = visit.page
    visit.open(f"{reverse('admin:rules_rule_add')}?preset=evenings-at-home")
    page.select_option("#id_site", str(shop.pk))
    page.locator(".field-placement [role=combobox]").fill("home")
    page.get_by_role("option", name="home.hero").click()
    page.select_option("#variant-list", "vip")
    look(visit, "rule-form")
    page.fill("#id_starts_at", "2026-07-01T09:30")
    page.locator("input[name=_save]").click()
    expect(page.locator(".messagelist")).to_contain_text("was added")
    rule = Rule.objects.get(key="evenings-at-home")
    assert (rule.placement.key, rule.variant.key) == ("home.hero", "vip")


def test_a_table_is_brought_in_after_a_look(visit: Visit, shop: Site, tmp_path: Path) -> None:
    page = visit.page
    content = table_of(shop.pk, "UTC").decode("utf-8-sig")
    path = tmp_path / "rules.csv"
    before, after = "phones,Phones,home.hero,phone,20", "phones,Phones,home.hero,vip,25"
    path.write_text(content.replace(before, after))
    visit.open(reverse("admin:rules_table"))
    look(visit, "table")
    page.set_input_files("input[type=file]", path)
    page.get_by_role("button", name="Look it over").click()
    expect(page.locator(".review")).to_contain_text("priority: “20” becomes “25”")
    look(visit, "table-review")
    page.get_by_role("button", name="Save all 1").click()
    expect(page.locator(".messagelist")).to_contain_text("0 rules were made and 1 changed")
    rule = Rule.objects.get(key="phones")
    assert (rule.priority, rule.variant.key) == (25, "vip")


def test_a_trigger_is_begun_looked_over_and_switched_on(visit: Visit, shop: Site) -> None:
    page = visit.page
    visit.open(reverse("admin:rules_trigger_changelist"))
    look(visit, "triggers-empty")
    page.locator("li", has_text="Cart left behind").get_by_role("button").click()
    expect(page.locator(".messagelist")).to_contain_text("were made for you to look over")
    sentence = "When somebody comes into “Cart left for 30 minutes”"
    expect(page.locator(".said")).to_contain_text(sentence)
    expect(page.locator(".badge").first).to_have_text("off")
    look(visit, "trigger")
    page.check("#id_is_enabled")
    page.locator("input[name=_continue]").click()
    expect(page.locator("body")).to_contain_text("waits: its segment is not published")
    assert Trigger.objects.get().is_enabled
    visit.open(reverse("admin:rules_trigger_changelist"))
    look(visit, "triggers")


@pytest.mark.parametrize("name", ["rules_tree", "rules_report"])
def test_the_pictures_fit_every_window(visit: Visit, shop: Site, name: str) -> None:
    Rule.objects.filter(key="everybody").update(priority=90)
    visit.open(f"{reverse(f'admin:{name}')}?placement=home.hero")
    look(visit, name)
