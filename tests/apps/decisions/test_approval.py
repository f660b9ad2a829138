"""Four eyes: what is published was approved, as it is, by somebody who had no part in it."""

from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import User

from apps.access import approvals
from apps.access import services as access
from apps.access.errors import ApprovalRequired
from apps.access.models import AuditEntry, Site
from apps.content import services as content
from apps.content.models import BlockType, Theme
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


# Themes and types


def test_who_wrote_the_theme_or_the_type_of_a_block_may_not_approve_it(
    drafts: Drafts, people: dict[str, User]
) -> None:
    theme = Theme.objects.create(
        site=drafts.site, key="bargains", name="Bargains", messages={"cta": {"en": "Look"}}
    )
    kind = BlockType.objects.create(
        site=drafts.site, key="teaser", name="Teaser", schema=drafts.hero.schema
    )
    drafts.change(drafts.tagged, theme=theme)
    drafts.change(drafts.hero, type=kind)
    publish(drafts.site)
    later = NOW.replace(year=2030)
    for name, kind_of, row, change in (
        ("ben", "theme", theme, {"messages": {"cta": {"en": "Look at this"}}}),
        ("cleo", "blocktype", kind, {"name": "Teasers"}),
    ):
        with changing(kind_of, row.pk, actor=people[name], now=later):
            drafts.change(row, **change)
    release = sent(drafts, people["anna"])
    for name in ("ben", "cleo"):
        with pytest.raises(ReleaseRefused) as refused:
            releases.approve(release_id=release.pk, actor=people[name], now=NOW)
        assert "or of its theme or type" in str(refused.value)
    releases.approve(release_id=release.pk, actor=User.objects.create_user("dora"), now=NOW)


# Switching it off


def objection(drafts: Drafts, who: User) -> str:
    return approvals.objection_to(drafts.site.pk, who.pk)


def test_whose_release_waits_does_not_switch_the_approval_off(
    drafts: Drafts, people: dict[str, User]
) -> None:
    assert objection(drafts, people["anna"]) == ""
    release = sent(drafts, people["anna"])
    assert "waits to be looked at, and you had a part in it" in objection(drafts, people["anna"])
    assert objection(drafts, people["ben"]) == ""
    releases.refuse(release_id=release.pk, actor=people["ben"], reason="A typo.", now=NOW)
    assert objection(drafts, people["anna"]) != ""
    releases.submit(release_id=release.pk, actor=people["anna"], now=NOW)
    releases.approve(release_id=release.pk, actor=people["ben"], now=NOW)
    releases.publish_release(release_id=release.pk, actor=people["anna"], now=NOW)
    assert objection(drafts, people["anna"]) == ""


def test_whose_draft_waits_does_not_switch_the_approval_off_either(
    drafts: Drafts, people: dict[str, User]
) -> None:
    with changing("block", drafts.hero.pk, actor=people["ben"], now=NOW.replace(year=2030)):
        drafts.change(drafts.tagged, fields={"headline": "Ben's"})
    assert "A draft that you wrote waits" in objection(drafts, people["ben"])
    assert objection(drafts, people["anna"]) == ""
    with changing("block", drafts.hero.pk, actor=people["ben"], now=NOW.replace(year=2031)):
        drafts.change(drafts.tagged, fields={"headline": "Blouses"})
    assert objection(drafts, people["ben"]) == ""


def bens_theme(drafts: Drafts, people: dict[str, User]) -> Theme:
    """A theme that Ben wrote, and that nothing shows yet."""
    theme = Theme.objects.create(
        site=drafts.site, key="bargains", name="Bargains", messages={"cta": {"en": "Look"}}
    )
    with changing("theme", theme.pk, actor=people["ben"], now=NOW - timedelta(days=9)):
        drafts.change(theme, messages={"cta": {"en": "Look at this"}})
    return theme


def test_words_that_serve_in_another_block_keep_nobody_from_approving_a_new_one(
    drafts: Drafts, people: dict[str, User]
) -> None:
    theme = bens_theme(drafts, people)
    with changing("block", drafts.hero.pk, actor=None, now=NOW):
        drafts.change(drafts.tagged, theme=theme)
    publish(drafts.site)
    block = content.create_block(site_id=drafts.site.pk, key="new", schema=[])
    variant = content.create_variant(block=block, key="all", is_default=True, template="<p>x</p>")
    drafts.change(variant, theme=theme)
    release = sent(drafts, people["anna"])
    releases.approve(release_id=release.pk, actor=people["ben"], now=NOW)
    assert objection(drafts, people["ben"]) == ""


