"""What the page of a block asks for while somebody types: choices, values, samples."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from apps.access.models import Site
from apps.segments.models import Segment
from tests.apps.content.conftest import new_segment, new_site
from tests.apps.segments.world import make_profile


@pytest.fixture
def editor(db: None, client: Client) -> Client:
    client.force_login(User.objects.create_superuser("editor"))
    return client


def offers(client: Client, **asked: Any) -> Any:
    return client.get(reverse("admin:content_offers"), asked)


def test_a_search_offers_twenty_of_the_sites_segments_the_best_first(
    editor: Client, shop: Site, vip: Segment, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(10, 60):
        new_segment(shop, number, f"s{number}", f"Not very {number}")
    new_segment(new_site("other"), 1, "theirs", "Very theirs")
    with django_assert_max_num_queries(6):
        answer = offers(editor, kind="segments", site=shop.pk, q="very").json()
    assert (len(answer["found"]), answer["more"]) == (20, True)
    assert answer["found"][0] == {
        "key": "vip",
        "name": "Very important",
        "note": "never published",
    }
    named = offers(editor, kind="segments", site=shop.pk, keys="s11,theirs").json()["found"]
    assert [one["key"] for one in named] == ["s11"]


def test_who_is_logged_out_or_may_not_look_is_told_so_in_json(client: Client, shop: Site) -> None:
    answer = offers(client, kind="segments", site=shop.pk)
    assert (answer.status_code, answer.json()["code"]) == (401, "logged_out")
    client.force_login(User.objects.create_user("nobody", is_staff=True))
    assert offers(client, kind="segments", site=shop.pk).status_code == 403


def sample(client: Client, site: Site, kind: str, text: str) -> dict[str, Any]:
    answer = client.post(
        reverse("admin:content_sample"),
        json.dumps({"site": str(site.pk), "kind": kind, "text": text}),
        content_type="application/json",
    )
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()
    return found


def test_a_sample_says_how_a_text_comes_out_for_somebody_known_and_for_nobody(
    editor: Client, shop: Site
) -> None:
    found = sample(editor, shop, "text", 'Hello {{ traits.first_name | default: "there" }}')
    assert found["nobody"] == "Hello there"
    found = sample(editor, shop, "html", "<p onclick='x()'>{{ context.device }}</p>")
    assert (found["text"], found["isHtml"]) == ("<p>mobile</p>", True)
    assert found["removed"] == ["onclick of <p>"]


def test_a_sample_of_an_e_mail_is_cleaned_as_e_mails_are(editor: Client, shop: Site) -> None:
    text = '<p style="color: red; position: fixed">Hi</p>'
    mail = sample(editor, shop, "email", text)
    assert (mail["text"], mail["isHtml"]) == ('<p style="color: red">Hi</p>', True)
    assert mail["removed"] == []
    page = sample(editor, shop, "html", text)
    assert (page["text"], page["removed"]) == ("<p>Hi</p>", ["style of <p>"])
    made = sample(editor, shop, "email", "{% if true %}<map>x</map>{{ context.device }}{% endif %}")
    assert (made["text"], made["removed"]) == ("xmobile", ["<map>"])


@pytest.mark.parametrize(
    ("text", "line", "sentence"),
    [
        ("a\n{{ nobody }}", 2, "Nothing is called 'nobody'"),
        (
            "{% for i in (1..99999) %}{% for j in (1..99999) %}x{% endfor %}{% endfor %}",
            None,
            "limit",
        ),
        ("a\n\n{% if %}", 3, ""),
        ("x" * 50_001, 1, "longer than"),
    ],
    ids=["unknown", "endless", "broken", "long"],
)
def test_a_template_that_cannot_be_is_answered_with_its_line(
    editor: Client, shop: Site, text: str, line: int | None, sentence: str
) -> None:
    found = sample(editor, shop, "html", text)
    assert sentence in found["problem"]
    assert found["problem"] != ""
    assert found["line"] == line


def test_the_values_of_a_site_are_offered_without_any_person(editor: Client, shop: Site) -> None:
    answer = editor.get(reverse("admin:content_values"), {"site": str(shop.pk)}).json()
    paths = [one["path"] for group in answer["groups"] for one in group["values"]]
    assert "context.device" in paths


def test_samples_are_what_many_share_and_never_what_names_somebody(
    editor: Client, shop: Site
) -> None:
    for number in range(12):
        traits = {"city": "Lyon", "first_name": "Ada", "plan": f"own-{number}"}
        make_profile(shop, traits=traits, unit_id=f"u{number}")
    answer = editor.get(reverse("admin:content_values"), {"site": str(shop.pk)}).json()
    shown = {one["path"]: one["sample"] for group in answer["groups"] for one in group["values"]}
    assert shown["traits.city"] == "Lyon"
    assert shown["traits.first_name"] == "[first name]"
    assert shown["traits.plan"] == "[plan]"
    text = "{{ traits.city }} {{ traits.first_name }}"
    assert sample(editor, shop, "text", text)["text"] == "Lyon [first name]"
