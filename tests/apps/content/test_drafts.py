"""Drafts: what services refuse, and what a publication would freeze of them."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from pytest_django import DjangoAssertNumQueries

from apps.access.models import Site
from apps.content import rendering
from apps.content.errors import InvalidContent
from apps.content.models import Block, Placement, Variant
from apps.content.selectors import block_documents, placement_documents, problems
from apps.content.services import (
    create_block,
    create_placement,
    create_variant,
    freeze_versions,
    update_placement,
    update_variant,
)
from apps.segments.models import Segment
from tests.apps.content.conftest import NOW, new_segment, new_site

SCHEMA = [
    {"name": "headline", "type": "string", "required": True},
    {"name": "link", "type": "url"},
]


@pytest.fixture
def hero(shop: Site, vip: Segment) -> Block:
    """A hero with a variant for very important people and one for everyone else."""
    block = create_block(site_id=shop.pk, key="hero", name="Hero", schema=SCHEMA)
    create_variant(block=block, key="all", is_default=True, fields={"headline": "Welcome"})
    create_variant(
        block=block,
        key="vip",
        priority=5,
        segment_keys=["vip"],
        fields={"headline": "Hi {{ traits.name }}", "link": "/lounge"},
        template="<h1>{{ traits.name }}</h1>",
    )
    create_placement(site_id=shop.pk, key="home.hero", block=block)
    return block


def reasons(refusal: pytest.ExceptionInfo[InvalidContent]) -> list[tuple[str, str]]:
    return [(error["pointer"], error["code"]) for error in refusal.value.errors]


def test_documents_hold_what_a_decision_needs(
    hero: Block, shop: Site, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    freeze_versions(site_id=shop.pk, now=NOW)
    with django_assert_num_queries(10):
        (placement,) = placement_documents(shop.pk)
        (block,) = block_documents(shop.pk)

    assert (placement.key, placement.block, placement.enabled) == ("home.hero", "hero", True)
    assert (block.key, block.kind, block.default, block.limit) == ("hero", "content", "all", 0)
    vip, everyone = block.variants
    assert (vip.key, vip.version, vip.segments, vip.priority) == ("vip", 1, [1], 5)
    assert (everyone.key, everyone.segments) == ("all", [])
    values = {"traits": {"name": "Zoë"}}
    assert rendering.render(vip, values) == "<h1>Zoë</h1>"
    assert rendering.render_fields(vip, values) == {"headline": "Hi Zoë", "link": "/lounge"}


def test_a_version_is_raised_when_the_content_changed_and_only_then(hero: Block) -> None:
    site_id = hero.site_id
    assert freeze_versions(site_id=site_id, now=NOW) == 2
    later = NOW + timedelta(days=1)
    assert freeze_versions(site_id=site_id, now=later) == 0

    vip = hero.variants.get(key="vip")
    update_variant(variant_id=vip.pk, priority=9, segment_keys=[])
    assert freeze_versions(site_id=site_id, now=later) == 0

    update_variant(variant_id=vip.pk, template="<h2>{{ traits.name }}</h2>")
    assert freeze_versions(site_id=site_id, now=later) == 1
    vip.refresh_from_db()
    everyone = hero.variants.get(key="all")
    assert (vip.version, vip.published_at) == (2, later)
    assert (everyone.version, everyone.published_at) == (1, NOW)


def test_one_site_never_sees_or_uses_the_rows_of_another(hero: Block, shop: Site) -> None:
    other = new_site("other")
    new_segment(other, 1, "theirs")
    twin = create_block(site_id=other.pk, key="hero", schema=SCHEMA)
    create_variant(block=twin, key="all", is_default=True, fields={"headline": "Other"})
    create_placement(site_id=other.pk, key="home.hero", block=twin)

    assert [block.default for block in block_documents(other.pk)] == ["all"]
    assert [len(block.variants) for block in block_documents(shop.pk)] == [2]
    with pytest.raises(InvalidContent) as refusal:
        create_variant(block=hero, key="x", segment_keys=["theirs"], fields={"headline": "x"})
    assert reasons(refusal) == [("/segments", "unknown_segment")]
    with pytest.raises(InvalidContent) as refusal:
        update_placement(site_id=shop.pk, key="home.hero", block=twin)
    assert reasons(refusal) == [("/block", "invalid_content")]


def test_keys_are_taken_once_a_site(hero: Block, shop: Site) -> None:
    for write in (
        lambda: create_block(site_id=shop.pk, key="hero"),
        lambda: create_placement(site_id=shop.pk, key="home.hero"),
        lambda: create_variant(block=hero, key="vip", fields={"headline": "x"}),
    ):
        with pytest.raises(InvalidContent) as refusal:
            write()
        assert reasons(refusal) == [("/key", "key_taken")]


@pytest.mark.parametrize("key", ["", "Hero", "a b", "-a", ".a", "a/b", "é", "a" * 101, "a\n"])
def test_a_key_that_code_could_stumble_over_is_refused(shop: Site, key: str) -> None:
    with pytest.raises(InvalidContent) as refusal:
        create_block(site_id=shop.pk, key=key)
    assert reasons(refusal) == [("/key", "invalid_key")]


def test_a_block_has_one_default_even_when_two_editors_save_at_once(hero: Block) -> None:
    with pytest.raises(InvalidContent) as refusal:
        create_variant(block=hero, key="b", is_default=True, fields={"headline": "x"})
    assert reasons(refusal) == [("/is_default", "default_taken")]
    with pytest.raises(IntegrityError), transaction.atomic():
        Variant.objects.create(block=hero, key="b", name="b", is_default=True)


def test_the_default_is_for_everyone_else(hero: Block) -> None:
    everyone = hero.variants.get(key="all")
    with pytest.raises(InvalidContent) as refusal:
        update_variant(variant_id=everyone.pk, segment_keys=["vip"])
    assert reasons(refusal) == [("/segments", "invalid_content")]


def test_every_reason_against_a_publication_is_named(hero: Block, shop: Site) -> None:
    # As an older version or a changed schema can leave them: past the services.
    hero.variants.filter(key="vip").update(template="{% if %}", fields={"gone": 1})
    hero.variants.filter(key="all").update(is_default=False)
    with pytest.raises(InvalidContent) as refusal:
        block_documents(shop.pk)
    assert sorted(reasons(refusal)) == [
        ("/blocks/hero", "default_missing"),
        ("/blocks/hero/variants/vip/fields/headline", "required"),
        ("/blocks/hero/variants/vip/template", "invalid_template"),
    ]
    assert problems(shop.pk) == refusal.value.errors


def test_a_field_that_was_taken_from_the_schema_is_no_longer_published(hero: Block) -> None:
    hero.schema = [SCHEMA[0]]
    hero.save(update_fields=["schema"])
    (block,) = block_documents(hero.site_id)
    assert [sorted(variant.fields) for variant in block.variants] == [["headline"], ["headline"]]


def test_a_placement_waits_for_a_block(shop: Site, hero: Block) -> None:
    create_placement(site_id=shop.pk, key="home.row")
    assert [item.key for item in placement_documents(shop.pk)] == ["home.hero"]
    update_placement(site_id=shop.pk, key="home.row", block=hero, is_enabled=False)
    assert [item.enabled for item in placement_documents(shop.pk)] == [True, False]


def test_an_archived_segment_no_longer_tags(hero: Block, vip: Segment) -> None:
    vip.is_archived = True
    vip.save(update_fields=["is_archived"])
    (block,) = block_documents(hero.site_id)
    assert [variant.segments for variant in block.variants] == [[], []]


@pytest.mark.parametrize(
    ("settings", "pointer"),
    [
        ({"kind": "flag"}, "/value_type"),
        ({"value_type": "string"}, "/value_type"),
        ({"is_client_visible": True}, "/is_client_visible"),
        ({"kind": "recommendations"}, "/recommender"),
        ({"recommender": "followed-by"}, "/recommender"),
        ({"kind": "recommendations", "recommender": "r", "item_limit": 0}, "/item_limit"),
        ({"kind": "recommendations", "recommender": "r", "item_limit": 51}, "/item_limit"),
        ({"schema": [{"name": "a", "type": "text"}]}, "/schema/0"),
        ({"schema": [{"name": "a b", "type": "html"}]}, "/schema/0"),
        ({"schema": [{"name": "a", "type": "html"}, {"name": "a", "type": "url"}]}, "/schema/1"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(
    shop: Site, settings: dict[str, object], pointer: str
) -> None:
    with pytest.raises(InvalidContent) as refusal:
        create_block(site_id=shop.pk, key="b", **settings)  # type: ignore[arg-type]  # wrong ones
    assert [error["pointer"] for error in refusal.value.errors] == [pointer]


def test_a_list_of_items_has_its_recommender_and_limit(shop: Site) -> None:
    block = create_block(
        site_id=shop.pk,
        key="row",
        kind="recommendations",
        recommender="followed-by",
        item_limit=4,
        schema=[{"name": "title", "type": "string"}],
    )
    create_variant(block=block, key="all", is_default=True, fields={"title": "For you"})
    (document,) = block_documents(shop.pk)
    assert (document.kind, document.recommender, document.limit) == (
        "recommendations",
        "followed-by",
        4,
    )


@pytest.mark.parametrize(
    ("value_type", "good", "bad"),
    [
        ("boolean", [True, False], [None, 1, "true"]),
        ("string", ["", "x"], [None, 1, "\x00"]),
        ("integer", [0, -5, 2**53 - 1], [1.0, True, 2**53, "1", None]),
        ("float", [0, 1.5, -2], [True, float("nan"), float("inf"), "1", None]),
        (
            "object",
            [{}, {"a": [1, None]}, [], [1, {"a": None}]],
            ["x", None, [float("inf")], {"a": float("nan")}, {"\x00": 1}],
        ),
    ],
)
def test_a_flags_value_is_of_its_type(
    shop: Site, value_type: str, good: list[object], bad: list[object]
) -> None:
    flag = create_block(
        site_id=shop.pk, key="flag", kind="flag", value_type=value_type, is_client_visible=True
    )
    for number, value in enumerate(good):
        create_variant(block=flag, key=f"v{number}", is_default=number == 0, value=value)  # type: ignore[arg-type]  # JSON of all kinds
    (document,) = block_documents(shop.pk)
    assert (document.kind, document.value_type, document.client_visible) == (
        "flag",
        value_type,
        True,
    )
    by_key = {variant.key: variant.value for variant in document.variants}
    assert [by_key[f"v{number}"] for number in range(len(good))] == good
    for value in bad:
        with pytest.raises(InvalidContent) as refusal:
            create_variant(block=flag, key="bad", value=value)  # type: ignore[arg-type]  # as above
        assert reasons(refusal) == [("/value", "invalid_content")]


def test_content_and_values_do_not_mix(shop: Site, hero: Block) -> None:
    with pytest.raises(InvalidContent) as refusal:
        create_variant(block=hero, key="x", fields={"headline": "x"}, value=1)
    assert reasons(refusal) == [("/value", "invalid_content")]
    flag = create_block(site_id=shop.pk, key="flag", kind="flag", value_type="boolean")
    with pytest.raises(InvalidContent) as refusal:
        create_variant(block=flag, key="x", value=True, template="<p>")
    assert reasons(refusal) == [("/fields", "invalid_content")]


def test_a_variant_is_refused_for_a_field_that_its_block_does_not_have(hero: Block) -> None:
    with pytest.raises(InvalidContent) as refusal:
        create_variant(block=hero, key="x", fields={"headline": "x", "subtitle": "y"})
    assert reasons(refusal) == [("/fields/subtitle", "invalid_content")]
    assert not Variant.objects.filter(key="x").exists()


def test_deleting_a_block_leaves_its_placement_waiting(hero: Block) -> None:
    hero.delete()
    assert Placement.objects.get(key="home.hero").block is None
