"""Versions: what each said and why, what a rollback does, and who came and went."""

import pytest
from django.contrib.auth.models import User

from apps.access.models import AuditEntry
from apps.segments import selectors, services, versions
from apps.segments.errors import (
    NoteRequired,
    SegmentInUse,
    SegmentNotPublished,
    VersionNotFound,
)
from apps.segments.outline import difference, outline
from engine.errors import InvalidCondition
from tests.apps.segments.versioned import (
    OLD,
    PRO,
    change,
    make,
    members,
    people,
    publish,
    refreshed,
    restore,
    site,
    where,
)
from tests.apps.segments.world import NOW, make_profile

__all__ = ["people", "site"]  # fixtures


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
    for _ in range(9):  # ten of each kind: fewer are not counted aloud
        for traits in ({"plan": "pro"}, {"plan": "pro", "age": 70}, {"age": 80}):
            make_profile(site, traits=traits)
    segment = make(site)
    publish(segment)
    (first,) = versions.history(segment.pk)
    assert (first.first_size, first.entered, first.left) == (21, None, None)
    change(segment, OLD)
    publish(segment)
    newest = versions.history(segment.pk)[0]
    assert (newest.first_size, newest.entered, newest.left) == (21, 10, 10)


def test_fewer_than_ten_are_not_counted_aloud(site, people):
    segment = make(site)
    publish(segment)
    (first,) = versions.history(segment.pk)
    assert (first.size, first.first_size, first.entered, first.left) == (None, None, None, None)
    assert "<10 members" in first.at_publication


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
