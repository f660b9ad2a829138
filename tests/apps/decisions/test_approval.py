"""Four eyes: what is published was approved, as it is, by somebody who had no part in it."""

import pytest
from django.contrib.auth.models import User

from apps.access import services as access
from apps.access.errors import ApprovalRequired
from apps.access.models import AuditEntry, Site
from apps.content.revisions import changing
from apps.decisions import parts, releases, services
from apps.decisions.errors import ReleaseConflict, ReleaseRefused
from apps.decisions.models import Publication, Release
from apps.decisions.release_contents import SEGMENT_DRAFT
from apps.decisions.selectors import publication_document
from apps.rules.models import Trigger
from apps.rules.services import save_trigger
from apps.segments import services as segments
from apps.segments.awaiting import awaiting_segments
from apps.segments.models import SegmentVersion
from tests.apps.decisions.drafts_shop import Drafts, publish
from tests.apps.delivery.conftest import LAST_VIEWED, NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def drafts(db: None) -> Drafts:
    made = Drafts(access.create_site(key="shop", name="Shop", now=NOW))
    publish(made.site)
    Site.objects.filter(pk=made.site.pk).update(needs_approval=True)
    return made


@pytest.fixture
def people(db: None) -> dict[str, User]:
    return {name: User.objects.create_user(name) for name in ("anna", "ben", "cleo")}


def sent(drafts: Drafts, by: User) -> Release:
    drafts.change(drafts.tagged, fields={"headline": f"Sale {drafts.next()}"})
    parts.refresh_parts(drafts.site.pk)
    only = {(row.kind, row.key): row.digest for row in parts.waiting(drafts.site.pk)}
    release = releases.create_release(
        site_id=drafts.site.pk, name="Sale", only=only, actor=by, now=NOW
    )
    return releases.submit(release_id=release.pk, actor=by, now=NOW)


def test_nothing_is_published_before_somebody_else_approves(
    drafts: Drafts, people: dict[str, User]
) -> None:
    release = sent(drafts, people["anna"])
    with pytest.raises(ApprovalRequired):
        releases.publish_release(release_id=release.pk, actor=people["anna"], now=NOW)
    releases.approve(release_id=release.pk, actor=people["ben"], now=NOW)
    assert releases.publish_release(
        release_id=release.pk, actor=people["anna"], now=NOW
    ).number == 2  # fmt: skip


def test_who_sent_it_may_not_approve_it(drafts: Drafts, people: dict[str, User]) -> None:
    release = sent(drafts, people["anna"])
    with pytest.raises(ReleaseRefused):
        releases.approve(release_id=release.pk, actor=people["anna"], now=NOW)


def test_who_wrote_some_of_it_may_not_approve_it(drafts: Drafts, people: dict[str, User]) -> None:
    with changing("block", drafts.hero.pk, actor=people["ben"], now=NOW.replace(year=2030)):
        drafts.change(drafts.tagged, fields={"headline": "Ben's"})
    release = sent(drafts, people["anna"])
    with pytest.raises(ReleaseRefused) as refused:
        releases.approve(release_id=release.pk, actor=people["ben"], now=NOW)
    assert "You wrote some of the block 'hero'" in str(refused.value)
    releases.approve(release_id=release.pk, actor=people["cleo"], now=NOW)


def test_who_wrote_a_trigger_may_not_approve_what_it_shows(
    drafts: Drafts, people: dict[str, User]
) -> None:
    trigger = save_trigger(
        Trigger(
            site=drafts.site, key="came", name="Came", segment=drafts.segment,
            placement=drafts.place, variant=drafts.tagged, is_enabled=True,
        )
    )  # fmt: skip
    with changing("trigger", trigger.pk, actor=people["ben"], now=NOW.replace(year=2030)):
        drafts.change(trigger, priority=7)
    release = sent(drafts, people["anna"])
    with pytest.raises(ReleaseRefused) as refused:
        releases.approve(release_id=release.pk, actor=people["ben"], now=NOW)
    assert "You wrote some of the rule 'trigger:came'" in str(refused.value)


def test_what_changed_after_the_approval_is_approved_again(
    drafts: Drafts, people: dict[str, User]
) -> None:
    release = sent(drafts, people["anna"])
    releases.approve(release_id=release.pk, actor=people["ben"], now=NOW)
    drafts.change(drafts.tagged, fields={"headline": "Slipped in"})
    releases.take_in(release_id=release.pk, actor=people["anna"], now=NOW)
    with pytest.raises(ApprovalRequired):
        releases.publish_release(release_id=release.pk, actor=people["anna"], now=NOW)


