"""Themes: messages that many variants share, and whom they are for."""

from html import escape, unescape
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.access.models import Site
from apps.content import rendering
from apps.content.domain.fields import JSON, Field, FieldType, publishable_fields
from apps.content.domain.themes import spoken
from apps.content.errors import InvalidContent
from apps.content.models import Block, Theme, Variant
from apps.content.selectors import block_documents, problems
from apps.content.services import (
    create_block,
    create_theme,
    create_variant,
    freeze_versions,
    set_translation,
    update_theme,
    update_variant,
)
from apps.segments.models import Segment
from engine.locales import localized
from engine.snapshot import VariantDoc
from tests.apps.content.conftest import NOW, new_segment, new_site

MESSAGES = {"cta": {"en": "Save <now>", "de": "Jetzt sparen"}, "tone": {"en": "Only today"}}


@pytest.fixture
def bargains(shop: Site, vip: Segment) -> Theme:
    shop.locales = ["en", "de", "de-CH"]
    shop.save(update_fields=["locales"])
    return create_theme(
        site_id=shop.pk, key="bargains", name="Bargains", segment_keys=["vip"], messages=MESSAGES
    )


@pytest.fixture
def hero(shop: Site, browsing: Segment, bargains: Theme) -> Block:
    schema = [{"name": "cta", "type": "string"}, {"name": "text", "type": "html"}]
    block = create_block(site_id=shop.pk, key="hero", schema=schema)
    create_variant(block=block, key="all", is_default=True, fields={"cta": "See all"})
    create_variant(
        block=block,
        key="cheap",
        theme_key="bargains",
        segment_keys=["browsing"],
        fields={"cta": "{{ theme.cta }}!", "text": "<b>{{theme.cta}}</b> {{ traits.name }}"},
        template="<p>{{ theme.tone }}</p>",
    )
    return block


def document(block: Block, key: str = "cheap") -> VariantDoc:
    (found,) = block_documents(block.site_id)
    return next(one for one in found.variants if one.key == key)


def test_a_message_becomes_literal_text_escaped_where_it_stands_in_html(hero: Block) -> None:
    cheap = document(hero)
    assert cheap.fields["cta"] == "Save <now>!"
    values = {"traits": {"name": "Ann"}}
    assert rendering.render_fields(cheap, values)["text"] == "<b>Save &lt;now&gt;</b> Ann"
    assert rendering.render(cheap, {}) == "<p>Only today</p>"


def test_a_variant_is_for_the_segments_of_its_theme_too(
    hero: Block, vip: Segment, browsing: Segment
) -> None:
    assert document(hero).segments == sorted([vip.number, browsing.number])
    assert document(hero, "all").segments == []


def test_the_default_may_speak_a_theme_but_stays_for_everybody(hero: Block) -> None:
    default = hero.variants.get(key="all")
    update_variant(variant_id=default.pk, theme_key="bargains", fields={"cta": "{{ theme.cta }}"})
    found = document(hero, "all")
    assert (found.fields["cta"], found.segments) == ("Save <now>", [])


def test_a_theme_speaks_in_each_of_its_languages(hero: Block) -> None:
    cheap = document(hero)
    assert list(cheap.locales) == ["de"]
    german = localized(cheap, "de")
    assert german.fields["cta"] == "Jetzt sparen!"
    assert rendering.render(german, {}) == "<p>Only today</p>"  # not translated


def test_a_translation_shows_the_message_of_its_language_or_of_the_wider_one(hero: Block) -> None:
    cheap = hero.variants.get(key="cheap")
    set_translation(variant_id=cheap.pk, locale="de-CH", fields={"cta": "Hoi: {{ theme.cta }}"})
    assert localized(document(hero), "de-CH").fields["cta"] == "Hoi: Jetzt sparen"


def test_a_changed_message_raises_the_versions_of_those_who_show_it(
    hero: Block, bargains: Theme
) -> None:
    assert freeze_versions(site_id=hero.site_id, now=NOW) == 2
    update_theme(theme_id=bargains.pk, messages=MESSAGES | {"unused": {"en": "x"}}, name="Cheap")
    assert freeze_versions(site_id=hero.site_id, now=NOW) == 0
    update_theme(theme_id=bargains.pk, messages=MESSAGES | {"cta": {"en": "Other"}})
    assert freeze_versions(site_id=hero.site_id, now=NOW) == 1
    assert document(hero).version == 2


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"cta": "{{ theme.buy }}"}, "The theme 'Bargains' has no message 'buy' in 'en'."),
        ({"cta": "{{ theme.cta | upcase }}"}, "A theme's message stands alone"),
        ({"text": "{% if theme.cta %}x{% endif %}"}, "A theme's message stands alone"),
    ],
)
def test_what_cannot_be_put_in_is_refused(
    hero: Block, fields: dict[str, str], sentence: str
) -> None:
    with pytest.raises(InvalidContent, match="line 1") as refused:
        update_variant(variant_id=hero.variants.get(key="cheap").pk, fields=fields)
    assert sentence in str(refused.value)


