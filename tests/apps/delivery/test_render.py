"""E-mail and landing pages are rendered by the engine that answers pages, and count nowhere."""

import json
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.consent.types import Purpose
from apps.content import services as content
from apps.content.errors import InvalidContent
from apps.content.models import Block, Variant
from apps.decisions import records
from apps.decisions.models import DecisionRecord
from apps.segments.models import Membership, SegmentVersion
from tests.apps.delivery.capped_shop import Shop
from tests.apps.delivery.conftest import NOW, World, inside
from tests.apps.delivery.test_replay import replayed

BUTTON = '<a href="https://shop.example/sale" style="color: #fff; background: #036">Go</a>'
DENIED = int(Purpose.PERSONALIZATION)


@pytest.fixture
def letter(world: World) -> Any:
    """home.hero and a letter, each with a variant for who looks at blouses."""
    blouses = world.hero()
    block = content.create_block(
        site_id=world.site.pk,
        key="news",
        schema=[
            {"name": "subject", "type": "string", "required": True},
            {"name": "preheader", "type": "string"},
        ],
        channel="email",
    )
    content.create_variant(
        block=block,
        key="all",
        is_default=True,
        fields={"subject": "News"},
        template=f"<h1>News</h1><p>For everybody.</p>{BUTTON}",
    )
    content.create_variant(
        block=block,
        key="blouses",
        segment_keys=["blouses"],
        fields={"subject": "Blouses,\nfor {{ traits.name }}", "preheader": "Only today"},
        template='{% if traits.name %}<p style="color: red; position: fixed">'
        "Dear {{ traits.name }}</p>{% endif %}",
    )
    world.publish()
    return blouses


def person(world: World, letter: Any, name: str, **fields: Any) -> Any:
    row = world.person(("user_id", name), stays=inside([letter]), traits={"name": [name]}, **fields)
    world.tell(row.profile_id)
    return row


def render(world: World, status: int = 200, **body: Any) -> Any:
    answer = world.post("/v1/render", body, key=world.sk)
    assert answer.status_code == status, answer.content
    assert status != 200 or answer["Cache-Control"] == "private, no-store"
    return answer.json()


def batch(world: World, **body: Any) -> list[Any]:
    answer = world.post("/v1/render/batch", body, key=world.sk)
    assert answer.status_code == 200, answer.content
    assert (answer["Content-Type"], answer.streaming) == ("application/x-ndjson", True)
    return [json.loads(line) for line in b"".join(answer.streaming_content).splitlines()]


def who(name: str) -> dict[str, str]:
    return {"type": "user_id", "id": name}


def test_a_letter_to_one_person_has_its_styles_a_subject_and_a_plain_text(
    world: World, letter: Any
):
    person(world, letter, "Ann <b>")
    answer = render(world, block="news", identity=who("Ann <b>"))
    assert answer["placements"] == {}
    news = answer["block"]
    assert (news["variant"], news["reason"]) == ("blouses", "TARGETING_MATCH")
    assert news["html"] == '<p style="color: red">Dear Ann &lt;b&gt;</p>'
    assert news["text"] == "Dear Ann <b>"
    assert (news["subject"], news["preheader"]) == ("Blouses, for Ann <b>", "Only today")
    assert news["decisionId"] is None


def test_who_is_not_known_gets_the_default(world: World, letter: Any):
    news = render(world, block="news", identity=who("nobody"))["block"]
    assert (news["variant"], news["subject"], news["preheader"]) == ("all", "News", None)
    assert news["text"] == "News\n\nFor everybody.\n\nGo (https://shop.example/sale)"
    assert 'style="color: #fff; background: #036"' in news["html"]


def test_without_consent_it_is_the_default_and_says_nothing_of_them(world: World, letter: Any):
    person(world, letter, "Ann", denied=DENIED)
    for news in (
        render(world, block="news", identity=who("Ann"))["block"],
        batch(world, block="news", identities=[who("Ann")])[0]["block"],
    ):
        assert (news["variant"], news["reason"]) == ("all", "NO_CONSENT")
        assert "Ann" not in json.dumps(news)


def test_a_landing_page_is_rendered_for_a_segment_and_nobody_in_it(world: World, letter: Any):
    asked = {"placements": ["home.hero"], "block": "news"}
    answer = render(world, **asked, segments=["blouses"])
    assert answer["placements"]["home.hero"]["variant"] == "blouses"
    assert answer["placements"]["home.hero"]["html"] == "<p>Blouses for </p>"
    assert answer["block"]["subject"] == "Blouses, for"
    assert render(world, **asked, segments=[])["block"]["variant"] == "all"


