"""Publishing from the admin: the difference in words, a confirmation, and the way back."""

import re
from collections.abc import Callable

import pytest
from django.test import Client

from apps.access.models import AuditEntry
from apps.content import services as content
from apps.decisions.models import Publication
from apps.rules.models import Rule
from tests.apps.studio.conftest import Shop

AsRole = Callable[[str], Client]


def token_of(page: str) -> str:
    found = re.search(r'name="token" value="(\w+)"', page)
    assert found is not None
    return found[1]


@pytest.fixture
def editor(as_role: AsRole) -> Client:
    return as_role("editor")


def test_an_editor_reads_the_difference_and_publishes_it(shop: Shop, editor: Client) -> None:
    shop.publish()
    shop.headline("Blouses, now")
    shop.rule()
    page = editor.get("/admin/publish/").content.decode()
    assert "variant blouses: headline" in page
    assert "<del>Blouses</del> <ins>Blouses, now</ins>" in page
    assert "<strong>phones</strong>" in page

    answer = editor.post(
        "/admin/publish/",
        {"token": token_of(page), "site": "shop", "note": "Now"},
        follow=True,
    )
    assert "Publication 2 serves now." in answer.content.decode()
    latest = Publication.objects.get(number=2)
    assert (latest.note, latest.published_by.username) == ("Now", "editor")  # type: ignore[union-attr]  # an editor did
    assert AuditEntry.objects.filter(action="decisions.published", actor_label="editor").exists()
    assert "Nothing: the drafts are what serves." in editor.get("/admin/publish/").content.decode()


def test_a_cap_alone_can_be_published(shop: Shop, editor: Client) -> None:
    shop.publish()
    cap = content.create_cap(site_id=shop.site.pk, key="weekly", most=2)
    shop.tagged.caps.add(cap)
    page = editor.get("/admin/publish/").content.decode()
    assert "variant blouses: limited by other caps" in page
    editor.post("/admin/publish/", {"token": token_of(page), "site": "shop"})
    assert Publication.objects.latest("number").document["caps"][0]["most"] == 2


def test_drafts_that_changed_meanwhile_are_shown_again(shop: Shop, editor: Client) -> None:
    shop.publish()
    shop.headline("First")
    token = token_of(editor.get("/admin/publish/").content.decode())
    shop.headline("Second")
    page = editor.post("/admin/publish/", {"token": token, "site": "shop"}).content.decode()
    assert "The drafts have changed since this page was opened" in page
    assert "<ins>Second</ins>" in page
    assert Publication.objects.count() == 1


def test_drafts_that_cannot_be_published_say_why_and_offer_no_button(
    shop: Shop, editor: Client
) -> None:
    shop.hero.variants.filter(is_default=True).update(is_default=False)
    page = editor.get("/admin/publish/").content.decode()
    assert "has no default variant" in page
    assert 'name="token"' not in page


def test_a_rule_that_never_serves_is_told_before_it_is_published(
    shop: Shop, editor: Client
) -> None:
    shop.rule("phones")
    shop.rule("phones-too")
    page = editor.get("/admin/publish/").content.decode()
    assert "The rule &#x27;phones-too&#x27;: It never serves" in page
    assert "The rule &#x27;phones&#x27;:" not in page
    Rule.objects.filter(key="phones-too").update(is_enabled=False)
    assert "It never serves" not in editor.get("/admin/publish/").content.decode()


def test_an_earlier_publication_comes_back_with_one_click(shop: Shop, editor: Client) -> None:
    shop.publish("first")
    shop.headline("Second")
    shop.publish("second")
    page = editor.get("/admin/publications/").content.decode()
    assert page.count("Bring back") == 1
    answer = editor.post("/admin/publications/", {"number": "1", "site": "shop"}, follow=True)
    assert "Publication 3 serves now, with what 1 said." in answer.content.decode()
    assert Publication.objects.get(number=3).restores == 1
    for number in ("77", "x", ""):
        answer = editor.post(
            "/admin/publications/", {"number": number, "site": "shop"}, follow=True
        )
        assert 'class="error"' in answer.content.decode()
    assert Publication.objects.count() == 3


@pytest.mark.parametrize("role", ["analyst", "auditor", "privacy_officer"])
def test_who_may_not_publish_cannot(shop: Shop, as_role: AsRole, role: str) -> None:
    shop.publish()
    shop.headline("Second")
    shop.publish()
    client = as_role(role)
    page = client.get("/admin/publications/").content.decode()
    assert "Bring back" not in page
    assert client.get("/admin/publish/").status_code == 403
    assert client.post("/admin/publications/", {"number": "1", "site": "shop"}).status_code == 403
    assert Publication.objects.count() == 2
