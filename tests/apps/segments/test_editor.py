"""What the condition editor is told: the language as the parser has it, and a draft in parts."""

import json

import pytest
from django.contrib.auth.models import Permission, User

from apps.access.models import AuditEntry, Site
from apps.segments import services
from apps.segments.editor_checks import check
from apps.segments.editor_language import FIELDS, KINDS, language
from apps.work import clock
from engine.conditions.nodes import Aggregate, Op, WindowKind
from engine.conditions.parse import LEAF_PARSERS, parse_condition
from engine.conditions.parse_values import CONTEXT_OPS, FILTER_OPS, TRAIT_OPS
from engine.errors import InvalidCondition
from tests.apps.segments.world import Happened, make_profile, make_site

LIVE = "/admin/segments/segment/editor/live/"
SCHEMA = "/admin/segments/segment/editor/schema/"


@pytest.fixture
def site(db: None) -> Site:
    return make_site()


@pytest.fixture
def editor(client, site):
    client.force_login(User.objects.create_superuser("ed", "ed@shop.example", "x"))
    return client


def asked(client, address, body):
    answer = client.post(address, json.dumps(body), content_type="application/json")
    assert answer.status_code == 200, answer.content
    return answer.json()


def named(document):
    """A new leaf with its empty names filled in, as an editor would."""
    if isinstance(document, dict):
        return {key: named(value) for key, value in document.items()}
    if isinstance(document, list):
        return [named(item) for item in document]
    return "x" if document == "" else document


# The language


def test_the_form_has_every_kind_operator_aggregate_and_window_of_the_parser():
    told = language()
    assert {kind["key"] for kind in told["kinds"]} == set(LEAF_PARSERS) == set(FIELDS)
    assert set(told["ops"]) == set(Op)
    assert {one["key"] for one in told["aggregates"]} == set(Aggregate)
    assert set(told["windows"]) == set(WindowKind) - {WindowKind.LAST_MONTHS}
    for name, ops in (("trait", TRAIT_OPS), ("context", CONTEXT_OPS), ("filter", FILTER_OPS)):
        assert set(told["opSets"][name]) == ops


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_new_leaf_can_be_saved_once_its_names_are_chosen(kind):
    parse_condition({"v": 1, "where": named({"kind": kind, **KINDS[kind][2]})})


@pytest.mark.parametrize("aggregate", sorted(Aggregate))
def test_the_form_offers_an_aggregate_only_windows_that_the_parser_takes(aggregate):
    told = language()
    one = next(one for one in told["aggregates"] if one["key"] == aggregate)
    value = {"number": 1, "duration": "1d", "any": "x"}[one["reads"]]
    leaf = {"kind": "event", "name": "x", "aggregate": aggregate, "op": "eq", "value": value}
    leaf |= {"of": "y"} if one["of"] else {}
    leaf |= {"over": {"name": "z"}} if one["over"] else {}
    leaf |= {"per": "1d"} if one["per"] else {}
    for name, window in told["windows"].items():
        document = {"v": 1, "where": leaf | {"window": named(window["new"])}}
        if name in one["windows"]:
            parse_condition(document)
        else:
            with pytest.raises(InvalidCondition):
                parse_condition(document)


# A draft, part by part


def test_every_wrong_leaf_is_told_at_its_place_and_the_others_in_words():
    consent = {"kind": "consent", "purpose": "analytics"}
    wrong = {"kind": "segment", "key": ""}
    steps = {"kind": "sequence", "steps": [{"name": "A"}, {"name": ""}]}
    groups = [consent, {"not": wrong}, {"at_least": {"k": 1, "of": [consent, steps]}}]
    found = check({"v": 1, "where": {"any": groups}}, {})
    assert [path for path, _ in found.problems] == [
        "any[1].not.key",
        "any[2].at_least.of[1].steps[1].name",
    ]
    assert found.parts == {
        "any[0]": "has agreed to analytics",
        "any[2].at_least.of[0]": "has agreed to analytics",
    }
    assert found.words == ""


@pytest.mark.parametrize(
    "condition",
    [None, 7, [], {}, {"v": 1}, {"v": 2, "where": {"all": []}}, {"v": 1, "where": {"all": 3}},
     {"v": 1, "where": {"at_least": []}}, {"v": 1, "where": {"at_least": {"of": 3}}},
     {"v": 1, "where": {"odd": []}}, {"v": 1, "where": {"all": [None]}}],
)  # fmt: skip
def test_what_is_no_condition_is_told_not_raised(condition):
    found = check(condition, {})
    assert found.problems != []
    assert found.words == ""


def test_a_leave_condition_is_looked_at_like_the_condition():
    leave = {"v": 1, "where": {"all": [{"kind": "list", "key": ""}]}}
    found = check({"v": 1, "where": {"all": []}}, {"leave": leave, "minStay": "soon"})
    assert [path for path, _ in found.problems] == ["policy.leave.all[0].key", "policy.minStay"]


