"""Overlaps are what sets say they are, over the members recorded and nobody else."""

from datetime import timedelta
from itertools import combinations

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from apps.access.models import Site
from apps.profiles.models import ProfileState
from apps.segments import services
from apps.segments.domain.nestings import nesting
from apps.segments.domain.overlaps import overlap
from apps.segments.errors import StudyTooSlow, TooManySegments
from apps.segments.models import Membership, Segment
from apps.segments.refresh import refresh_site
from apps.segments.studies import boxed
from apps.segments.studies import overlap as studies
from tests.apps.segments.world import NOW, make_profile, make_site

ADVERTISING = 16


def masks(sets: list[set[int]]) -> dict[int, int]:
    found: dict[int, int] = {}
    for person in set().union(*sets):
        mask = sum(1 << place for place, people in enumerate(sets) if person in people)
        found[mask] = found.get(mask, 0) + 1
    return found


def test_two_sets_overlap_by_the_worked_numbers():
    found = overlap(2, masks([{1, 2, 3, 4}, {3, 4, 5}])).pair(0, 1)
    assert (found.both, found.only_left, found.only_right) == (2, 2, 1)
    assert found.jaccard == pytest.approx(0.4)
    assert found.coefficient == pytest.approx(2 / 3)


@given(st.lists(st.sets(st.integers(0, 12)), min_size=1, max_size=5))
def test_counts_of_combinations_say_everything_about_the_sets(sets):
    found = overlap(len(sets), masks(sets))
    assert found.sizes == tuple(len(people) for people in sets)
    assert found.union == len(set().union(*sets))
    for left, right in combinations(range(len(sets)), 2):
        pair = found.pair(right, left)
        a, b = sets[right], sets[left]
        assert (pair.both, pair.only_left, pair.only_right) == (len(a & b), len(a - b), len(b - a))
    for one in found.combinations:
        inside = set.intersection(*(sets[place] for place in one.places))
        others = [people for place, people in enumerate(sets) if place not in one.places]
        assert one.people == len(inside.difference(*others)) > 0


def test_a_thirteenth_set_is_refused():
    with pytest.raises(ValueError, match="at most 12"):
        overlap(13, {})


def test_what_stands_on_several_is_listed_below_each_and_told_once():
    found = nesting({"a": set(), "b": {"a"}, "c": {"a"}, "d": {"b", "c"}, "e": {"d"}})
    assert [(one.key, one.depth, one.is_repeated) for one in found] == [
        ("a", 0, False), ("b", 1, False), ("d", 2, False), ("e", 3, False), ("c", 1, False),
        ("d", 2, True),
    ]  # fmt: skip


def test_a_cycle_ends_where_it_meets_itself():
    assert [one.key for one in nesting({"a": {"b"}, "b": {"a"}})] == ["a", "b", "a"]


# Over the tables


@pytest.fixture
def site(db: None) -> Site:
    return make_site()


def trait(name: str) -> dict[str, object]:
    return {"v": 1, "where": {"kind": "trait", "name": name, "op": "eq", "value": True}}


def publish(site: Site, key: str, condition: dict[str, object], **options: object) -> Segment:
    made = services.create_segment(
        site_id=site.pk, key=key, name=key.upper(), condition=condition, now=NOW, **options
    )
    services.publish_segment(site_id=site.pk, segment_id=made.pk, actor=None, now=NOW)
    return made


def settled(site: Site) -> None:
    refresh_site(site_id=site.pk, read_clock=lambda: NOW)


@pytest.fixture
def crowd(site: Site) -> tuple[Segment, Segment]:
    """Seven in both, five in A only, three in B only, one in neither; of another site: one."""
    for number, (a, b) in enumerate([(1, 1)] * 7 + [(1, 0)] * 5 + [(0, 1)] * 3 + [(0, 0)]):
        made = make_profile(site, traits={"a": bool(a), "b": bool(b)})
        if number % 2:
            ProfileState.objects.filter(pk=made.pk).update(granted=ADVERTISING)
    make_profile(make_site(), traits={"a": True, "b": True})
    both = publish(site, "a", trait("a")), publish(site, "b", trait("b"))
    settled(site)
    return both


