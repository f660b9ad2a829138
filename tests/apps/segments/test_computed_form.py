"""What stands beside the form of a computed trait: presets, the sentence, values of some people."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from apps.access.models import Site
from apps.access.roles import ensure_roles
from apps.segments.computed_presets import PRESETS
from apps.work import clock
from engine.conditions.computed import computed_text, parse_computed
from tests.apps.segments.world import NOW_MS, Happened, make_profile, make_site

LIVE = "/admin/segments/computedtrait/editor/live/"
SCHEMA = "/admin/segments/computedtrait/editor/schema/"
SPENT = {"name": "Order Completed", "aggregate": "sum", "of": "total", "window": "ever"}


def as_role(role: str) -> Client:
    ensure_roles()
    user = User.objects.create_user(role, password="x", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def site(db: None) -> Site:
    return make_site()


@pytest.fixture
def root(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root", password="x"))
    return client


def asked(client: Client, site: Site, definition: object = SPENT) -> dict[str, Any]:
    body = {"site": str(site.pk), "definition": definition}
    answer = client.post(LIVE, body, content_type="application/json")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def customers(site: Site, count: int) -> None:
    for number in range(count):
        bought = Happened(NOW_MS, "Order Completed", {"total": number + 1, "city": "Bern"})
        make_profile(site, [bought])


@pytest.mark.parametrize("preset", PRESETS, ids=[preset["key"] for preset in PRESETS])
def test_every_preset_is_a_definition_with_words(preset: dict[str, Any]) -> None:
    assert computed_text(parse_computed(preset["definition"]))
    assert preset["definition"]["name"] == preset["events"][0]


def test_the_form_is_given_the_language_the_names_seen_and_the_presets(
    root: Client, site: Site
) -> None:
    now_ms = clock.to_ms(clock.now())
    make_profile(site, [Happened(now_ms, "Order Completed", {"total": 1})])
    found = root.post(SCHEMA, {"site": str(site.pk)}, content_type="application/json").json()
    assert "Order Completed" in found["seen"]["properties"]
    assert found["presets"] and found["language"]["aggregates"]


def test_the_sentence_and_real_values_are_shown(root: Client, site: Site) -> None:
    customers(site, 3)
    make_profile(site)
    found = asked(root, site)
    assert found["words"] == "the sum of total of completed orders"
    assert (found["people"], found["known"]) == (4, 4)
    assert dict(found["summary"]) == {
        "Lower quarter": "0", "Middle": "1", "Upper quarter": "2",
    }  # fmt: skip
    assert sorted(found["values"]) == ["0", "1", "2", "3"]


def test_texts_are_counted(root: Client, site: Site) -> None:
    customers(site, 3)
    make_profile(site)
    found = asked(root, site, {**SPENT, "aggregate": "last", "of": "city"})
    assert found["summary"] == [["“Bern”", "3 of 3"]]
    assert (found["people"], found["known"]) == (4, 3)


def test_what_is_wrong_comes_with_its_place(root: Client, site: Site) -> None:
    found = asked(root, site, {**SPENT, "aggregate": "summ"})
    [[path, problem]] = found["problems"]
    assert path == "aggregate" and "summ" in problem
    assert "people" not in found
    for nonsense in (None, [], {"name": "x"}, "x"):
        assert asked(root, site, nonsense)["problems"]


def test_who_may_not_see_people_is_told_of_ten_at_least(site: Site) -> None:
    editor = as_role("editor")
    customers(site, 9)
    assert "summary" not in asked(editor, site)
    customers(site, 1)  # who spent 1, too
    found = asked(editor, site)
    assert found["values"] == []
    assert dict(found["summary"])["Middle"] == "4"
    assert asked(editor, site, {**SPENT, "aggregate": "last", "of": "city"})["summary"] == [
        ["“Bern”", "10 of 10"]
    ]
    make_profile(site, [Happened(NOW_MS, "Order Completed", {"city": "Thun"})])
    assert len(asked(editor, site, {**SPENT, "aggregate": "last", "of": "city"})["summary"]) == 1


def test_people_of_another_site_are_no_sample(root: Client, site: Site) -> None:
    customers(make_site(), 12)
    assert asked(root, site)["people"] == 0


def test_who_may_not_see_computed_traits_is_told_nothing(site: Site, db: None) -> None:
    client = Client()
    client.force_login(User.objects.create_user("ann", is_staff=True))
    for address in (LIVE, SCHEMA):
        answer = client.post(address, {"site": str(site.pk)}, content_type="application/json")
        assert answer.status_code == 403
