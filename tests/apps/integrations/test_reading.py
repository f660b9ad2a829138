"""Contentful's delivery API, answered with what the visitor is to see: which, why, and refusals."""

import json
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from apps.access import keys
from apps.access import services as access
from apps.access.models import Source
from apps.content import services as content
from apps.content.models import Block
from apps.integrations.models import Connection
from apps.integrations.models import Mapping as Mapped
from apps.segments.models import Segment
from tests.apps.delivery.conftest import NOW, World, _new_process, inside, world  # noqa: F401
from tests.apps.integrations.reading import (
    ENTRY,
    PICTURE,
    STORY,
    entries,
    read,
    records,
    shop,
)

# ruff: noqa: F811  # the fixtures of deciding are used here


@pytest.fixture
def blouses(world: World) -> Segment:
    """The segment of those to whom the hero shows something else."""
    made = shop(world)
    world.person(("anonymous_id", "a1"), ("user_id", "u1"), stays=inside([made]))
    return made


def test_each_visitor_reads_what_they_are_to_see(world: World, blouses: Segment) -> None:
    for asked, title, variant, reason, entry in (
        ({}, "Welcome", "everyone", "DEFAULT", None),
        ({"anonymousId": "nobody-known"}, "Welcome", "everyone", "DEFAULT", None),
        ({"anonymousId": "a1"}, "Blouses", "blouses", "TARGETING_MATCH", ENTRY),
    ):
        hero = entries(world, asked)["home.hero"]
        decided = hero["sys"]["attune"]
        assert hero["fields"]["title"] == title
        assert (decided["variant"], decided["reason"]) == (variant, reason)
        assert (decided["entry"], decided["placement"]) == (entry, "home.hero")
        assert hero["sys"]["contentType"]["sys"]["id"] == "heroBanner"


def test_a_header_names_the_visitor_as_the_address_does(world: World, blouses: Segment) -> None:
    found = entries(world, headers={"X-Attune-Anonymous-Id": "a1"})
    assert found["home.hero"]["fields"]["title"] == "Blouses"
    found = entries(world, key=world.sk, headers={"X-Attune-User-Id": "u1"})
    assert found["home.hero"]["fields"]["title"] == "Blouses"


def test_a_page_speaks_for_a_login_only_with_proof_where_the_source_demands_it(
    world: World, blouses: Segment
) -> None:
    source = world.source
    source.is_user_proof_required = True
    source.save(update_fields=["is_user_proof_required"])
    keys.KEYS.forget()
    assert entries(world, {"userId": "u1"})["home.hero"]["fields"]["title"] == "Welcome"


def test_a_decision_that_was_read_is_recorded_and_can_be_exposed(
    world: World, blouses: Segment
) -> None:
    hero = entries(world, {"anonymousId": "a1", "content_type": "heroBanner"})["home.hero"]
    (record,) = records()
    assert [one["placement"] for one in record.placements] == ["home.hero"]
    decision_id = hero["sys"]["attune"]["decisionId"]
    answer = world.post("/v1/exposures", {"exposures": [{"decisionId": decision_id}]})
    assert answer.json()["accepted"] == 1, answer.content


def test_an_entry_is_found_by_its_place_and_by_the_id_of_each_entry_there(
    world: World, blouses: Segment
) -> None:
    for path, identity in (("/entries/home.hero", "home.hero"), (f"/entries/{ENTRY}", ENTRY)):
        one = read(world, path)
        assert (one["sys"]["id"], one["fields"]["title"]) == (identity, "Welcome")
    assert set(entries(world, {"sys.id": ENTRY})) == {ENTRY}
    some = entries(world, {"sys.id[in]": f"home.story,{ENTRY},no-such"})
    assert list(some) == ["home.story", ENTRY]
    assert entries(world, {"sys.id": "no-such"}) == {}
    gone = read(world, "/entries/no-such", status=404)
    assert (gone["sys"], gone["details"]["id"]) == ({"type": "Error", "id": "NotFound"}, "no-such")


def test_entries_are_found_by_type_and_read_page_by_page(world: World, blouses: Segment) -> None:
    assert set(entries(world)) == {"home.hero", "home.story"}, "a flag is no entry"
    for kind in ("heroBanner", "hero"):
        assert set(entries(world, {"content_type": kind})) == {"home.hero"}
    page = read(world, "/entries", {"limit": 1, "skip": 1})
    assert (page["total"], page["skip"], page["limit"]) == (2, 1, 1)
    assert [one["sys"]["id"] for one in page["items"]] == ["home.story"]
    assert list(entries(world, {"order": "-sys.id"})) == ["home.story", "home.hero"]
    assert read(world, "/entries", {"limit": 0})["items"] == []


