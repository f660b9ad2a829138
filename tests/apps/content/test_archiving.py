"""Archive instead of delete: what is in use stays, and what went comes back."""

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection, models
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from apps.access.models import AuditEntry, Site
from apps.content.archiving import archive, unarchive, usages_in_drafts
from apps.content.errors import InUse, InvalidContent
from apps.content.models import Block, Cap, Placement, Theme, Variant
from apps.content.revisions import revisions_of
from apps.content.services import create_block, create_cap, create_placement, create_variant
from apps.rules.models import Rule
from apps.rules.services import create_rule
from apps.segments.models import Segment
from tests.apps.content.conftest import NOW

SCHEMA = [{"name": "headline", "type": "string", "required": True}]


@pytest.fixture
def mary(db: None) -> User:
    return User.objects.create_superuser("mary")


@pytest.fixture
def hero(shop: Site, vip: Segment) -> Block:
    block = create_block(site_id=shop.pk, key="hero", name="Hero", schema=SCHEMA)
    create_variant(block=block, key="all", is_default=True, fields={"headline": "Welcome"})
    create_variant(
        block=block, key="vip", name="VIP", segment_keys=["vip"], fields={"headline": "Dear guest"}
    )
    return block


@pytest.fixture
def placement(hero: Block) -> Placement:
    return create_placement(site_id=hero.site_id, key="home.hero", block=hero)


@pytest.fixture
def rule(placement: Placement) -> Rule:
    return create_rule(
        site_id=placement.site_id, key="phones", placement_key="home.hero", variant_key="vip"
    )


def names(found: Any) -> set[tuple[str, str]]:
    return {(one.kind, one.name) for one in found}


def test_what_nothing_uses_is_archived_and_comes_back(hero: Block, mary: User) -> None:
    archive("block", hero.pk, mary, NOW)
    hero.refresh_from_db()
    assert hero.archived_at == NOW
    unarchive("block", hero.pk, mary, NOW)
    hero.refresh_from_db()
    assert hero.archived_at is None
    actions = AuditEntry.objects.filter(target_id=str(hero.pk)).order_by("pk")
    assert [entry.action for entry in actions] == ["content.archived", "content.unarchived"]
    assert [one.note for one in revisions_of("block", hero.pk)][:2] == ["Brought back", "Archived"]


def test_a_block_in_a_placement_stays_and_says_where(placement: Placement, mary: User) -> None:
    block = placement.block
    assert block is not None
    with pytest.raises(InUse) as refused:
        archive("block", block.pk, mary, NOW)
    assert names(refused.value.usages) == {("placement", "home.hero")}
    block.refresh_from_db()
    assert block.archived_at is None


def test_a_variant_that_a_rule_serves_stays_and_so_does_its_block(rule: Rule, mary: User) -> None:
    Placement.objects.update(block=None)
    for kind, object_id in (("variant", rule.variant_id), ("block", rule.variant.block_id)):
        with pytest.raises(InUse) as refused:
            archive(kind, object_id, mary, NOW)
        assert names(refused.value.usages) == {("rule", "phones")}


def test_a_variant_goes_into_the_history_of_its_block(hero: Block, mary: User) -> None:
    variant = hero.variants.get(key="vip")
    archive("variant", variant.pk, mary, NOW)
    variant.refresh_from_db()
    assert variant.archived_at == NOW
    assert revisions_of("block", hero.pk)[0].note == "Archived: VIP"


def test_the_default_variant_is_never_archived(hero: Block, mary: User) -> None:
    with pytest.raises(InvalidContent, match="default"):
        archive("variant", hero.variants.get(key="all").pk, mary, NOW)


def test_a_cap_a_theme_and_a_placement_stay_while_they_are_used(
    hero: Block, placement: Placement, rule: Rule, mary: User
) -> None:
    cap = create_cap(site_id=hero.site_id, key="twice", most=2, window_ms=86_400_000)
    hero.caps.add(cap)
    placement.caps.add(cap)
    rule.caps.add(cap)
    theme = Theme.objects.create(site_id=hero.site_id, key="saving", name="Saving")
    hero.variants.filter(key="vip").update(theme=theme)
    assert names(usages_in_drafts(hero.site_id, "cap", cap.pk)) == {
        ("block", "Hero"), ("placement", "home.hero"), ("rule", "phones"),
    }  # fmt: skip
    assert names(usages_in_drafts(hero.site_id, "theme", theme.pk)) == {("variant", "Hero / VIP")}
    assert names(usages_in_drafts(hero.site_id, "placement", placement.pk)) == {("rule", "phones")}
    for kind, row in (("cap", cap), ("theme", theme), ("placement", placement)):
        with pytest.raises(InUse):
            archive(kind, row.pk, mary, NOW)


def test_what_is_archived_uses_nothing(rule: Rule, mary: User) -> None:
    archive("rule", rule.pk, mary, NOW)
    archive("variant", rule.variant_id, mary, NOW)
    assert Variant.objects.get(pk=rule.variant_id).archived_at == NOW
    assert usages_in_drafts(rule.site_id, "placement", rule.placement_id) == []


