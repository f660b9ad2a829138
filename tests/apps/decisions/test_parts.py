"""Drafts in parts: whatever is written is made anew, whoever wrote it, and nothing else is."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.access import services as access
from apps.access.models import Site
from apps.content import services as content
from apps.content.models import Block, Cap, Placement, Variant
from apps.content.sharing import (
    create_block_type,
    create_theme,
    update_block_type,
    update_theme,
)
from apps.content.translating import remove_translation, set_translation
from apps.decisions import manifests, parts, services, stored
from apps.decisions.models import Part, Publication, PublishedPart, Touched
from apps.decisions.publishing import draft_document
from apps.decisions.selectors import publication_document
from apps.rules import services as rules
from apps.rules.models import Rule
from apps.rules.trigger_models import Trigger
from apps.segments.models import Segment
from tests.apps.decisions.drafts_shop import Drafts, publish
from tests.apps.delivery.conftest import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def site() -> Site:
    return access.create_site(key="shop", name="Shop", now=NOW)


@pytest.fixture
def drafts(site: Site) -> Drafts:
    made = Drafts(site)
    publish(site)
    return made


def waiting(site: Site) -> list[tuple[str, str, str]]:
    parts.refresh_parts(site.pk)
    return [(row.verb, row.kind, row.key) for row in parts.waiting(site.pk) if row.is_listed]


WRITES: dict[str, tuple[Callable[[Drafts], Any], list[tuple[str, str, str]]]] = {
    "a_variant_saved": (
        lambda d: d.change(d.tagged, fields={"headline": "New"}),
        [("changed", "block", "hero")],
    ),
    "a_variant_by_sql": (
        lambda d: d.sql(
            'UPDATE content_variant SET fields = \'{"headline": "By SQL"}\' WHERE id = %s',
            d.tagged.pk,
        ),
        [("changed", "block", "hero")],
    ),
    "a_tag_taken_off": (lambda d: d.tagged.segments.clear(), [("changed", "block", "hero")]),
    "a_cap_of_a_variant": (lambda d: d.tagged.caps.add(d.cap), [("changed", "block", "hero")]),
    "a_cap_of_a_block": (lambda d: d.hero.caps.add(d.cap), [("changed", "block", "hero")]),
    "a_cap_of_a_placement": (
        lambda d: d.place.caps.add(d.cap),
        [("changed", "placement", "home.hero")],
    ),
    "a_cap_of_a_rule": (lambda d: d.rule.caps.add(d.cap), [("changed", "rule", "phones")]),
    "a_cap": (
        lambda d: Cap.objects.filter(pk=d.cap.pk).update(most=9),
        [("changed", "cap", "weekly")],
    ),
    "a_placement_switched_off": (
        lambda d: Placement.objects.filter(pk=d.place.pk).update(is_enabled=False),
        [("changed", "placement", "home.hero")],
    ),
    "a_rule_switched_off": (
        lambda d: Rule.objects.filter(pk=d.rule.pk).update(is_enabled=False),
        [("removed", "rule", "phones")],
    ),
    "a_block_renamed_by_key": (
        lambda d: Block.objects.filter(pk=d.hero.pk).update(key="banner"),
        [
            ("added", "block", "banner"),
            ("removed", "block", "hero"),
            ("changed", "placement", "home.hero"),
        ],
    ),
    "a_placement_renamed_by_key": (
        lambda d: Placement.objects.filter(pk=d.place.pk).update(key="start.hero"),
        [
            ("removed", "placement", "home.hero"),
            ("added", "placement", "start.hero"),
            ("changed", "rule", "phones"),
        ],
    ),
    "a_segment_renamed": (
        lambda d: Segment.objects.filter(pk=d.segment.pk).update(name="Loves blouses"),
        [("changed", "segment", "blouses")],
    ),
    "a_rule_deleted": (lambda d: d.rule.delete(), [("removed", "rule", "phones")]),
    "only_a_name_for_people": (
        lambda d: Block.objects.filter(pk=d.hero.pk).update(name="The hero"),
        [],
    ),
    "a_new_draft_of_a_segment": (lambda d: d.redraft(), []),
    "nothing": (lambda d: None, []),
}


@pytest.mark.parametrize("write", WRITES)
def test_what_is_written_waits_to_be_published(drafts: Drafts, write: str) -> None:
    assert waiting(drafts.site) == []
    do, expected = WRITES[write]
    do(drafts)
    assert waiting(drafts.site) == expected


@pytest.mark.parametrize("write", WRITES)
def test_parts_made_one_by_one_are_those_made_of_everything(drafts: Drafts, write: str) -> None:
    parts.refresh_parts(drafts.site.pk)
    WRITES[write][0](drafts)
    parts.refresh_parts(drafts.site.pk)
    fields = ("kind", "key", "digest", "body", "object_id", "is_refused", "is_listed", "served")
    one_by_one = list(Part.objects.order_by("kind", "key").values_list(*fields))
    parts.forget(drafts.site.pk)
    parts.refresh_parts(drafts.site.pk)
    assert list(Part.objects.order_by("kind", "key").values_list(*fields)) == one_by_one


def test_what_blocks_share_makes_all_of_them_anew(drafts: Drafts) -> None:
    Site.objects.filter(pk=drafts.site.pk).update(locales=["en", "de"])
    theme = create_theme(
        site_id=drafts.site.pk, key="sale", name="Sale", messages={"cta": {"en": "Buy"}}
    )
    kind = create_block_type(
        site_id=drafts.site.pk, key="hero", name="Hero", schema=drafts.hero.schema
    )
    drafts.change(drafts.hero, type=kind)
    drafts.change(drafts.tagged, theme=theme, fields={"headline": "{{ theme.cta }}"})
    set_translation(
        variant_id=drafts.tagged.pk, locale="de", fields={"headline": "Blusen"}, template=""
    )
    publish(drafts.site)
    assert waiting(drafts.site) == []
    hero = [("changed", "block", "hero")]
    update_theme(theme_id=theme.pk, messages={"cta": {"en": "Buy now"}})
    assert waiting(drafts.site) == hero
    update_theme(theme_id=theme.pk, messages={"cta": {"en": "Buy"}})
    assert waiting(drafts.site) == []
    theme.segments.set([drafts.segment])
    drafts.tagged.segments.clear()
    assert waiting(drafts.site) == []  # the theme is for the same people
    theme.segments.clear()
    assert waiting(drafts.site) == hero
    publish(drafts.site)
    remove_translation(variant_id=drafts.tagged.pk, locale="de")
    assert waiting(drafts.site) == hero
    publish(drafts.site)
    schema = [{"name": "headline", "type": "string"}, {"name": "text", "type": "string"}]
    update_block_type(type_id=kind.pk, schema=schema)
    assert Touched.objects.filter(kind="block", object_id=drafts.hero.pk).exists()
    Site.objects.filter(pk=drafts.site.pk).update(locales=["en"])
    assert waiting(drafts.site) == hero


def test_what_triggers_show_is_published_as_rules(drafts: Drafts) -> None:
    made = Trigger.objects.create(
        site_id=drafts.site.pk,
        number=1,
        key="came",
        name="Came",
        segment=drafts.segment,
        placement=drafts.place,
        variant=drafts.tagged,
        is_enabled=True,
    )
    assert waiting(drafts.site) == [("added", "rule", "trigger:came")]
    publish(drafts.site)
    Trigger.objects.filter(pk=made.pk).update(webhook_failures=3)
    assert not Touched.objects.filter(site_id=drafts.site.pk).exists()
    Trigger.objects.filter(pk=made.pk).update(paused_at=NOW)
    assert waiting(drafts.site) == [("removed", "rule", "trigger:came")]


def test_a_change_taken_back_waits_no_longer(drafts: Drafts) -> None:
    drafts.change(drafts.tagged, fields={"headline": "New"})
    assert waiting(drafts.site)
    drafts.change(drafts.tagged, fields={"headline": "Blouses"})
    assert waiting(drafts.site) == []


def test_publishing_marks_nothing(drafts: Drafts) -> None:
    drafts.change(drafts.tagged, fields={"headline": "New"})
    assert publish(drafts.site).number == 2
    assert not Touched.objects.filter(site_id=drafts.site.pk).exists()
    assert waiting(drafts.site) == []


def test_what_serves_is_what_the_drafts_say(drafts: Drafts) -> None:
    served = publication_document(drafts.site.pk)
    assert served is not None
    drafted = draft_document(drafts.site.pk)
    assert manifests.taken_apart(served)[0] == manifests.taken_apart(drafted)[0]


def test_a_second_publication_keeps_only_what_is_new(drafts: Drafts) -> None:
    before = PublishedPart.objects.count()
    drafts.change(drafts.tagged, fields={"headline": "New"})
    publish(drafts.site)
    assert PublishedPart.objects.count() == before + 1


def test_looking_at_drafts_costs_no_more_with_more_of_them(drafts: Drafts) -> None:
    def queries() -> int:
        drafts.change(drafts.tagged, priority=drafts.next())
        with CaptureQueriesContext(
            connection,
        ) as found:
            waiting(drafts.site)
            parts.problems(drafts.site.pk)
        return len(found)

    few = queries()
    for number in range(30):
        block = content.create_block(site_id=drafts.site.pk, key=f"block-{number}")
        content.create_variant(block=block, key="all", is_default=True, template="<p>Hi</p>")
        content.create_placement(site_id=drafts.site.pk, key=f"place-{number}", block=block)
    publish(drafts.site)
    assert queries() == few


def test_refused_drafts_do_not_wait_and_say_why(drafts: Drafts) -> None:
    Variant.objects.filter(block=drafts.hero, is_default=True).update(is_default=False)
    assert waiting(drafts.site) == []
    [(reason, refuses)] = [
        one for one in parts.problems(drafts.site.pk) if one[0]["code"] == "default_missing"
    ]
    assert refuses
    assert reason["pointer"] == "/blocks/hero"


def test_a_publication_of_an_earlier_version_serves_on_byte_for_byte(drafts: Drafts) -> None:
    """Stored whole, as before there were parts: its digest, and what is published after it."""
    document = publication_document(drafts.site.pk)
    assert document is not None
    Publication.objects.all().delete()
    old = Publication.objects.create(
        site_id=drafts.site.pk,
        number=1,
        document=stored.as_stored_whole(document),
        digest="of an earlier version",
        published_at=NOW,
    )
    assert stored.as_it_is(old) == (document, manifests.whole_digest(document))
    parts.forget(drafts.site.pk)
    assert waiting(drafts.site) == []
    assert publish(drafts.site).pk == old.pk

    drafts.change(drafts.tagged, fields={"headline": "New"})
    assert waiting(drafts.site) == [("changed", "block", "hero")]
    assert publish(drafts.site).number == 2
    services.rollback(site_id=drafts.site.pk, number=1, actor=None, now=NOW)
    back = publication_document(drafts.site.pk)
    assert back is not None
    assert manifests.taken_apart(back)[0] == manifests.taken_apart(document)[0]


def test_a_computed_trait_that_is_redefined_makes_the_rules_anew(drafts: Drafts) -> None:
    rules.create_rule(
        site_id=drafts.site.pk,
        key="loyal",
        placement_key="home.hero",
        variant_key="blouses",
        condition={
            "v": 1,
            "where": {"kind": "trait", "name": "computed.views", "op": "gte", "value": 3},
        },
    )
    parts.refresh_parts(drafts.site.pk)
    refused = [reason["detail"] for reason, _ in parts.problems(drafts.site.pk)]
    assert any("loyal" in detail for detail in refused)
    drafts.computed("views")
    assert ("added", "rule", "loyal") in waiting(drafts.site)


def test_sites_are_made_apart(drafts: Drafts) -> None:
    other = access.create_site(key="other", name="Other", now=NOW)
    Drafts(other)
    assert waiting(drafts.site) == []
    assert ("added", "block", "hero") in waiting(other)
