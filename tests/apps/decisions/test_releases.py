"""Releases: picked, frozen, put in the place of their like, and taken back."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from apps.access import services as access
from apps.access.models import AuditEntry, Site
from apps.content import services as content
from apps.content.models import Block, Placement, Variant
from apps.decisions import parts, releases, services
from apps.decisions.errors import (
    ApprovalRequired,
    DraftsMoved,
    PublicationRefused,
    ReleaseConflict,
    ReleaseRefused,
)
from apps.decisions.models import Publication, Release
from apps.decisions.selectors import (
    open_releases,
    publication_document,
    release_document,
)
from apps.rules import services as rules
from apps.segments.types import usages_of
from engine.snapshot import SnapshotDoc
from tests.apps.decisions.drafts_shop import MOBILE, Drafts, publish
from tests.apps.delivery.conftest import NOW

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(hours=2)


@pytest.fixture
def site() -> Site:
    return access.create_site(key="shop", name="Shop", now=NOW)


@pytest.fixture
def drafts(site: Site) -> Drafts:
    made = Drafts(site)
    publish(site)
    return made


@pytest.fixture
def author(db: None) -> User:
    return User.objects.create_user("author")


def ticked(site: Site, *names: tuple[str, str]) -> dict[tuple[str, str], str]:
    """What a page would send for these changes; all of them without names."""
    parts.refresh_parts(site.pk)
    rows = {(row.kind, row.key): row.digest for row in parts.waiting(site.pk) if row.is_listed}
    return {name: rows[name] for name in names} if names else rows


def made_of(site: Site, *names: tuple[str, str], **more: Any) -> Release:
    return releases.create_release(
        site_id=site.pk, name="Sale", only=ticked(site, *names), actor=None, now=NOW, **more
    )


def headline(site: Site, variant: str = "blouses") -> Any:
    document = served(site)
    [hero] = [block for block in document.blocks if block.key == "hero"]
    [found] = [one for one in hero.variants if one.key == variant]
    return found.fields["headline"]


def served(site: Site) -> SnapshotDoc:
    document = publication_document(site.pk)
    assert document is not None
    return document


def test_only_what_is_picked_is_published(drafts: Drafts) -> None:
    drafts.change(drafts.tagged, fields={"headline": "Sale"})
    drafts.change(drafts.place, is_enabled=False)
    services.publish(
        site_id=drafts.site.pk, actor=None, now=NOW, only=ticked(drafts.site, ("block", "hero"))
    )
    assert headline(drafts.site) == "Sale"
    assert served(drafts.site).placements[0].enabled
    assert list(ticked(drafts.site)) == [("placement", "home.hero")]


def test_a_draft_that_has_moved_since_it_was_looked_at_is_not_published(drafts: Drafts) -> None:
    drafts.change(drafts.tagged, fields={"headline": "Looked at"})
    seen = ticked(drafts.site)
    drafts.change(drafts.tagged, fields={"headline": "Typed since"})
    with pytest.raises(DraftsMoved):
        services.publish(site_id=drafts.site.pk, actor=None, now=NOW, only=seen)
    assert Publication.objects.count() == 1


def test_what_a_picked_change_needs_comes_along(drafts: Drafts) -> None:
    cap = content.create_cap(site_id=drafts.site.pk, key="daily", most=1)
    block = content.create_block(site_id=drafts.site.pk, key="banner", cap_keys=["daily"])
    content.create_variant(block=block, key="all", is_default=True, template="<p>Hi</p>")
    content.create_placement(site_id=drafts.site.pk, key="top", block=block)
    assert cap.number
    release = made_of(drafts.site, ("placement", "top"))
    held = set(release.items.values_list("kind", "key"))
    assert held == {("placement", "top"), ("block", "banner"), ("cap", "daily")}
    releases.publish_release(release_id=release.pk, actor=None, now=NOW)
    assert ticked(drafts.site) == {}


def test_a_rule_brings_the_block_along_whose_new_variant_it_serves(drafts: Drafts) -> None:
    content.create_variant(block=drafts.hero, key="vip", fields={"headline": "VIP"})
    rules.create_rule(
        site_id=drafts.site.pk,
        key="vips",
        placement_key="home.hero",
        variant_key="vip",
        condition=MOBILE,
    )
    release = made_of(drafts.site, ("rule", "vips"))
    assert set(release.items.values_list("kind", "key")) == {("rule", "vips"), ("block", "hero")}


def test_a_release_keeps_what_was_frozen_whatever_is_typed_later(drafts: Drafts) -> None:
    drafts.change(drafts.tagged, fields={"headline": "Frozen"})
    release = made_of(drafts.site)
    drafts.change(drafts.tagged, fields={"headline": "Later"})
    releases.publish_release(release_id=release.pk, actor=None, now=NOW)
    assert headline(drafts.site) == "Frozen"
    assert list(ticked(drafts.site)) == [("block", "hero")]
    publish(drafts.site)
    assert headline(drafts.site) == "Later"


def test_versions_stand_for_one_content_each(drafts: Drafts) -> None:
    """Frozen, published otherwise, brought back: a version never says two things."""
    said: dict[int, Any] = {}

    def look() -> None:
        [hero] = [block for block in served(drafts.site).blocks if block.key == "hero"]
        [found] = [one for one in hero.variants if one.key == "blouses"]
        assert said.setdefault(found.version, found.fields) == found.fields

    look()
    drafts.change(drafts.tagged, fields={"headline": "A"})
    release = made_of(drafts.site)
    drafts.change(drafts.tagged, fields={"headline": "B"})
    publish(drafts.site)
    look()
    releases.keep_ours(release_id=release.pk, name=("block", "hero"), actor=None, now=NOW)
    releases.publish_release(release_id=release.pk, actor=None, now=NOW)
    look()
    publish(drafts.site)
    look()
    services.rollback(site_id=drafts.site.pk, number=1, actor=None, now=NOW)
    look()
    publish(drafts.site)
    look()


def test_a_release_says_what_was_published_otherwise_since(drafts: Drafts) -> None:
    drafts.change(drafts.tagged, fields={"headline": "Ours"})
    drafts.change(drafts.place, is_enabled=False)
    release = made_of(drafts.site)
    drafts.change(drafts.tagged, fields={"headline": "Theirs"})
    services.publish(
        site_id=drafts.site.pk, actor=None, now=NOW, only=ticked(drafts.site, ("block", "hero"))
    )
    with pytest.raises(ReleaseConflict) as conflict:
        releases.publish_release(release_id=release.pk, actor=None, now=NOW)
    assert conflict.value.names == [("block", "hero")]
    assert headline(drafts.site) == "Theirs"


CONFLICTS: dict[str, tuple[Any, str]] = {
    "publish_ours": (
        lambda on: releases.keep_ours(name=("block", "hero"), **on),
        "Ours",
    ),
    "leave_it_out": (
        lambda on: releases.leave_out(name=("block", "hero"), **on),
        "Theirs",
    ),
    "take_the_drafts_in": (lambda on: releases.take_in(**on), "Theirs"),
}


@pytest.mark.parametrize("way", CONFLICTS)
def test_a_conflict_has_a_way_out(drafts: Drafts, way: str) -> None:
    drafts.change(drafts.tagged, fields={"headline": "Ours"})
    drafts.change(drafts.place, is_enabled=False)
    release = made_of(drafts.site)
    drafts.change(drafts.tagged, fields={"headline": "Theirs"})
    services.publish(
        site_id=drafts.site.pk, actor=None, now=NOW, only=ticked(drafts.site, ("block", "hero"))
    )
    out, expected = CONFLICTS[way]
    out({"release_id": release.pk, "actor": None, "now": NOW})
    releases.publish_release(release_id=release.pk, actor=None, now=NOW)
    assert headline(drafts.site) == expected
    assert not served(drafts.site).placements[0].enabled


def test_releases_of_different_things_do_not_meet(drafts: Drafts) -> None:
    drafts.change(drafts.tagged, fields={"headline": "Sale"})
    first = made_of(drafts.site, ("block", "hero"))
    drafts.change(drafts.place, is_enabled=False)
    second = made_of(drafts.site, ("placement", "home.hero"))
    releases.publish_release(release_id=second.pk, actor=None, now=NOW)
    releases.publish_release(release_id=first.pk, actor=None, now=NOW)
    assert headline(drafts.site) == "Sale"
    assert not served(drafts.site).placements[0].enabled


def test_something_is_taken_out_by_a_release(drafts: Drafts) -> None:
    drafts.rule.delete()
    release = made_of(drafts.site)
    assert [(one.key, one.digest) for one in release.items.all()] == [("phones", "")]
    releases.publish_release(release_id=release.pk, actor=None, now=NOW)
    assert served(drafts.site).rules == []


def test_what_a_release_would_serve_can_be_looked_at(drafts: Drafts) -> None:
    drafts.change(drafts.tagged, fields={"headline": "Sale"})
    release = made_of(drafts.site)
    document = release_document(drafts.site.pk, release.pk)
    assert document is not None
    assert [name for _, name in open_releases(drafts.site.pk)] == ["Release 1: Sale"]
    releases.publish_release(release_id=release.pk, actor=None, now=NOW)
    assert document.blocks == served(drafts.site).blocks
    assert open_releases(drafts.site.pk) == []
    other = access.create_site(key="other", name="Other", now=NOW)
    assert release_document(other.pk, release.pk) is None


def test_a_publication_says_which_release_it_was(drafts: Drafts) -> None:
    drafts.change(drafts.tagged, fields={"headline": "Sale"})
    release = made_of(drafts.site, note="For autumn")
    made = releases.publish_release(release_id=release.pk, actor=None, now=NOW)
    assert (made.release_id, made.note) == (release.pk, "For autumn")
    release.refresh_from_db()
    assert (release.state, release.published_number) == ("published", made.number)


def test_an_empty_release_is_refused(drafts: Drafts) -> None:
    with pytest.raises(ReleaseRefused):
        made_of(drafts.site)


def test_a_release_that_would_contradict_itself_is_refused(drafts: Drafts) -> None:
    """It takes out the block that a placement shows, and leaves the placement."""
    content.update_placement(site_id=drafts.site.pk, key="home.hero", is_enabled=False)
    Placement.objects.filter(pk=drafts.place.pk).update(block=None)
    Block.objects.filter(pk=drafts.hero.pk).update(archived_at=NOW)
    release = made_of(drafts.site, ("block", "hero"))
    for step in (releases.submit, releases.publish_release):
        with pytest.raises(PublicationRefused):
            step(release_id=release.pk, actor=None, now=NOW)
    assert Publication.objects.count() == 1


def test_a_published_release_takes_no_more_steps(drafts: Drafts) -> None:
    drafts.change(drafts.tagged, fields={"headline": "Sale"})
    release = made_of(drafts.site)
    releases.publish_release(release_id=release.pk, actor=None, now=NOW)
    on: dict[str, Any] = {"release_id": release.pk, "actor": None, "now": NOW}
    for step in (releases.publish_release, releases.cancel, releases.take_in, releases.submit):
        with pytest.raises(ReleaseRefused):
            step(**on)


def test_a_thing_in_an_open_release_is_in_use(drafts: Drafts) -> None:
    drafts.change(drafts.tagged, fields={"headline": "Sale"})
    release = made_of(drafts.site)
    used = [one.name for one in usages_of(drafts.site.pk, "block", drafts.hero.pk)]
    assert "Release 1: Sale" in used
    releases.cancel(release_id=release.pk, actor=None, now=NOW)
    used = [one.name for one in usages_of(drafts.site.pk, "block", drafts.hero.pk)]
    assert "Release 1: Sale" not in used


def test_every_step_is_in_the_audit_trail(drafts: Drafts, author: User) -> None:
    drafts.change(drafts.tagged, fields={"headline": "Sale"})
    release = releases.create_release(
        site_id=drafts.site.pk, name="Sale", only=ticked(drafts.site), actor=author, now=NOW
    )
    releases.submit(release_id=release.pk, actor=author, now=NOW)
    releases.publish_release(release_id=release.pk, actor=author, now=NOW)
    said = AuditEntry.objects.filter(target_kind="decisions.release").order_by("pk")
    assert [one.action for one in said] == [
        "decisions.release_made",
        "decisions.release_submitted",
        "decisions.release_published",
    ]


def test_an_unknown_draft_of_a_site_that_needs_approval_is_not_published(
    drafts: Drafts, author: User
) -> None:
    Site.objects.filter(pk=drafts.site.pk).update(needs_approval=True)
    drafts.change(drafts.tagged, fields={"headline": "Sale"})
    with pytest.raises(ApprovalRequired):
        services.publish(site_id=drafts.site.pk, actor=author, now=NOW)
    assert publish(drafts.site).number == 2  # the system asks nobody


def test_variants_are_frozen_with_their_block(drafts: Drafts) -> None:
    before = Variant.objects.get(pk=drafts.tagged.pk).version
    drafts.change(drafts.tagged, fields={"headline": "Sale"})
    release = made_of(drafts.site)
    assert Variant.objects.get(pk=drafts.tagged.pk).version == before + 1
    releases.cancel(release_id=release.pk, actor=None, now=NOW)
