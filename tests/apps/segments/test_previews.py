"""What a draft would do is counted exactly, shown without names, and changes nothing."""

import pytest
from django.db import connection

from apps.access.models import Site
from apps.segments import previews, services
from apps.segments.errors import PreviewTooSlow, SegmentNotPublished
from apps.segments.models import Membership, Segment, SegmentVersion
from apps.segments.refresh import refresh_site
from engine.errors import InvalidCondition
from tests.apps.segments.world import NOW, NOW_MS, Happened, make_profile, make_site

MINUTE_MS = 60_000


def viewed(value: int = 1, window: object = "ever", op: str = "gte") -> dict[str, object]:
    where = {
        "kind": "event", "name": "Product Viewed", "aggregate": "count", "window": window,
        "op": op, "value": value,
    }  # fmt: skip
    return {"v": 1, "where": where}


def views(count: int) -> list[Happened]:
    return [Happened(NOW_MS - n * MINUTE_MS, "Product Viewed") for n in range(1, count + 1)]


@pytest.fixture
def site(db: None) -> Site:
    return make_site()


@pytest.fixture
def crowd(site: Site) -> list[object]:
    """Thirty people: twenty have viewed once, twelve of those twice."""
    return [make_profile(site, views(0 if n < 10 else 1 if n < 18 else 2)) for n in range(30)]


def make(site: Site, condition: dict[str, object], key: str = "viewers") -> Segment:
    return services.create_segment(site_id=site.pk, key=key, name=key, condition=condition, now=NOW)


def publish(segment: Segment) -> SegmentVersion:
    version = services.publish_segment(
        site_id=segment.site_id, segment_id=segment.pk, actor=None, now=NOW
    )
    refresh_site(site_id=segment.site_id, read_clock=lambda: NOW)
    return version


def look(
    site: Site, condition: dict[str, object], segment: Segment | None = None, **options: object
) -> previews.Preview:
    draft = previews.draft_of(site.pk, condition, segment=segment)
    return previews.preview(draft, now=NOW, **options)


def test_a_draft_is_counted_exactly(site, crowd):
    found = look(site, viewed())
    assert (found.size, found.everyone, found.is_exact) == (20, 30, True)
    assert (found.entered, found.left) == (20, None)
    assert "product" in found.words.lower()


def test_fewer_than_ten_people_are_not_counted_aloud(site, crowd):
    make_profile(site, views(3))
    found = look(site, viewed(3), samples=5)
    assert (found.size, found.entered, found.samples) == (None, None, [])


def test_entered_and_left_are_against_the_live_version(site, crowd):
    segment = make(site, viewed(2))
    publish(segment)
    wider = look(site, viewed(1), segment)
    assert (wider.size, wider.entered, wider.left) == (20, None, None)
    turned = look(site, viewed(0, op="eq"), segment)
    assert (turned.size, turned.entered, turned.left) == (10, 10, 12)


def test_publishing_does_what_the_preview_said(site, crowd):
    segment = make(site, viewed(2))
    publish(segment)
    draft = viewed(0, op="eq")
    said = look(site, draft, segment)
    services.change_draft(
        site_id=site.pk, segment_id=segment.pk, condition=draft, now=NOW, actor=None
    )
    publish(segment)
    assert Membership.objects.filter(segment=segment, left_at=None).count() == said.size


def test_samples_are_told_apart_and_lead_nowhere(site, crowd):
    found = look(site, viewed(2), samples=50)
    assert len(found.samples) == previews.MAX_SAMPLES
    assert len({one.id for one in found.samples}) == previews.MAX_SAMPLES
    known = {str(person.pk)[:8] for person in crowd} | {person.pk.hex for person in crowd}
    assert not [one for one in found.samples if any(text in one.id for text in known)]
    assert {one.trace["verdict"] for one in found.samples} == {True}
    assert [one for one in found.samples if "found" in one.trace or "evidence" in one.trace] == []
    again = look(site, viewed(2), samples=50)
    assert [one.id for one in again.samples] == [one.id for one in found.samples]


def test_who_may_see_people_sees_what_was_found(site, crowd):
    found = look(site, viewed(2), samples=1, may_see_people=True)
    assert (found.samples[0].trace["found"], len(found.samples[0].trace["evidence"])) == (2, 2)


