"""In which language a visitor is answered, by every door, and that a replay says the same."""

import json
from typing import Any

import pytest

from apps.content import services as content
from apps.content.models import Block, Variant
from apps.decisions import records
from tests.apps.delivery.conftest import World, forget_everything, inside
from tests.apps.delivery.test_edge import fetch
from tests.apps.delivery.test_replay import replayed


@pytest.fixture
def hero(world: World) -> Block:
    """home.hero in English and German; its variant for blouses in English alone."""
    world.site.locales = ["en", "de", "de-CH"]
    world.site.save(update_fields=["locales"])
    world.hero()
    everyone = Variant.objects.get(key="everyone")
    content.set_translation(
        variant_id=everyone.pk,
        locale="de",
        fields={"headline": "Willkommen"},
        template="<p>Willkommen {{ traits.name }}</p>",
    )
    world.publish()
    return everyone.block


def german(answer: dict[str, Any]) -> bool:
    return (answer["locale"], answer["fields"]["headline"]) == ("de", "Willkommen")


def english(answer: dict[str, Any]) -> bool:
    return (answer["locale"], answer["fields"]["headline"]) == ("en", "Welcome")


def test_a_page_is_answered_in_the_language_that_it_names(world: World, hero: Block):
    assert german(world.hero_of(context={"locale": "de-AT"}))
    assert world.hero_of(context={"locale": "de-CH"})["html"] == "<p>Willkommen </p>"
    assert english(world.hero_of(context={"locale": "fr"}))
    assert english(world.hero_of())


def test_a_browser_that_names_none_is_read_by_its_header(world: World, hero: Block):
    header = {"Accept-Language": "it, de-CH;q=0.8, en;q=0.5"}
    assert german(world.hero_of(headers=header))
    assert english(world.hero_of(headers=header, context={"locale": "en-GB"}))
    # A server calls for somebody else: its own header says nothing.
    assert english(world.hero_of(headers=header, key=world.sk))


def test_what_is_not_translated_is_told_in_its_own_language(world: World, hero: Block):
    blouses = Variant.objects.get(key="blouses").segments.get()
    row = world.person(("anonymous_id", "a1"), stays=inside([blouses]))
    world.tell(row.profile_id)
    answer = world.hero_of("a1", context={"locale": "de"})
    assert (answer["variant"], answer["locale"]) == ("blouses", "en")


def test_each_language_has_an_etag_of_its_own(world: World, hero: Block):
    def etag(locale: str) -> str:
        body = {"placements": ["home.hero"], "context": {"locale": locale}}
        return str(world.post("/v1/decide", body).headers["ETag"])

    assert etag("de") == etag("de-AT") != etag("en") == etag("fr")


def test_cached_content_takes_its_language_from_the_address_alone(world: World, hero: Block):
    def fetched(kind: str, query: str = "") -> Any:
        return world.client.get(
            f"/v1/{kind}/home.hero?site=shop{query}", headers={"Accept-Language": "de"}
        )

    assert english(fetched("content").json())
    answer = fetched("content", "&locale=de-CH")
    assert german(answer.json())
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert answer.headers["ETag"] != fetched("content").headers["ETag"]
    assert fetched("fragments", "&locale=de").content == b"<p>Willkommen </p>"
    assert fetched("fragments", "&locale=" + "x" * 5000).content == b"<p>Welcome </p>"


def test_openfeature_is_answered_in_the_language_of_its_context(world: World, hero: Block):
    def value(context: dict[str, Any]) -> Any:
        path = "/ofrep/v1/evaluate/flags/home.hero"
        return world.post(path, {"context": {"targetingKey": "a1", **context}}).json()["value"]

    assert value({"locale": "de"})["fields"]["headline"] == "Willkommen"
    assert value({})["fields"]["headline"] == "Welcome"


def test_a_replay_answers_in_the_same_language(world: World, hero: Block):
    assert german(world.hero_of(headers={"Accept-Language": "it, de;q=0.5"}))
    assert english(world.hero_of(context={"locale": "en"}))
    records.flush()
    found = replayed("--site", "shop")
    assert (found["same"], found["fine"]) == (2, True), found["lines"]


def test_a_replay_shows_what_the_translation_was_then(world: World, hero: Block):
    assert german(world.hero_of(context={"locale": "de"}))
    records.flush()
    everyone = Variant.objects.get(key="everyone")
    content.set_translation(variant_id=everyone.pk, locale="de", fields={"headline": "Anders"})
    world.publish()
    assert world.hero_of(context={"locale": "de"})["version"] == 3
    records.flush()
    found = replayed("--site", "shop")
    assert (found["same"], found["fine"]) == (2, True), found["lines"]


def test_a_site_with_one_language_tells_none(world: World):
    world.hero()
    assert world.hero_of(context={"locale": "de"})["locale"] is None


def test_the_edge_gets_the_languages_and_the_default_of_what_it_must_leave(
    world: World, hero: Block
):
    document = json.loads(fetch(world).content)
    [place] = document["placements"]
    assert (place["origin"], place["locale"], document["format"]) == ("values", "en", 1)
    Variant.objects.filter(block=hero).update(template="")
    Variant.objects.get(key="everyone").translations.update(template="")
    Variant.objects.get(key="blouses").segments.clear()
    world.publish()
    forget_everything()
    document = json.loads(fetch(world).content)
    assert "origin" not in document["placements"][0]
    [block] = document["blocks"]
    # A worker that knows no languages must not take it for one that has none.
    assert (block["locale"], document["format"]) == ("en", 2)
    assert [one.get("locales") for one in block["variants"] if one["key"] == "everyone"] == [
        {"de": {"fields": {"headline": "Willkommen"}}}
    ]