def test_a_theme_that_a_draft_takes_was_looked_at_by_nobody(
    drafts: Drafts, people: dict[str, User]
) -> None:
    theme = bens_theme(drafts, people)
    with changing("block", drafts.hero.pk, actor=None, now=NOW):
        drafts.change(drafts.tagged, fields={"headline": "Without it"})
    publish(drafts.site)
    with changing("block", drafts.hero.pk, actor=None, now=NOW + timedelta(hours=1)):
        drafts.change(drafts.tagged, theme=theme)
    release = sent(drafts, people["anna"])
    with pytest.raises(ReleaseRefused):
        releases.approve(release_id=release.pk, actor=people["ben"], now=NOW)


def served(drafts: Drafts, people: dict[str, User]) -> None:
    """Publish what waits, by a release of Anna's that Cleo approves."""
    release = sent(drafts, people["anna"])
    releases.approve(release_id=release.pk, actor=people["cleo"], now=NOW)
    releases.publish_release(release_id=release.pk, actor=people["anna"], now=NOW)


@pytest.mark.parametrize("first_in", ["hero", "new"])
def test_a_theme_that_only_drafts_show_was_looked_at_by_nobody(
    drafts: Drafts, people: dict[str, User], first_in: str
) -> None:
    theme = bens_theme(drafts, people)
    served(drafts, people)
    with changing("block", drafts.hero.pk, actor=None, now=NOW + timedelta(hours=1)):
        drafts.change(drafts.tagged, theme=theme, fields={"headline": "{{ theme.cta }}"})
    new = content.create_block(site_id=drafts.site.pk, key="new", schema=[])
    variant = content.create_variant(block=new, key="all", is_default=True, template="<p>x</p>")
    drafts.change(variant, theme=theme)
    assert "A draft that you wrote waits" in objection(drafts, people["ben"])
    parts.refresh_parts(drafts.site.pk)
    waiting = {(row.kind, row.key): row.digest for row in parts.waiting(drafts.site.pk)}
    only = {("block", first_in): waiting["block", first_in]}
    release = releases.create_release(
        site_id=drafts.site.pk, name="Look", only=only, actor=people["anna"], now=NOW
    )
    releases.submit(release_id=release.pk, actor=people["anna"], now=NOW)
    with pytest.raises(ReleaseRefused):
        releases.approve(release_id=release.pk, actor=people["ben"], now=NOW)


def test_a_theme_of_a_variant_in_the_archive_was_looked_at_by_nobody(
    drafts: Drafts, people: dict[str, User]
) -> None:
    theme = bens_theme(drafts, people)
    old = content.create_variant(
        block=drafts.hero, key="old", segment_keys=["blouses"], fields={"headline": "Old"}
    )
    with changing("block", drafts.hero.pk, actor=None, now=NOW - timedelta(days=1)):
        drafts.change(old, theme=theme, archived_at=NOW)
    served(drafts, people)
    with changing("block", drafts.hero.pk, actor=None, now=NOW + timedelta(hours=1)):
        drafts.change(drafts.tagged, theme=theme)
    release = sent(drafts, people["anna"])
    with pytest.raises(ReleaseRefused):
        releases.approve(release_id=release.pk, actor=people["ben"], now=NOW)


@pytest.mark.parametrize("ends", [False, True], ids=["published", "ended"])
def test_what_was_saved_after_a_release_was_made_is_not_in_what_serves(
    drafts: Drafts, people: dict[str, User], ends: bool
) -> None:
    def save(by: str, at: datetime, text: str) -> None:
        with changing("block", drafts.hero.pk, actor=people[by], now=at):
            drafts.change(drafts.tagged, fields={"headline": text})

    hours = [NOW + timedelta(hours=hour) for hour in range(8)]
    save("anna", hours[0], "Anna's")
    parts.refresh_parts(drafts.site.pk)
    only = {(row.kind, row.key): row.digest for row in parts.waiting(drafts.site.pk)}
    release = releases.create_release(
        site_id=drafts.site.pk, name="Sale", only=only, actor=people["anna"], now=hours[1]
    )
    releases.submit(release_id=release.pk, actor=people["anna"], now=hours[1])
    releases.approve(release_id=release.pk, actor=people["cleo"], now=hours[1])
    save("ben", hours[2], "Ben's, after it was made")
    releases.publish_release(release_id=release.pk, actor=people["anna"], now=hours[3])
    if ends:
        releases.end_release(release_id=release.pk, now=hours[4])
    assert "A draft that you wrote" in objection(drafts, people["ben"])
    parts.refresh_parts(drafts.site.pk)
    only = {(row.kind, row.key): row.digest for row in parts.waiting(drafts.site.pk)}
    again = releases.create_release(
        site_id=drafts.site.pk, name="More", only=only, actor=people["cleo"], now=hours[5]
    )
    releases.submit(release_id=again.pk, actor=people["cleo"], now=hours[5])
    with pytest.raises(ReleaseRefused):
        releases.approve(release_id=again.pk, actor=people["ben"], now=hours[6])
