"""A release that starts and ends at a time: published, taken back, or said why not."""

from datetime import timedelta

import pytest

from apps.access import services as access
from apps.content import services as content
from apps.decisions import parts, releases, services
from apps.decisions.errors import ReleaseRefused
from apps.decisions.models import Publication, Release
from apps.decisions.release_doors import run_release
from apps.decisions.selectors import publication_document
from apps.work.models import Intent
from apps.work.performing import perform
from tests.apps.decisions.drafts_shop import Drafts, publish
from tests.apps.delivery.conftest import NOW

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


@pytest.fixture
def drafts(db: None) -> Drafts:
    made = Drafts(access.create_site(key="shop", name="Shop", now=NOW))
    publish(made.site)
    return made


def timed(drafts: Drafts, *, ends: bool = False) -> Release:
    drafts.change(drafts.tagged, fields={"headline": "Sale"})
    parts.refresh_parts(drafts.site.pk)
    only = {(row.kind, row.key): row.digest for row in parts.waiting(drafts.site.pk)}
    release = releases.create_release(
        site_id=drafts.site.pk, name="Sale", only=only, actor=None, now=NOW
    )
    return releases.submit(
        release_id=release.pk,
        actor=None,
        now=NOW,
        starts_at=NOW + HOUR,
        ends_at=NOW + 2 * HOUR if ends else None,
    )


def headline(drafts: Drafts) -> object:
    document = publication_document(drafts.site.pk)
    assert document is not None
    [tagged] = [one for one in document.blocks[0].variants if one.key == "blouses"]
    return tagged.fields["headline"]


def carry_out(at_hours: float) -> list[bool]:
    """What the sweeper would do at this time."""
    now = NOW + at_hours * HOUR
    due = Intent.objects.filter(kind=releases.RUN, state="waiting", run_after__lte=now)
    return [perform(intent.pk, now=now) for intent in due]


def test_it_is_published_at_its_time_and_not_before(drafts: Drafts) -> None:
    release = timed(drafts)
    assert release.state == "scheduled"
    assert carry_out(0.9) == []
    assert headline(drafts) == "Blouses"
    assert carry_out(1) == [True]
    assert headline(drafts) == "Sale"
    release.refresh_from_db()
    assert (release.state, release.published_number) == ("published", 2)


def test_its_end_brings_back_what_served_before(drafts: Drafts) -> None:
    release = timed(drafts, ends=True)
    before = publication_document(drafts.site.pk)
    carry_out(1)
    assert carry_out(2) == [True]
    after = publication_document(drafts.site.pk)
    assert before is not None and after is not None
    assert after.blocks == before.blocks
    release.refresh_from_db()
    assert release.ended_number == 3
    # The draft still says "Sale", and waits.
    parts.refresh_parts(drafts.site.pk)
    assert [row.key for row in parts.waiting(drafts.site.pk)] == ["hero"]


def test_its_end_leaves_alone_what_was_published_otherwise_since(drafts: Drafts) -> None:
    release = timed(drafts, ends=True)
    carry_out(1)
    drafts.change(drafts.tagged, fields={"headline": "Better"})
    publish(drafts.site)
    assert carry_out(2) == [True]
    assert headline(drafts) == "Better"
    release.refresh_from_db()
    assert "Published otherwise since" in release.trouble
    assert release.ended_number is None


def test_its_end_keeps_what_else_was_published_meanwhile(drafts: Drafts) -> None:
    timed(drafts, ends=True)
    carry_out(1)
    content.update_placement(site_id=drafts.site.pk, key="home.hero", is_enabled=False)
    publish(drafts.site)
    carry_out(2)
    document = publication_document(drafts.site.pk)
    assert document is not None
    assert not document.placements[0].enabled
    assert headline(drafts) == "Blouses"


def test_a_start_that_fails_says_why_and_is_not_tried_again(drafts: Drafts) -> None:
    release = timed(drafts)
    drafts.change(drafts.tagged, fields={"headline": "Theirs"})
    publish(drafts.site)
    assert carry_out(1) == [True]
    release.refresh_from_db()
    assert release.state == "failed"
    assert "the block 'hero'" in release.trouble
    assert carry_out(3) == []
    assert headline(drafts) == "Theirs"


def test_a_cancelled_release_does_not_start(drafts: Drafts) -> None:
    release = timed(drafts)
    releases.cancel(release_id=release.pk, actor=None, now=NOW)
    assert carry_out(1) == [True]
    assert Publication.objects.count() == 1


def test_a_release_that_was_put_off_starts_at_its_new_time(drafts: Drafts) -> None:
    release = timed(drafts)
    releases.take_in(release_id=release.pk, actor=None, now=NOW)
    releases.submit(release_id=release.pk, actor=None, now=NOW, starts_at=NOW + 5 * HOUR)
    carry_out(1)
    assert headline(drafts) == "Blouses"
    carry_out(5)
    assert headline(drafts) == "Sale"


def test_it_is_published_once_however_often_it_is_asked_for(drafts: Drafts) -> None:
    release = timed(drafts)
    for _ in range(3):
        releases.run(release.pk, NOW + HOUR)
    assert Publication.objects.count() == 2
    assert run_release.__doc__


TIMES = {
    "a_start_in_the_past": (-HOUR, None),
    "a_start_now": (0 * HOUR, None),
    "an_end_before_the_start": (2 * HOUR, HOUR),
    "an_end_in_the_past": (None, -HOUR),
}


@pytest.mark.parametrize("times", TIMES)
def test_times_that_cannot_be_meant_are_refused(drafts: Drafts, times: str) -> None:
    starts, ends = (None if one is None else NOW + one for one in TIMES[times])
    release = timed(drafts)
    releases.take_in(release_id=release.pk, actor=None, now=NOW)
    with pytest.raises(ReleaseRefused):
        releases.submit(release_id=release.pk, actor=None, now=NOW, starts_at=starts, ends_at=ends)


def test_a_rollback_before_the_end_is_left_alone(drafts: Drafts) -> None:
    release = timed(drafts, ends=True)
    carry_out(1)
    services.rollback(site_id=drafts.site.pk, number=1, actor=None, now=NOW)
    carry_out(2)
    assert headline(drafts) == "Blouses"
    release.refresh_from_db()
    assert release.trouble == ""
