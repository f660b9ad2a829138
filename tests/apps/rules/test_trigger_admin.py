"""The pages of triggers: begun from a start, refused with a sentence, paused and taken up again."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from apps.access.models import AuditEntry, Site
from apps.access.roles import ensure_roles
from apps.content.models import Block, Cap, Placement
from apps.content.revisions import documents_of, restore, revisions_of
from apps.rules.models import Firing, Trigger
from apps.rules.selectors import rule_documents, trigger_troubles
from apps.rules.triggers import STARTS, Start
from apps.segments.models import Segment
from apps.segments.services import create_segment, publish_segment
from apps.segments.types import usages_of
from apps.work import clock
from apps.work.ids import uuid7
from engine.conditions.parse import parse_condition
from tests.apps.rules.conftest import NOW, PHONE, new_shop, where
from tests.apps.rules.test_admin import errors_of


@pytest.fixture
def editor(db: None, client: Client) -> Client:
    client.force_login(User.objects.create_superuser("editor"))
    return client


def posted(gold: Segment, **fields: Any) -> dict[str, Any]:
    return {
        "site": gold.site_id,
        "name": "Gold came",
        "key": "gold-came",
        "on": "entered",
        "segment": gold.key,
        "priority": 100,
        "message": json.dumps({"show": "thanks"}),
        "most": "1",
        "window_ms": "7 days",
        "cooldown_ms": "",
        "most_per_minute": 1000,
        "is_enabled": "on",
        **fields,
    }


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"on": "left"}, "Content can be shown to people who are in a segment."),
        ({"for_ms": "5 minutes"}, "Put the span into the segment&#x27;s condition instead"),
    ],
    ids=["leaves", "held-for"],
)
def test_the_form_says_to_whom_content_can_be_shown_and_keeps_to_it(
    editor: Client, gold: Segment, given: dict[str, str], sentence: str
) -> None:
    page = editor.get(reverse("admin:rules_trigger_add")).content.decode()
    assert "not for how long or who has left" in page
    shown = {"placement": "home.hero", "variant": "vip", **given}
    answer = editor.post(reverse("admin:rules_trigger_add"), posted(gold, **shown))
    assert sentence in errors_of(answer)
    assert not Trigger.objects.exists()


def test_a_trigger_is_saved_and_said_in_a_sentence(editor: Client, gold: Segment) -> None:
    response = editor.post(reverse("admin:rules_trigger_add"), posted(gold))
    assert response.status_code == 302, errors_of(response)
    trigger = Trigger.objects.get()
    assert (trigger.number, trigger.window_ms, trigger.for_ms) == (1, 7 * 86_400_000, 0)
    sentence = (
        "When somebody comes into “Gold”: tell their open pages. "
        "At most once in 7 days for one visitor."
    )
    for url in (
        reverse("admin:rules_trigger_changelist"),
        reverse("admin:rules_trigger_change", args=[trigger.pk]),
    ):
        page = editor.get(url).content.decode()
        assert sentence in page
        assert "<script>" not in page and " style=" not in page
    assert [row.number for row in revisions_of("trigger", trigger.pk)] == [1]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"segment": "nobody"}, "This site has no segment"),
        ({"message": ""}, "It does nothing yet"),
        ({"message": "{"}, "This is not JSON"),
        ({"message": "[1]"}, "Write an object"),
        ({"message": json.dumps({"a": "x" * 1000})}, "At most 1,000 characters"),
        ({"window_ms": "soon"}, "Write a span such as"),
        ({"most": "", "window_ms": "1 day"}, "Say how many times in that span."),
        ({"webhook_address": "http://127.0.0.1/x"}, "private network"),
        ({"webhook_address": "ftp://example.com"}, "starts with https://"),
        ({"placement": "home.hero"}, "Choose both a placement and a variant"),
        ({"variant": "vip"}, "Choose both a placement and a variant"),
        ({"placement": "home.hero", "variant": "gold"}, "is no variant of"),
        ({"placement": "home.hero", "variant": "vip", "on": "left"}, "For those who left one"),
        ({"placement": "home.hero", "variant": "vip", "for_ms": "1 hour"}, "Put the span into"),
        ({"ends_at": "2026-01-01T10:00", "starts_at": "2026-01-02T10:00"}, "must end after"),
    ],
    ids=lambda one: "-".join(one) if isinstance(one, dict) else None,
)
def test_a_trigger_that_makes_no_sense_is_refused_with_a_sentence(
    editor: Client, gold: Segment, settings: Any, fields: Any, sentence: str
) -> None:
    settings.PRIVATE_TARGETS = ()
    response = editor.post(reverse("admin:rules_trigger_add"), posted(gold, **fields))
    assert response.status_code == 200
    assert sentence in errors_of(response)
    assert not Trigger.objects.exists()


def test_nobody_comes_into_a_segment_that_depends_on_the_request(
    editor: Client, shop: Site, gold: Segment
) -> None:
    phones = create_segment(
        site_id=shop.pk, key="phones", name="Phones", condition=where(PHONE), now=NOW
    )
    publish_segment(site_id=shop.pk, segment_id=phones.pk, actor=None, now=NOW)
    url = reverse("admin:rules_trigger_add")
    response = editor.post(url, posted(gold, segment="phones"))
    assert "nobody comes into it at any moment" in errors_of(response)


def test_what_a_trigger_shows_is_published_as_a_rule_with_its_cap(
    editor: Client, gold: Segment, hero: Block
) -> None:
    fields = {"placement": "home.hero", "variant": "vip", "cooldown_ms": "1 day"}
    response = editor.post(reverse("admin:rules_trigger_add"), posted(gold, **fields))
    assert response.status_code == 302, errors_of(response)
    cap = Cap.objects.get()
    assert (cap.key, cap.most, cap.window_ms) == ("trigger.gold-came", 1, 7 * 86_400_000)
    assert cap.cooldown_ms == 86_400_000
    (document,) = rule_documents(hero.site_id)
    assert (document.key, document.placement, document.variant) == (
        "trigger:gold-came", "home.hero", "vip",
    )  # fmt: skip
    assert document.condition == where({"kind": "segment", "key": "gold"})
    assert document.caps == [cap.number]
    assert document.priority == 100

    Trigger.objects.update(is_enabled=False)
    assert rule_documents(hero.site_id) == []


@pytest.mark.parametrize("start", STARTS, ids=lambda one: one.key)
def test_every_start_makes_drafts_to_look_over(editor: Client, shop: Site, start: Start) -> None:
    parse_condition({"v": 1, "where": dict(start.where)})
    url = reverse("admin:rules_trigger_start")
    page = editor.post(url, {"site": str(shop.pk), "start": start.key}, follow=True)
    assert "were made for you to look over" in page.content.decode()
    trigger = Trigger.objects.get()
    assert not trigger.is_enabled
    assert trigger.segment.key == start.key
    assert not trigger.segment.versions.exists()

    editor.post(url, {"site": str(shop.pk), "start": start.key})
    assert Trigger.objects.filter(segment=trigger.segment).count() == 2
    assert sorted(Trigger.objects.values_list("key", flat=True)) == [start.key, f"{start.key}-2"]


def test_a_start_that_is_none_makes_nothing(editor: Client, shop: Site) -> None:
    for body in ({"site": str(shop.pk), "start": "x"}, {"site": "x", "start": "cart-left"}, {}):
        page = editor.post(reverse("admin:rules_trigger_start"), body, follow=True)
        assert "Nothing was made" in page.content.decode()
    assert not Trigger.objects.exists()


def test_a_trigger_that_paused_itself_says_so_until_it_is_told_to_go_on(
    editor: Client, gold: Segment
) -> None:
    editor.post(reverse("admin:rules_trigger_add"), posted(gold))
    trigger = Trigger.objects.get()
    Trigger.objects.update(paused_at=NOW, webhook_parked_at=NOW)
    assert len(trigger_troubles(gold.site_id)) == 2
    change = reverse("admin:rules_trigger_change", args=[trigger.pk])
    assert "has paused itself" in editor.get(change).content.decode()
    editor.post(reverse("admin:rules_trigger_resume", args=[trigger.pk]))
    trigger.refresh_from_db()
    assert (trigger.paused_at, trigger.webhook_parked_at) == (None, None)
    assert trigger_troubles(gold.site_id) == []
    assert AuditEntry.objects.filter(action="rules.trigger_resumed").exists()


def test_the_page_says_what_happened_and_to_nobody_who(editor: Client, gold: Segment) -> None:
    editor.post(reverse("admin:rules_trigger_add"), posted(gold))
    trigger = Trigger.objects.get()
    profile_id = uuid7()
    Firing.objects.create(
        trigger=trigger, profile_id=profile_id, cause="line-1", at=NOW, outcome="fired",
        webhook="failed", error="shop.example answered 500",
    )  # fmt: skip
    change = reverse("admin:rules_trigger_change", args=[trigger.pk])
    page = editor.get(change).content.decode()
    assert "given up (shop.example answered 500)" in page
    assert str(profile_id) not in page and profile_id.hex not in page


def test_who_may_only_look_switches_and_resumes_nothing(client: Client, gold: Segment) -> None:
    ensure_roles()
    ann = User.objects.create_user("ann", is_staff=True)
    ann.groups.add(Group.objects.get(name="analyst"))
    trigger = Trigger.objects.create(
        site=gold.site, number=1, key="t", name="T", segment=gold, paused_at=NOW,
        webhook_address="https://example.com/x",
    )  # fmt: skip
    client.force_login(ann)
    change = reverse("admin:rules_trigger_change", args=[trigger.pk])
    page = client.get(change).content.decode()
    assert "Go on" not in page and trigger.webhook_secret not in page
    resume = reverse("admin:rules_trigger_resume", args=[trigger.pk])
    start = reverse("admin:rules_trigger_start")
    assert client.post(resume).status_code == 403
    assert client.post(start, {"start": "cart-left"}).status_code == 403


def test_a_trigger_stands_among_the_users_of_what_it_names(gold: Segment, hero: Block) -> None:
    placement = Placement.objects.get(block=hero)
    variant = hero.variants.get(key="vip")
    trigger = Trigger.objects.create(
        site=gold.site, number=1, key="t", name="T", segment=gold, placement=placement,
        variant=variant,
    )  # fmt: skip
    for kind, row in (("segment", gold), ("placement", placement), ("variant", variant)):
        used = [(one.kind, one.object_id) for one in usages_of(gold.site_id, kind, row.pk)]
        assert ("trigger", trigger.pk) in used


def test_the_list_costs_the_same_for_many(
    editor: Client, gold: Segment, django_assert_max_num_queries: Any
) -> None:
    new_shop("other")
    for number in range(30):
        Trigger.objects.create(
            site=gold.site, number=number, key=f"t{number}", name=f"T{number}", segment=gold
        )
    with django_assert_max_num_queries(11):
        editor.get(reverse("admin:rules_trigger_changelist"))


@pytest.mark.parametrize(
    "message", ['{"a": NaN}', '{"a": "\\u0000"}', '{"a": "\\ud83d"}'], ids=["nan", "nul", "half"]
)
def test_a_message_that_no_database_takes_is_answered_with_a_sentence(
    editor: Client, gold: Segment, message: str
) -> None:
    answer = editor.post(reverse("admin:rules_trigger_add"), posted(gold, message=message))
    assert answer.status_code == 400
    assert "what you typed is still there" in answer.content.decode()
    assert not Trigger.objects.exists()
    odd = editor.get("/admin/rules/order/", {"placement": "a\x00b"})
    assert odd.status_code == 400


def test_where_others_approve_nobody_switches_on_their_own_trigger(
    editor: Client, gold: Segment
) -> None:
    Site.objects.filter(pk=gold.site_id).update(needs_approval=True)
    editor.post(reverse("admin:rules_trigger_add"), posted(gold))
    trigger = Trigger.objects.get()
    assert not trigger.is_enabled

    switched = {"action": "switch_on", "_selected_action": str(trigger.pk)}
    other = Client()
    other.force_login(User.objects.create_superuser("other"))
    page = editor.post(reverse("admin:rules_trigger_changelist"), switched, follow=True)
    assert "you wrote some of it" in page.content.decode()
    other.post(reverse("admin:rules_trigger_changelist"), switched)
    trigger.refresh_from_db()
    assert trigger.is_enabled

    # A change is looked at again, and history does not switch on either.
    url = reverse("admin:rules_trigger_change", args=[trigger.pk])
    other.post(url, posted(gold, message='{"show": "something-else"}'))
    trigger.refresh_from_db()
    assert not trigger.is_enabled
    on = revisions_of("trigger", trigger.pk)[1].number
    assert documents_of("trigger", trigger.pk, {on})[on]["is_enabled"]
    restore("trigger", trigger.pk, on, actor=User.objects.get(username="other"), now=clock.now())
    trigger.refresh_from_db()
    assert (trigger.is_enabled, trigger.message) == (False, {"show": "thanks"})