def test_fields_are_of_the_forms_that_clients_know(world: World, blouses: Segment) -> None:
    page = read(world, "/entries", {"content_type": "story"})
    (story,) = page["items"]
    assert story["fields"]["body"]["content"][0]["content"][1]["marks"] == [{"type": "bold"}]
    assert story["fields"]["points"] == ["warm", "dry"]
    assert story["fields"]["link"] == {"url": "/hats", "text": "All hats"}
    (asset,) = page["includes"]["Asset"]
    assert story["fields"]["picture"]["sys"]["id"] == asset["sys"]["id"]
    assert asset["fields"]["file"]["url"] == PICTURE["url"]
    assert (asset["fields"]["file"]["fileName"], asset["fields"]["title"]) == ("a hat.png", "A hat")
    assert asset["fields"]["file"]["contentType"] == "image/png"
    assert "includes" not in read(world, "/entries", {"content_type": "story", "include": 0})
    few = entries(world, {"content_type": "story", "select": "sys,fields.headline"})
    assert few["home.story"]["fields"] == {"headline": "Hats"}
    hero = entries(world, {"content_type": "heroBanner"})["home.hero"]
    assert hero["fields"] == {"title": "Welcome", "html": "<p>Welcome </p>"}


@pytest.mark.parametrize(
    ("locale", "headline", "told"),
    [
        (None, "Hats", "en"),
        ("de", "Hüte", "de"),
        ("en-US", "Hats", "en-US"),
        ("DE_ch", "Hüte", "DE_ch"),
    ],
    ids=["first", "other", "nearly", "nearly-other"],
)
def test_entries_come_in_the_language_that_is_asked_for(
    world: World, blouses: Segment, locale: str | None, headline: str, told: str
) -> None:
    asked = {} if locale is None else {"locale": locale}
    # What the browser prefers is nothing that Contentful would look at.
    story = entries(world, asked, headers={"Accept-Language": "de"})["home.story"]
    assert (story["fields"]["headline"], story["sys"]["locale"]) == (headline, told)


def test_all_languages_at_once_are_told_by_language(world: World, blouses: Segment) -> None:
    page = read(world, "/entries", {"locale": "*", "anonymousId": "a1"})
    hero, story = page["items"]
    assert story["fields"]["headline"] == {"en": "Hats", "de": "Hüte"}
    assert set(story["fields"]["picture"]) == {"en", "de"}
    assert hero["fields"]["title"] == {"en": "Blouses", "de": "Blouses"}
    assert "locale" not in story["sys"]
    assert page["includes"]["Asset"][0]["fields"]["title"] == {"en": "A hat", "de": "A hat"}
    assert len(records()) == 1, "it is decided once"


def test_types_languages_and_the_space_are_told(world: World, blouses: Segment) -> None:
    types = read(world, "/content_types")
    found = {one["sys"]["id"]: one for one in types["items"]}
    assert list(found) == ["heroBanner", "story"] and types["total"] == 2
    fields = {one["id"]: one["type"] for one in found["story"]["fields"]}
    assert fields == {
        "headline": "Text", "body": "RichText", "picture": "Link", "points": "Array",
        "link": "Object",
    }  # fmt: skip
    assert [one["id"] for one in found["heroBanner"]["fields"]] == ["title", "html"]
    assert read(world, "/content_types/heroBanner") == found["heroBanner"]
    read(world, "/content_types/none", status=404)
    codes = [(one["code"], one["default"]) for one in read(world, "/locales")["items"]]
    assert codes == [("en", True), ("de", False)]
    answer = world.client.get(
        "/spaces/anything", headers={"Authorization": f"Bearer {world.pk}"}
    ).json()
    assert (answer["sys"]["id"], answer["name"]) == ("anything", "Shop")


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"fields.title[match]": "x"}, "not by 'fields.title[match]'"),
        ({"locale": "fr"}, "Unknown locale: fr. It has en, de."),
        ({"limit": "1001"}, "The limit is at most 1000."),
        ({"limit": "-1"}, "'limit' is a whole number."),
        ({"order": "fields.title"}, "in the order of sys.id"),
        ({"context": "[1]"}, "'context' is a JSON object"),
        ({"anonymousId": "a" * 513}, "at most 512 characters"),
        ({"sys.id[in]": ",".join(map(str, range(101)))}, "at most 100 ids"),
    ],
    ids=["filter", "locale", "limit", "negative", "order", "context", "long-id", "many-ids"],
)
def test_what_is_not_known_here_is_refused_in_their_words(
    world: World, blouses: Segment, asked: dict[str, str], sentence: str
) -> None:
    told = read(world, "/entries", asked, status=400)
    assert told["sys"] == {"type": "Error", "id": "BadRequest"}
    assert sentence in told["message"] and told["requestId"].startswith("req_")
    assert told["details"]["errors"][0]["details"] == told["message"]
    assert records() == [], "nothing is decided for a question that is refused"


def test_more_entries_than_one_call_decides_are_refused_not_cut_off(world: World) -> None:
    block = content.create_block(site_id=world.site.pk, key="b", schema=[])
    content.create_variant(block=block, key="all", is_default=True, fields={})
    for number in range(101):
        content.create_placement(site_id=world.site.pk, key=f"p{number:03}", block=block)
    world.publish()
    told = read(world, "/entries", {"limit": 1000}, status=400)
    assert "asks for 101 entries at once: at most 100" in told["message"]
    assert len(entries(world)) == 100
    assert len(entries(world, {"limit": 1000, "skip": 100})) == 1


