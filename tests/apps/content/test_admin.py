"""The editors' pages: what they offer, what they refuse and in which words."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from apps.access.models import Site
from apps.content.models import Block, Placement, Variant
from apps.content.services import create_block, create_placement, create_variant, freeze_versions
from apps.segments.models import Segment, SegmentVersion
from tests.apps.content.conftest import NOW, new_segment, new_site

SCHEMA = [
    {"name": "headline", "type": "string", "required": True},
    {"name": "columns", "type": "number"},
    {"name": "wide", "type": "boolean"},
]


@pytest.fixture
def editor(db: None, client: Client) -> Client:
    client.force_login(User.objects.create_superuser("editor"))
    return client


@pytest.fixture
def hero(shop: Site, vip: Segment) -> Block:
    block = create_block(site_id=shop.pk, key="hero", name="Hero", schema=SCHEMA)
    create_variant(block=block, key="all", is_default=True, fields={"headline": "Welcome"})
    create_placement(site_id=shop.pk, key="home.hero", block=block)
    return block


def change_url(block: Block) -> str:
    return reverse("admin:content_block_change", args=[block.pk])


def posted(block: Block, *variants: dict[str, Any], **settings: Any) -> dict[str, Any]:
    """The form of a block's page with these variants, as a browser sends it."""
    data = {
        "key": block.key,
        "name": block.name,
        "purpose": block.purpose,
        "schema_lines": "headline: string required\ncolumns: number\nwide: boolean",
        "variants-TOTAL_FORMS": len(variants),
        "variants-INITIAL_FORMS": sum("id" in variant for variant in variants),
        "variants-MIN_NUM_FORMS": 0,
        "variants-MAX_NUM_FORMS": 1000,
        **settings,
    }
    for index, variant in enumerate(variants):
        filled = {"name": variant.get("key", ""), "priority": 0, "block": block.pk, **variant}
        data |= {f"variants-{index}-{name}": value for name, value in filled.items()}
    return data


def existing(variant: Variant) -> dict[str, Any]:
    data = {"id": variant.pk, "key": variant.key, "name": variant.name}
    data |= {f"field_{name}": value for name, value in variant.fields.items()}
    return data | ({"is_default": "on"} if variant.is_default else {})


def errors_of(response: Any) -> str:
    page = response.content.decode()
    return " ".join(re.findall(r'<ul class="errorlist[^>]*>(.*?)</ul>', page, re.DOTALL))


def test_a_new_block_leads_to_its_own_page_where_variants_are_added(
    editor: Client, shop: Site
) -> None:
    page = editor.get(reverse("admin:content_block_add")).content.decode()
    assert "schema_lines" in page
    assert "variants-TOTAL_FORMS" not in page

    response = editor.post(
        reverse("admin:content_block_add"),
        {
            "site": shop.pk,
            "key": "hero",
            "name": "Hero",
            "kind": "content",
            "purpose": "personalization",
            "schema_lines": "headline: string required\n\n image : image",
            "item_limit": 10,
        },
    )
    block = Block.objects.get()
    assert response.status_code == 302
    assert response["Location"].endswith(change_url(block))
    assert block.schema == [
        {"name": "headline", "type": "string", "required": True},
        {"name": "image", "type": "image", "required": False},
    ]
    page = editor.get(change_url(block)).content.decode()
    assert "variants-__prefix__-field_headline" in page


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ("headline", "Line 1: write"),
        ("a: string\nb: text", "Line 2: The type of"),
        ("a: string maybe", "Line 1: write"),
        ("a b: string", "Line 1: A field"),
        ("a: string\na: html", "declared twice"),
    ],
)
def test_fields_that_cannot_be_declared_are_refused_with_their_line(
    editor: Client, hero: Block, lines: str, sentence: str
) -> None:
    response = editor.post(change_url(hero), posted(hero, schema_lines=lines))
    assert response.status_code == 200
    assert sentence in errors_of(response)
    hero.refresh_from_db()
    assert hero.schema == SCHEMA


