"""Publishing from the admin: the difference in words, what is ticked, and the way back."""

import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.access.models import AuditEntry, Site
from apps.content import services as content
from apps.content.models import Placement
from apps.content.revisions import changing
from apps.content.revisions_unsaved import keep_unsaved
from apps.decisions import parts, releases
from apps.decisions import services as decisions
from apps.decisions.models import Publication, Release
from apps.decisions.release_contents import contents_of, is_approved
from apps.decisions.selectors import publication_document
from apps.rules.models import Rule
from apps.segments import services as segments
from apps.work import clock
from apps.work.models import Intent
from apps.work.performing import perform
from tests.apps.studio.conftest import NOW, Shop

AsRole = Callable[[str], Client]

PUBLISH = "/admin/publish/"


def ticks(page: str) -> list[str]:
    """What the tick boxes of a page send."""
    return [unescape(value) for value in re.findall(r'name="change" value="([^"]+)"', page)]


def post(client: Client, page: str, **more: object) -> str:
    """Send the page's form as it came, with everything ticked."""
    data = {"site": "shop", "change": ticks(page), "now": "1"} | more
    return client.post(PUBLISH, data, follow=True).content.decode()


@pytest.fixture
def editor(as_role: AsRole) -> Client:
    return as_role("editor")


def headline(shop: Shop) -> object:
    document = publication_document(shop.site.pk)
    assert document is not None
    [tagged] = [one for one in document.blocks[0].variants if one.key == "blouses"]
    return tagged.fields["headline"]


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


# Releases


def made(client: Client, name: str = "Autumn") -> Release:
    page = client.get(PUBLISH).content.decode()
    data = {"site": "shop", "change": ticks(page), "release": "1", "name": name}
    assert client.post(PUBLISH, data).status_code == 302
    return Release.objects.latest("number")


def step(client: Client, release: Release, name: str, **more: str) -> str:
    sent = {"step": name, "site": "shop", "contents": contents_of(release), **more}
    return client.post(f"/admin/releases/{release.pk}/", sent, follow=True).content.decode()


def test_a_release_is_made_shown_and_published(shop: Shop, editor: Client) -> None:
    shop.publish()
    shop.headline("Sale")
    release = made(editor)
    page = editor.get(f"/admin/releases/{release.pk}/").content.decode()
    assert "<del>Blouses</del> <ins>Sale</ins>" in page
    assert "Publish now" in page
    assert "Autumn" in editor.get("/admin/releases/").content.decode()
    assert "Publication 2 serves now." in step(editor, release, "publish")
    assert headline(shop) == "Sale"
    assert "Autumn" in editor.get("/admin/publications/").content.decode()


def test_four_eyes_from_page_to_page(shop: Shop, editor: Client) -> None:
    shop.publish()
    Site.objects.update(needs_approval=True)
    shop.headline("Sale")
    page = editor.get(PUBLISH).content.decode()
    assert "Publish what is ticked" not in page
    assert "somebody else approves what is published" in post(editor, page)
    release = made(editor)
    assert "Publish now" not in step(editor, release, "submit")
    assert "You put this release together" in step(editor, release, "approve")
    own = editor.post(f"/admin/releases/{release.pk}/", {"step": "approve", "site": "shop"})
    assert own.status_code == 403

    other = Client()
    user = User.objects.create_superuser("chief")
    other.force_login(user)
    assert "A release waits for your approval." in other.get("/admin/").content.decode()
    assert "Say why, so that the author can mend it." in step(other, release, "refuse")
    said = step(other, release, "refuse", reason="The headline shouts.")
    assert "The headline shouts." in said
    step(editor, release, "submit")
    assert "Approved." in step(other, release, "approve")
    assert "Publication 2 serves now." in step(editor, release, "publish")


def test_a_segment_of_a_site_with_four_eyes_waits_on_the_page(shop: Shop, editor: Client) -> None:
    shop.publish()
    Site.objects.update(needs_approval=True)
    condition = {"v": 1, "where": {"kind": "trait", "name": "tier", "op": "eq", "value": "gold"}}
    segments.change_draft(
        site_id=shop.site.pk, segment_id=shop.blouses.pk, condition=condition, actor=None, now=NOW
    )
    page = editor.get(PUBLISH).content.decode()
    [value] = ticks(page)
    assert value.startswith("segment draft:blouses:")
    release = made(editor)
    assert release.items.get().key == "blouses"
    assert "gold" in editor.get(f"/admin/releases/{release.pk}/").content.decode()


