"""What is kept of closed days only makes answers fast: they are those of the raw events, always."""

import itertools
import json
from collections.abc import Sequence
from typing import Any

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.access.models import Site
from apps.events import fold
from apps.events.rollups import HOLDER
from apps.profiles.models import Profile
from apps.segments import rollups
from apps.segments.sql import compile_query
from engine.conditions.nodes import Node
from engine.conditions.parse import parse_condition
from tests.apps.segments.world import NOW_MS, Happened, make_profile, make_site, store_events

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
MIDNIGHT_MS = NOW_MS // DAY_MS * DAY_MS

WINDOWS: Sequence[Any] = (
    "ever",
    {"last": "1d"},
    {"last": "3d"},
    {"last": "36h"},
    {"last": "80h"},
    {"last": "1mo"},
    {"between_ago": {"from": "4d", "to": "1d"}},
    {"between_ago": {"from": "100h", "to": "30h"}},
    {"calendar": "week"},
    {"calendar": "month", "tz": "visitor"},
    {"absolute": {"from": "2026-02-26T11:00:00Z", "to": "2026-03-01T00:00:00Z"}},
    {"absolute": {"to": "2026-02-28T05:00:00Z"}},
    {"since": {"name": "B"}},
    "session",
)
# (aggregate, property, operator, values): several thresholds tell the number that was found.
ASKED: Sequence[tuple[str, str | None, str, Sequence[Any]]] = (
    ("count", None, "gte", (1, 2, 3, 5)),
    ("sum", "price", "gt", (0, 0.3, 1.1, 10)),
    ("avg", "price", "gt", (0.2, 1)),
    ("min", "price", "lt", (0.2, 2)),
    ("max", "price", "gt", (0.2, 2)),
    ("first", "category", "eq", ("hats", "shoes")),
    ("last", "category", "eq", ("hats", "shoes")),
    ("recency", None, "lt", ("20h", "50h", "90h")),
    ("distinct", "category", "gte", (2,)),
)


def conditions() -> list[Node]:
    """Every aggregate in every window, of a plain and of a filtered match."""
    found = []
    for window, (aggregate, of, op, values), filtered in itertools.product(
        WINDOWS, ASKED, (False, True)
    ):
        leaf: dict[str, Any] = {"kind": "event", "name": "A", "aggregate": aggregate}
        leaf |= {"window": window, "op": op}
        if of is not None:
            leaf["of"] = of
        if filtered:
            leaf["where"] = [{"property": "category", "op": "ne", "value": "hats"}]
        found += [parse_condition({"v": 1, "where": leaf | {"value": value}}) for value in values]
    return found


CONDITIONS = conditions()

properties = st.fixed_dictionaries(
    {},
    optional={
        "category": st.sampled_from(["hats", "shoes", "bags", 7]),
        "price": st.sampled_from([0.1, 0.2, 1, 2.5, -1, "dear", 1e-3]),
    },
)
# Mostly at the edges: of days, of windows, at one millisecond; some under a clock that was ahead.
moments = st.one_of(
    st.integers(-200 * HOUR_MS, 0),
    st.integers(1, 30 * HOUR_MS),
    st.builds(lambda day, ms: -day * DAY_MS + ms, st.integers(0, 8), st.integers(-2, 2)),
    st.builds(
        lambda day, ms: MIDNIGHT_MS - NOW_MS - day * DAY_MS + ms,
        st.integers(0, 8),
        st.integers(-2, 2),
    ),
).map(lambda ms: NOW_MS + ms)
happened = st.builds(Happened, moments, st.sampled_from("AAAB"), properties)
histories = st.lists(happened, max_size=12)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("late"), st.integers(0, 2), histories),
        st.tuples(st.just("merge"), st.integers(0, 2), st.integers(0, 2)),
        st.tuples(st.just("erase"), st.integers(0, 2)),
        st.tuples(st.just("wait"), st.sampled_from([1, 30 * 60_000, 7 * HOUR_MS, 26 * HOUR_MS])),
        st.tuples(st.just("prepare")),
    ),
    max_size=6,
)