def test_a_letter_is_written_in_the_language_that_is_asked_for(world: World, letter: Any):
    world.site.locales = ["en", "de"]
    world.site.save(update_fields=["locales"])
    pk = Variant.objects.get(key="all").pk
    content.set_translation(
        variant_id=pk, locale="de", fields={"subject": "Neues"}, template="<p>Hallo</p>"
    )
    world.publish()
    for asked in ({"identity": who("nobody")}, {"segments": []}):
        news = render(world, block="news", locale="de-CH", **asked)["block"]
        assert (news["locale"], news["subject"], news["text"]) == ("de", "Neues", "Hallo")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"identity": who("a")}, "/placements"),
        ({"block": "news"}, ""),
        ({"block": "news", "identity": who("a"), "segments": []}, ""),
        ({"block": "hero", "identity": who("a")}, "/block"),
        ({"block": "hero", "segments": []}, "/block"),
        ({"block": "absent", "segments": []}, "/block"),
        ({"block": "news", "segments": ["absent"]}, "/segments"),
        ({"block": "news", "segments": [], "counts": True}, "/counts"),
        ({"block": "news", "identity": {"type": "a:b", "id": "1"}}, "/identity"),
    ],
    ids=[
        "nothing", "for nobody", "for two", "page block", "page block for segments", "no block",
        "no segment", "counts for nobody", "odd identity",
    ],
)  # fmt: skip
def test_what_cannot_be_rendered_is_refused(
    world: World, letter: Any, body: dict[str, Any], pointer: str
):
    said = render(world, status=400, **body)
    assert said["code"] == "invalid_request"
    assert [one["pointer"] for one in said["errors"]] == [pointer]


@pytest.mark.parametrize("path", ["/v1/render", "/v1/render/batch"])
def test_a_page_may_not_ask(world: World, letter: Any, path: str):
    answer = world.post(path, {"block": "news", "identity": who("a")}, key=world.pk)
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


def test_no_page_is_ever_shown_a_letter(world: World, letter: Any):
    with pytest.raises(InvalidContent):
        content.create_placement(
            site_id=world.site.pk, key="sneaky", block=Variant.objects.get(key="all").block
        )
    render(world, block="news", identity=who("a"))
    for key in ("news", "block:news"):
        assert world.ask(key, key=world.sk)["placements"][key]["code"] == "placement_not_found"


def test_a_letter_that_becomes_a_part_of_a_page_loses_its_styles(world: World, letter: Any):
    letter_block = Block.objects.get(key="news")
    Block.objects.filter(pk=letter_block.pk).update(channel="page")
    letter_block.refresh_from_db()
    content.create_placement(site_id=world.site.pk, key="home.news", block=letter_block)
    assert Variant.objects.get(key="all").version == 1
    world.publish()
    shown = world.ask("home.news")["placements"]["home.news"]
    assert (shown["version"], "style" in shown["html"]) == (2, False)
    assert "<h1>News</h1>" in shown["html"]
    landing = render(world, placements=["home.news"], segments=["blouses"])
    assert "style" not in json.dumps(landing)


def test_a_value_in_a_style_is_judged_when_it_is_there(world: World, letter: Any):
    Variant.objects.filter(block__key="news", key="blouses").update(
        template='<p style="color: {{ traits.name }}">Hi</p>'
    )
    world.publish()
    html = {}
    for name in ("red", "url(https://spy.example)", 'red" onclick="x'):
        person(world, letter, name)
        html[name] = render(world, block="news", identity=who(name))["block"]["html"]
    assert html == {
        "red": '<p style="color: red">Hi</p>',
        "url(https://spy.example)": "<p>Hi</p>",
        'red" onclick="x': "<p>Hi</p>",
    }


def test_a_batch_is_person_by_person_what_a_page_would_be_told(world: World, letter: Any):
    names = [f"u{number}" for number in range(120)]  # more than are in memory together
    for number, name in enumerate(names[:6]):
        person(world, letter, name, denied=DENIED if number % 3 == 0 else 0)
    *lines, last = batch(
        world, placements=["home.hero"], block="news", identities=[who(name) for name in names]
    )
    assert last == {"end": True, "count": 120, "next": None}
    assert [line["identity"]["id"] for line in lines] == names
    for name, line in zip(names[:10], lines, strict=False):
        told = world.ask("home.hero", key=world.sk, userId=name)["placements"]["home.hero"]
        found = line["placements"]["home.hero"]
        for part in ("variant", "fields", "html", "reason", "rule", "version"):
            assert found[part] == told[part]
        assert line["block"] == render(world, block="news", identity=who(name))["block"]


