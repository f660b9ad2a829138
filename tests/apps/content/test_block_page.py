"""The page where editors write: variants, languages, schedules, choices, samples."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from apps.access.models import Site
from apps.content.models import Block, Theme, Variant
from apps.content.services import create_block, create_cap, create_placement, create_variant
from apps.content.sharing import create_block_type, create_theme
from apps.content.translating import set_translation
from apps.segments.models import Segment
from tests.apps.content.conftest import new_segment
from tests.apps.content.test_admin import change_url, errors_of, existing, posted

SCHEMA: list[dict[str, Any]] = [
    {"name": "headline", "type": "string", "required": True},
    {"name": "story", "type": "rich", "required": False},
    {"name": "photo", "type": "image", "required": False},
    {"name": "button", "type": "link", "required": False},
    {"name": "points", "type": "list", "required": False},
    {"name": "settings", "type": "json", "required": False},
]
LINES = "\n".join(
    f"{one['name']}: {one['type']}{' required' if one['required'] else ''}" for one in SCHEMA
)
HEADLINE = "headline: string required"


@pytest.fixture
def editor(db: None, client: Client) -> Client:
    client.force_login(User.objects.create_superuser("editor"))
    return client


@pytest.fixture
def hero(shop: Site, vip: Segment) -> Block:
    schema = [{"name": "headline", "type": "string", "required": True}]
    block = create_block(site_id=shop.pk, key="hero", name="Hero", schema=schema)
    create_variant(
        block=block, key="all", name="All", is_default=True, fields={"headline": "Welcome"}
    )
    create_placement(site_id=shop.pk, key="home.hero", block=block)
    return block


@pytest.fixture
def story(shop: Site) -> Block:
    block = create_block(site_id=shop.pk, key="story", name="Story", schema=SCHEMA)
    create_variant(block=block, key="all", is_default=True, fields={"headline": "Welcome"})
    return block


def save(client: Client, block: Block, *variants: dict[str, Any], **more: Any) -> Any:
    return client.post(
        change_url(block), posted(block, *variants, **{"schema_lines": HEADLINE, **more})
    )


def save_story(client: Client, block: Block, variant: dict[str, Any]) -> Any:
    return save(client, block, existing(block.variants.get()) | variant, schema_lines=LINES)


def test_every_kind_of_field_is_written_in_an_input_of_its_own(
    editor: Client, story: Block
) -> None:
    answer = save_story(
        editor,
        story,
        {
            "field_story": "<p>Dear {{ traits.name }}</p>",
            "field_photo_url": "https://cdn.example/a.png",
            "field_photo_alt": "A coat",
            "field_photo_focal": "0.25,0.75",
            "field_photo_asset": "coat",
            "field_button_url": "/summer",
            "field_button_text": "See the summer",
            "field_points": "One\r\n\r\n Two ",
            "field_settings": '{"columns": 3}',
        },
    )
    assert answer.status_code == 302, errors_of(answer)
    assert story.variants.get().fields == {
        "headline": "Welcome",
        "story": "<p>Dear {{ traits.name }}</p>",
        "photo": {
            "url": "https://cdn.example/a.png",
            "alt": "A coat",
            "focal": [0.25, 0.75],
            "asset": "coat",
        },
        "button": {"url": "/summer", "text": "See the summer"},
        "points": ["One", "Two"],
        "settings": {"columns": 3},
    }


def test_a_picture_that_is_only_an_address_stays_one(editor: Client, story: Block) -> None:
    save_story(editor, story, {"field_photo_url": "/a.png"})
    assert story.variants.get().fields["photo"] == "/a.png"


def test_json_that_is_none_is_refused_with_its_line_and_shown_again(
    editor: Client, story: Block
) -> None:
    answer = save_story(editor, story, {"field_settings": "{\n 'columns': 3}"})
    assert "Line 2: this is no JSON. Texts stand between double quotes." in errors_of(answer)
    assert "&#x27;columns&#x27;: 3" in answer.content.decode()


def test_looking_at_a_variant_and_saving_changes_nothing(editor: Client, story: Block) -> None:
    kept = {"headline": "Two\nlines", "points": ["with\na break"], "photo": {"url": "/a.png"}}
    variant = story.variants.get()
    variant.fields = kept
    variant.save(update_fields=["fields"])
    form = {
        "id": variant.pk,
        "key": "all",
        "is_default": "on",
        "field_headline": "Two\r\nlines",
        "field_points": "with\r\na break",
        "field_photo_url": "/a.png",
    }
    answer = save(editor, story, form, schema_lines=LINES)
    assert answer.status_code == 302, errors_of(answer)
    assert story.variants.get().fields == kept


def test_a_new_variant_gets_its_key_from_its_name(editor: Client, hero: Block) -> None:
    fresh = {"key": "", "name": "For VIPs!", "field_headline": "Hi"}
    answer = save(editor, hero, existing(hero.variants.get()), fresh)
    assert answer.status_code == 302, errors_of(answer)
    assert hero.variants.get(name="For VIPs!").key == "for-vips"


def test_a_block_without_variants_begins_with_its_default(editor: Client, shop: Site) -> None:
    block = create_block(
        site_id=shop.pk, key="new", schema=[{"name": "headline", "type": "string"}]
    )
    page = editor.get(change_url(block)).content.decode()
    assert "Write the default first" in page
    assert 'name="variants-0-name" value="Default"' in page
    # Left as it is offered, it is no variant yet.
    lines = {"schema_lines": "headline: string"}
    offered = {"key": "default", "name": "Default", "is_default": "on"}
    assert save(editor, block, offered, **lines).status_code == 302
    assert not block.variants.exists()
    save(editor, block, offered | {"field_headline": "Hello"}, **lines)
    assert block.variants.get().is_default


def test_segments_are_named_by_their_keys_too(
    editor: Client, hero: Block, vip: Segment, browsing: Segment
) -> None:
    create_variant(block=hero, key="x", fields={"headline": "Hi"})
    forms = [existing(hero.variants.get(key=key)) for key in ("all", "x")]
    forms[1]["segments"] = "vip, browsing"
    answer = save(editor, hero, *forms)
    assert answer.status_code == 302, errors_of(answer)
    assert set(hero.variants.get(key="x").segments.all()) == {vip, browsing}


def test_a_schedule_is_written_on_the_sites_clock(editor: Client, hero: Block) -> None:
    Site.objects.update(time_zone="Europe/Berlin")
    create_variant(block=hero, key="xmas", fields={"headline": "Ho"})
    forms = [existing(hero.variants.get(key=key)) for key in ("all", "xmas")]
    times = {"starts_at": "2026-12-24T18:00", "ends_at": "2026-12-27T00:00"}
    assert "Europe/Berlin" in editor.get(change_url(hero)).content.decode()
    answer = save(editor, hero, forms[0], forms[1] | times)
    assert answer.status_code == 302, errors_of(answer)
    variant = hero.variants.get(key="xmas")
    assert variant.starts_at == datetime(2026, 12, 24, 17, 0, tzinfo=UTC)
    for wrong, sentence in (
        ({"starts_at": "2026-03-29T02:30"}, "does not exist in Europe/Berlin"),
        ({**times, "ends_at": "2026-12-24T17:00"}, "It would end before it starts."),
    ):
        assert sentence in errors_of(save(editor, hero, forms[0], forms[1] | wrong))


def test_each_language_has_inputs_of_its_own_and_falls_back(editor: Client, hero: Block) -> None:
    Site.objects.update(locales=["en", "de", "fr"])
    variant = hero.variants.get()
    set_translation(variant_id=variant.pk, locale="de", fields={"headline": "Willkommen"})
    page = editor.get(change_url(hero)).content.decode()
    assert "Content in fr" in page
    assert ">\nWillkommen</textarea>" in page

    form = existing(variant) | {"in_de_field_headline": "", "in_fr_field_headline": "Bienvenue"}
    answer = save(editor, hero, form)
    assert answer.status_code == 302, errors_of(answer)
    assert dict(variant.translations.values_list("locale", "fields")) == {
        "fr": {"headline": "Bienvenue"}
    }
    answer = save(editor, hero, existing(variant) | {"in_fr_field_headline": "{{ nobody }}"})
    assert "Nothing is called &#x27;nobody&#x27;" in errors_of(answer)


def test_a_theme_is_chosen_for_a_variant(editor: Client, hero: Block, vip: Segment) -> None:
    theme = create_theme(
        site_id=hero.site_id,
        key="saver",
        name="Savers",
        segment_keys=["vip"],
        messages={"cta": {"en": "Save now"}},
    )
    create_variant(block=hero, key="x", fields={"headline": "Hi"})
    forms = [existing(hero.variants.get(key=key)) for key in ("all", "x")]
    forms[1] |= {"theme": str(theme.pk), "field_headline": "{{ theme.cta }}!"}
    answer = save(editor, hero, *forms)
    assert answer.status_code == 302, errors_of(answer)
    assert hero.variants.get(key="x").theme == theme
    assert "whom the theme Savers speaks to" in editor.get(change_url(hero)).content.decode()
    forms[1]["field_headline"] = "{{ theme.lost }}"
    assert "has no message &#x27;lost&#x27;" in errors_of(save(editor, hero, *forms))


def test_a_themes_messages_are_written_by_language(editor: Client, shop: Site) -> None:
    Site.objects.update(locales=["en", "de"])
    theme = create_theme(site_id=shop.pk, key="saver", name="Savers", segment_keys=[])
    url = reverse("admin:content_theme_change", args=[theme.pk])
    form = {"name": "Savers", "key": "saver", "said_en": "cta: Save: now", "said_de": "cta: Spar"}
    answer = editor.post(url, form)
    assert answer.status_code == 302, errors_of(answer)
    theme.refresh_from_db()
    assert theme.messages == {"cta": {"en": "Save: now", "de": "Spar"}}
    for wrong, sentence in (
        ({"said_en": "no colon"}, "Line 1: write"),
        ({"said_en": ""}, "missing in &#x27;en&#x27;"),
    ):
        assert sentence in errors_of(editor.post(url, form | wrong))
    assert Theme.objects.get().messages == theme.messages


def button(client: Client, block: Block, name: str, variant: Variant) -> Any:
    forms = [existing(one) for one in block.variants.filter(archived_at=None).order_by("key")]
    return save(client, block, *forms, **{name: str(variant.pk)})


def test_a_duplicate_has_the_content_and_is_for_nobody(
    editor: Client, hero: Block, vip: Segment
) -> None:
    Site.objects.update(locales=["en", "de"])
    create_cap(site_id=hero.site_id, key="twice", most=2)
    fields = {"headline": "Hi"}
    variant = create_variant(
        block=hero, key="vip", name="VIPs", segment_keys=["vip"], fields=fields, cap_keys=["twice"]
    )
    set_translation(variant_id=variant.pk, locale="de", fields={"headline": "Hallo"})
    forms = [
        existing(hero.variants.get(key="all")),
        existing(variant) | {"segments": "vip", "caps": "twice", "in_de_field_headline": "Hallo"},
    ]
    answer = save(editor, hero, *forms, _duplicate=str(variant.pk))
    assert answer["Location"].endswith("#variant-vip-2"), errors_of(answer)
    made = hero.variants.get(key="vip-2")
    assert (made.name, made.fields, made.is_default) == ("VIPs (copy)", fields, False)
    assert list(made.segments.all()) == []
    assert [cap.key for cap in made.caps.all()] == ["twice"]
    assert made.translations.get().fields == {"headline": "Hallo"}


def test_a_variant_is_archived_and_brought_back_and_the_default_is_not(
    editor: Client, hero: Block
) -> None:
    variant = create_variant(block=hero, key="old", name="Old", fields={"headline": "Old"})
    button(editor, hero, "_archive", variant)
    variant.refresh_from_db()
    assert variant.archived_at is not None
    page = editor.get(change_url(hero)).content.decode()
    assert "Archived variants" in page
    assert 'field_headline">Old' not in page
    button(editor, hero, "_restore", variant)
    variant.refresh_from_db()
    assert variant.archived_at is None

    default = hero.variants.get(is_default=True)
    page = button(editor, hero, "_archive", default)
    shown = editor.get(change_url(hero)).content.decode()
    assert "make another one the default first" in shown.replace("\n", " ")
    default.refresh_from_db()
    assert default.archived_at is None


def test_no_variant_can_be_deleted_by_a_crafted_form(editor: Client, hero: Block) -> None:
    create_variant(block=hero, key="x", fields={"headline": "x"})
    forms = [existing(hero.variants.get(key=key)) for key in ("all", "x")]
    save(editor, hero, forms[0], forms[1] | {"DELETE": "on"})
    assert hero.variants.filter(key="x", archived_at=None).exists()


@pytest.mark.parametrize(
    "line",
    ["headline: string required # What is read first", "photo: image", "a: json # An {object}"],
)
def test_the_lines_of_a_schema_come_back_as_they_were_written(
    editor: Client, shop: Site, line: str
) -> None:
    block = create_block(site_id=shop.pk, key="new", schema=[])
    answer = save(editor, block, schema_lines=line)
    assert answer.status_code == 302, errors_of(answer)
    assert (
        f">\n{line}</textarea>".replace("'", "&#x27;")
        in editor.get(change_url(block)).content.decode()
    )


def test_the_page_costs_the_same_with_many_variants_segments_and_languages(
    editor: Client, hero: Block, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    Site.objects.update(locales=["en", "de"])
    for number in range(2, 12):
        new_segment(hero.site, number, f"s{number}")
        create_variant(
            block=hero, key=f"v{number}", segment_keys=[f"s{number}"], fields={"headline": "x"}
        )
    with django_assert_max_num_queries(40):
        editor.get(change_url(hero))


def test_a_renamed_field_and_its_text_are_saved_together(editor: Client, hero: Block) -> None:
    variant = hero.variants.get()
    form = {"id": variant.pk, "key": "all", "is_default": "on", "field_title": "Welcome"}
    lines = "title: string required\nnote: string"
    answer = save(editor, hero, form, schema_lines=lines)
    assert answer.status_code == 302, errors_of(answer)
    variant.refresh_from_db()
    assert variant.fields == {"title": "Welcome"}


def test_a_new_required_field_is_asked_for_on_the_same_page(editor: Client, hero: Block) -> None:
    lines = f"{HEADLINE}\nnote: string required"
    answer = save(editor, hero, existing(hero.variants.get()), schema_lines=lines)
    assert "note&#x27; is required" in errors_of(answer)
    assert "variants-0-field_note" in answer.content.decode()


def test_a_block_takes_the_fields_of_a_type_and_goes_on_with_them_alone(
    editor: Client, hero: Block
) -> None:
    kind = create_block_type(
        site_id=hero.site_id,
        key="teaser",
        name="Teaser",
        schema=[{"name": "title", "type": "string"}],
    )
    form = existing(hero.variants.get())
    typed = {"id": form["id"], "key": "all", "is_default": "on", "field_title": "Hi"}
    answer = save(editor, hero, typed, type=str(kind.pk), schema_lines=HEADLINE)
    assert answer.status_code == 302, errors_of(answer)
    hero.refresh_from_db()
    assert (hero.type, hero.schema, hero.variants.get().fields) == (kind, [], {"title": "Hi"})
    posting = posted(hero, typed, type="")
    del posting["schema_lines"]
    assert editor.post(change_url(hero), posting).status_code == 302
    hero.refresh_from_db()
    assert (hero.type, hero.schema) == (None, kind.schema)
    assert hero.variants.get().fields == {"title": "Hi"}


def test_the_list_of_caps_says_what_draws_on_each_and_costs_the_same_for_many(
    editor: Client, hero: Block, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(8):
        create_cap(site_id=hero.site_id, key=f"c{number}", most=2)
    for key in ("a", "b"):
        create_variant(block=hero, key=key, fields={"headline": "x"}, cap_keys=["c0"])
    with django_assert_max_num_queries(10):
        page = editor.get(reverse("admin:content_cap_changelist")).content.decode()
    assert "2 variants" in page
    assert page.count("nothing yet") == 7


def test_without_a_script_one_more_variant_is_asked_for_by_link(
    editor: Client, hero: Block
) -> None:
    assert 'name="variants-1-name"' not in editor.get(change_url(hero)).content.decode()
    page = editor.get(change_url(hero), {"new": "1"}).content.decode()
    assert 'name="variants-1-name"' in page