def test_one_person_is_in_or_not_and_why(site, crowd):
    segment = make(site, viewed(2))
    publish(segment)
    draft = previews.draft_of(site.pk, viewed(1), segment=segment)
    never, once, twice = (previews.ask(draft, one.pk, now=NOW) for one in crowd[9:20:4])
    assert never is not None and once is not None and twice is not None
    assert (never.meets, never.is_member, never.trace["found"]) == (False, False, 0)
    assert (once.meets, once.is_member, once.trace["found"]) == (True, False, 1)


def test_members_are_told_from_those_who_would_be(site, crowd):
    segment = make(site, viewed(2))
    publish(segment)
    draft = previews.draft_of(site.pk, viewed(5), segment=segment)
    verdict = previews.ask(draft, crowd[-1].pk, now=NOW)
    assert verdict is not None and (verdict.meets, verdict.is_member) == (False, True)


def test_nobody_of_another_site_is_asked(site, crowd):
    stranger = make_profile(make_site(), views(2))
    draft = previews.draft_of(site.pk, viewed())
    assert previews.ask(draft, stranger.pk, now=NOW) is None
    assert previews.preview(draft, now=NOW).everyone == 30


def test_a_nested_segment_is_put_in_place(site, crowd):
    publish(make(site, viewed(2), key="often"))
    nested = {"v": 1, "where": {"all": [{"kind": "segment", "key": "often"}]}}
    assert look(site, nested).size == 12
    with pytest.raises(SegmentNotPublished, match="nowhere"):
        look(site, {"v": 1, "where": {"kind": "segment", "key": "nowhere"}})


def test_a_draft_that_would_contain_itself_is_refused(site, crowd):
    segment = make(site, viewed(2), key="often")
    publish(segment)
    with pytest.raises(InvalidCondition, match="often > often"):
        look(site, {"v": 1, "where": {"not": {"kind": "segment", "key": "often"}}}, segment)


def test_a_parent_narrows_the_draft(site, crowd):
    publish(make(site, viewed(2), key="often"))
    draft = previews.draft_of(site.pk, viewed(1), {"parent": "often"})
    assert previews.preview(draft, now=NOW).size == 12


def test_of_an_exclusive_group_only_those_whom_no_one_before_it_takes(site, crowd):
    first = services.create_segment(
        site_id=site.pk, key="often", name="Often", condition=viewed(2), now=NOW,
        policy={"group": "keenness", "priority": 2},
    )  # fmt: skip
    publish(first)
    rest = previews.draft_of(site.pk, viewed(0), {"group": "keenness", "priority": 1})
    assert previews.preview(rest, now=NOW).size == 18
    before = previews.draft_of(site.pk, viewed(0), {"group": "keenness", "priority": 3})
    assert previews.preview(before, now=NOW).size == 30


def test_a_policy_that_remembers_makes_the_count_an_estimate(site, crowd):
    draft = previews.draft_of(site.pk, viewed(1), {"cooldown": "1h"})
    found = previews.preview(draft, now=NOW)
    assert (found.size, found.is_exact) == (20, False)


def test_what_reads_the_request_has_no_size(site, crowd):
    mobile = {"kind": "context", "name": "device", "op": "eq", "value": "mobile"}
    found = look(site, {"v": 1, "where": {"all": [mobile, viewed()["where"]]}})
    assert (found.size, found.depends_on_request) == (None, True)


def test_a_preview_writes_nothing_and_leaves_the_connection_as_it_was(site, crowd):
    look(site, viewed(), samples=3)
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        timeout = cursor.fetchone()[0]
        cursor.execute("SHOW transaction_read_only")
        assert (cursor.fetchone()[0], timeout == "5s") == ("off", False)
    assert Membership.objects.count() == 0


def test_a_count_that_takes_too_long_is_given_up(site, crowd, monkeypatch):
    monkeypatch.setattr(previews, "LIMIT_S", 0.001)
    slow = previews._JUDGED.replace("FROM judged\n", "FROM judged, pg_sleep(1)\n")
    monkeypatch.setattr(previews, "_JUDGED", slow)
    with pytest.raises(PreviewTooSlow):
        look(site, viewed())
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)


def test_what_sql_cannot_answer_is_asked_one_by_one(site):
    huge = 10.0**300
    for _ in range(11):
        make_profile(site, traits={"worth": huge})
    condition = {"v": 1, "where": {"kind": "trait", "name": "worth", "op": "gte", "value": 5}}
    found = look(site, condition)
    assert (found.size, found.is_exact) == (11, True)
