"""What is said against the rules of a site, with the visitors whom two of them mean."""

from datetime import timedelta
from typing import Any

from apps.access.models import Site
from apps.content.models import Placement, Variant
from apps.rules.models import Rule
from apps.rules.selectors import report
from apps.rules.services import create_rule
from apps.segments.models import Segment, SegmentVersion
from apps.segments.services import create_segment
from tests.apps.rules.conftest import NOW, PHONE, new_shop, where

GOLD = {"kind": "segment", "key": "gold"}
EVENING = {"kind": "context", "name": "local_hour", "op": "gte", "value": 18}


def add(site: Site, key: str, priority: int, node: Any, variant: str = "vip", **more: Any) -> Rule:
    return create_rule(
        site_id=site.pk, key=key, name=key.title(), placement_key="home.hero",
        variant_key=variant, priority=priority, condition=where(node), **more,
    )  # fmt: skip


def said(site: Site) -> list[tuple[str, str, str]]:
    found = report(site.pk, page=1, now=NOW)
    return [(one.rule.key, one.level, one.text) for p in found.placements for one in p.said]


def test_a_rule_behind_one_that_takes_everybody_is_an_error(shop: Site) -> None:
    add(shop, "all", 9, {"all": []})
    add(shop, "phones", 1, PHONE, "phone")
    ((key, level, text),) = said(shop)
    assert (key, level) == ("phones", "error")
    assert text.startswith("It never serves")


def test_two_rules_that_mean_some_of_the_same_say_whom(shop: Site) -> None:
    add(shop, "evenings", 9, EVENING)
    add(shop, "phones", 1, PHONE, "phone")
    (placed,) = report(shop.pk, page=1, now=NOW).placements
    (one,) = placed.said
    assert (one.level, one.rule.key) == ("info", "phones")
    assert one.other is not None and one.other.key == "evenings"
    assert "local hour" in one.witness and "device" in one.witness


def test_rules_that_exclude_each_other_or_begin_with_the_special_case_say_nothing(
    shop: Site,
) -> None:
    add(shop, "phones-in-the-evening", 9, {"all": [PHONE, EVENING]}, "phone")
    add(shop, "phones", 5, PHONE)
    add(shop, "others", 1, {"not": PHONE}, "all")
    assert said(shop) == []


def test_what_waits_or_is_over_is_said(shop: Site, gold: Segment) -> None:
    create_segment(site_id=shop.pk, key="draft", name="Draft", condition=where(PHONE), now=NOW)
    SegmentVersion.objects.update(state="live", size=0)
    add(shop, "golden", 9, GOLD)
    add(shop, "drafted", 8, {"kind": "segment", "key": "draft"})
    add(shop, "over", 7, PHONE, ends_at=NOW - timedelta(days=1))
    add(shop, "off", 6, PHONE, is_enabled=False)
    texts = {key: text for key, _, text in said(shop)}
    assert texts["golden"] == "It asks for the segment “Gold”, which nobody is in."
    assert texts["drafted"] == "It asks for the segment “Draft”, which is not published."
    assert texts["over"].startswith("Its time is over")
    assert texts["off"] == "It is switched off."


def test_a_rule_without_a_block_or_with_an_archived_variant_is_said(shop: Site) -> None:
    add(shop, "phones", 1, PHONE, "phone")
    Variant.objects.filter(key="phone").update(archived_at=NOW)
    assert said(shop)[0][2] == "It serves a variant that is archived."
    Placement.objects.update(block=None)
    assert said(shop)[0][2] == "It waits: no block fills its placement."


def test_archived_rules_and_other_sites_are_left_out(shop: Site) -> None:
    other = new_shop("other")
    add(other, "theirs", 1, {"all": []})
    add(shop, "gone", 1, {"all": []})
    Rule.objects.filter(key="gone").update(archived_at=NOW)
    assert report(shop.pk, page=1, now=NOW).rules == 0
