"""What is typed is kept: beside a save, without one, after a login that ran out."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from apps.content.models import Unsaved
from apps.content.revisions_unsaved import keep_unsaved, prune
from tests.apps.studio.conftest import NOW, Shop

KEEP, SEEN = "/admin/studio/keep/", "/admin/studio/seen/"


@pytest.fixture
def mary(transactional_db: None) -> User:
    user = User.objects.create_user("mary", password="x", is_staff=True)
    user.groups.add(Group.objects.get(name="editor"))
    return user


@pytest.fixture
def browser(mary: User) -> Client:
    client = Client()
    client.force_login(mary)
    return client


def placement_of(shop: Shop) -> Any:
    from apps.content.models import Placement

    return Placement.objects.get(key="home.hero")


def sent(client: Client, url: str, **body: Any) -> Any:
    return client.post(url, json.dumps(body), content_type="application/json")


def kept(client: Client, owner: User, shop: Shop, typed: Any, **changed: Any) -> Any:
    body = {
        "user": owner.pk,
        "kind": "content.placement",
        "ref": str(placement_of(shop).pk),
        "tab": "one",
        "base": "",
        "form": typed,
    }
    return sent(client, KEEP, **(body | changed))


def change_url(shop: Shop) -> str:
    return reverse("admin:content_placement_change", args=[placement_of(shop).pk])


def test_who_is_logged_out_is_told_so_and_never_sent_away(
    client: Client, mary: User, shop: Shop
) -> None:
    for answer in (client.get(KEEP), kept(client, mary, shop, [["name", "x"]])):
        assert answer.status_code == 401
        assert answer.json()["code"] == "unauthorized"
    assert not Unsaved.objects.exists()


def test_a_fresh_token_is_told_after_a_new_login(browser: Client, mary: User) -> None:
    told = browser.get(KEEP).json()
    assert (told["user"], told["name"]) == (mary.pk, "mary")
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(mary)
    token = strict.get(KEEP).json()["csrf"]
    body = json.dumps({"user": mary.pk})
    refused = strict.post(KEEP, body, content_type="application/json")
    assert refused.status_code == 403
    heard = strict.post(KEEP, body, content_type="application/json", headers={"X-CSRFToken": token})
    assert heard.status_code == 422


def test_what_is_typed_is_kept_and_offered_when_the_form_is_opened(
    browser: Client, mary: User, shop: Shop
) -> None:
    assert "unsaved changes" not in browser.get(change_url(shop)).content.decode()
    answer = kept(browser, mary, shop, [["name", "Half a na"], ["csrfmiddlewaretoken", "t"]])
    assert answer.status_code == 200
    row = Unsaved.objects.get()
    assert row.form == [["name", "Half a na"]]
    page = browser.get(change_url(shop)).content.decode()
    assert "You have unsaved changes from 10 Mar, 12:00" in page

    back = browser.post(change_url(shop), {"_unsaved": str(row.pk), "_tab": "two"})
    page = back.content.decode()
    assert 'value="Half a na"' in page
    assert "This is what you had typed" in page
    assert "Please correct" not in page
    placement = placement_of(shop)
    assert placement.name == "home.hero"
    # It is the tab's own from now on, so it is not offered above the form that shows it.
    assert "You have unsaved changes" not in page
    assert Unsaved.objects.get().tab == "two"


def test_half_an_emoji_and_nul_do_not_keep_the_rest_from_being_kept(
    browser: Client, mary: User, shop: Shop
) -> None:
    typed = [["name", "Hero \ud83d"], ["k\x00ey", "a\x00b"]]
    answer = kept(browser, mary, shop, typed, tab="t\x00", base="\x00\ud83d")
    assert answer.status_code == 200
    assert Unsaved.objects.get().form == [["name", "Hero ?"], ["key", "ab"]]


def test_another_person_is_not_offered_it(browser: Client, mary: User, shop: Shop) -> None:
    row = kept(browser, mary, shop, [["name", "Mine"]]).json()["id"]
    other = User.objects.create_superuser("john")
    john = Client()
    john.force_login(other)
    assert "unsaved changes" not in john.get(change_url(shop)).content.decode()
    page = john.post(change_url(shop), {"_unsaved": row}, follow=True).content.decode()
    assert "Mine" not in page
    assert "are gone" in page


def test_saving_ends_it(browser: Client, mary: User, shop: Shop) -> None:
    form = {"key": "home.hero", "name": "Top", "block": shop.hero.pk, "is_enabled": "on"}
    kept(browser, mary, shop, [["name", "Top"]])
    kept(browser, mary, shop, [["name", "Other"]], tab="two")
    answer = browser.post(change_url(shop), form | {"_tab": "one"})
    assert answer.status_code == 302
    # The other tab's text is another text.
    assert [row.tab for row in Unsaved.objects.all()] == ["two"]


def test_it_is_thrown_away_when_asked(browser: Client, mary: User, shop: Shop) -> None:
    row = kept(browser, mary, shop, [["name", "x"]]).json()["id"]
    answer = browser.post(change_url(shop), {"_throw_away": row})
    assert answer.status_code == 302
    assert not Unsaved.objects.exists()


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"user": 0}, 422),
        ({"kind": "profiles.profile"}, 422),
        ({"kind": "nothing"}, 422),
        ({"ref": "x"}, 422),
        ({"tab": ""}, 422),
        ({"form": [["a"]]}, 422),
        ({"form": [["a", 1]]}, 422),
        ({"form": {}}, 422),
    ],
    ids=["another", "people", "no model", "no id", "no tab", "no pair", "no text", "no list"],
)  # fmt: skip
def test_what_is_no_form_of_an_editor_is_refused_with_a_sentence(
    browser: Client, mary: User, shop: Shop, changed: Any, status: int
) -> None:
    answer = kept(browser, mary, shop, [["name", "x"]], **changed)
    assert answer.status_code == status
    assert answer.json()["message"].endswith(".")
    assert not Unsaved.objects.exists()


def test_a_role_that_may_only_look_keeps_nothing(shop: Shop) -> None:
    user = User.objects.create_user("auditor", is_staff=True)
    user.groups.add(Group.objects.get(name="auditor"))
    client = Client()
    client.force_login(user)
    assert kept(client, user, shop, [["name", "x"]]).status_code == 403


def test_a_form_too_large_to_keep_is_said_to_be_so(
    browser: Client, mary: User, shop: Shop, settings: Any
) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 2_000
    answer = kept(browser, mary, shop, [["name", "x" * 3_000]])
    assert (answer.status_code, answer.json()["code"]) == (413, "payload_too_large")
    saved = browser.post(change_url(shop), {"name": "x" * 3_000})
    assert saved.status_code == 413
    assert "what you typed is still there" in saved.content.decode()


def test_a_form_with_too_many_fields_is_said_to_be_so(
    browser: Client, shop: Shop, settings: Any
) -> None:
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = 100
    answer = browser.post(change_url(shop), {f"field-{index}": "x" for index in range(101)})
    assert answer.status_code == 413
    assert "This form is too large" in answer.content.decode()


def test_many_tabs_keep_the_newest_twenty(mary: User) -> None:
    for index in range(25):
        keep_unsaved(
            user_id=mary.pk, kind="content.block", object_ref="new", tab=str(index), base="",
            form=[("name", "x")], now=NOW + timedelta(seconds=index),
        )  # fmt: skip
    assert {row.tab for row in Unsaved.objects.all()} == {str(index) for index in range(5, 25)}
    assert prune(NOW + timedelta(days=30, seconds=10)) == 5


def test_who_else_has_it_open_is_told_for_a_minute(browser: Client, mary: User, shop: Shop) -> None:
    other = User.objects.create_superuser("john")
    john = Client()
    john.force_login(other)
    body = {"kind": "content.placement", "ref": str(placement_of(shop).pk), "base": ""}
    assert sent(browser, SEEN, **body).json() == {"others": [], "saved": None}
    assert sent(john, SEEN, **body).json()["others"] == ["mary"]
    assert sent(browser, SEEN, **body).json()["others"] == ["john"]

    from apps.work import clock

    clock.replace(lambda: NOW + timedelta(seconds=61))
    assert sent(browser, SEEN, **body).json()["others"] == []


def test_without_redis_there_is_no_notice_and_no_error(
    browser: Client, shop: Shop, settings: Any
) -> None:
    from apps.work import redis

    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    redis.reset()
    try:
        body = {"kind": "content.placement", "ref": str(placement_of(shop).pk), "base": ""}
        assert sent(browser, SEEN, **body).json()["others"] == []
    finally:
        redis.reset()


def test_a_segment_is_kept_and_compared_like_a_block(
    browser: Client, mary: User, shop: Shop
) -> None:
    ref = str(shop.blouses.pk)
    answer = kept(browser, mary, shop, [["name", "Blouse p"]], kind="segments.segment", ref=ref)
    assert answer.status_code == 200
    page = browser.get(reverse("admin:segments_segment_change", args=[ref])).content.decode()
    assert "You have unsaved changes" in page
    assert reverse("admin:usage", args=["segment", ref]) in page