def test_a_variant_is_written_in_typed_inputs_and_tagged_with_segments(
    editor: Client, hero: Block, vip: Segment
) -> None:
    response = editor.post(
        change_url(hero),
        posted(
            hero,
            existing(hero.variants.get()),
            {
                "key": "vip",
                "segments": [vip.pk],
                "priority": 3,
                "field_headline": "Hi {{ traits.name }}",
                "field_columns": "3",
                "field_wide": "on",
                "template": "<p>{{ traits.name }}</p>",
            },
        ),
    )
    assert response.status_code == 302, errors_of(response)
    variant = hero.variants.get(key="vip")
    assert variant.fields == {"headline": "Hi {{ traits.name }}", "columns": 3, "wide": True}
    assert isinstance(variant.fields["columns"], int)
    assert list(variant.segments.all()) == [vip]
    assert (variant.priority, variant.template) == (3, "<p>{{ traits.name }}</p>")


@pytest.mark.parametrize(
    ("variant", "sentence"),
    [
        ({"key": "x"}, "headline&#x27; is required"),
        ({"key": "X", "field_headline": "x"}, "A key starts with"),
        ({"key": "x", "field_headline": "{{ nobody }}"}, "Nothing is called &#x27;nobody&#x27;"),
        ({"key": "x", "field_headline": "x", "template": "a\n{% if %}"}, "Line 2:"),
        ({"key": "x", "field_headline": "x", "template": "{{ traits.a | safe }}"}, "no filter"),
        ({"key": "x", "field_headline": "x", "field_columns": "many"}, "Enter a number"),
        ({"key": "all", "field_headline": "x"}, "duplicate"),
        ({"key": "x", "field_headline": "x", "is_default": "on"}, "Another variant is the default"),
    ],
)
def test_a_wrong_variant_is_refused_beside_its_input(
    editor: Client, hero: Block, variant: dict[str, Any], sentence: str
) -> None:
    everyone = existing(hero.variants.get())
    response = editor.post(change_url(hero), posted(hero, everyone, variant))
    assert response.status_code == 200
    assert sentence in errors_of(response)
    assert hero.variants.count() == 1


def test_another_variant_can_become_the_default_in_one_save(editor: Client, hero: Block) -> None:
    create_variant(block=hero, key="new", fields={"headline": "New"})
    old, new = (existing(hero.variants.get(key=key)) for key in ("all", "new"))
    del old["is_default"]
    response = editor.post(change_url(hero), posted(hero, new | {"is_default": "on"}, old))
    assert response.status_code == 302, errors_of(response)
    assert hero.variants.get(is_default=True).key == "new"


def test_the_default_cannot_be_tagged(editor: Client, hero: Block, vip: Segment) -> None:
    everyone = existing(hero.variants.get()) | {"segments": [vip.pk]}
    response = editor.post(change_url(hero), posted(hero, everyone))
    assert "The default variant is for everyone else" in errors_of(response)


def test_segments_of_another_site_are_neither_offered_nor_taken(
    editor: Client, hero: Block, vip: Segment
) -> None:
    theirs = new_segment(new_site("other"), 1, "theirs", "Their secret segment")
    assert "Their secret segment" not in editor.get(change_url(hero)).content.decode()
    response = editor.post(
        change_url(hero),
        posted(
            hero,
            existing(hero.variants.get()),
            {"key": "x", "field_headline": "x", "segments": [theirs.pk]},
        ),
    )
    assert f"This site has no segment &#x27;{theirs.pk}&#x27;" in errors_of(response)


def test_a_page_names_chosen_segments_only_however_many_there_are(
    editor: Client, hero: Block, vip: Segment
) -> None:
    create_variant(block=hero, key="vip", segment_keys=["vip"], fields={"headline": "Hi"})
    for number in range(2, 30):
        new_segment(hero.site, number, f"s{number}", f"Segment number {number}")
    page = editor.get(change_url(hero)).content.decode()
    assert "Very important" in page
    assert "Segment number" not in page


def test_the_editor_is_told_what_visitors_will_not_get(editor: Client, hero: Block) -> None:
    template = "<form><b onclick='x()'>k</b></form>"
    everyone = existing(hero.variants.get()) | {"template": template}
    response = editor.post(change_url(hero), posted(hero, everyone), follow=True)
    page = response.content.decode()
    assert "visitors will not get &lt;form&gt;, onclick of &lt;b&gt;" in page


