"""Lists: files fill them, uploads are undone exactly, and profiles know what they are on."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User

from apps.access.models import AuditEntry, Site
from apps.pipeline import fold
from apps.profiles import services as profiles
from apps.profiles.holders import holders
from apps.profiles.identities import add
from apps.profiles.models import Due, Identity, ProfileState, Trait
from apps.profiles.signals import states_changed, states_changing
from apps.segments import list_applying, lists
from apps.segments.errors import InvalidFile, ListNotFound, SegmentKeyTaken, UploadNotLatest
from apps.segments.lists import Origin
from apps.segments.models import (
    ListMember,
    ListUpload,
    Membership,
    Segment,
    SegmentList,
    SegmentVersion,
)
from apps.segments.refresh import refresh_site
from apps.segments.tasks import apply_list, apply_lists
from apps.work import clock
from apps.work.models import Intent
from apps.work.types import Work
from tests.apps.segments.world import NOW, NOW_MS, make_site


@pytest.fixture
def site(db: None) -> Site:
    return make_site()


@pytest.fixture
def press(site: Site) -> SegmentList:
    return lists.create_list(site_id=site.pk, key="press", name="Press", actor=None, now=NOW)


def person(site: Site, *identities: str) -> UUID:
    names = [(site.pk, *one.split(":", 1)) for one in identities]
    profile_id = profiles.find_or_make(names[:1], now=NOW)[names[0]]
    for name in names[1:]:
        add({name: profile_id}, now=NOW)
    return profile_id


def upload(
    site: Site, *rows: str, head: str = "user_id", mode: str = "append", at: datetime = NOW
) -> ListUpload:
    content = "\n".join((head, *rows)).encode()
    return lists.receive(
        site_id=site.pk, key="press", chunks=[content], mode=mode,
        origin=Origin("people.csv"), now=at,
    )  # fmt: skip


def undo(site: Site, one: ListUpload) -> ListUpload:
    return lists.undo(site_id=site.pk, key="press", upload_id=one.pk, actor=None, now=NOW)


def applied(site: Site, at: datetime = NOW) -> list[tuple[int, int]]:
    """Carry out what was asked for; return the progress told."""
    told: list[tuple[int, int]] = []
    for intent in Intent.objects.filter(kind=list_applying.APPLY):
        work = Work(
            intent.pk, intent.kind, intent.site_id, intent.payload, 1,
            lambda done, total, note="": told.append((done, total)),
        )  # fmt: skip
        apply_list(work, at)
        intent.delete()
    return told


def on(site: Site) -> set[str]:
    """Values on the list."""
    entries = ListMember.objects.filter(segment_list__site=site, removed_by=None)
    return set(entries.values_list("value", flat=True))


def trait(profile_id: UUID) -> Any:
    """What conditions read."""
    entry = ProfileState.objects.get(pk=profile_id).traits.get("list.press")
    return None if entry is None else entry[0]


def test_a_list_is_a_published_segment_of_its_own_key(site, press):
    segment = Segment.objects.get(site=site)
    assert (segment.key, segment.kind) == ("press", Segment.Kind.LIST)
    assert segment.versions.get().state == SegmentVersion.State.BUILDING
    with pytest.raises(SegmentKeyTaken):
        lists.create_list(site_id=site.pk, key="press", name="Again", actor=None, now=NOW)
    assert SegmentList.objects.count() == 1


def test_an_upload_says_where_it_came_from_and_what_became_of_its_rows(site, press):
    person(site, "user_id:u1")
    editor = User.objects.create_user("ed")
    content = [b"user_id,expires_at\nu1,\nu2,2026-04-01\n=evil,\nu1,\n"]
    one = lists.receive(
        site_id=site.pk, key="press", chunks=content, mode="append",
        origin=Origin("C:\\fakepath\\people.csv", editor), now=NOW,
    )  # fmt: skip
    assert (one.file_name, one.uploaded_by, one.number) == ("people.csv", editor, 1)
    assert len(one.sha256) == 64
    assert (one.rows, one.refused, one.added, one.removed) == (4, 1, 2, 0)
    assert [(fault["line"], fault["code"]) for fault in one.faults] == [(4, "formula")]
    assert "evil" not in str(one.faults)
    entry = AuditEntry.objects.get(action="segments.list_uploaded")
    assert (entry.actor, entry.detail["added"]) == (editor, 2)
    assert "u2" not in str(entry.detail)


def test_entries_reach_the_profiles_that_are_known(site, press):
    known, other = person(site, "user_id:u1", "anonymous_id:a1"), person(site, "user_id:u9")
    upload(site, "u1", "u2")
    assert trait(known) is None
    assert applied(site) == [(1, 1)]
    assert (trait(known), trait(other)) == (True, None)
    assert Trait.objects.get(profile_id=known, key="list.press").source == "list"
    assert Due.objects.get(pk=known).due_at == NOW
    assert ListUpload.objects.get().state == ListUpload.State.APPLIED


def test_an_entry_that_expires_is_kept_as_its_instant_and_the_longest_counts(site, press):
    known = person(site, "user_id:u1", "anonymous_id:a1")
    upload(
        site, "user_id,u1,2026-04-01", "anonymous_id,a1,2026-05-01", head="kind,value,expires_at"
    )
    applied(site)
    assert trait(known) == clock.to_ms(datetime.fromisoformat("2026-05-01T00:00Z"))
    upload(site, "user_id,u1", head="kind,value")
    applied(site)
    assert trait(known) is True


def test_appending_replacing_and_removing(site, press):
    first, second = person(site, "user_id:u1"), person(site, "user_id:u2")
    upload(site, "u1", "u2")
    assert upload(site, "u2", "u3").added == 1
    assert on(site) == {"u1", "u2", "u3"}
    one = upload(site, "u2", "u4", mode="replace")
    assert (on(site), one.added, one.removed) == ({"u2", "u4"}, 1, 2)
    applied(site)
    assert (trait(first), trait(second)) == (None, True)
    one = upload(site, "u2", "nobody", mode="remove")
    assert (on(site), one.added, one.removed) == ({"u4"}, 0, 1)
    applied(site)
    assert trait(second) is None
    assert not Trait.objects.filter(key="list.press").exists()


def test_the_same_file_twice_changes_nothing(site, press):
    known = person(site, "user_id:u1")
    upload(site, "u1")
    applied(site)
    version = ProfileState.objects.get(pk=known).version
    again = upload(site, "u1")
    applied(site)
    assert (again.added, again.removed) == (0, 0)
    assert ProfileState.objects.get(pk=known).version == version


@pytest.mark.parametrize("is_applied", [True, False], ids=["applied", "not-yet-applied"])
@pytest.mark.parametrize(
    ("mode", "rows"),
    [("append", ["u2", "u3"]), ("replace", ["u3"]), ("replace", []), ("remove", ["u1"])],
    ids=["append", "replace", "replace-by-nobody", "remove"],
)
def test_undoing_an_upload_leaves_what_was_before(site, press, mode, rows, is_applied):
    people = [person(site, f"user_id:u{n}") for n in (1, 2, 3)]
    upload(site, "u1,2026-04-01", "u2,", head="user_id,expires_at")
    applied(site)
    before = on(site), [trait(one) for one in people]
    one = upload(site, *rows, mode=mode)
    if is_applied:
        applied(site)
    undo(site, one)
    applied(site)
    assert (on(site), [trait(one) for one in people]) == before
    assert ListUpload.objects.get(pk=one.pk).state == ListUpload.State.UNDONE
    undo(site, one)
    assert on(site) == before[0], "undoing twice is undoing once"


def test_only_the_newest_upload_that_counts_is_undone(site, press):
    first, second = upload(site, "u1"), upload(site, "u2")
    with pytest.raises(UploadNotLatest):
        undo(site, first)
    undo(site, second)
    undo(site, first)
    assert on(site) == set()


def test_a_file_that_is_no_list_leaves_the_list_as_it_was(site, press):
    upload(site, "u1")
    with pytest.raises(InvalidFile):
        upload(site, "u2", head="name", mode="replace")
    assert (on(site), ListUpload.objects.count()) == ({"u1"}, 1)


def test_a_file_without_a_good_row_replaces_nobody(site, press):
    upload(site, "u1")
    with pytest.raises(InvalidFile, match="every row"):
        upload(site, "=u2", "=u3", mode="replace")
    assert on(site) == {"u1"}


def test_nobody_fills_a_list_of_another_site(site, press):
    with pytest.raises(ListNotFound):
        upload(make_site(), "u1")


def test_who_becomes_known_later_picks_up_their_entry(site, press):
    upload(site, "u1")
    applied(site)
    known = person(site, "user_id:u1")
    assert lists.entries_for(site.pk, [("user_id", "u1"), ("anonymous_id", "x")]) == {
        "list.press": True
    }
    apply_lists()
    assert trait(known) is True


def test_entries_of_another_site_or_taken_off_are_nobodys(site, press):
    upload(site, "u1")
    upload(site, "u1", mode="remove")
    assert lists.entries_for(site.pk, [("user_id", "u1")]) == {}
    upload(site, "u1")
    assert lists.entries_for(make_site().pk, [("user_id", "u1")]) == {}


def test_the_longest_entry_of_a_person_is_offered(site, press):
    upload(site, "u1,2026-04-01", "u2,2026-05-01", head="user_id,expires_at")
    both = [("user_id", "u1"), ("user_id", "u2")]
    until = clock.to_ms(datetime.fromisoformat("2026-05-01T00:00Z"))
    assert lists.entries_for(site.pk, both) == {"list.press": until}


def test_an_identity_that_moves_takes_its_entry_along(site, press):
    one, other = person(site, "anonymous_id:a1"), person(site, "user_id:u2")
    upload(site, "a1", head="anonymous_id")
    applied(site)
    assert (trait(one), trait(other)) == (True, None)
    moved = Identity.objects.get(value="a1").pk
    profiles.replace_links(moved, [(NOW_MS - 9, one), (NOW_MS, other)])
    apply_lists()
    assert (trait(one), trait(other)) == (None, True)


def test_a_merge_works_the_trait_out_again(site, press):
    one, other = person(site, "user_id:u1"), person(site, "anonymous_id:a1")
    upload(site, "a1", head="anonymous_id")
    applied(site)
    holder = next(h for h in holders() if h.name == "segments")
    holder.reassign(other, one)
    Identity.objects.filter(value="a1").update(profile_id=one)
    apply_lists()
    assert trait(one) is True


def test_erasing_a_person_erases_their_entries(site, press):
    known = person(site, "user_id:u1")
    upload(site, "u1", "u2")
    applied(site)
    holder = next(h for h in holders() if h.name == "segments")
    assert [row["list"] for row in holder.export(known)] == ["press"]
    assert holder.erase(known) == 1
    assert set(ListMember.objects.values_list("value", flat=True)) == {"u2"}


@pytest.mark.django_db(transaction=True)
def test_copies_of_the_state_are_told_before_and_after(site, press):
    known = person(site, "user_id:u1")
    heard: list[tuple[str, set[UUID]]] = []

    def changing(rows: Iterable[Any], **_: Any) -> None:
        heard.append(("before", {row.profile_id for row in rows}))

    def changed(rows: Iterable[Any], **_: Any) -> None:
        heard.append(("after", {row.profile_id for row in rows}))

    states_changing.connect(changing)
    states_changed.connect(changed)
    try:
        upload(site, "u1")
        applied(site)
    finally:
        states_changing.disconnect(changing)
        states_changed.disconnect(changed)
    assert heard == [("before", {known}), ("after", {known})]


def test_what_old_uploads_took_off_is_not_kept_for_ever(site, press, monkeypatch):
    monkeypatch.setattr(list_applying, "UNDOABLE", 2)
    uploads = [upload(site, f"u{n}", mode="replace") for n in range(6)]
    applied(site)
    assert ListMember.objects.count() == 3
    for one in uploads[:3:-1]:
        undo(site, one)
    with pytest.raises(UploadNotLatest):
        undo(site, uploads[3])
    assert on(site) == {"u3"}


def test_many_rows_are_taken_over_in_a_few_statements(site, press, django_assert_max_num_queries):
    with django_assert_max_num_queries(40):
        one = upload(site, *(f"u{n}" for n in range(12_000)))
    assert (one.rows, one.added, len(on(site))) == (12_000, 12_000, 12_000)


def test_an_upload_puts_people_into_the_segment_and_expiry_takes_them_out(site, press):
    stays, expires = person(site, "user_id:u1"), person(site, "user_id:u2")
    refresh_site(site_id=site.pk, read_clock=lambda: NOW)
    upload(site, "u1,", "u2,2026-03-02T12:10:00Z", head="user_id,expires_at")
    applied(site)

    def members() -> set[UUID]:
        rows = Membership.objects.filter(segment__key="press", left_at=None)
        return set(rows.values_list("profile_id", flat=True))

    fold.fold_due(now=NOW)
    assert members() == {stays, expires}
    fold.fold_due(now=NOW + timedelta(minutes=10) - timedelta(milliseconds=1))
    assert members() == {stays, expires}
    fold.fold_due(now=NOW + timedelta(minutes=10))
    assert members() == {stays}
    undo(site, ListUpload.objects.get())
    applied(site, NOW + timedelta(minutes=11))
    fold.fold_due(now=NOW + timedelta(minutes=11))
    assert members() == set()