def test_a_half_written_condition_is_not_counted(editor, site):
    told = asked(editor, LIVE, {"site": str(site.pk), "condition": {"v": 1, "where": {}}})
    assert told["problems"] != [] and "counted" not in told


def test_a_segment_that_is_not_published_is_a_note_beside_the_words(editor, site):
    condition = {"v": 1, "where": {"kind": "segment", "key": "nobody"}}
    told = asked(editor, LIVE, {"site": str(site.pk), "condition": condition})
    assert told["words"] == 'everybody who is in the segment "nobody"'
    assert "nobody" in told["note"]


def test_what_can_never_be_true_is_a_hint(editor, site):
    plan = {"kind": "trait", "name": "plan", "op": "eq"}
    where = {"all": [plan | {"value": "pro"}, plan | {"value": "free"}]}
    told = asked(editor, LIVE, {"site": str(site.pk), "condition": {"v": 1, "where": where}})
    assert [one["code"] for one in told["hints"] if one["level"] == "error"] == [
        "lint_unsatisfiable"
    ]
    assert told["counted"]["size"] == "0"


def test_names_are_those_that_the_site_has_seen(editor, site):
    event = Happened(clock.to_ms(clock.now()), "Coffee Drunk", {"sort": "espresso", "no": None})
    make_profile(site, [event], {"plan": "pro", "score.buy": 0.5})
    seen = asked(editor, SCHEMA, {"site": str(site.pk)})["seen"]
    assert "Coffee Drunk" in seen["events"]
    assert seen["properties"]["Coffee Drunk"] == ["sort"]
    assert ["plan", ""] in seen["traits"]
    assert seen["models"] == [["buy", ""]]
    other = asked(editor, SCHEMA, {"site": str(make_site().pk)})["seen"]
    assert "Coffee Drunk" not in other["events"]


# Why


def drafted(site, where):
    return services.create_segment(
        site_id=site.pk, key="s", name="S", condition={"v": 1, "where": where}, now=clock.now()
    )


def test_a_look_at_a_person_is_audited_and_needs_the_permission(client, site):
    segment = drafted(site, {"kind": "trait", "name": "plan", "op": "eq", "value": "pro"})
    person = make_profile(site, traits={"plan": "free"})
    address = f"/admin/segments/segment/{segment.pk}/why/"
    user = User.objects.create_user("viewer", password="x", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_segment"))
    client.force_login(user)
    assert client.get(address).status_code == 403
    codenames = ("view_profile", "view_people")
    user.user_permissions.add(*Permission.objects.filter(codename__in=codenames))
    client.force_login(User.objects.get(pk=user.pk))
    who = {"who": f"prf_{person.pk.hex}"}
    assert "Say why you look" in client.post(address, who).content.decode()
    closed = client.get(address, {"profile": str(person.pk)}).content.decode()
    assert "does not meet it" not in closed
    moved = client.post(address, who | {"reason": "Ticket 4711: asks"})
    assert moved["Location"].endswith(f"?profile={person.pk}")
    page = client.get(moved["Location"]).content.decode()
    assert "does not meet it" in page
    assert "plan is &quot;pro&quot;" in page  # what would have to change
    entry = AuditEntry.objects.filter(action="profiles.viewed").latest("at")
    assert entry.target_id == str(person.pk)
    assert entry.detail == {"page": "segment", "reason": "Ticket 4711: asks"}


def test_a_person_of_another_site_is_nobody_here(editor, site):
    segment = drafted(site, {"kind": "consent", "purpose": "analytics"})
    foreign = make_profile(make_site())
    address = f"/admin/segments/segment/{segment.pk}/why/"
    asked = {"who": str(foreign.pk), "reason": "Ticket 4711: asks"}
    page = editor.post(address, asked, follow=True)
    assert "Nobody here has that identity" in page.content.decode()


def test_a_page_that_knows_the_key_leads_to_why(editor, site):
    segment = drafted(site, {"kind": "consent", "purpose": "analytics"})
    person = make_profile(site)
    query = {"site": str(site.pk), "key": "s", "profile": str(person.pk)}
    asked = {"who": str(person.pk), "reason": "Ticket 4711: asks"}
    editor.post(f"/admin/segments/segment/{segment.pk}/why/", asked)
    page = editor.get("/admin/segments/segment/why/", query, follow=True)
    assert page.redirect_chain[0][0].startswith(f"/admin/segments/segment/{segment.pk}/why/")
    assert "has agreed to analytics" in page.content.decode()
    assert editor.get("/admin/segments/segment/why/", query | {"key": "t"}).status_code == 404
