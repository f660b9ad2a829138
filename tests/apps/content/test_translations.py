"""Variants in several languages: what is published of each, and what is refused."""

from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from apps.access.models import Site
from apps.content import rendering
from apps.content.errors import InvalidContent
from apps.content.models import Block, Variant
from apps.content.selectors import block_documents
from apps.content.services import (
    create_block,
    create_variant,
    freeze_versions,
    remove_translation,
    set_translation,
)
from engine.locales import localized
from engine.snapshot import BlockDoc
from tests.apps.content.conftest import NOW

SCHEMA = [
    {"name": "headline", "type": "string", "required": True},
    {"name": "link", "type": "link"},
    {"name": "text", "type": "rich"},
    {"name": "row", "type": "products"},
]
LINK = {"url": "/sale", "text": "Sale"}


@pytest.fixture
def hero(shop: Site) -> Block:
    shop.locales = ["en", "de", "de-CH", "fr"]
    shop.save(update_fields=["locales"])
    block = create_block(site_id=shop.pk, key="hero", schema=SCHEMA)
    create_variant(
        block=block,
        key="all",
        is_default=True,
        fields={"headline": "Hello", "link": LINK, "text": "<p>x</p>"},
        template="<h1>{{ traits.name }}</h1>",
    )
    return block


def only(block: Block) -> Variant:
    return block.variants.get()


def document(block: Block) -> BlockDoc:
    (found,) = block_documents(block.site_id)
    return found


def test_a_translation_is_what_differs_from_the_variants_own(hero: Block) -> None:
    fields = {"headline": "Hallo", "link": LINK, "text": None}
    set_translation(variant_id=only(hero).pk, locale="de", fields=fields)
    found = document(hero)
    assert found.locale == "en"
    (variant,) = found.variants
    assert {name: one.fields for name, one in variant.locales.items()} == {
        "de": {"headline": "Hallo"}
    }
    german = localized(variant, "de")
    assert rendering.render(german, {"traits": {"name": "Zoë"}}) == "<h1>Zoë</h1>"
    assert rendering.render_fields(german, {})["text"] == "<p>x</p>"


def test_what_is_emptied_on_purpose_is_shown_empty(hero: Block) -> None:
    set_translation(variant_id=only(hero).pk, locale="de", fields={"text": "", "link": {}})
    (variant,) = document(hero).variants
    assert variant.locales["de"].fields == {"text": "", "link": None}


def test_a_form_of_a_language_builds_on_the_language(hero: Block) -> None:
    identity = only(hero).pk
    set_translation(variant_id=identity, locale="de", fields={"headline": "Hallo"}, template="<i>")
    set_translation(variant_id=identity, locale="de-CH", fields={"text": "<p>Grüezi</p>"})
    (variant,) = document(hero).variants
    swiss = localized(variant, "de-CH")
    assert swiss.fields["headline"] == "Hallo"
    assert swiss.fields["text"] == "<p>Grüezi</p>"
    assert swiss.template == ["<i></i>"]


def test_a_translation_that_says_nothing_is_not_offered(hero: Block) -> None:
    set_translation(variant_id=only(hero).pk, locale="fr", fields={"headline": None})
    assert document(hero).variants[0].locales == {}


def test_a_language_that_the_site_gives_up_is_no_longer_published(hero: Block, shop: Site) -> None:
    set_translation(variant_id=only(hero).pk, locale="fr", fields={"headline": "Salut"})
    assert list(document(hero).variants[0].locales) == ["fr"]
    shop.locales = ["en"]
    shop.save(update_fields=["locales"])
    assert document(hero).variants[0].locales == {}
    assert document(hero).locale == ""  # one language: nothing needs saying


def test_a_translation_raises_the_version_and_its_order_does_not(hero: Block) -> None:
    assert freeze_versions(site_id=hero.site_id, now=NOW) == 1
    identity = only(hero).pk
    set_translation(variant_id=identity, locale="fr", fields={})
    assert freeze_versions(site_id=hero.site_id, now=NOW) == 0
    set_translation(variant_id=identity, locale="fr", fields={"headline": "Salut"})
    assert freeze_versions(site_id=hero.site_id, now=NOW) == 1
    assert freeze_versions(site_id=hero.site_id, now=NOW) == 0
    assert remove_translation(variant_id=identity, locale="fr")
    assert not remove_translation(variant_id=identity, locale="fr")
    assert freeze_versions(site_id=hero.site_id, now=NOW) == 1


@pytest.mark.parametrize(
    ("locale", "fields", "template", "sentence"),
    [
        ("it", {}, "", "This site does not have the language 'it'."),
        ("en", {}, "", "'en' is the site's first language"),
        ("de", {"colour": "x"}, "", "The block has no field 'colour'."),
        ("de", {"headline": 3}, "", "'headline' must be a text."),
        ("de", {"headline": ""}, "", "'headline' is required."),
        ("de", {"row": {"recommender": "next"}}, "", "'row' is the same in all languages."),
        ("de", {}, "{% if %}", "Line 1"),
        ("de", {"headline": "{{ theme.x }}"}, "", "but the variant has no theme"),
    ],
    ids=["unknown", "first", "field", "type", "required", "products", "template", "theme"],
)
def test_a_translation_that_does_not_fit_is_refused(
    hero: Block, locale: str, fields: dict[str, Any], template: str, sentence: str
) -> None:
    with pytest.raises(InvalidContent) as refused:
        set_translation(variant_id=only(hero).pk, locale=locale, fields=fields, template=template)
    assert sentence in str(refused.value)


def test_a_translation_that_no_longer_fits_is_named_with_its_language(hero: Block) -> None:
    set_translation(variant_id=only(hero).pk, locale="de", fields={"text": "<p>y</p>"})
    only(hero).translations.update(fields={"text": "<table>"})
    with pytest.raises(InvalidContent) as refused:
        block_documents(hero.site_id)
    assert [error["pointer"] for error in refused.value.errors] == [
        "/blocks/hero/variants/all/translations/de/fields/text"
    ]
    assert "hero / all: in de: 'text' cannot hold <table>" in str(refused.value)


def test_many_blocks_and_languages_take_no_more_queries(
    hero: Block, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(3):
        block = create_block(site_id=hero.site_id, key=f"b{number}", schema=SCHEMA)
        made = create_variant(block=block, key="all", is_default=True, fields={"headline": "Hello"})
        for locale in ("de", "fr"):
            set_translation(variant_id=made.pk, locale=locale, fields={"headline": locale})
    with django_assert_num_queries(8):
        found = block_documents(hero.site_id)
    assert [list(one.variants[0].locales) for one in found] == [["de", "fr"]] * 3 + [[]]
