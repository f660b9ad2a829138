"""Types of blocks, channels, schedules, and what is archived."""

from datetime import timedelta

import pytest

from apps.access.models import Site
from apps.content.errors import InvalidContent
from apps.content.models import Block, Placement, Variant
from apps.content.selectors import (
    block_documents,
    blocks_like,
    collisions,
    drafted_blocks,
    find_block,
    find_placement,
    find_variant,
    placement_documents,
    placements_like,
)
from apps.content.services import (
    create_block,
    create_block_type,
    create_placement,
    create_variant,
    freeze_versions,
    update_block_type,
    update_placement,
    update_variant,
)
from apps.segments.models import Segment
from apps.work import clock
from tests.apps.content.conftest import NOW, new_site

SCHEMA = [{"name": "headline", "type": "string", "required": True, "help": "Short."}]
SOON = NOW + timedelta(hours=1)
LATER = NOW + timedelta(days=1)


@pytest.fixture
def teaser(shop: Site) -> Block:
    kind = create_block_type(site_id=shop.pk, key="teaser", name="Teaser", schema=SCHEMA)
    block = create_block(site_id=shop.pk, key="hero", type_key="teaser")
    assert block.type == kind
    create_variant(block=block, key="all", is_default=True, fields={"headline": "Hi"})
    return block


def test_blocks_of_a_type_have_its_fields(teaser: Block, shop: Site) -> None:
    with pytest.raises(InvalidContent, match="The block has no field 'text'"):
        create_variant(block=teaser, key="x", fields={"headline": "x", "text": "y"})
    assert teaser.type is not None
    update_block_type(type_id=teaser.type.pk, schema=[*SCHEMA, {"name": "text", "type": "string"}])
    fresh = Block.objects.get(pk=teaser.pk)
    create_variant(block=fresh, key="x", fields={"headline": "x", "text": "y"})
    (found,) = block_documents(shop.pk)
    assert [one.fields for one in found.variants] == [
        {"headline": "Hi"},
        {"headline": "x", "text": "y"},
    ]


def test_a_hint_changes_no_version_and_a_field_of_the_type_does(teaser: Block) -> None:
    assert teaser.type is not None
    freeze_versions(site_id=teaser.site_id, now=NOW)
    without = [{key: value for key, value in SCHEMA[0].items() if key != "help"}]
    update_block_type(type_id=teaser.type.pk, schema=without)
    assert freeze_versions(site_id=teaser.site_id, now=NOW) == 0
    update_block_type(type_id=teaser.type.pk, schema=[*SCHEMA, {"name": "t", "type": "string"}])
    assert freeze_versions(site_id=teaser.site_id, now=NOW, block_ids=[]) == 0
    assert freeze_versions(site_id=teaser.site_id, now=NOW, block_ids=[teaser.pk]) == 1


def test_settings_of_types_and_channels_that_do_not_go_together_are_refused(
    teaser: Block, shop: Site
) -> None:
    def refused(**settings: object) -> str:
        with pytest.raises(InvalidContent) as refusal:
            create_block(site_id=shop.pk, key="b", **settings)  # type: ignore[arg-type]  # wrong ones
        return str(refusal.value)

    assert "Its fields are those of the type 'Teaser'" in refused(type_key="teaser", schema=SCHEMA)
    assert "This site has no type of block 'none'." in refused(type_key="none")
    assert "A flag has a value instead of fields." in refused(
        type_key="teaser", kind="flag", value_type="boolean"
    )
    assert "Only content can be for e-mail." in refused(
        channel="email", kind="flag", value_type="boolean"
    )
    assert "A block is for pages or for e-mail." in refused(channel="fax")
    other = new_site("other")
    with pytest.raises(InvalidContent, match="This site has no type of block 'teaser'"):
        create_block(site_id=other.pk, key="b", type_key="teaser")
    with pytest.raises(InvalidContent, match="This site has a type 'teaser' already"):
        create_block_type(site_id=shop.pk, key="teaser")


def test_a_block_for_mail_fills_no_placement(shop: Site) -> None:
    mail = create_block(site_id=shop.pk, key="letter", channel="email")
    create_variant(block=mail, key="all", is_default=True, template="<p>Hi</p>")
    with pytest.raises(InvalidContent, match="The block 'letter' is for e-mail"):
        create_placement(site_id=shop.pk, key="home.hero", block=mail)
    Placement.objects.create(site=shop, key="home.hero", name="x", block=mail)
    with pytest.raises(InvalidContent, match=r"home\.hero: The block 'letter' is for e-mail"):
        block_documents(shop.pk)