def verdicts(
    site: Site,
    now_ms: int,
    asked: Sequence[Node] = CONDITIONS,
    *,
    is_kept: bool,
    is_partial: bool = False,
) -> list[Any]:
    """The verdicts on everybody at an instant, by profile: with or without what is kept."""
    kept = rollups.kept(site.pk)
    query = compile_query(
        asked,
        site_id=site.pk,
        first_ms=now_ms,
        last_ms=now_ms,
        source=kept.source(site.pk, is_partial=is_partial) if is_kept else None,
        zone="UTC",
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"""WITH pair AS (
  SELECT s.profile_id AS n, s.profile_id, %(at_ms)s::bigint AS at_ms, s.unit_id, s.traits,
    timestamptz 'epoch' + (%(at_ms)s::bigint + 1) * interval '1 millisecond' AS at_end
  FROM profiles_profilestate s WHERE s.site_id = %(site)s::uuid
){"".join(f", {cte}" for cte in query.ctes)}
SELECT p.profile_id, ({query.hard}), ARRAY[{", ".join(query.verdicts)}]::bool[]
FROM pair p {query.joins} ORDER BY p.profile_id""",
            {**query.params, "at_ms": now_ms, "site": str(site.pk)},
        )
        return list(cursor.fetchall())


def assert_same(site: Site, now_ms: int) -> None:
    raw = verdicts(site, now_ms, is_kept=False)
    for is_partial in (False, True):
        found = verdicts(site, now_ms, is_kept=True, is_partial=is_partial)
        for (profile_id, hard, got), (_, was_hard, wanted) in zip(found, raw, strict=True):
            assert hard == was_hard
            if hard:
                continue
            differing = [
                (CONDITIONS[n], got[n], wanted[n]) for n in range(len(got)) if got[n] != wanted[n]
            ]
            assert not differing, (profile_id, differing[:3])


def erase(profile: Profile) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM events_event WHERE profile_id = %s", [str(profile.pk)])
    HOLDER.erase(profile.pk)


def counted(profile: Profile) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT count(*) FROM events_rollup WHERE profile_id = %(p)s)"
            " + (SELECT count(*) FROM events_rollupspan WHERE profile_id = %(p)s)"
            " + (SELECT count(*) FROM events_rollupmark WHERE profile_id = %(p)s)",
            {"p": str(profile.pk)},
        )
        return int(cursor.fetchone()[0])


@pytest.fixture
def site(db: None) -> Site:
    return make_site()


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    people=st.lists(histories, min_size=3, max_size=3),
    story=steps,
    ahead_ms=st.sampled_from([0, DAY_MS]),
)
def test_kept_days_answer_as_the_events_do_whatever_happens_to_them(
    site: Site, people: list[list[Happened]], story: list[Any], ahead_ms: int
) -> None:
    with transaction.atomic():
        profiles = [make_profile(site, events) for events in people]
        now_ms = NOW_MS
        rollups.prepare(site.pk, CONDITIONS, now_ms + ahead_ms)
        assert_same(site, now_ms)
        for step in story:
            match step:
                case ("late", who, events):
                    store_events(site, profiles[who].pk, events)
                case ("merge", loser, winner) if loser != winner:
                    fold.move(profiles[loser].pk, profiles[winner].pk)
                    HOLDER.reassign(profiles[loser].pk, profiles[winner].pk)
                case ("erase", who):
                    erase(profiles[who])
                case ("wait", ms):
                    now_ms += ms
                case ("prepare",):
                    rollups.prepare(site.pk, CONDITIONS, now_ms)
            assert_same(site, now_ms)
        transaction.set_rollback(True)