def test_a_flag_has_an_input_of_its_own_type(editor: Client, shop: Site) -> None:
    flag = create_block(site_id=shop.pk, key="new-nav", kind="flag", value_type="boolean")
    page = editor.get(change_url(flag)).content.decode()
    assert '<option value="false">false</option>' in page
    assert "variants-__prefix__-template" not in page
    settings = {"value_type": "boolean", "is_client_visible": "on"}
    response = editor.post(
        change_url(flag),
        posted(flag, {"key": "off", "is_default": "on", "value": "false"}, **settings),
    )
    assert response.status_code == 302, errors_of(response)
    assert flag.variants.get().value is False


def test_the_list_says_reach_tags_and_publication(
    editor: Client,
    hero: Block,
    vip: Segment,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    create_variant(block=hero, key="vip", segment_keys=["vip"], fields={"headline": "Hi"})
    SegmentVersion.objects.create(
        segment=vip, number=1, condition={}, state="live", size=1204, published_at=NOW
    )
    freeze_versions(site_id=hero.site_id, now=NOW)
    hero.variants.filter(key="vip").update(fields={"headline": "Changed"})

    page = editor.get(reverse("admin:content_block_changelist")).content.decode()
    for words in ("Very important (1,204 members)", "home.hero", "10 Mar 2026 12:00 · 1 waiting"):
        assert words in page

    for number in range(8):
        block = create_block(site_id=hero.site_id, key=f"b{number}")
        create_variant(block=block, key="all", is_default=True, template="<p>x</p>")
        create_placement(site_id=hero.site_id, key=f"p{number}", block=block)
    with django_assert_max_num_queries(14):
        editor.get(reverse("admin:content_block_changelist"))
    with django_assert_max_num_queries(11):
        editor.get(reverse("admin:content_placement_changelist"))


def test_the_page_of_a_block_asks_no_query_for_each_variant(
    editor: Client, hero: Block, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(6):
        create_variant(block=hero, key=f"v{number}", segment_keys=["vip"], fields={"headline": "x"})
    with django_assert_max_num_queries(31):
        editor.get(change_url(hero))


def test_who_may_only_look_reads_everything_and_changes_nothing(
    client: Client, hero: Block
) -> None:
    reader = User.objects.create_user("reader", is_staff=True)
    names = ["view_block", "view_variant", "view_placement"]
    reader.user_permissions.set(Permission.objects.filter(codename__in=names))
    client.force_login(reader)
    page = client.get(change_url(hero)).content.decode()
    assert "<code>headline</code> Text, required" in page
    assert "headline: Welcome" in page
    assert client.post(change_url(hero), posted(hero)).status_code == 403


def test_a_placement_takes_only_its_own_sites_blocks(editor: Client, hero: Block) -> None:
    theirs = create_block(site_id=new_site("other").pk, key="theirs", name="Their block")
    placement = Placement.objects.get()
    url = reverse("admin:content_placement_change", args=[placement.pk])
    assert "Their block" not in editor.get(url).content.decode()
    response = editor.post(url, {"key": "home.hero", "name": "x", "block": theirs.pk})
    assert "This site has no block" in errors_of(response)

    response = editor.post(
        reverse("admin:content_placement_add"),
        {"site": hero.site_id, "key": "other.place", "name": "x", "block": theirs.pk},
    )
    assert "This site has no block" in errors_of(response)


def test_pages_hold_no_script_or_style_of_their_own(editor: Client, hero: Block) -> None:
    for url in (
        change_url(hero),
        reverse("admin:content_block_changelist"),
        reverse("admin:content_block_add"),
        reverse("admin:content_placement_add"),
    ):
        page = editor.get(url).content.decode()
        assert not re.search(r"<script(?![^>]*\b(?:src=|type=\"application/json\"))", page), url
        assert not re.search(r"<style|<[^>]+\sstyle=|<[^>]+\son[a-z]+=", page), url
