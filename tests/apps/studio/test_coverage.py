"""Which visitors see what: planned and observed, nobody included, and few people never aloud."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.content import services as content
from apps.decisions.models import ServedDay, ShownDay
from apps.studio.performance import performance
from tests.apps.studio.conftest import NOW, Shop
from tests.apps.studio.crowd import people

AsRole = Callable[[str], Client]


def served(shop: Shop, variant: str, calls: int, visitors: int, **more: Any) -> None:
    ServedDay.objects.create(
        site=shop.site, day=NOW.date(), variant=variant, calls=calls, visitors=visitors,
        **{"placement": "home.hero", "reason": "DEFAULT", **more},
    )  # fmt: skip


def page_of(client: Client, path: str) -> str:
    response = client.get(path)
    assert response.status_code == 200, response
    return " ".join(response.content.decode().split())


def test_planned_and_observed_shares_stand_side_by_side(shop: Shop, as_role: AsRole):
    shop.publish()
    people(shop.site, 30, [shop.blouses.number])
    people(shop.site, 70)
    served(shop, "all", 80, 40)
    served(shop, "blouses", 20, 12, reason="TARGETING_MATCH")
    page = page_of(as_role("editor"), "/admin/coverage/")
    assert "70.0 %</strong> of recent visitors are meant for nothing but the default." in page
    assert "80.0 %</strong> of answers were the default." in page
    for share in ("30.0 %", "20.0 %"):
        assert f'<span class="number">{share}</span>' in page


def test_few_people_are_not_told(shop: Shop, as_role: AsRole):
    shop.publish()
    people(shop.site, 3, [shop.blouses.number])
    people(shop.site, 70)
    served(shop, "blouses", 20, 3, reason="TARGETING_MATCH")
    page = page_of(as_role("editor"), "/admin/coverage/")
    assert '<span class="number">0.0 %</span> <span class="quiet">planned' in page
    assert "4.1 %" not in page
    assert "Fewer than ten people are not counted aloud." in page


def test_a_block_is_told_step_by_step(shop: Shop, as_role: AsRole):
    shop.rule("phones")
    shop.publish()
    people(shop.site, 30, [shop.blouses.number])
    served(shop, "all", 5, 12, reason="NO_CONSENT")
    page = page_of(as_role("analyst"), "/admin/coverage/block/hero/")
    steps = [
        "Who has not agreed to personalization", "Rule “phones”: decided when the page asks",
        "Browsing blouses", "Everybody else",
    ]  # fmt: skip
    assert sorted(steps, key=page.index) == steps
    assert "<h1>Who sees what of hero</h1>" in page
    assert "not counted ahead" in page
    assert "planned, at most" in page
    assert "NO_CONSENT" in page


def test_a_block_that_does_not_serve_is_said_and_another_is_not_found(shop: Shop, as_role: AsRole):
    editor = as_role("editor")
    assert "Nothing serves yet" in page_of(editor, "/admin/coverage/")
    assert "It does not serve yet" in page_of(editor, "/admin/coverage/block/hero/")
    assert editor.get("/admin/coverage/block/nowhere/").status_code == 404
    shop.publish()
    assert "No page has asked for it" in page_of(editor, "/admin/coverage/?q=hero")
    assert "No placement that serves" in page_of(editor, "/admin/coverage/?q=zzz")
    assert editor.get("/admin/coverage/?block=hero").url == "/admin/coverage/block/hero/"


def test_the_page_asks_as_much_for_many_placements(shop: Shop, as_role: AsRole):
    shop.publish()
    people(shop.site, 20)
    editor = as_role("editor")
    page_of(editor, "/admin/coverage/")
    with CaptureQueriesContext(connection) as few:
        page_of(editor, "/admin/coverage/")
    for at in range(30):
        content.create_placement(site_id=shop.site.pk, key=f"p{at:02}", block=shop.hero)
    shop.publish()
    page_of(editor, "/admin/coverage/")
    with CaptureQueriesContext(connection) as many:
        page = page_of(editor, "/admin/coverage/")
    assert len(many) == len(few)
    assert "31 placements" in page
    assert "page=1" in page


def test_themes_are_laid_over_placements_with_their_gaps(shop: Shop, as_role: AsRole):
    editor = as_role("editor")
    assert "There is no theme yet" in page_of(editor, "/admin/coverage/themes/")
    content.create_theme(
        site_id=shop.site.pk, key="deals", name="Deals", segment_keys=["blouses"], messages={}
    )
    content.create_theme(site_id=shop.site.pk, key="depth", name="Depth", messages={})
    page = page_of(editor, "/admin/coverage/themes/")
    assert '<span class="quiet">by segments</span><small>blouses</small>' in page
    assert page.count('class="gap"') == 1
    content.update_variant(variant_id=shop.tagged.pk, theme_key="depth")
    page = page_of(editor, "/admin/coverage/themes/")
    assert '<td class="has">blouses</td>' in page
    assert 'class="gap"' not in page


@pytest.mark.parametrize("path", ["coverage/", "coverage/themes/", "effect/", "dry-run/", "audit/"])
def test_who_may_not_see_content_sees_none_of_these_pages(shop: Shop, as_role: AsRole, path: str):
    assert as_role("privacy_officer").get(f"/admin/{path}").status_code == 403


def test_curves_count_each_day_and_the_share_that_was_personal(shop: Shop):
    served(shop, "all", 60, 20)
    served(shop, "blouses", 40, 20, reason="TARGETING_MATCH")
    served(shop, "all", 5, 5, placement="home.foot")
    ShownDay.objects.create(
        site=shop.site, day=NOW.date(), placement="home.hero", variant="all", exposures=120,
        conversions=12,
    )  # fmt: skip
    hero, foot = performance(shop.site.pk, NOW)
    assert (hero.placement, foot.placement) == ("home.hero", "home.foot")
    assert hero.calls == [0] * 13 + [100]
    assert (hero.special_pct, hero.conversion_pct) == (40.0, 10.0)
    assert foot.conversion_pct is None
    ShownDay.objects.update(conversions=9)
    assert performance(shop.site.pk, NOW)[0].conversion_pct is None  # of fewer than ten
    assert hero.curve.line.endswith("L120.0 0.0")