@pytest.mark.parametrize(
    ("key", "status", "name"),
    [
        ("", 401, "AccessTokenInvalid"),
        ("pk_nobody", 401, "AccessTokenInvalid"),
        ("ek", 403, "AccessDenied"),
    ],
    ids=["none", "unknown", "edge"],
)
def test_a_wrong_key_is_refused_in_their_words(
    world: World, key: str, status: int, name: str
) -> None:
    if key == "ek":
        key = access.issue_key(source_id=world.source.pk, kind="ek", now=NOW)[1]
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    for path in ("/spaces/s/entries", "/spaces/s/environments/e/content_types", "/spaces/s"):
        answer = world.client.get(path, headers=headers)
        assert (answer.status_code, answer.json()["sys"]["id"]) == (status, name), path


def test_a_publishable_key_may_stand_in_the_address_and_a_secret_one_may_not(
    world: World, blouses: Segment
) -> None:
    path = "/spaces/s/environments/master/entries"
    assert world.client.get(path, {"access_token": world.pk}).status_code == 200
    assert world.client.get(path, {"access_token": world.sk}).status_code == 401
    browser = {"Authorization": f"Bearer {world.sk}", "Origin": "https://shop.example"}
    answer = world.client.get(path, headers=browser)
    assert (answer.status_code, answer.json()["sys"]["id"]) == (403, "AccessDenied")


def test_too_many_calls_are_told_as_their_clients_wait_for_it(
    world: World, blouses: Segment
) -> None:
    Source.objects.filter(pk=world.source.pk).update(rate_per_s=1, burst_s=1)
    keys.KEYS.forget()
    answers = [
        world.client.get("/spaces/s/entries", headers={"Authorization": f"Bearer {world.pk}"})
        for _ in range(30)
    ]
    busy = [one for one in answers if one.status_code == 429]
    assert busy and busy[0].json()["sys"]["id"] == "RateLimitExceeded"
    assert int(busy[0]["X-Contentful-RateLimit-Reset"]) >= 1


def test_what_is_not_here_says_so(world: World) -> None:
    for path in ("/assets", "/sync", "/entries/a/b", "/tags"):
        told = read(world, path, status=404)
        assert "read here" in told["message"]


def test_names_of_two_mappings_do_not_hide_a_field(world: World, blouses: Segment) -> None:
    story = Block.objects.get(key="story")
    Mapped.objects.create(
        connection=Connection.objects.get(), content_type="storyCard", block=story,
        fields="headline = body\ncard = picture",
    )  # fmt: skip
    (one,) = entries(world, {"content_type": "storyCard"}).values()
    # Theirs calls the body "headline": ours of that name is left out, not mixed in.
    assert set(one["fields"]) == {"headline", "card", "points", "link"}
    assert one["fields"]["headline"]["nodeType"] == "document"


def test_nobody_reads_a_draft(world: World, blouses: Segment) -> None:
    before = (read(world, "/content_types"), entries(world))
    block = Block.objects.get(key="story")
    block.name = "Secret campaign"
    block.schema = [
        {"name": "headline", "type": "rich"},
        {"name": "text", "type": "rich"},  # the body under another name
        {"name": "picture", "type": "string"},
        {"name": "points", "type": "image"},
        {"name": "price", "type": "number", "required": True},
    ]
    block.save()
    types, found = read(world, "/content_types"), entries(world)
    was, now = (
        {one["sys"]["id"]: {field["id"]: field["type"] for field in one["fields"]}
         for one in told["items"]}
        for told in (before[0], types)
    )  # fmt: skip
    # Of what is declared no more, the form is told by its values: a rich text as its HTML.
    assert now == {**was, "story": {**was["story"], "body": "Text"}}
    fields = found["home.story"]["fields"]
    assert fields["body"] == STORY
    assert {**fields, "body": None} == {**before[1]["home.story"]["fields"], "body": None}
    assert "Secret" not in json.dumps(types)


def test_as_many_questions_to_the_database_however_many_entries(
    world: World, blouses: Segment, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    entries(world)

    def counted() -> int:
        with django_assert_max_num_queries(8) as found:
            entries(world)
        return len(found)

    few = counted()
    for number in range(20):
        block = content.create_block(site_id=world.site.pk, key=f"more{number}", schema=[])
        content.create_variant(block=block, key="all", is_default=True, fields={})
        content.create_placement(site_id=world.site.pk, key=f"more{number}", block=block)
    world.publish()
    entries(world)
    assert counted() == few


def test_nobodys_cache_keeps_them(world: World, blouses: Segment) -> None:
    answer: Any = world.client.get(
        "/spaces/s/entries", headers={"Authorization": f"Bearer {world.pk}"}
    )
    assert answer["Cache-Control"] == "private, no-store"
