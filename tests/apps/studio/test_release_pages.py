"""Releases in the admin: made, looked at by somebody else, published, stopped by a conflict."""

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client

from apps.access.models import Site
from apps.decisions import releases
from apps.decisions.models import Release
from apps.decisions.release_contents import is_approved
from apps.segments import services as segments
from tests.apps.studio.conftest import NOW, Shop
from tests.apps.studio.publishing_pages import (
    PUBLISH,
    AsRole,
    editor,
    headline,
    made,
    post,
    step,
    ticks,
)

__all__ = ["editor"]  # a fixture


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