def test_a_refusal_says_why_and_the_author_may_send_it_again(
    drafts: Drafts, people: dict[str, User]
) -> None:
    release = sent(drafts, people["anna"])
    with pytest.raises(ReleaseRefused):
        releases.refuse(release_id=release.pk, actor=people["ben"], reason=" ", now=NOW)
    releases.refuse(release_id=release.pk, actor=people["ben"], reason="A typo.", now=NOW)
    with pytest.raises(ReleaseRefused):
        releases.publish_release(release_id=release.pk, actor=people["anna"], now=NOW)
    drafts.change(drafts.tagged, fields={"headline": "Mended"})
    releases.take_in(release_id=release.pk, actor=people["anna"], now=NOW)
    releases.submit(release_id=release.pk, actor=people["anna"], now=NOW)
    releases.approve(release_id=release.pk, actor=people["ben"], now=NOW)
    releases.publish_release(release_id=release.pk, actor=people["ben"], now=NOW)
    assert [vote.reason for vote in release.votes.order_by("pk")] == ["A typo.", ""]


def test_an_approval_can_be_taken_back(drafts: Drafts, people: dict[str, User]) -> None:
    release = sent(drafts, people["anna"])
    releases.approve(release_id=release.pk, actor=people["ben"], now=NOW)
    releases.refuse(release_id=release.pk, actor=people["cleo"], reason="Wait.", now=NOW)
    with pytest.raises(ReleaseRefused):
        releases.publish_release(release_id=release.pk, actor=people["anna"], now=NOW)


def test_a_rollback_asks_nobody_and_is_in_the_audit_trail(
    drafts: Drafts, people: dict[str, User]
) -> None:
    release = sent(drafts, people["anna"])
    releases.approve(release_id=release.pk, actor=people["ben"], now=NOW)
    releases.publish_release(release_id=release.pk, actor=people["anna"], now=NOW)
    services.rollback(site_id=drafts.site.pk, number=1, actor=people["anna"], now=NOW)
    entry = AuditEntry.objects.get(action="decisions.rolled_back")
    assert entry.detail == {"restores": 1, "without_approval": True}


def test_a_segment_is_published_by_a_release(drafts: Drafts, people: dict[str, User]) -> None:
    drafts.redraft()
    with pytest.raises(ApprovalRequired):
        segments.publish_segment(
            site_id=drafts.site.pk, segment_id=drafts.segment.pk, actor=people["anna"], now=NOW
        )
    [waiting] = awaiting_segments(drafts.site.pk)
    release = releases.create_release(
        site_id=drafts.site.pk,
        name="Shirts",
        only={(SEGMENT_DRAFT, "blouses"): waiting.digest},
        actor=people["anna"],
        now=NOW,
    )
    releases.submit(release_id=release.pk, actor=people["anna"], now=NOW)
    releases.approve(release_id=release.pk, actor=people["ben"], now=NOW)
    releases.publish_release(release_id=release.pk, actor=people["anna"], now=NOW)
    newest = SegmentVersion.objects.filter(segment=drafts.segment).order_by("-number").first()
    assert newest is not None
    assert newest.condition["where"]["value"] == "shirts"
    assert awaiting_segments(drafts.site.pk) == []


def test_a_segment_whose_draft_moved_on_is_not_published(
    drafts: Drafts, people: dict[str, User]
) -> None:
    drafts.redraft()
    [waiting] = awaiting_segments(drafts.site.pk)
    release = releases.create_release(
        site_id=drafts.site.pk,
        name="Shirts",
        only={(SEGMENT_DRAFT, "blouses"): waiting.digest},
        actor=people["anna"],
        now=NOW,
    )
    releases.submit(release_id=release.pk, actor=people["anna"], now=NOW)
    releases.approve(release_id=release.pk, actor=people["ben"], now=NOW)
    drafts.redraft("socks")
    with pytest.raises(ReleaseConflict):
        releases.publish_release(release_id=release.pk, actor=people["anna"], now=NOW)
    assert Publication.objects.count() == 1


def test_a_new_segment_and_what_is_for_it_go_in_one_release(
    drafts: Drafts, people: dict[str, User]
) -> None:
    made = segments.create_segment(
        site_id=drafts.site.pk,
        key="shirts",
        name="Shirts",
        condition=LAST_VIEWED,
        now=NOW,
    )
    drafts.tagged.segments.set([made])
    parts.refresh_parts(drafts.site.pk)
    only = {(row.kind, row.key): row.digest for row in parts.waiting(drafts.site.pk)}
    [waiting] = awaiting_segments(drafts.site.pk)
    only[SEGMENT_DRAFT, "shirts"] = waiting.digest
    release = releases.create_release(
        site_id=drafts.site.pk, name="Shirts", only=only, actor=people["anna"], now=NOW
    )
    releases.submit(release_id=release.pk, actor=people["anna"], now=NOW)
    releases.approve(release_id=release.pk, actor=people["ben"], now=NOW)
    releases.publish_release(release_id=release.pk, actor=people["anna"], now=NOW)
    document = publication_document(drafts.site.pk)
    assert document is not None
    [shirts] = [one for one in document.segments if one.key == "shirts"]
    [tagged] = [one for one in document.blocks[0].variants if one.key == "blouses"]
    assert tagged.segments == [shirts.number]
