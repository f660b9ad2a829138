"""Publishing from the admin: the difference in words, what is ticked, and the way back."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.access.models import AuditEntry
from apps.content import services as content
from apps.content.models import Placement
from apps.content.revisions import changing
from apps.content.revisions_unsaved import keep_unsaved
from apps.decisions import parts
from apps.decisions import services as decisions
from apps.decisions.models import Publication, Release
from apps.decisions.selectors import publication_document
from apps.rules.models import Rule
from apps.work import clock
from apps.work.models import Intent
from apps.work.performing import perform
from tests.apps.studio.conftest import NOW, Shop
from tests.apps.studio.publishing_pages import PUBLISH, AsRole, editor, headline, post, ticks

__all__ = ["editor"]  # a fixture


def test_an_editor_reads_the_difference_and_publishes_it(shop: Shop, editor: Client) -> None:
    shop.publish()
    shop.headline("Blouses, now")
    shop.rule()
    page = editor.get(PUBLISH).content.decode()
    assert "variant blouses: headline" in page
    assert "<del>Blouses</del> <ins>Blouses, now</ins>" in page
    assert "<strong>phones</strong>" in page

    assert "Publication 2 serves now." in post(editor, page, note="Now")
    latest = Publication.objects.get(number=2)
    assert (latest.note, latest.published_by.username) == ("Now", "editor")  # type: ignore[union-attr]  # an editor did
    assert AuditEntry.objects.filter(action="decisions.published", actor_label="editor").exists()
    assert "Nothing: the drafts are what serves." in editor.get(PUBLISH).content.decode()


def test_what_is_not_ticked_stays_a_draft(shop: Shop, editor: Client) -> None:
    shop.publish()
    shop.headline("Blouses, now")
    shop.rule()
    page = editor.get(PUBLISH).content.decode()
    only = [value for value in ticks(page) if value.startswith("rule:")]
    post(editor, page, change=only)
    assert headline(shop) == "Blouses"
    [left] = ticks(editor.get(PUBLISH).content.decode())
    assert left.startswith("block:hero:")
    assert "Tick at least one change." in post(editor, page, change=[])


def test_a_cap_alone_can_be_published(shop: Shop, editor: Client) -> None:
    shop.publish()
    cap = content.create_cap(site_id=shop.site.pk, key="weekly", most=2)
    shop.tagged.caps.add(cap)
    page = editor.get(PUBLISH).content.decode()
    assert "variant blouses: limited by other caps" in page
    post(editor, page)
    document = publication_document(shop.site.pk)
    assert document is not None
    assert document.caps[0].most == 2


def test_drafts_that_changed_meanwhile_are_shown_again(shop: Shop, editor: Client) -> None:
    shop.publish()
    shop.headline("First")
    page = editor.get(PUBLISH).content.decode()
    shop.headline("Second")
    again = post(editor, page)
    assert "The drafts have changed since this page was opened" in again
    assert "<ins>Second</ins>" in again
    assert Publication.objects.count() == 1


def test_who_else_is_at_it_is_told(shop: Shop, editor: Client) -> None:
    shop.publish()
    ben = User.objects.create_user("ben")
    with changing("block", shop.hero.pk, actor=ben, now=NOW + timedelta(hours=1)):
        shop.headline("New")
    keep_unsaved(
        user_id=ben.pk,
        kind="content.block",
        object_ref=str(shop.hero.pk),
        tab="t",
        base="",
        form=[("key", "hero")],
        now=NOW,
    )
    page = editor.get(PUBLISH).content.decode()
    assert "Written by ben" in page
    assert "ben has unsaved changes in the block hero." in page


def test_drafts_that_cannot_be_published_say_why_and_are_not_offered(
    shop: Shop, editor: Client
) -> None:
    shop.publish()
    shop.hero.variants.filter(is_default=True).update(is_default=False)
    Placement.objects.update(is_enabled=False)
    page = editor.get(PUBLISH).content.decode()
    assert "has no default variant" in page
    [offered] = ticks(page)
    assert offered.startswith("placement:home.hero:")
    assert "Publication 2 serves now." in post(editor, page)


def test_a_rule_that_never_serves_is_told_before_it_is_published(
    shop: Shop, editor: Client
) -> None:
    shop.rule("phones")
    shop.rule("phones-too")
    page = editor.get(PUBLISH).content.decode()
    assert "The rule &#x27;phones-too&#x27;: It never serves" in page
    assert "The rule &#x27;phones&#x27;:" not in page
    Rule.objects.filter(key="phones-too").update(is_enabled=False)
    assert "It never serves" not in editor.get(PUBLISH).content.decode()


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


def test_any_two_publications_can_be_compared(shop: Shop, editor: Client) -> None:
    shop.publish("first")
    shop.headline("Second")
    shop.publish("second")
    shop.headline("Third")
    shop.publish("third")
    page = editor.get("/admin/publications/3/").content.decode()
    assert "<del>Second</del> <ins>Third</ins>" in page
    assert "<del>Blouses</del> <ins>Third</ins>" in editor.get(
        "/admin/publications/3/?with=1"
    ).content.decode()  # fmt: skip
    assert "<del>Blouses</del> <ins>Third</ins>" in editor.get(
        "/admin/publications/1/?with=3"
    ).content.decode()  # fmt: skip
    assert "added" in editor.get("/admin/publications/1/").content.decode()
    assert editor.get("/admin/publications/77/").status_code == 404
    assert "no publication 9" in editor.get("/admin/publications/3/?with=9").content.decode()


def test_drafts_come_back_as_a_publication_had_them(shop: Shop, editor: Client) -> None:
    def save(text: str) -> None:
        with changing("block", shop.hero.pk, actor=None, now=clock.now()):
            shop.headline(text)

    save("First")
    shop.publish("first")
    clock.replace(lambda: NOW + timedelta(hours=1))
    save("Second")
    decisions.publish(site_id=shop.site.pk, actor=None, now=clock.now())
    page = editor.get("/admin/publications/1/").content.decode()
    assert "Bring these drafts back" in page
    answer = editor.post("/admin/publications/1/", {"change": "block:hero:"}, follow=True)
    assert "The drafts say again what publication 1 says: hero." in answer.content.decode()
    shop.tagged.refresh_from_db()
    assert shop.tagged.fields == {"headline": "First"}
    assert headline(shop) == "Second"
    shop.headline("Never published")
    with changing("block", shop.hero.pk, actor=None, now=clock.now()):
        shop.headline("Nor this")
    answer = editor.post("/admin/publications/2/", {"change": "rule:none:"}, follow=True)
    assert "No save is known" in answer.content.decode()


@pytest.mark.parametrize("role", ["analyst", "auditor", "privacy_officer"])
def test_who_may_not_publish_cannot(shop: Shop, as_role: AsRole, role: str) -> None:
    shop.publish()
    shop.headline("Second")
    shop.publish()
    release = Release.objects.create(site=shop.site, number=1, name="R", created_at=NOW)
    client = as_role(role)
    page = client.get("/admin/publications/").content.decode()
    assert "Bring back" not in page
    assert client.get(PUBLISH).status_code == 403
    assert client.post(PUBLISH, {"site": "shop", "release": "1"}).status_code == 403
    assert client.post("/admin/publications/", {"number": "1", "site": "shop"}).status_code == 403
    for step in ("submit", "approve", "refuse", "publish", "take_in", "leave_out", "cancel"):
        answer = client.post(f"/admin/releases/{release.pk}/", {"step": step, "site": "shop"})
        assert answer.status_code == 403, step
    assert Publication.objects.count() == 2


# Size


def test_the_pages_ask_as_much_with_many_blocks_as_with_few(shop: Shop, editor: Client) -> None:
    def queries(address: str) -> int:
        shop.headline(f"{Publication.objects.count()} {address}")
        editor.get(address)
        with CaptureQueriesContext(connection) as found:
            assert editor.get(address).status_code == 200
        return len(found)

    shop.publish()
    few = {address: queries(address) for address in ("/admin/", PUBLISH, "/admin/publications/")}
    for number in range(40):
        block = content.create_block(site_id=shop.site.pk, key=f"block-{number}")
        content.create_variant(block=block, key="all", is_default=True, template="<p>Hi</p>")
        content.create_placement(site_id=shop.site.pk, key=f"place-{number}", block=block)
    shop.publish()
    assert {address: queries(address) for address in few} == few


def test_changes_beyond_those_that_are_told_are_published_with_one_tick(
    shop: Shop, editor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.studio.publishing.DETAILED", 1)
    shop.publish()
    shop.headline("New")
    shop.rule()
    page = editor.get(PUBLISH).content.decode()
    assert len(ticks(page)) == 1
    assert "and 1 more change" in page
    rest = re.search(r'name="rest" value="(\w+)"', page)
    assert rest is not None
    post(editor, page, rest=rest[1])
    assert "Nothing: the drafts are what serves." in editor.get(PUBLISH).content.decode()


def test_very_many_changes_are_published_by_a_worker(
    shop: Shop, editor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.studio.publishing.AT_ONCE", 1)
    shop.publish()
    shop.headline("New")
    shop.rule()
    page = editor.get(PUBLISH).content.decode()
    assert "are being published" in post(editor, page, note="All")
    assert headline(shop) == "Blouses"
    intent = Intent.objects.get(kind="decisions.publish")
    assert perform(intent.pk, now=NOW)
    assert headline(shop) == "New"
    made = Publication.objects.latest("number")
    assert (made.note, made.published_by.username) == ("All", "editor")  # type: ignore[union-attr]  # an editor asked


def test_what_changed_after_it_was_asked_for_is_not_published_by_a_worker(
    shop: Shop, editor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.studio.publishing.AT_ONCE", 1)
    shop.publish()
    shop.headline("New")
    shop.rule()
    post(editor, editor.get(PUBLISH).content.decode())
    shop.headline("Typed since")
    intent = Intent.objects.get(kind="decisions.publish")
    assert not perform(intent.pk, now=NOW)
    assert headline(shop) == "Blouses"


def test_drafts_of_very_many_changes_are_looked_through_by_a_worker(
    shop: Shop, editor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.publish()
    monkeypatch.setattr(parts, "AT_ONCE", 1)
    for text in ("One", "Two", "Three"):
        shop.headline(text)
    page = editor.get(PUBLISH).content.decode()
    assert "Very much was changed at once." in page
    assert ticks(page) == []
    assert perform(Intent.objects.get(kind="decisions.parts").pk, now=NOW)
    assert len(ticks(editor.get(PUBLISH).content.decode())) == 1
