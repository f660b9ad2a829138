"""What editors may do with segments, and what they are refused."""

import pytest

from apps.access.models import AuditEntry, Site
from apps.segments import selectors, services, types
from apps.segments.errors import SegmentInUse, SegmentKeyTaken, SegmentNotPublished
from apps.segments.models import Segment, SegmentVersion
from engine.conditions.parse import parse_condition
from engine.conditions.scope import split_history
from engine.errors import InvalidCondition
from tests.apps.segments.world import NOW, make_site

PRO = {"v": 1, "where": {"kind": "trait", "name": "plan", "op": "eq", "value": "pro"}}
VIEWED = {
    "kind": "event",
    "name": "Product Viewed",
    "aggregate": "count",
    "window": "ever",
    "op": "gte",
    "value": 1,
}
MOBILE = {"kind": "context", "name": "device", "op": "eq", "value": "mobile"}


@pytest.fixture
def site(db: None) -> Site:
    return make_site()


def make(site: Site, key: str, condition: object = PRO) -> Segment:
    return services.create_segment(
        site_id=site.pk, key=key, name=key.title(), condition=condition, now=NOW
    )


def publish(segment: Segment) -> SegmentVersion:
    return services.publish_segment(
        site_id=segment.site_id, segment_id=segment.pk, actor=None, now=NOW
    )


def nest(*keys: str) -> dict[str, object]:
    return {"v": 1, "where": {"all": [{"kind": "segment", "key": key} for key in keys]}}


def test_numbers_count_up_in_each_site(site):
    other = make_site()
    assert [make(site, "a").number, make(site, "b").number] == [1, 2]
    assert make(other, "a").number == 1


def test_a_key_is_never_used_twice(site):
    segment = make(site, "vip")
    services.archive_segment(site_id=site.pk, segment_id=segment.pk, actor=None, now=NOW)
    with pytest.raises(SegmentKeyTaken):
        make(site, "vip")


def test_a_draft_that_is_no_condition_is_refused_with_the_place(site):
    broken = {"v": 1, "where": {"all": [{"kind": "trait", "name": "age", "op": "gt"}]}}
    with pytest.raises(InvalidCondition, match=r"all\[0\]\.value"):
        make(site, "broken", broken)


def test_publishing_twice_returns_the_current_version(site):
    segment = make(site, "vip")
    first = publish(segment)
    assert publish(segment) == first
    segment.draft = {"v": 1, "where": {"any": [PRO["where"]]}}
    segment.save(update_fields=["draft"])
    assert publish(segment) == first, "the same meaning in other words"
    actions = AuditEntry.objects.filter(site=site).values_list("action", flat=True)
    assert list(actions.order_by("pk")) == ["segments.created", "segments.published"]


def test_nesting_what_is_not_published_is_refused(site):
    make(site, "draft-only")
    segment = make(site, "outer", nest("draft-only"))
    with pytest.raises(SegmentNotPublished, match="draft-only"):
        publish(segment)


def test_a_cycle_is_refused_with_the_chain(site):
    inner = make(site, "inner")
    publish(inner)
    outer = make(site, "outer", nest("inner"))
    publish(outer)
    inner.draft = nest("outer")
    inner.save(update_fields=["draft"])
    with pytest.raises(InvalidCondition, match="inner > outer > inner"):
        publish(inner)


def test_a_segment_that_another_stands_on_cannot_be_archived(site):
    inner = make(site, "inner")
    publish(inner)
    publish(make(site, "outer", nest("inner")))
    with pytest.raises(SegmentInUse, match="segment 'Outer'"):
        services.archive_segment(site_id=site.pk, segment_id=inner.pk, actor=None, now=NOW)


def test_other_apps_say_what_they_use(site, monkeypatch):
    segment = make(site, "vip")
    monkeypatch.setattr(types, "_holders", dict(types._holders))
    holder = types.UsageHolder("content", lambda site_id, kind, pk: [types.Usage("variant", "V")])
    types.register_usage(holder)
    with pytest.raises(SegmentInUse, match="variant 'V'"):
        services.archive_segment(site_id=site.pk, segment_id=segment.pk, actor=None, now=NOW)


def test_hidden_segments_are_made_once_and_not_listed(site):
    rule = {"v": 1, "where": {"all": [VIEWED, MOBILE]}}
    _, parts = split_history(parse_condition(rule))
    numbers = services.ensure_hidden(site.pk, parts, NOW)
    assert services.ensure_hidden(site.pk, parts, NOW) == numbers
    hidden = Segment.objects.get(is_hidden=True)
    assert {hidden.key: hidden.number} == numbers
    assert selectors.freshness(site.pk) == []
    assert [doc.hidden for doc in selectors.snapshot_documents(site.pk)] == [True]


def test_a_segment_that_reads_the_request_is_split_at_publication(site):
    segment = make(site, "mobile-viewers", {"v": 1, "where": {"all": [VIEWED, MOBILE]}})
    publish(segment)
    by_key = {doc.key: doc for doc in selectors.snapshot_documents(site.pk)}
    (hidden,) = (key for key in by_key if key != "mobile-viewers")
    assert by_key["mobile-viewers"].request_condition == {
        "v": 1,
        "where": {"all": [{"kind": "segment", "key": hidden}, MOBILE]},
    }
    assert selectors.request_segments(site.pk) == {"mobile-viewers"}


def test_documents_say_what_holds_without_a_profile_and_how_deep_a_segment_stands(site):
    publish(make(site, "viewers", {"v": 1, "where": VIEWED}))
    publish(make(site, "newcomers", {"v": 1, "where": {"not": VIEWED}}))
    publish(make(site, "deep", nest("viewers", "newcomers")))
    documents = {doc.key: doc for doc in selectors.snapshot_documents(site.pk)}
    assert {key: (doc.no_profile, doc.depth) for key, doc in documents.items()} == {
        "viewers": (False, 0),
        "newcomers": (True, 0),
        "deep": (False, 1),
    }