def test_a_segment_is_rendered_page_by_page(world: World, letter: Any):
    letter.versions.update(state=SegmentVersion.State.LIVE)
    for number in range(5):
        row = person(world, letter, f"u{number}")
        Membership.objects.create(
            site=world.site,
            segment=letter,
            version=letter.versions.get(),
            profile_id=row.profile_id,
            since=NOW,
        )
    found, cursor = [], ""
    while True:
        *lines, last = batch(world, block="news", segment="blouses", limit=2, next=cursor)
        found += lines
        cursor = last["next"]
        if cursor is None:
            break
    assert sorted(line["externalIds"][0]["id"] for line in found) == [f"u{n}" for n in range(5)]
    assert {line["block"]["variant"] for line in found} == {"blouses"}


def test_a_batch_asks_the_database_no_more_for_more_people(world: World, letter: Any):
    def queries(count: int) -> int:
        with CaptureQueriesContext(
            connection,
        ) as caught:
            batch(world, block="news", identities=[who(f"x{n}") for n in range(count)])
        return len(caught)

    queries(1)
    assert queries(40) == queries(1)


def test_it_is_recorded_only_when_it_counts(world: World, letter: Any):
    person(world, letter, "Ann")
    asked = {"block": "news", "identities": [who("Ann"), who("Bob")]}
    batch(world, **asked)
    render(world, block="news", identity=who("Ann"))
    render(world, block="news", segments=["blouses"])
    records.flush()
    assert not DecisionRecord.objects.exists()
    ann, bob, _ = batch(world, **asked, counts=True)
    records.flush()
    kept = {row.placements[0]["variant"] for row in DecisionRecord.objects.all()}
    assert kept == {"blouses", "all"} == {ann["block"]["variant"], bob["block"]["variant"]}
    seen = world.post(
        "/v1/exposures", {"exposures": [{"decisionId": ann["block"]["decisionId"]}]}, key=world.sk
    ).json()
    assert (seen["accepted"], seen["rejected"]) == (1, [])


def test_what_was_sent_can_be_decided_again(world: World, letter: Any):
    person(world, letter, "Ann")
    batch(world, block="news", identities=[who("Ann"), who("Bob")], counts=True)
    records.flush()
    told = replayed()
    assert (told["fine"], told["same"]) == (True, 2), told


def test_a_block_whose_name_no_record_can_hold_is_not_sent(world: World, letter: Any):
    block = content.create_block(site_id=world.site.pk, key="n" * 95, schema=[], channel="email")
    content.create_variant(block=block, key="all", is_default=True, template="Hi")
    world.publish()
    for asked in ({"identity": who("a")}, {"segments": []}):
        said = render(world, status=400, block="n" * 95, **asked)
        assert "94 characters" in said["detail"]


def test_a_budget_is_drawn_on_only_when_it_counts(world: World, letter: Any):
    shop = Shop(world)
    shop.cap(most=1)
    shop.offer(variant=["twice"])
    world.publish()
    asked = {"placements": ["home.offer"], "identities": [who("Ann")]}

    def variant(**more: Any) -> str:
        return str(batch(world, **asked, **more)[0]["placements"]["home.offer"]["variant"])

    assert [variant(), variant()] == ["offer", "offer"]
    assert [variant(counts=True), variant(counts=True)] == ["offer", "plain"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, ""),
        ({"identities": [], }, "/identities"),
        ({"identities": [who("a")] * 1001}, "/identities"),
        ({"identities": [who("a"), who("")]}, "/identities/1"),
        ({"segment": "blouses", "limit": 1001}, "/limit"),
    ],
    ids=["for nobody", "none", "too many", "one without an id", "too long a page"],
)  # fmt: skip
def test_a_batch_that_cannot_be_rendered_is_refused(
    world: World, letter: Any, body: dict[str, Any], pointer: str
):
    answer = world.post("/v1/render/batch", {"block": "news", **body}, key=world.sk)
    assert answer.status_code == 400, answer.content
    assert [one["pointer"] for one in answer.json()["errors"]] == [pointer]
