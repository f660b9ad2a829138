"""The history of what editors save: whole, numbered, never lost, and brought back."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from pytest_django import DjangoAssertNumQueries

from apps.access.models import Site
from apps.content.errors import EditConflict, RestoreRefused, RevisionNotFound
from apps.content.models import Block, Revision, Translation, Variant
from apps.content.revisions import (
    changing,
    digest_of,
    hold,
    kind_named,
    kinds,
    restore,
    revisions_of,
    save_revision,
)
from apps.content.revisions_lately import left_unsaved, saved_lately
from apps.content.revisions_unsaved import keep_unsaved
from apps.content.revisions_words import fields_between, lines_between
from apps.content.services import create_block, create_cap, create_placement, create_variant
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
    create_placement(site_id=shop.pk, key="home.hero", block=block)
    return block


def document_of(block: Block) -> dict[str, Any]:
    kind = kind_named("block")
    assert kind is not None
    return kind.document_of(block.pk)


def headline(block: Block, key: str = "vip") -> Any:
    return block.variants.get(key=key).fields["headline"]


def rewrite(block: Block, text: str, key: str = "vip") -> None:
    variant = block.variants.get(key=key)
    variant.fields = {"headline": text}
    variant.save(update_fields=["fields"])


def test_a_document_holds_the_whole_block(hero: Block, vip: Segment) -> None:
    cap = create_cap(site_id=hero.site_id, key="twice", most=2, window_ms=86_400_000)
    variant = hero.variants.get(key="vip")
    variant.caps.add(cap)
    Translation.objects.create(variant=variant, locale="de", fields={"headline": "Lieber Gast"})
    document = document_of(hero)
    assert document["name"] == "Hero"
    assert document["schema"] == SCHEMA
    held = document["variants"][str(variant.pk)]
    assert held["fields"] == {"headline": "Dear guest"}
    assert (held["segments"], held["caps"]) == ([str(vip.pk)], [str(cap.pk)])
    assert held["translations"]["de"]["fields"] == {"headline": "Lieber Gast"}
    assert {"site", "id", "revision", "version", "digest"}.isdisjoint(document)


def test_reading_a_block_takes_as_many_queries_with_ten_variants_as_with_two(
    hero: Block, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(6):
        document_of(hero)
    for index in range(8):
        create_variant(block=hero, key=f"v{index}", fields={"headline": "x"})
    with django_assert_num_queries(6):
        document_of(hero)


def test_every_save_is_a_revision_with_who_when_and_why(hero: Block, mary: User) -> None:
    with changing("block", hero.pk, actor=mary, now=NOW, note="Warmer words"):
        rewrite(hero, "Good to see you")
    found = revisions_of("block", hero.pk)
    assert [(one.number, one.by, one.note) for one in found] == [
        (2, "mary", "Warmer words"),
        (1, "", "As it was before its history began"),
    ]
    hero.refresh_from_db()
    assert hero.revision == 2


def test_who_saved_is_told_when_the_account_is_gone(hero: Block, mary: User) -> None:
    with changing("block", hero.pk, actor=mary, now=NOW):
        rewrite(hero, "Good to see you")
    mary.delete()
    assert [(one.by_id, one.by) for one in revisions_of("block", hero.pk)] == [
        (None, "mary"),
        (None, ""),
    ]


def test_saving_what_is_saved_already_makes_no_revision(hero: Block, mary: User) -> None:
    for _ in range(2):
        with changing("block", hero.pk, actor=mary, now=NOW):
            rewrite(hero, "Good to see you")
    assert Revision.objects.count() == 2


def test_what_was_written_past_the_pages_is_kept_before_it_is_overwritten(
    hero: Block, mary: User
) -> None:
    with changing("block", hero.pk, actor=mary, now=NOW):
        rewrite(hero, "By Mary")
    rewrite(hero, "By a script")
    with changing("block", hero.pk, actor=mary, now=NOW):
        rewrite(hero, "By Mary again")
    assert [one.note for one in revisions_of("block", hero.pk)][1] == (
        "Changed outside of these pages"
    )
    restore("block", hero.pk, 3, actor=mary, now=NOW)
    assert headline(hero) == "By a script"


def test_a_change_that_began_with_an_older_state_is_refused_with_both(
    hero: Block, mary: User
) -> None:
    opened = hold_digest(hero)
    with changing("block", hero.pk, actor=mary, now=NOW):
        rewrite(hero, "By Mary")
    with (
        pytest.raises(EditConflict) as refused,
        changing("block", hero.pk, actor=None, now=NOW, expected=opened),
    ):
        rewrite(hero, "By me")
    assert headline(hero) == "By Mary"
    assert refused.value.base is not None and refused.value.theirs is not None
    assert digest_of(refused.value.base) == opened


def hold_digest(block: Block) -> str:
    return digest_of(document_of(block))


def test_a_number_that_is_not_the_last_one_is_a_conflict(hero: Block, mary: User) -> None:
    def save(expected: int | None) -> int:
        return save_revision(
            site_id=hero.site_id, kind="block", object_id=hero.pk, document=document_of(hero),
            expected=expected, actor=mary, now=NOW,
        ).number  # fmt: skip

    assert save(None) == 1
    rewrite(hero, "two")
    assert save(1) == 2
    rewrite(hero, "three")
    with pytest.raises(EditConflict):
        save(1)


def test_restoring_brings_back_fields_tags_translations_and_variants(
    hero: Block, vip: Segment, browsing: Segment, mary: User
) -> None:
    variant = hero.variants.get(key="vip")
    Translation.objects.create(variant=variant, locale="de", fields={"headline": "Lieber Gast"})
    with changing("block", hero.pk, actor=mary, now=NOW, note="Everything else"):
        rewrite(hero, "Gone")
        variant.segments.set([browsing])
        variant.translations.all().delete()
        create_variant(block=hero, key="late", fields={"headline": "Late"})
        Block.objects.filter(pk=hero.pk).update(name="Other")
    saved = restore("block", hero.pk, 1, actor=mary, now=NOW + timedelta(hours=1))
    hero.refresh_from_db()
    assert (hero.name, headline(hero), hero.revision) == ("Hero", "Dear guest", 3)
    assert list(variant.segments.all()) == [vip]
    assert variant.translations.get().fields == {"headline": "Lieber Gast"}
    # Not deleted: it comes back with the revision that had it.
    assert hero.variants.get(key="late").archived_at is not None
    assert saved.note == "Restored from revision 1"
    restore("block", hero.pk, 2, actor=mary, now=NOW)
    assert hero.variants.get(key="late").archived_at is None


def test_a_default_that_moved_moves_back(hero: Block, mary: User) -> None:
    with changing("block", hero.pk, actor=mary, now=NOW):
        hero.variants.update(is_default=False)
        hero.variants.filter(key="vip").update(is_default=True)
    restore("block", hero.pk, 1, actor=mary, now=NOW)
    assert hero.variants.get(is_default=True).key == "all"


def test_a_variant_that_a_rule_serves_is_not_archived_by_a_restore(hero: Block, mary: User) -> None:
    with changing("block", hero.pk, actor=mary, now=NOW):
        create_variant(block=hero, key="late", fields={"headline": "Late"})
    create_rule(site_id=hero.site_id, key="late", placement_key="home.hero", variant_key="late")
    with pytest.raises(RestoreRefused, match="rule 'late'"):
        restore("block", hero.pk, 1, actor=mary, now=NOW)
    assert hero.variants.get(key="late").archived_at is None


def test_a_key_that_somebody_took_is_refused_with_a_sentence(hero: Block, mary: User) -> None:
    with changing("block", hero.pk, actor=mary, now=NOW):
        Block.objects.filter(pk=hero.pk).update(key="banner")
    create_block(site_id=hero.site_id, key="hero")
    with pytest.raises(RestoreRefused):
        restore("block", hero.pk, 1, actor=mary, now=NOW)
    hero.refresh_from_db()
    assert hero.key == "banner"


def test_what_was_never_saved_is_not_found(hero: Block, mary: User) -> None:
    with pytest.raises(RevisionNotFound):
        restore("block", hero.pk, 7, actor=mary, now=NOW)
    with pytest.raises(RevisionNotFound):
        hold("block", hero.site_id, NOW)


def test_a_history_is_told_in_words(hero: Block, vip: Segment, browsing: Segment) -> None:
    kind = kind_named("block")
    assert kind is not None
    before = document_of(hero)
    rewrite(hero, "Good to see you")
    hero.variants.get(key="vip").segments.set([browsing])
    after = document_of(hero)
    lines = {one.words: (one.before, one.after) for one in lines_between(kind, before, after)}
    assert lines == {
        "Variant “VIP”: headline": ("Dear guest", "Good to see you"),
        "Variant “VIP”: segments": ("Very important", "Browsing"),
    }
    assert fields_between(kind, before, after) == sorted(lines)


@pytest.mark.parametrize("name", ["block", "placement", "cap", "theme", "asset", "rule", "segment"])
def test_every_kind_says_where_it_is_edited(name: str) -> None:
    from django.urls import NoReverseMatch, reverse

    found = {kind.name: kind for kind in kinds()}
    try:
        reverse(found[name].change_url, args=["00000000-0000-0000-0000-000000000000"])
    except NoReverseMatch as error:
        raise AssertionError(str(error)) from error


def test_variants_keep_their_ids(hero: Block, mary: User) -> None:
    ids = set(Variant.objects.values_list("pk", flat=True))
    with changing("block", hero.pk, actor=mary, now=NOW):
        rewrite(hero, "x")
    restore("block", hero.pk, 1, actor=mary, now=NOW)
    assert set(Variant.objects.values_list("pk", flat=True)) == ids


def test_what_people_saved_lately_is_told_newest_first_in_one_query(
    hero: Block, mary: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with changing("block", hero.pk, actor=mary, now=NOW, note="Warmer words"):
        rewrite(hero, "Good to see you")
    with changing("block", hero.pk, actor=mary, now=NOW + timedelta(hours=1)):
        Block.objects.filter(pk=hero.pk).update(name="Top")
    with django_assert_num_queries(1):
        found = saved_lately(hero.site_id)
    assert [(one.name, one.number, one.by, one.note) for one in found] == [
        ("Top", 3, "mary", ""),
        ("Hero", 2, "mary", "Warmer words"),
    ]


def test_what_was_left_unsaved_leads_back_to_its_form(hero: Block, mary: User) -> None:
    gone = hero.site_id  # no block has this id
    typed = (
        ("content.block", str(hero.pk)),
        ("content.theme", "new"),
        ("content.block", str(gone)),
    )
    for minutes, (kind, ref) in enumerate(typed):
        keep_unsaved(
            user_id=mary.pk, kind=kind, object_ref=ref, tab="one", base="", form=[("name", "x")],
            now=NOW + timedelta(minutes=minutes),
        )  # fmt: skip
    found = left_unsaved(mary.pk)
    assert [(one.name, one.url_name, one.object_id) for one in found] == [
        ("a new theme", "admin:content_theme_add", None),
        ("Hero", "admin:content_block_change", hero.pk),
    ]
