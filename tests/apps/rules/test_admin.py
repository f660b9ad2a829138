"""The rules' pages: conditions in plain words, refusals with the place of the trouble."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from apps.access.models import Site
from apps.content.models import Block, Placement
from apps.content.revisions import restore, revisions_of
from apps.rules.models import Rule
from apps.rules.presets import PRESETS, Preset
from apps.rules.selectors import rule_documents
from apps.rules.services import create_rule
from engine.conditions.describe import describe
from engine.conditions.parse import parse_condition
from tests.apps.rules.conftest import NOW, PHONE, VIEWED, new_shop, where


@pytest.fixture
def editor(db: None, client: Client) -> Client:
    client.force_login(User.objects.create_superuser("editor"))
    return client


def posted(hero: Block, **fields: Any) -> dict[str, Any]:
    condition = fields.pop("condition", where(PHONE))
    return {
        "site": hero.site_id,
        "key": "phones",
        "name": "Phones",
        "placement": Placement.objects.get(block=hero).pk,
        "variant": hero.variants.get(key="phone").pk,
        "priority": 5,
        "condition": condition if isinstance(condition, str) else json.dumps(condition),
        "is_enabled": "on",
        **fields,
    }


def errors_of(response: Any) -> str:
    page = response.content.decode()
    return " ".join(re.findall(r'<ul class="errorlist[^>]*>(.*?)</ul>', page, re.DOTALL))


def test_a_rule_is_saved_and_said_in_plain_words(editor: Client, hero: Block) -> None:
    response = editor.post(
        reverse("admin:rules_rule_add"), posted(hero, condition=where({"all": [PHONE, VIEWED]}))
    )
    assert response.status_code == 302, errors_of(response)
    rule = Rule.objects.get()
    page = editor.get(reverse("admin:rules_rule_change", args=[rule.pk])).content.decode()
    assert "viewed" in page.lower()
    assert "Product Viewed" in page
    assert "phone" in editor.get(reverse("admin:rules_rule_changelist")).content.decode()


@pytest.mark.parametrize(
    ("condition", "sentence"),
    [
        ("{", "This is not JSON: "),
        ('{"v": 1,\n "where": }', "in line 2, column 11"),
        (where({"all": [PHONE, {**VIEWED, "value": "x"}]}), "At all[1].value: "),
        (
            {"v": 1, "where": {"kind": "trait", "name": "a", "op": "eq", "value": "\x00"}},
            "At value",
        ),
        ('{"v": 1, "where": {"kind": "trait", "name": "a", "op": "eq", "value": NaN}}', "At value"),
        ("[" * 30000, "This is nested too deeply."),
        ('{"a":' * 30000, "This is nested too deeply."),
        ("", "This field is required"),
        ("{}", "At v"),
    ],
)
def test_a_condition_is_refused_with_the_place_of_the_trouble(
    editor: Client, hero: Block, condition: object, sentence: str
) -> None:
    response = editor.post(reverse("admin:rules_rule_add"), posted(hero, condition=condition))
    assert response.status_code == 200
    assert sentence in errors_of(response)
    assert not Rule.objects.exists()


def test_variants_of_other_blocks_and_sites_are_refused(editor: Client, hero: Block) -> None:
    other = new_shop("other").blocks.get()
    url = reverse("admin:rules_rule_add")
    response = editor.post(url, posted(hero, variant=other.variants.get(key="vip").pk))
    assert "is no variant of" in errors_of(response)
    response = editor.post(url, posted(hero, site=other.site_id))
    assert "This site has no placement" in errors_of(response)

    rule = create_rule(
        site_id=hero.site_id, key="r", placement_key="home.hero", variant_key="phone"
    )
    page = editor.get(reverse("admin:rules_rule_change", args=[rule.pk])).content.decode()
    assert "Hero of shop has: all, phone, vip." in page
    assert "Hero of other" not in page


def test_a_rule_ends_after_it_starts(editor: Client, hero: Block) -> None:
    times = {
        "starts_at": "2026-03-10T12:00",
        "ends_at": "2026-03-10T11:00",
    }
    response = editor.post(reverse("admin:rules_rule_add"), posted(hero, **times))
    assert "A rule must end after it starts." in errors_of(response)


def test_times_are_those_of_the_sites_clock(editor: Client, hero: Block, shop: Site) -> None:
    Site.objects.update(time_zone="Europe/Zurich")
    url = reverse("admin:rules_rule_add")
    response = editor.post(url, posted(hero, starts_at="2026-07-01T09:30"))
    assert response.status_code == 302, errors_of(response)
    rule = Rule.objects.get()
    assert rule.starts_at == datetime(2026, 7, 1, 7, 30, tzinfo=UTC)
    page = editor.get(reverse("admin:rules_rule_change", args=[rule.pk])).content.decode()
    assert 'value="2026-07-01T09:30"' in page
    assert "Empty: at once. On the site" in page and "Europe/Zurich" in page


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("2026-03-29T02:30", "does not exist in Europe/Zurich"),
        ("2026-10-25T02:30", "comes twice in Europe/Zurich"),
    ],
    ids=["skipped", "twice"],
)
def test_a_time_that_the_clock_skips_or_repeats_is_refused_with_both_readings(
    editor: Client, hero: Block, shop: Site, written: str, sentence: str
) -> None:
    Site.objects.update(time_zone="Europe/Zurich")
    response = editor.post(reverse("admin:rules_rule_add"), posted(hero, starts_at=written))
    assert sentence in errors_of(response)
    assert "Write" in errors_of(response)
    assert not Rule.objects.exists()


def test_a_rule_is_started_from_a_preset(editor: Client, hero: Block) -> None:
    url = reverse("admin:rules_rule_add")
    page = editor.get(url).content.decode()
    assert "Evenings at home" in page
    page = editor.get(f"{url}?preset=evenings-at-home").content.decode()
    assert 'value="evenings-at-home"' in page
    assert "&quot;local_hour&quot;" in page


@pytest.mark.parametrize("chosen", PRESETS, ids=lambda one: one.key)
def test_every_preset_is_a_condition(chosen: Preset) -> None:
    assert describe(parse_condition(chosen.condition))


def test_the_variants_of_a_placement_are_offered_to_its_own_site_only(
    editor: Client, hero: Block, shop: Site
) -> None:
    other = new_shop("other")
    url = reverse("admin:rules_rule_variants")
    body = {"site": str(shop.pk), "placement": "home.hero"}
    answer = editor.post(url, body, content_type="application/json").json()
    assert [one["key"] for one in answer["variants"]] == ["all", "phone", "vip"]
    assert answer["block"] == "Hero of shop"
    body["placement"] = str(Placement.objects.get(site=other).pk)
    assert editor.post(url, body, content_type="application/json").json()["variants"] == []


def test_a_saved_rule_has_a_history_and_is_archived_not_deleted(
    editor: Client, hero: Block
) -> None:
    editor.post(reverse("admin:rules_rule_add"), posted(hero))
    rule = Rule.objects.get()
    change = reverse("admin:rules_rule_change", args=[rule.pk])
    assert editor.post(change, posted(hero, priority=9)).status_code == 302
    assert [row.number for row in revisions_of("rule", rule.pk)] == [2, 1]
    restore("rule", rule.pk, 1, actor=None, now=NOW)
    rule.refresh_from_db()
    assert rule.priority == 5

    assert editor.post(reverse("admin:rules_rule_delete", args=[rule.pk])).status_code == 403
    data = {"action": "archive_selected", "_selected_action": [rule.pk]}
    editor.post(reverse("admin:rules_rule_changelist"), data)
    rule.refresh_from_db()
    assert rule.archived_at is not None
    assert rule_documents(hero.site_id) == []


@time_machine.travel(NOW, tick=False)
def test_the_list_says_who_when_and_costs_the_same_for_many(
    editor: Client, shop: Site, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    soon, past = NOW + timedelta(days=1), NOW - timedelta(days=1)
    times = {
        "later": {"starts_at": soon},
        "over": {"ends_at": past},
        "running": {"ends_at": soon},
        "always": {},
        "off": {"is_enabled": False},
    }
    for key, fields in times.items():
        create_rule(
            site_id=shop.pk,
            key=key,
            placement_key="home.hero",
            variant_key="vip",
            condition=where(PHONE),
            **fields,  # type: ignore[arg-type]  # of several types
        )
    with django_assert_max_num_queries(10):
        page = editor.get(reverse("admin:rules_rule_changelist")).content.decode()
    for words in (
        "starts 11 Mar 2026 12:00 UTC",
        "ended 09 Mar 2026 12:00 UTC",
        "on until 11 Mar 2026 12:00 UTC",
    ):
        assert words in page


def test_rules_are_switched_off_together(editor: Client, shop: Site) -> None:
    rules = [
        create_rule(site_id=shop.pk, key=key, placement_key="home.hero", variant_key="vip")
        for key in "ab"
    ]
    data = {"action": "disable", "_selected_action": [rule.pk for rule in rules]}
    response = editor.post(reverse("admin:rules_rule_changelist"), data, follow=True)
    assert "2 rules switched off; publish to use the change." in response.content.decode()
    assert not Rule.objects.filter(is_enabled=True).exists()


def test_pages_hold_no_script_or_style_of_their_own(editor: Client, shop: Site) -> None:
    create_rule(site_id=shop.pk, key="r", placement_key="home.hero", variant_key="vip")
    for url in (
        reverse("admin:rules_rule_changelist"),
        reverse("admin:rules_rule_change", args=[Rule.objects.get().pk]),
    ):
        page = editor.get(url).content.decode()
        assert not re.search(r"<script(?![^>]*\b(?:src=|type=\"application/json\"))", page), url
        assert not re.search(r"<style|<[^>]+\sstyle=|<[^>]+\son[a-z]+=", page), url


def live(editor: Client, rule: Rule | None, site: Site, **body: Any) -> dict[str, Any]:
    whole = {"site": str(site.pk), **body}
    if rule is not None:
        whole["rule"] = str(rule.pk)
    answer = editor.post(reverse("admin:rules_rule_live"), whole, content_type="application/json")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def made(site: Site, key: str, condition: Any, **fields: Any) -> Rule:
    return create_rule(
        site_id=site.pk, key=key, placement_key="home.hero", variant_key="phone",
        condition=where(condition), **fields,
    )  # fmt: skip


def test_the_page_says_what_can_be_said_against_a_rule(
    editor: Client, hero: Block, shop: Site
) -> None:
    made(shop, "all-phones", PHONE, priority=9)
    both = made(shop, "keen-phones", {"all": [PHONE, VIEWED]}, priority=1)
    page = editor.get(reverse("admin:rules_rule_change", args=[both.pk])).content.decode()
    assert "It never serves" in page and "all-phones" in page
    nobody = made(shop, "nobody", {"all": [PHONE, {"not": PHONE}]}, priority=10)
    page = editor.get(reverse("admin:rules_rule_change", args=[nobody.pk])).content.decode()
    assert "Nobody can ever meet this" in page


def test_what_is_said_while_editing_follows_the_form(
    editor: Client, hero: Block, shop: Site
) -> None:
    made(shop, "all-phones", PHONE, priority=9)
    placement = str(Placement.objects.get(block=hero).pk)
    form = {"placement": placement, "priority": "1", "condition": where({"all": [PHONE, VIEWED]})}

    def codes(**changed: Any) -> list[str]:
        return [hint["code"] for hint in live(editor, None, shop, **form | changed)["hints"]]

    assert codes() == ["lint_unreachable"]
    assert codes(priority="10") == []
    assert codes(placement="") == []
    assert codes(condition=where(VIEWED)) == []
    said = live(editor, None, shop, **form)
    assert said["words"].startswith("everybody whose device is")
    assert said["counted"]["dependsOnRequest"] is True
    broken = live(editor, None, shop, **form | {"condition": where({**VIEWED, "op": "greater"})})
    assert [path for path, _ in broken["problems"]] == ["op"]


def test_a_rule_that_comes_and_goes_hides_no_other(editor: Client, hero: Block, shop: Site) -> None:
    made(shop, "in-march", PHONE, priority=9, starts_at=NOW, ends_at=NOW + timedelta(days=9))
    rule = made(shop, "phones", PHONE, priority=1)
    placement = str(Placement.objects.get(block=hero).pk)
    form = {"placement": placement, "priority": "1", "condition": where(PHONE)}
    assert live(editor, rule, shop, **form)["hints"] == []


def test_the_rules_of_other_sites_say_nothing_here(editor: Client, hero: Block, shop: Site) -> None:
    other = new_shop("other")
    made(other, "all-phones", PHONE, priority=9)
    rule = made(shop, "phones", PHONE)
    placement = str(Placement.objects.get(site=other).pk)
    form = {"placement": placement, "priority": "1", "condition": where(PHONE)}
    assert live(editor, rule, shop, **form)["hints"] == []


def test_who_may_not_see_rules_is_told_nothing_of_them(
    client: Client, hero: Block, shop: Site
) -> None:
    client.force_login(User.objects.create_user("ann", is_staff=True))
    for name in ("live", "schema"):
        answer = client.post(
            reverse(f"admin:rules_rule_{name}"), {"site": str(shop.pk)},
            content_type="application/json",
        )  # fmt: skip
        assert answer.status_code == 403