def test_a_message_without_a_theme_is_refused(hero: Block) -> None:
    with pytest.raises(InvalidContent, match="but the variant has no theme"):
        create_variant(block=hero, key="x", fields={"cta": "{{ theme.cta }}"})
    with pytest.raises(InvalidContent, match="but the variant has no theme"):
        update_variant(variant_id=hero.variants.get(key="cheap").pk, theme_key="")


def test_a_message_that_goes_is_told_of_every_variant_that_shows_it(
    hero: Block, bargains: Theme
) -> None:
    update_theme(theme_id=bargains.pk, messages={"tone": {"en": "x"}})
    assert [(one["pointer"], one["detail"]) for one in problems(hero.site_id)] == [
        (
            f"/blocks/hero/variants/cheap/fields/{name}",
            f"hero / cheap: '{name}', line 1: The theme 'Bargains' has no message 'cta' in 'en'.",
        )
        for name in ("cta", "text")
    ]


def test_an_archived_theme_stands_against_a_publication(hero: Block, bargains: Theme) -> None:
    Theme.objects.filter(pk=bargains.pk).update(archived_at=NOW)
    with pytest.raises(InvalidContent, match="The theme 'Bargains' is archived"):
        block_documents(hero.site_id)
    with pytest.raises(InvalidContent, match="This site has no theme 'bargains'"):
        create_variant(block=hero, key="x", theme_key="bargains")


@pytest.mark.parametrize(
    ("messages", "sentence"),
    [
        ({"cta": {"de": "x"}}, "The message 'cta' is missing in 'en', the site's first language."),
        ({"cta": {"en": ""}}, "The message 'cta' is missing in 'en'"),
        ({"c t a": {"en": "x"}}, "A message's name starts with a letter"),
        ({"cta": {"en": "{{ traits.x }}"}}, "'cta' in 'en' is plain text"),
        ({"cta": {"en": "x" * 2001}}, "'cta' in 'en' must be a text of at most 2000 characters."),
        ({"cta": {"en": 3}}, "'cta' in 'en' must be a text"),
        ({f"m{n}": {"en": "x"} for n in range(101)}, "Messages are at most 100 names"),
    ],
    ids=["missing", "empty", "odd name", "Liquid", "too long", "no text", "too many"],
)
def test_messages_of_another_form_are_refused(
    shop: Site, messages: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(InvalidContent) as refused:
        create_theme(site_id=shop.pk, key="t", messages=messages)
    assert sentence in str(refused.value)
    assert not Theme.objects.exists()


def test_a_theme_of_another_site_is_nobodys(hero: Block) -> None:
    other = new_site("other")
    new_segment(other, 1, "theirs")
    create_theme(site_id=other.pk, key="theirs", segment_keys=["theirs"])
    with pytest.raises(InvalidContent, match="This site has no theme 'theirs'"):
        create_variant(block=hero, key="x", theme_key="theirs")
    with pytest.raises(InvalidContent, match="This site has no segment 'theirs'"):
        create_theme(site_id=hero.site_id, key="t", segment_keys=["theirs"])
    with pytest.raises(InvalidContent, match="This site has a theme 'bargains' already"):
        create_theme(site_id=hero.site_id, key="bargains")
    assert Variant.objects.filter(theme__isnull=False).count() == 1


LETTERS = ["a", "<b>", "&", "&amp;", '"', "'", "{", "}", "}}", "%}", "|", "\n", " "]
WORDS = st.lists(st.sampled_from(LETTERS), max_size=8).map("".join)


@given(WORDS.filter(lambda text: "{{" not in text and "{%" not in text))
def test_a_message_is_shown_letter_by_letter_whatever_it_says(text: str) -> None:
    schema = [Field("a", FieldType.STRING), Field("h", FieldType.HTML), Field("l", FieldType.LINK)]
    values: dict[str, JSON] = {
        "a": "x{{ theme.m }}y {{ traits.n }}",
        "h": "<p>{{ theme.m }}</p>",
        "l": {"url": "/", "text": "{{theme.m}}"},
    }
    ready = publishable_fields(schema, values, spoken("T", {"m": {"en": text}}, "en", "en"))
    shown = rendering.render_fields(VariantDoc("v", 1, fields=ready), {"traits": {"n": "N"}})
    assert (shown["a"], shown["l"]["text"]) == (f"x{text}y N", text)
    assert unescape(shown["h"]) == f"<p>{unescape(escape(text))}</p>"


@pytest.mark.parametrize("kind", ["html", "rich", "url"])
def test_a_message_brings_no_harmful_address(kind: str) -> None:
    source = "{{ theme.m }}" if kind == "url" else '<a href="{{ theme.m }}">x</a>'
    said = spoken("T", {"m": {"en": "javascript:alert(1)"}}, "en", "en")
    try:
        ready = publishable_fields([Field("x", FieldType(kind))], {"x": source}, said)
    except InvalidContent as refused:
        assert kind != "html"
        assert "must be" in str(refused)
    else:
        assert "javascript" not in str(ready)
