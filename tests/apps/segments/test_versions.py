"""Versions: what each said and why, what a rollback does, and who came and went."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User

from apps.access.models import AuditEntry, Site
from apps.segments import baselines, fallbacks, selectors, services, standings, versions
from apps.segments.errors import (
    InvalidTag,
    NoModelAsked,
    NoteRequired,
    SegmentInUse,
    SegmentNotFound,
    SegmentNotPublished,
    VersionNotFound,
)
from apps.segments.models import Membership, Segment, SegmentVersion
from apps.segments.outline import difference, outline
from apps.segments.refresh import refresh_site
from apps.segments.standings import LEAST_DRIFTED
from apps.segments.tasks import refresh_due
from apps.work import clock
from apps.work.models import Intent
from engine.errors import InvalidCondition
from tests.apps.segments.world import NOW, NOW_MS, Happened, make_profile, make_site

PRO = {"kind": "trait", "name": "plan", "op": "eq", "value": "pro"}
OLD = {"kind": "trait", "name": "age", "op": "gte", "value": 65}


def where(node: object) -> dict[str, object]:
    return {"v": 1, "where": node}


@pytest.fixture
def site(db: None) -> Site:
    return make_site()


@pytest.fixture
def people(site: Site) -> list[object]:
    """Three with plan pro, two of them old; one old only."""
    return [
        make_profile(site, traits={"plan": "pro"}),
        make_profile(site, traits={"plan": "pro", "age": 70}),
        make_profile(site, traits={"plan": "pro", "age": 65}),
        make_profile(site, traits={"age": 80}),
    ]


def make(site: Site, key: str = "vip", node: object = PRO, **fields: object) -> Segment:
    return services.create_segment(
        site_id=site.pk, key=key, name=key.title(), condition=where(node), now=NOW, **fields
    )


def publish(segment: Segment, note: str = "", *, refresh: bool = True) -> SegmentVersion:
    version = services.publish_segment(
        site_id=segment.site_id, segment_id=segment.pk, actor=None, now=NOW, note=note
    )
    if refresh:
        refreshed(segment)
    return version


def refreshed(segment: Segment) -> None:
    refresh_site(site_id=segment.site_id, read_clock=lambda: NOW)
    versions.record_publications(segment.site_id)


def change(segment: Segment, node: object, policy: dict[str, object] | None = None) -> None:
    services.change_draft(
        site_id=segment.site_id, segment_id=segment.pk, condition=where(node), policy=policy,
        now=NOW, actor=None,
    )  # fmt: skip


def restore(segment: Segment, number: int, note: str = "The new one was wrong.") -> SegmentVersion:
    return services.restore_version(
        site_id=segment.site_id, segment_id=segment.pk, number=number, actor=None, note=note,
        now=NOW,
    )  # fmt: skip


def members(segment: Segment) -> set[object]:
    rows = Membership.objects.filter(segment=segment, left_at=None)
    return set(rows.values_list("profile_id", flat=True))


def test_history_says_who_and_why_and_what_changed(site, people):
    segment = make(site)
    publish(segment, "The first.")
    change(segment, {"all": [PRO, OLD]})
    editor = User.objects.create_user("ed")
    services.publish_segment(
        site_id=site.pk, segment_id=segment.pk, actor=editor, now=NOW, note="Only the old."
    )
    newest, first = versions.history(segment.pk)
    assert (newest.number, newest.note, newest.published_by) == (2, "Only the old.", "ed")
    assert (first.note, first.published_by, first.state) == ("The first.", "", "live")
    assert [(line.sign, line.text) for line in newest.changes] == [
        ("-", 'trait plan is "pro"'),
        ("+", "all of"),
        ("+", '  trait plan is "pro"'),
        ("+", "  trait age is at least 65"),
    ]


def test_a_publication_counts_who_came_in_and_who_went_out(site, people):
    segment = make(site)
    publish(segment)
    (first,) = versions.history(segment.pk)
    assert (first.first_size, first.entered, first.left) == (3, 3, 0)
    change(segment, OLD)
    publish(segment)
    newest = versions.history(segment.pk)[0]
    assert (newest.first_size, newest.entered, newest.left) == (3, 1, 1)


def test_a_rollback_is_a_new_version_that_says_what_the_old_one_said(site, people):
    segment = make(site)
    publish(segment)
    change(segment, OLD)
    publish(segment)
    version = restore(segment, 1)
    assert (version.number, version.restored_from.number) == (3, 1)
    assert version.note == "The new one was wrong."
    assert members(segment) == {one.pk for one in people[1:]}, "the old one serves meanwhile"
    refreshed(segment)
    assert members(segment) == {one.pk for one in people[:3]}
    segment.refresh_from_db()
    assert segment.draft == where(OLD), "the editor's draft is the editor's"
    actions = list(AuditEntry.objects.order_by("pk").values_list("action", flat=True))
    assert actions[-1] == "segments.restored"


def test_a_rollback_says_why(site, people):
    segment = make(site)
    publish(segment)
    change(segment, OLD)
    publish(segment)
    with pytest.raises(NoteRequired):
        restore(segment, 1, note="  ")
    with pytest.raises(VersionNotFound):
        restore(segment, 9)
    assert segment.versions.count() == 2


def test_restoring_what_serves_changes_nothing(site, people):
    segment = make(site)
    first = publish(segment)
    assert restore(segment, 1).pk == first.pk


def test_an_old_version_that_no_longer_fits_is_not_restored(site, people):
    inner, outer = make(site, "inner"), make(site, "outer", {"kind": "segment", "key": "inner"})
    publish(inner)
    publish(outer)
    change(outer, OLD)
    publish(outer)
    services.archive_segment(site_id=site.pk, segment_id=inner.pk, actor=None, now=NOW)
    with pytest.raises(SegmentNotPublished, match="inner"):
        restore(outer, 1)


def test_an_edit_leaves_the_members_as_they_are_until_the_new_version_is_live(site, people):
    segment = make(site)
    publish(segment)
    before = members(segment)
    change(segment, OLD)
    assert members(segment) == before
    publish(segment, refresh=False)
    assert members(segment) == before
    states = dict(segment.versions.values_list("number", "state"))
    assert states == {1: "live", 2: "building"}


def test_a_policy_alone_makes_a_version(site, people):
    segment = make(site)
    first = publish(segment)
    change(segment, PRO, {"minStay": "10m"})
    second = publish(segment)
    assert (second.number, second.condition) == (2, first.condition)
    assert second.policy and not first.policy
    assert publish(segment) == second
    newest = versions.history(segment.pk)[0]
    assert [line.sign for line in newest.changes] == [" ", "+"]


def test_a_draft_beside_what_serves_line_by_line(site, people):
    segment = make(site, node={"any": [PRO, OLD]})
    assert {line.sign for line in versions.draft_changes(segment)} == {"+"}
    publish(segment)
    segment.refresh_from_db()
    assert {line.sign for line in versions.draft_changes(segment)} == {" "}
    change(segment, {"any": [PRO, OLD | {"value": 60}]})
    segment.refresh_from_db()
    signs = [(line.sign, line.text) for line in versions.draft_changes(segment)]
    assert signs == [
        (" ", "any of"),
        (" ", '  trait plan is "pro"'),
        ("-", "  trait age is at least 65"),
        ("+", "  trait age is at least 60"),
    ]
    publish(segment)
    between = versions.changes_between(segment.pk, 1, 2)
    assert [line.sign for line in between] == [" ", " ", "-", "+"]
    with pytest.raises(VersionNotFound):
        versions.changes_between(segment.pk, 1, 3)


def test_every_group_has_its_line():
    node = {"all": [{"none": [PRO]}, {"not": OLD}, {"at_least": {"k": 1, "of": [PRO, OLD]}}]}
    assert outline(where(node), {"once": True, "parent": "vip"}) == [
        "all of",
        "  none of",
        '    trait plan is "pro"',
        "  not",
        "    trait age is at least 65",
        "  at least 1 of",
        '    trait plan is "pro"',
        "    trait age is at least 65",
        "one stay in a life",
        "only members of the segment vip",
    ]
    assert outline(where({"all": []})) == ["everyone"]
    assert outline({"v": 9})[0].startswith("refused:")
    assert [line.sign for line in difference(["a", "b"], ["b", "c"])] == ["-", " ", "+"]


def test_a_parent_is_published_no_circle_and_not_archived_below_its_children(site):
    child = make(site, "child")
    change(child, PRO, {"parent": "nowhere"})
    with pytest.raises(SegmentNotPublished, match="nowhere"):
        publish(child)
    parent = make(site, "parent", OLD)
    publish(parent)
    change(child, PRO, {"parent": "parent"})
    publish(child)
    with pytest.raises(SegmentInUse, match="Child"):
        services.archive_segment(site_id=site.pk, segment_id=parent.pk, actor=None, now=NOW)
    change(parent, OLD, {"parent": "child"})
    with pytest.raises(InvalidCondition, match="parent > child > parent"):
        publish(parent)


def test_a_child_that_nests_a_segment_is_answered_by_all_three(site, people):
    publish(make(site, "old", OLD))
    publish(make(site, "pro", PRO))
    child = make(site, "child", {"kind": "segment", "key": "old"}, policy={"parent": "pro"})
    publish(child)
    assert members(child) == {people[1].pk, people[2].pk}
    assert child.versions.get().first_size == 2


def test_a_parent_narrows_what_a_request_answers_too(site):
    publish(make(site, "pro", PRO))
    mobile = {"kind": "context", "name": "device", "op": "eq", "value": "mobile"}
    publish(make(site, "mobile-pros", mobile, policy={"parent": "pro"}))
    by_key = {doc.key: doc for doc in selectors.snapshot_documents(site.pk)}
    assert by_key["mobile-pros"].request_condition == where(
        {"all": [{"kind": "segment", "key": "pro"}, mobile]}
    )


def test_what_a_request_answers_cannot_remember(site):
    mobile = {"kind": "context", "name": "device", "op": "eq", "value": "mobile"}
    segment = make(site, node=mobile, policy={"cooldown": "1h"})
    with pytest.raises(InvalidCondition, match="policy"):
        publish(segment)


def details(segment: Segment, **given: object) -> Segment:
    fields = {"tags": [], "refresh_every_s": None, "fallback_for_id": None, "owner_note": ""}
    return services.change_details(
        site_id=segment.site_id, segment_id=segment.pk, actor=None, now=NOW, **{**fields, **given}
    )


@pytest.mark.parametrize(
    "tag", ["High Value", "segment:other", "", "é", 5, "x" * 61],
    ids=["blank", "of-another", "empty", "accent", "number", "long"],
)  # fmt: skip
def test_tags_are_slugs_and_nobody_elses(site, tag):
    segment = make(site)
    with pytest.raises(InvalidTag):
        details(segment, tags=[tag])


def test_every_segment_has_its_own_tag(site):
    segment = make(site)
    details(segment, tags=["high-value", "segment:vip", "high-value"])
    (found,) = standings.standings(site.pk, now=NOW)
    assert found.tags == ["segment:vip", "high-value"]


def test_a_fallback_stands_in_for_a_segment_of_the_same_site(site):
    vip, other = make(site), make(site, "fallback", OLD)
    assert details(other, fallback_for_id=vip.pk).fallback_for_id == vip.pk
    with pytest.raises(SegmentNotFound):
        details(other, fallback_for_id=make(make_site()).pk)
    assert details(other, fallback_for_id=other.pk).fallback_for_id is None


def test_who_has_no_score_is_in_the_fallback(site):
    model = {"kind": "model", "name": "churn", "op": "gte", "value": 0.5, "max_age": "7d"}
    leaving = make(site, "leaving", {"all": [model, PRO]})
    fallback = fallbacks.create_fallback(
        site_id=site.pk, segment_id=leaving.pk, actor=None, now=NOW
    )
    assert (fallback.key, fallback.fallback_for) == ("leaving-fallback", leaving)
    publish(leaving)
    publish(fallback)
    scored = make_profile(site, traits={"plan": "pro", "score.churn": 0.9})
    unscored = make_profile(site, traits={"plan": "pro"})
    refreshed(leaving)
    assert (members(leaving), members(fallback)) == ({scored.pk}, {unscored.pk})
    with pytest.raises(NoModelAsked):
        fallbacks.create_fallback(site_id=site.pk, segment_id=make(site).pk, actor=None, now=NOW)


def test_a_cadence_of_its_own_asks_for_a_refresh_when_it_is_time(site, people):
    segment = make(site)
    publish(segment)
    details(segment, refresh_every_s=5)
    segment.refresh_from_db()
    assert segment.refresh_every_s == services.LEAST_REFRESH_S
    Intent.objects.all().delete()
    assert standings.due_for_refresh(NOW + timedelta(seconds=59)) == []
    assert standings.due_for_refresh(NOW + timedelta(seconds=60)) == [site.pk]
    clock.replace(lambda: NOW + timedelta(hours=1))
    try:
        refresh_due()
    finally:
        clock.replace(None)
    assert Intent.objects.get(kind="segments.refresh").site_id == site.pk


def test_a_size_that_moved_far_asks_for_a_look(site):
    segment = make(site)
    for _ in range(LEAST_DRIFTED):
        make_profile(site, traits={"plan": "pro"})
    publish(segment)
    assert standings.recalibrations(site.pk, now=NOW) == []
    for _ in range(LEAST_DRIFTED):
        make_profile(site, traits={"plan": "pro"})
    refreshed(segment)
    (found,) = standings.recalibrations(site.pk, now=NOW)
    assert (found.key, found.size, found.drift) == ("vip", 2 * LEAST_DRIFTED, 1.0)


def test_standings_say_how_fresh_a_size_is(site, people):
    segment = make(site)
    (draft,) = standings.standings(site.pk, now=NOW)
    assert (draft.state, draft.size, draft.as_of) == ("draft", None, None)
    publish(segment)
    later = NOW + timedelta(seconds=5)
    (live,) = standings.standings(site.pk, now=later)
    assert (live.state, live.size, live.as_of, live.lag_s) == ("live", 3, later, 0.0)
    assert live.refreshed_at == NOW


def test_how_members_convert_beside_everyone(site):
    def bought(days_ago: int) -> list[Happened]:
        return [Happened(NOW_MS - days_ago * 86_400_000, "Order Completed")]

    recent = [Happened(NOW_MS - 1000, "Page Viewed")]
    for events, traits in (
        (bought(1), {"plan": "pro"}),
        (bought(40) + recent, {"plan": "pro"}),
        (bought(3), {}),
        (recent, {}),
        (recent, {}),
        (bought(50), {"plan": "pro"}),
    ):
        profile = make_profile(site, events, traits)
        seen = max(event.at_ms for event in events)
        profile.state.last_seen_at = clock.from_ms(seen)
        profile.state.save(update_fields=["last_seen_at"])
    publish(make(site))
    assert baselines.measure(site.pk, now=NOW) == 1
    (found,) = standings.standings(site.pk, now=NOW)
    assert found.baseline is not None
    assert (found.baseline.members, found.baseline.members_rate) == (2, 0.5)
    assert found.baseline.everyone_rate == 0.4
    assert found.baseline.lift == pytest.approx(0.25)
    assert baselines.measure(site.pk, now=NOW + timedelta(hours=1)) == 0, "once a day"
    assert baselines.measure(site.pk, now=NOW + timedelta(days=1)) == 1


def test_overviews_cost_the_same_for_many_segments(site, people, django_assert_num_queries):
    def count(keys: list[str]) -> int:
        with django_assert_num_queries(5) as captured:
            assert len(standings.standings(site.pk, now=NOW)) == len(keys)
        return len(captured)

    publish(make(site, "a"))
    first = count(["a"])
    for key in "bcde":
        publish(make(site, key))
    assert count(list("abcde")) == first
    assert selectors.request_segments(site.pk) == frozenset()