def test_members_are_counted_by_exact_combination(site, crowd):
    found = studies.overlap_of([one.pk for one in crowd])
    assert (found.sizes, found.union) == ((12, 10), 15)
    pair = found.pair(0, 1)
    assert (pair.both, pair.only_left, pair.only_right) == (7, 5, 3)
    assert [(one.places, one.people) for one in found.combinations] == [
        ((0, 1), 7), ((0,), 5), ((1,), 3),
    ]  # fmt: skip


def test_only_those_who_agreed_are_counted_when_asked(site, crowd):
    ids = [one.pk for one in crowd]
    found = studies.overlap_of(ids, purpose="advertising")
    assert (found.sizes, found.both(0, 1)) == ((6, 4), 3)
    ProfileState.objects.update(denied=ADVERTISING)
    assert studies.overlap_of(ids, purpose="advertising").union == 0


def test_who_left_is_counted_no_more(site, crowd):
    Membership.objects.filter(segment=crowd[0]).update(left_at=NOW)
    assert studies.overlap_of([one.pk for one in crowd]).sizes == (0, 10)


def test_thirteen_segments_are_too_many(site, crowd):
    with pytest.raises(TooManySegments):
        studies.overlap_of([crowd[0].pk] * 13)


def test_a_study_writes_nothing_and_ends_in_time(site, monkeypatch):
    monkeypatch.setattr(boxed, "LIMIT_S", 0.05)
    with pytest.raises(StudyTooSlow):
        boxed.rows("SELECT pg_sleep(5)", {})
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() != ("50ms",)
        cursor.execute("SHOW transaction_read_only")
        assert cursor.fetchone() == ("off",)


def test_the_reads_of_a_block_have_their_time_together(site):
    with boxed.within(0.05), pytest.raises(StudyTooSlow, match=r"0\.05 s"):
        boxed.rows("SELECT pg_sleep(5)", {})
    with boxed.within(0.0), pytest.raises(StudyTooSlow):  # others have used it up
        boxed.rows("SELECT 1", {})
    assert boxed.rows("SELECT 1", {}) == [(1,)]


def test_a_person_moves_from_the_first_of_theirs_to_the_first_of_theirs(site, crowd):
    a, b = crowd
    later = NOW + timedelta(days=1)
    movers = list(Membership.objects.filter(segment=a).values_list("profile_id", flat=True))
    Membership.objects.filter(segment=a).update(left_at=NOW + timedelta(hours=1))
    ids = [a.pk, b.pk]
    found = {(one.before, one.after): one.people for one in studies.moves(ids, NOW, later)}
    # Of the twelve in A seven were in B all along, so they move there; five are nowhere.
    assert found == {(1, 2): 7, (1, 0): 5, (2, 2): 3}
    assert len(movers) == 12
    turned = {(one.before, one.after): one.people for one in studies.moves(ids[::-1], NOW, later)}
    assert turned == {(1, 1): 10, (2, 0): 5}
    before = NOW - timedelta(days=1)
    assert {(one.before, one.after): one.people for one in studies.moves(ids, before, NOW)} == {
        (0, 1): 12, (0, 2): 3,
    }  # fmt: skip


def test_the_tree_knows_what_is_nested_and_what_has_a_parent(site, crowd):
    nested = {"v": 1, "where": {"kind": "segment", "key": "a"}}
    publish(site, "inner", nested)
    publish(site, "child", trait("b"), policy={"parent": "a"})
    settled(site)
    lines = studies.hierarchy(site.pk, studies.kept_segments(site.pk))
    found = [(one.branch.key, one.branch.depth, one.size) for one in lines]
    assert found == [("a", 0, 12), ("child", 1, 7), ("inner", 1, 12), ("b", 0, 10)]