def test_a_picture_is_found_in_fields_templates_and_translations(hero: Block) -> None:
    from apps.content.models import Asset, Translation

    asset = Asset.objects.create(
        site_id=hero.site_id, key="shoe", name="Shoe", width=1, height=1, media_type="image/png",
        digest="ab" * 32, size=1, at=NOW,
    )  # fmt: skip
    used = {("variant", "Hero / VIP")}
    assert usages_in_drafts(hero.site_id, "asset", asset.pk) == []
    variant = hero.variants.get(key="vip")
    variant.fields = {"headline": "x", "image": {"url": "/x", "asset": "shoe"}}
    variant.save()
    assert names(usages_in_drafts(hero.site_id, "asset", asset.pk)) == used
    variant.fields, variant.template = {}, f'<img src="/media/{"ab" * 32}/original" alt="">'
    variant.save()
    assert names(usages_in_drafts(hero.site_id, "asset", asset.pk)) == used
    variant.template = ""
    variant.save()
    Translation.objects.create(
        variant=variant, locale="de", fields={"image": f"/media/{'ab' * 32}/original"}
    )
    assert names(usages_in_drafts(hero.site_id, "asset", asset.pk)) == used


def test_no_page_of_the_admin_deletes_what_editors_made(db: None) -> None:
    """Deleting a variant would delete its rules: no page may reach that, from above neither."""
    kept = {Block, Variant, Placement, Cap, Theme, Rule}
    root = User.objects.create_superuser("root")
    request: Any = type("Request", (), {"user": root})()
    reaching = {
        model
        for model, page in admin.site._registry.items()
        if kept & _deleted_with(model) and page.has_delete_permission(request)
    }
    # A site goes with all that is its own: that is what deleting a site means.
    assert {model._meta.label for model in reaching} <= {"access.Site"}


def _deleted_with(model: type[models.Model]) -> set[type[models.Model]]:
    """The models whose rows go when a row of this one is deleted."""
    found: set[type[models.Model]] = set()
    waiting: list[type[models.Model]] = [model]
    while waiting:
        one = waiting.pop()
        if one in found:
            continue
        found.add(one)
        waiting += [
            relation.related_model
            for relation in one._meta.related_objects
            if getattr(relation, "on_delete", None) is models.CASCADE
        ]
    return found


@pytest.fixture
def editor(mary: User, client: Client) -> Client:
    client.force_login(mary)
    return client


def test_the_list_hides_the_archive_until_it_is_asked_for(
    editor: Client, hero: Block, mary: User
) -> None:
    archive("block", hero.pk, mary, NOW)
    url = reverse("admin:content_block_changelist")
    assert "Hero" not in editor.get(url).content.decode()
    assert "Hero" in editor.get(url, {"archived": "yes"}).content.decode()
    assert "Hero" in editor.get(url, {"archived": "all"}).content.decode()


def test_the_action_archives_what_it_can_and_names_what_uses_the_rest(
    editor: Client, hero: Block, placement: Placement
) -> None:
    spare = create_block(site_id=hero.site_id, key="spare", name="Spare")
    answer = editor.post(
        reverse("admin:content_block_changelist"),
        {"action": "archive_selected", "_selected_action": [str(hero.pk), str(spare.pk)]},
        follow=True,
    )
    page = answer.content.decode()
    assert "1 was archived" in page
    assert "&#x27;Hero&#x27; is still used by placement &#x27;home.hero&#x27;" in page
    assert reverse("admin:usage", args=["block", hero.pk]) in page
    hero.refresh_from_db()
    spare.refresh_from_db()
    assert (hero.archived_at is None, spare.archived_at is None) == (True, False)


def test_an_archived_block_is_looked_at_and_brought_back(
    editor: Client, hero: Block, mary: User
) -> None:
    archive("block", hero.pk, mary, NOW)
    page = editor.get(reverse("admin:content_block_change", args=[hero.pk])).content.decode()
    assert "This is in the archive" in page
    assert 'name="_save"' not in page
    editor.post(reverse("admin:usage", args=["block", hero.pk]), {"bring_back": "1"})
    hero.refresh_from_db()
    assert hero.archived_at is None


def test_the_page_of_usage_links_to_what_uses_it_and_archives_what_is_free(
    editor: Client, placement: Placement, rule: Rule
) -> None:
    block = placement.block
    assert block is not None
    url = reverse("admin:usage", args=["block", block.pk])
    page = editor.get(url).content.decode()
    assert reverse("admin:content_placement_change", args=[placement.pk]) in page
    assert reverse("admin:rules_rule_change", args=[rule.pk]) in page
    assert "It cannot be archived yet" in page
    editor.post(url, {"archive": "1"})
    block.refresh_from_db()
    assert block.archived_at is None
    Rule.objects.all().delete()
    Placement.objects.all().delete()
    assert "Nothing uses it" in editor.get(url).content.decode()
    editor.post(url, {"archive": "1"})
    block.refresh_from_db()
    assert block.archived_at is not None


def test_the_page_of_usage_takes_as_many_queries_with_ten_variants_as_with_two(
    editor: Client, placement: Placement, rule: Rule, django_assert_num_queries: Any
) -> None:
    block = placement.block
    assert block is not None
    url = reverse("admin:usage", args=["block", block.pk])
    with CaptureQueriesContext(connection) as few:
        editor.get(url)
    for index in range(8):
        create_variant(block=block, key=f"v{index}", fields={"headline": "x"})
        create_rule(
            site_id=block.site_id, key=f"r{index}", placement_key="home.hero",
            variant_key=f"v{index}",
        )  # fmt: skip
    with django_assert_num_queries(len(few)):
        page = editor.get(url).content.decode()
    assert "r7" in page


def test_who_may_only_look_archives_nothing(client: Client, hero: Block) -> None:
    from django.contrib.auth.models import Group

    auditor = User.objects.create_user("auditor", is_staff=True)
    auditor.groups.add(Group.objects.get(name="auditor"))
    client.force_login(auditor)
    url = reverse("admin:usage", args=["block", hero.pk])
    assert client.get(url).status_code == 200
    assert client.post(url, {"archive": "1"}).status_code == 403
    hero.refresh_from_db()
    assert hero.archived_at is None
