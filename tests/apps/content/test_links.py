"""Links that cannot be meant are found in every place where an editor can write one."""

import pytest
from pytest_django import DjangoAssertNumQueries

from apps.access.models import Site
from apps.content.domain.addresses import trouble_of
from apps.content.links import problems_of
from apps.content.models import Asset, Variant
from apps.content.services import create_block, create_variant, set_translation
from tests.apps.content.conftest import NOW

SCHEMA = [
    {"name": "to", "type": "url"},
    {"name": "more", "type": "link"},
    {"name": "picture", "type": "image"},
    {"name": "text", "type": "rich"},
]


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("/sale", None),
        ("/sale?x=1#y", None),
        ("#top", None),
        ("?page=2", None),
        ("sale.html", None),
        ("https://shop.test/a", None),
        ("//cdn.shop.test/a", None),
        ("mailto:a@shop.test", None),
        ("{{ traits.url }}", None),
        ("https://shop.test/{{ traits.id }}", None),
        ("", "placeholder"),
        ("#", "placeholder"),
        ("javascript:void(0)", "placeholder"),
        ("https://example.com/x", "placeholder"),
        ("https://www.example.org", "placeholder"),
        ("https://", "malformed"),
        ("http:/shop.test", "malformed"),
        ("mailto:", "malformed"),
        ("www.shop.com/sale", "malformed"),
        ("shop.de", "malformed"),
        ("htps://shop.test", "malformed"),
        ("https://shop.test/a b", "malformed"),
        ("/a b", "malformed"),
        ("https://[shop", "malformed"),
    ],
)
def test_an_address_is_judged_by_how_it_is_written(address: str, kind: str | None) -> None:
    found = trouble_of(address)
    assert (None if found is None else found[0]) == kind


def test_every_place_is_looked_at_and_named(
    shop: Site, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    shop.locales = ["en", "de"]
    shop.save(update_fields=["locales"])
    block = create_block(site_id=shop.pk, key="hero", schema=SCHEMA)
    made = create_variant(
        block=block,
        key="all",
        is_default=True,
        fields={
            "to": "#",
            "more": {"url": "www.shop.com", "text": "More"},
            "picture": {"url": "https://example.com/a.png"},
            "text": '<p><a href="https://example.net">x</a> <a href="/fine">y</a></p>',
        },
        template='<a href="#">x</a>',
    )
    set_translation(variant_id=made.pk, locale="de", fields={"to": "http:///x"})
    with django_assert_num_queries(7):
        found = problems_of(shop.pk)
    assert [(one.place, one.url, one.kind) for one in found] == [
        ("to", "#", "placeholder"),
        ("more", "www.shop.com", "malformed"),
        ("picture", "https://example.com/a.png", "placeholder"),
        ("text", "https://example.net", "placeholder"),
        ("HTML", "#", "placeholder"),
        ("to (de)", "http:///x", "malformed"),
    ]
    assert {(one.block_key, one.variant_key) for one in found} == {("hero", "all")}


def test_a_path_is_doubted_only_where_the_site_says_which_pages_it_has(shop: Site) -> None:
    block = create_block(site_id=shop.pk, key="hero", schema=SCHEMA)
    create_variant(block=block, key="all", is_default=True, fields={"to": "/gone"})
    create_variant(block=block, key="b", fields={"to": "https://shop.test/sale/?x=1"})
    create_variant(block=block, key="c", fields={"to": "https://shop.test/gone"})
    create_variant(block=block, key="d", fields={"to": "https://elsewhere.test/gone"})
    create_variant(block=block, key="e", fields={"to": "/{{ traits.page }}"})
    assert problems_of(shop.pk) == []
    shop.preview_pages = [
        {"name": "Sale", "url": "https://shop.test/sale", "placements": []},
        {"name": "Odd", "url": "https://[shop"},
        {"name": "None"},
        "odd",
    ]
    shop.save(update_fields=["preview_pages"])
    assert [(one.variant_key, one.kind) for one in problems_of(shop.pk)] == [
        ("all", "unknown_path"),
        ("c", "unknown_path"),
    ]


def test_a_picture_that_left_the_library_is_told(shop: Site) -> None:
    block = create_block(site_id=shop.pk, key="hero", schema=SCHEMA)
    address = f"/media/{'a' * 64}/original"
    create_variant(block=block, key="all", is_default=True, fields={"picture": address})
    [problem] = problems_of(shop.pk)
    assert problem.detail == "This picture is not in the media library."
    Asset.objects.create(
        site=shop,
        key="dog",
        name="Dog",
        width=1,
        height=1,
        media_type="image/png",
        digest="a" * 64,
        size=1,
        at=NOW,
    )
    assert problems_of(shop.pk) == []


def test_what_is_archived_is_not_looked_at(shop: Site) -> None:
    block = create_block(site_id=shop.pk, key="hero", schema=SCHEMA)
    create_variant(block=block, key="all", is_default=True)
    old = create_variant(block=block, key="old", fields={"to": "#"})
    assert len(problems_of(shop.pk)) == 1
    Variant.objects.filter(pk=old.pk).update(archived_at=NOW)
    assert problems_of(shop.pk) == []