@pytest.mark.parametrize("name", ["approve", "publish"])
def test_nobody_decides_on_what_was_taken_in_after_they_looked(
    shop: Shop, editor: Client, as_role: AsRole, name: str
) -> None:
    shop.publish()
    Site.objects.update(needs_approval=name == "approve")
    shop.headline("Sale")
    release = made(editor)
    author = User.objects.get(username="editor")
    releases.submit(release_id=release.pk, actor=author, now=NOW)
    other = as_role("administrator")
    page = other.get(f"/admin/releases/{release.pk}/").content.decode()
    [seen] = set(re.findall(r'name="contents" value="(\w+)"', page))
    shop.headline("Something else")
    releases.take_in(release_id=release.pk, actor=author, now=NOW)
    releases.submit(release_id=release.pk, actor=author, now=NOW)
    assert "It has changed since you looked at it" in step(other, release, name, contents=seen)
    assert not is_approved(release)
    assert headline(shop) == "Blouses"


def test_times_are_of_the_sites_wall_clock(shop: Shop, editor: Client) -> None:
    shop.publish()
    Site.objects.update(time_zone="Europe/Berlin")
    shop.headline("Sale")
    release = made(editor)
    page = step(editor, release, "submit", starts_at="2026-07-01T08:00")
    release.refresh_from_db()
    assert release.starts_at is not None
    assert release.starts_at.isoformat() == "2026-07-01T06:00:00+00:00"
    assert "01 Jul 2026 08:00 (Europe/Berlin)" in page


ODD_TIMES = {
    "skipped_in_spring": ("2026-03-29T02:30", "does not exist in Europe/Berlin"),
    "twice_in_autumn": ("2026-10-25T02:30", "comes twice in Europe/Berlin"),
    "in_the_past": ("2026-01-01T08:00", "in the past"),
    "no_time_at_all": ("tomorrow", "Write a date and a time"),
}


@pytest.mark.parametrize("case", ODD_TIMES)
def test_a_time_that_cannot_be_meant_is_refused(shop: Shop, editor: Client, case: str) -> None:
    shop.publish()
    Site.objects.update(time_zone="Europe/Berlin")
    shop.headline("Sale")
    release = made(editor)
    written, said = ODD_TIMES[case]
    assert said in step(editor, release, "submit", starts_at=written)
    release.refresh_from_db()
    assert release.state == "open"


def test_two_releases_of_one_thing_are_told(shop: Shop, editor: Client) -> None:
    shop.publish()
    shop.headline("One")
    first = made(editor, "First")
    shop.headline("Two")
    second = made(editor, "Second")
    page = editor.get(f"/admin/releases/{second.pk}/").content.decode()
    assert "Whichever is published second is stopped" in page
    step(editor, first, "cancel")
    page = editor.get(f"/admin/releases/{second.pk}/").content.decode()
    assert "Whichever is published second is stopped" not in page


def test_a_conflict_shows_its_ways_out(shop: Shop, editor: Client) -> None:
    shop.publish()
    shop.headline("Ours")
    release = made(editor)
    shop.headline("Theirs")
    shop.publish()
    page = editor.get(f"/admin/releases/{release.pk}/").content.decode()
    assert "published otherwise since" in page
    assert "Open the release and say which is to stay." in step(editor, release, "publish")
    step(editor, release, "keep_ours", kind="block", key="hero")
    step(editor, release, "publish")
    assert headline(shop) == "Ours"


def test_a_release_that_failed_is_told_on_the_home_page(shop: Shop, editor: Client) -> None:
    shop.publish()
    Release.objects.create(
        site=shop.site, number=1, name="Night", state="failed", trouble="No.", created_at=NOW
    )
    assert "Release 1: Night: No." in editor.get("/admin/").content.decode()


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