def test_closed_days_are_really_used(site: Site) -> None:
    """Else the comparison above would compare the events with themselves."""
    profile = make_profile(site, [Happened(NOW_MS - 5 * DAY_MS, "A", {"price": 3})])
    rollups.prepare(site.pk, CONDITIONS, NOW_MS)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE events_event DISABLE TRIGGER USER")
        cursor.execute("DELETE FROM events_event WHERE profile_id = %s", [str(profile.pk)])
        cursor.execute("ALTER TABLE events_event ENABLE TRIGGER USER")
    [(_, _, kept)] = verdicts(site, NOW_MS, is_kept=True)
    [(_, _, raw)] = verdicts(site, NOW_MS, is_kept=False)
    assert (kept[0], raw[0]) == (True, False)


def test_a_window_from_midnight_to_midnight_has_no_edges(site: Site) -> None:
    make_profile(site, [Happened(NOW_MS - 5 * DAY_MS, "A")])
    window = {"absolute": {"from": "2026-02-20T00:00:00Z", "to": "2026-03-01T00:00:00Z"}}
    leaf = {"kind": "event", "name": "A", "aggregate": "count", "window": window}
    node = parse_condition({"v": 1, "where": leaf | {"op": "gte", "value": 1}})
    rollups.prepare(site.pk, [node], NOW_MS)
    for is_partial in (False, True):
        found = verdicts(site, NOW_MS, [node], is_kept=True, is_partial=is_partial)
        assert [answers for _, _, answers in found] == [[True]]


def test_a_late_event_marks_its_profile_until_it_is_counted(site: Site) -> None:
    profile = make_profile(site, [Happened(NOW_MS - 5 * DAY_MS, "A")])
    other = make_profile(site, [Happened(NOW_MS - 5 * DAY_MS, "A")])
    rollups.prepare(site.pk, CONDITIONS, NOW_MS)
    with connection.cursor() as cursor:
        store_events(site, profile.pk, [Happened(NOW_MS - 4 * DAY_MS, "A")])
        store_events(site, other.pk, [Happened(NOW_MS - 1, "A")])
        cursor.execute("SELECT profile_id FROM events_rollupmark")
        assert cursor.fetchall() == [(profile.pk,)], "today is read from the events anyway"
        rollups.prepare(site.pk, CONDITIONS, NOW_MS)
        cursor.execute("SELECT count(*) FROM events_rollupmark")
        assert cursor.fetchone() == (0,)
        cursor.execute(
            "SELECT sum(r.n) FROM events_rollup r JOIN events_rollupmeasure m ON m.id = r.measure"
            " WHERE r.profile_id = %s GROUP BY m.id",
            [str(profile.pk)],
        )
        assert {n for (n,) in cursor.fetchall()} == {2}


def test_an_erased_person_leaves_nothing_counted(site: Site) -> None:
    profile = make_profile(site, [Happened(NOW_MS - 5 * DAY_MS, "A", {"category": "hats"})])
    rollups.prepare(site.pk, CONDITIONS, NOW_MS)
    assert counted(profile) > 1
    erase(profile)
    assert counted(profile) == 0


def test_what_nobody_asks_for_any_more_is_dropped(site: Site) -> None:
    profile = make_profile(site, [Happened(NOW_MS - 5 * DAY_MS, "A")])
    rollups.prepare(site.pk, CONDITIONS, NOW_MS)
    rollups.prepare(site.pk, [], NOW_MS)
    assert counted(profile) == 0
    assert rollups.kept(site.pk).places == {}


def test_a_number_beyond_casting_is_left_to_the_live_path(site: Site) -> None:
    huge = json.loads("1" + "0" * 200)
    make_profile(site, [Happened(NOW_MS - 5 * DAY_MS, "A", {"price": huge})])
    rollups.prepare(site.pk, CONDITIONS, NOW_MS)
    assert [hard for _, hard, _ in verdicts(site, NOW_MS, is_kept=True)] == [True]
    rollups.prepare(site.pk, CONDITIONS, NOW_MS + DAY_MS)
    assert [hard for _, hard, _ in verdicts(site, NOW_MS + DAY_MS, is_kept=True)] == [True]