def test_a_schedule_is_published_and_can_be_taken_away(teaser: Block, vip: Segment) -> None:
    made = create_variant(
        block=teaser,
        key="sale",
        segment_keys=["vip"],
        fields={"headline": "Sale"},
        starts_at=SOON,
        ends_at=LATER,
    )
    (found,) = block_documents(teaser.site_id)
    sale = next(one for one in found.variants if one.key == "sale")
    assert (sale.starts_at_ms, sale.ends_at_ms) == (clock.to_ms(SOON), clock.to_ms(LATER))
    freeze_versions(site_id=teaser.site_id, now=NOW)
    update_variant(variant_id=made.pk, schedule=(None, SOON))
    made.refresh_from_db()
    assert (made.starts_at, made.ends_at) == (None, SOON)
    assert freeze_versions(site_id=teaser.site_id, now=NOW) == 0


def test_a_schedule_that_cannot_be_is_refused(teaser: Block) -> None:
    with pytest.raises(InvalidContent, match="It must end after it starts"):
        create_variant(
            block=teaser, key="x", fields={"headline": "x"}, starts_at=LATER, ends_at=SOON
        )
    default = teaser.variants.get(key="all")
    with pytest.raises(InvalidContent, match="The default variant is always there"):
        update_variant(variant_id=default.pk, schedule=(SOON, None))


def test_what_is_archived_takes_no_part_in_a_publication(teaser: Block, shop: Site) -> None:
    old = create_variant(block=teaser, key="old", fields={"headline": "Old"})
    create_placement(site_id=shop.pk, key="home.hero", block=teaser)
    create_placement(site_id=shop.pk, key="home.old", block=teaser)
    Variant.objects.filter(pk=old.pk).update(archived_at=NOW)
    Placement.objects.filter(key="home.old").update(archived_at=NOW)
    assert freeze_versions(site_id=shop.pk, now=NOW) == 1
    assert [one.key for one in block_documents(shop.pk)[0].variants] == ["all"]
    assert [one.key for one in placement_documents(shop.pk)] == ["home.hero"]


def test_an_archived_block_is_refused_where_a_placement_still_names_it(
    teaser: Block, shop: Site
) -> None:
    create_placement(site_id=shop.pk, key="home.hero", block=teaser)
    create_placement(site_id=shop.pk, key="home.row")
    Block.objects.filter(pk=teaser.pk).update(archived_at=NOW)
    teaser.refresh_from_db()
    sentence = "The block 'hero' is archived: choose another one, or bring it back."
    with pytest.raises(InvalidContent) as refused:
        update_placement(site_id=shop.pk, key="home.row", block=teaser)
    assert str(refused.value) == sentence
    assert [(one["pointer"], one["detail"]) for one in collisions(shop.pk)] == [
        ("/placements/home.hero", f"home.hero: {sentence}")
    ]
    Placement.objects.update(archived_at=NOW)
    assert block_documents(shop.pk) == []


def test_what_is_archived_is_found_by_nobody_who_would_use_it(teaser: Block, shop: Site) -> None:
    create_placement(site_id=shop.pk, key="home.hero", block=teaser)
    assert find_placement(shop.pk, "home.hero") is not None
    assert find_variant(shop.pk, "hero", "all") is not None
    assert blocks_like(shop.pk, "HER", 5) == [("hero", "hero")]
    Placement.objects.update(archived_at=NOW)
    Block.objects.update(archived_at=NOW)
    assert find_placement(shop.pk, "home.hero") is None
    assert find_variant(shop.pk, "hero", "all") is None
    assert blocks_like(shop.pk, "", 5) == placements_like(shop.pk, "", 5) == []
    assert find_block(shop.pk, "hero") == teaser  # its key stays taken


def test_some_blocks_are_made_as_all_of_them_are(teaser: Block, shop: Site) -> None:
    broken = create_block(site_id=shop.pk, key="broken")
    good = create_block(site_id=shop.pk, key="good")
    create_variant(block=good, key="all", is_default=True)
    documents, refusals = drafted_blocks(shop.pk)
    assert [(identity, one.key) for identity, one in documents] == [
        (good.pk, "good"),
        (teaser.pk, "hero"),
    ]
    assert [(identity, one["code"]) for identity, one in refusals] == [
        (broken.pk, "default_missing")
    ]
    some = drafted_blocks(shop.pk, [teaser.pk])
    assert some.documents == [pair for pair in documents if pair[0] == teaser.pk]
    assert some.refusals == []
    assert [one.key for one in block_documents(shop.pk, [good.pk])] == ["good"]
    assert block_documents(shop.pk, []) == []
