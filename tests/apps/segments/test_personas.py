"""Invented visitors: which segments they are in at an instant, as a real person would be."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.access.models import Site
from apps.segments import personas, services
from apps.segments.domain.personas import SAMPLES, InvalidPersona, parse_persona
from apps.segments.editor_sentences import SENTENCES
from apps.segments.models import Persona
from engine.conditions.parse import parse_condition
from tests.apps.segments.world import NOW, make_site

MINUTE = 60_000
VIEWED = {"name": "Product Viewed", "ago_ms": 60 * MINUTE, "properties": {"category": "hats"}}


@pytest.fixture
def site(db: None) -> Site:
    return make_site(zone="Europe/Berlin")


def persona_of(site: Site, key: str = "ann", **document: Any) -> Persona:
    return Persona.objects.create(
        site=site, key=key, name=key.title(), created_at=NOW, **parse_persona(document).document()
    )


def sample(site: Site, key: str) -> Persona:
    (found,) = (one for one in SAMPLES if one.key == key)
    return persona_of(site, key, **found.document)


def segment(
    site: Site, key: str, where: Any, policy: Any = None, *, published: bool = True
) -> None:
    made = services.create_segment(
        site_id=site.pk, key=key, name=key.title(), condition={"v": 1, "where": where},
        policy=policy or {}, now=NOW,
    )  # fmt: skip
    if published:
        services.publish_segment(site_id=site.pk, segment_id=made.pk, actor=None, now=NOW)


def viewed(last: str, **more: Any) -> dict[str, Any]:
    return {
        "kind": "event", "name": "Product Viewed", "aggregate": "count", "window": {"last": last},
        "op": "gte", "value": 1, **more,
    }  # fmt: skip


def inside(site: Site, persona: Persona, at: Any = NOW, **more: Any) -> list[str]:
    more.setdefault("drafts", False)
    return [one.key for one in personas.segments_of(site.pk, persona.pk, at, **more) if one.is_in]


def sentence(key: str) -> Any:
    (found,) = (one for one in SENTENCES if one["key"] == key)
    return found["where"]


def test_what_happened_lies_before_the_instant_one_looks_from(site):
    segment(site, "viewed-lately", viewed("2h"))
    segment(site, "viewed-just-now", viewed("30m"))
    persona = persona_of(site, events=[VIEWED])
    assert inside(site, persona) == ["viewed-lately"]
    assert inside(site, persona, NOW + timedelta(days=300)) == ["viewed-lately"]


def test_properties_traits_consents_and_the_request_are_asked_like_those_of_a_person(site):
    hats = [{"property": "category", "op": "eq", "value": "hats"}]
    segment(site, "hats", viewed("2h", where=hats))
    segment(site, "pros", {"kind": "trait", "name": "plan", "op": "in", "value": ["pro", "max"]})
    segment(site, "agreed", {"kind": "consent", "purpose": "analytics"})
    segment(site, "phones", {"kind": "context", "name": "device", "op": "eq", "value": "mobile"})
    whole = persona_of(
        site, events=[VIEWED], traits={"plan": "pro"}, context={"device": "mobile"},
        consents={"analytics": True},
    )  # fmt: skip
    assert inside(site, whole) == ["agreed", "hats", "phones", "pros"]
    refused = persona_of(site, "bob", consents={"analytics": False})
    assert inside(site, refused) == []
    assert inside(site, refused, context={"device": "mobile"}) == ["phones"]


def test_the_hour_is_that_of_the_instant_where_the_visitor_is(site):
    noon = {"kind": "context", "name": "local_hour", "op": "eq", "value": 13}  # 12:00 UTC
    segment(site, "noon", noon)
    assert inside(site, persona_of(site)) == ["noon"]
    assert inside(site, persona_of(site, "ny", context={"timezone": "America/New_York"})) == []
    assert inside(site, persona_of(site, "late", context={"local_hour": 20})) == []


def test_drafts_are_asked_only_when_drafts_are_meant(site):
    segment(site, "planned", viewed("2h"), published=False)
    persona = persona_of(site, events=[VIEWED])
    assert inside(site, persona) == []
    assert inside(site, persona, drafts=True) == ["planned"]


def test_who_came_in_stays_as_long_as_the_policy_says(site):
    segment(site, "plain", viewed("10m"))
    segment(site, "staying", viewed("10m"), {"minStay": "2h"})
    segment(site, "with-them", {"kind": "segment", "key": "staying"})
    segment(site, "not-again", viewed("2h"), {"parent": "plain"})
    persona = persona_of(site, events=[VIEWED])
    assert inside(site, persona) == ["staying", "with-them"]


def test_of_an_exclusive_group_a_persona_is_in_one(site):
    segment(site, "first", viewed("2h"), {"group": "offers", "priority": 2})
    segment(site, "second", viewed("3h"), {"group": "offers", "priority": 1})
    assert inside(site, persona_of(site, events=[VIEWED])) == ["first"]


def test_conditions_that_are_no_segments_are_asked_too(site):
    segment(site, "staying", viewed("10m"), {"minStay": "2h"})
    persona = persona_of(site, events=[VIEWED])
    nodes = {
        "a": parse_condition({"v": 1, "where": {"kind": "segment", "key": "staying"}}),
        "b": parse_condition({"v": 1, "where": viewed("10m")}),
    }
    assert personas.meets(site.pk, persona.pk, NOW, nodes, drafts=False) == {"a": True, "b": False}


def test_a_look_writes_nothing_and_costs_the_same_for_many_segments(site):
    persona = persona_of(site, events=[VIEWED])

    def asked() -> list[str]:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            inside(site, persona)
        return [one["sql"] for one in queries.captured_queries]

    segment(site, "s0", viewed("2h"), {"minStay": "1h"})
    few = asked()
    for number in range(1, 10):
        segment(site, f"s{number}", viewed("2h"), {"minStay": "1h"})
    many = asked()
    assert len(many) == len(few) <= 4
    assert all(statement.startswith("SELECT") for statement in many)


def test_a_persona_of_another_site_is_nobody_here(site):
    with pytest.raises(Persona.DoesNotExist):
        personas.segments_of(make_site().pk, persona_of(site).pk, NOW, drafts=False)


# The ready-made ones and the sentences


MEANT = {
    "first-visit-on-a-phone": ["first-visit-on"],
    "cart-left-40-minutes-ago": ["cart-left", "looked-did-not-add"],
    "reads-a-lot-today": ["often-lately"],
    "loyal-customer-in-the-evening": ["evening-at-home", "spent-much"],
    "back-after-two-months": ["back-again"],
}
ASKED = ["back-again", "cart-left", "evening-at-home", "first-visit-on", "often-lately",
         "spent-much"]  # fmt: skip


@pytest.mark.parametrize("key", [one.key for one in SAMPLES])
def test_a_ready_made_persona_meets_the_sentences_that_it_stands_for(site, key):
    for name in ASKED:
        segment(site, name, sentence(name))
    # The hour of the loyal customer is their own; of the others it is one in the afternoon.
    assert inside(site, sample(site, key)) == [one for one in MEANT[key] if one in ASKED]


def holder_at(target: Any, path: list[Any]) -> Any:
    for key in path:
        target = target[0 if key == "*" else key]
    return target


@pytest.mark.parametrize("one", SENTENCES, ids=[one["key"] for one in SENTENCES])
def test_a_sentence_is_a_condition_that_says_what_its_blanks_say(one):
    where = json.loads(json.dumps(one["where"]))
    for blank in one["blanks"].values():
        if blank["type"] == "many":
            each = json.loads(json.dumps(blank["each"]))
            holder_at(each, blank["at"][:-1])[blank["at"][-1]] = "/a"
            for path in blank["paths"]:
                holder_at(where, path[:-1])[path[-1]] = [each, each]
    parse_condition({"v": 1, "where": where})
    for blank in one["blanks"].values():
        if blank["type"] != "many":
            assert {str(holder_at(where, path)) for path in blank["paths"]} == {str(blank["start"])}
    named = [part["blank"] for part in one["say"] if isinstance(part, dict)]
    assert sorted(named) == sorted(one["blanks"])


# The document


@pytest.mark.parametrize(
    ("document", "path"),
    [
        (7, ""),
        ({"odd": 1}, "odd"),
        ({"events": {}}, "events"),
        ({"events": [{"name": ""}]}, "events[0].name"),
        ({"events": [{"name": "A", "ago_ms": -1}]}, "events[0].ago_ms"),
        ({"events": [{"name": "A", "ago_ms": True}]}, "events[0].ago_ms"),
        ({"events": [{"name": "A", "properties": {"x": [1]}}]}, "events[0].properties.x"),
        ({"events": [{"name": "A"}] * 201}, "events"),
        ({"traits": {"": 1}}, "traits"),
        ({"traits": {"a": {"b": 1}}}, "traits.a"),
        ({"context": {"device": ["mobile"]}}, "context.device"),
        ({"consents": {"everything": True}}, "consents.everything"),
        ({"consents": {"analytics": "yes"}}, "consents.analytics"),
    ],
    ids=str,
)
def test_what_is_no_persona_is_refused_with_its_place(document, path):
    with pytest.raises(InvalidPersona) as refused:
        parse_persona(document)
    assert refused.value.path == path


# Pages


@pytest.fixture
def editor(client, site):
    client.force_login(User.objects.create_superuser("ed", "ed@shop.example", "x"))
    return client


def test_an_editor_begins_with_a_ready_made_persona_and_keeps_it(editor, site):
    page = editor.get("/admin/segments/persona/").content.decode()
    assert "Cart left 40 minutes ago" in page
    begun = editor.get("/admin/segments/persona/add/?sample=cart-left-40-minutes-ago")
    form = begun.context["adminform"].form
    document = form.get_initial_for_field(form.fields["document"], "document")
    assert document["events"][-1]["ago_ms"] == 40 * MINUTE
    given = {"site": site.pk, "key": "left", "name": "Left", "document": json.dumps(document)}
    answer = editor.post("/admin/segments/persona/add/", given)
    assert answer.status_code == 302, answer.content.decode()
    kept = Persona.objects.get(site=site, key="left")
    assert [one["name"] for one in kept.events] == [
        "Page Viewed",
        "Product Viewed",
        "Product Added",
    ]
    segment(site, "cart-left", sentence("cart-left"))
    page = editor.get(f"/admin/segments/persona/{kept.pk}/change/").content.decode()
    assert "<strong>Cart-Left</strong>: added a product" in page
    seen_as = f"/admin/preview/?site={site.key}&a.who=persona&a.persona={kept.pk}"
    assert seen_as.replace("&", "&amp;") in page
    desk = editor.get(seen_as).content.decode()
    assert "Left" in desk


def test_a_document_that_is_none_is_refused_on_the_page(editor, site):
    given = {"site": site.pk, "key": "x", "name": "X", "document": '{"events": [{"name": ""}]}'}
    page = editor.post("/admin/segments/persona/add/", given).content.decode()
    assert "events[0].name: expected the name of an event" in page
    assert not Persona.objects.exists()


def test_the_form_is_told_which_segments_a_persona_would_be_in(editor, site):
    segment(site, "lately", viewed("2h"))
    segment(site, "planned", viewed("3h"), published=False)

    def told(persona: Any) -> Any:
        body = json.dumps({"site": str(site.pk), "persona": persona})
        address = "/admin/segments/persona/editor/live/"
        return editor.post(address, body, content_type="application/json").json()

    found = told({"events": [VIEWED], "consents": {"analytics": True}})
    assert found["words"] == "1 event; agreed to analytics"
    assert [name for name, _ in found["segments"]["published"]["in"]] == ["Lately"]
    assert [name for name, _ in found["segments"]["drafts"]["in"]] == ["Lately", "Planned"]
    wrong = told({"events": [{"name": ""}]})
    assert wrong["problems"] == [["events[0].name", "expected the name of an event"]]
