"""Sums of days and the events they were made of say the same of everybody, to the last bit."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from django.db import connection

from apps.events import feature_marks
from apps.predictions import days, features, services
from apps.predictions.models import ModelSpec
from tests.apps.predictions.busy import EVERYTHING, Crowd
from tests.apps.recommendations.world import NOW, make_site

MIDNIGHT = datetime(NOW.year, NOW.month, NOW.day, tzinfo=UTC)
INSTANTS = [NOW, MIDNIGHT - timedelta(days=9), NOW - timedelta(days=3, hours=5.4321)]


@pytest.fixture
def crowd(db: None) -> Crowd:
    site = make_site()
    site.time_zone = "America/New_York"
    site.save(update_fields=["time_zone"])
    crowd = Crowd.gathered(site, 250)
    crowd.live()
    return crowd


def ask(crowd: Crowd, **options) -> ModelSpec:
    return services.create_spec(
        site_id=crowd.site.pk, key="k", name="K", target_event="Order Completed", horizon_hours=24,
        active_days=20, window_days=31, now=NOW, **options,
    )  # fmt: skip


def found(spec: ModelSpec, crowd: Crowd, as_of: datetime) -> dict[str, object]:
    """What is said of everybody, by closed days as far as there are some."""
    ids, x = features.rows_of(spec, EVERYTHING, crowd.people, as_of=as_of, now=NOW)
    moment = features.moment(spec, EVERYTHING, as_of=as_of, now=NOW)
    assert moment.profiles == sorted(moment.profiles)
    return {
        "ids": ids, "x": x.tobytes(), "profiles": moment.profiles, "mx": moment.x.tobytes(),
        "y": moment.y.tobytes(), "joined": moment.joined, "rows": len(ids),
    }  # fmt: skip


def from_events_alone(spec: ModelSpec, crowd: Crowd, as_of: datetime) -> dict[str, object]:
    """The same with no day closed; the words keep their places."""
    with connection.cursor() as cursor:
        cursor.execute("SAVEPOINT open")
        cursor.execute("DELETE FROM events_featuresite")
        cursor.execute("DELETE FROM predictions_featureday")
        said = found(spec, crowd, as_of)
        cursor.execute("ROLLBACK TO SAVEPOINT open")
    return said


def assert_same(spec: ModelSpec, crowd: Crowd) -> None:
    for as_of in INSTANTS:
        summed, raw = found(spec, crowd, as_of), from_events_alone(spec, crowd, as_of)
        assert summed["rows"] > 40
        different = _first_difference(spec, crowd, as_of, summed["x"], raw["x"])
        assert summed == raw, f"{as_of}: {different}"


def _first_difference(spec, crowd, as_of, summed: bytes, raw: bytes) -> str:
    one, other = (np.frombuffer(x).reshape(-1, len(EVERYTHING)) for x in (summed, raw))
    if one.shape != other.shape:
        return "other people"
    differs = ~np.isclose(one, other, rtol=0, atol=0, equal_nan=True)
    names = {EVERYTHING[column] for _, column in np.argwhere(differs)}
    return f"{int(differs.sum())} values of {sorted(names)}"


@pytest.mark.parametrize("knows_by", ["occurred", "received"])
def test_days_and_events_say_the_same_whatever_happens_to_closed_days(crowd, knows_by):
    spec = ask(crowd, knows_by=knows_by)
    done = days.fill(crowd.site.pk, now=NOW)
    assert done.days >= 39 and days.differing(crowd.site.pk) == 0
    assert_same(spec, crowd)

    # Late events, a merge, a deletion, a change of stamps: all in closed days.
    crowd.live(until=NOW - timedelta(days=2), who=crowd.people[:30])
    moved, kept, gone, stripped = crowd.people[40:44]
    with connection.cursor() as cursor:
        move = "UPDATE events_event SET profile_id = %s WHERE profile_id = %s"
        cursor.execute(move, [str(kept), str(moved)])
        cursor.execute("DELETE FROM events_event WHERE profile_id = %s", [str(gone)])
        cursor.execute(
            "UPDATE events_event SET purposes = purposes | 256 WHERE profile_id = %s",
            [str(stripped)],
        )
    assert feature_marks.has_marks(crowd.site.pk)
    assert_same(spec, crowd)

    again = days.fill(crowd.site.pk, now=NOW)
    assert again.days == 0 and again.repaired == 34 and not feature_marks.has_marks(crowd.site.pk)
    assert days.differing(crowd.site.pk) == 0
    assert_same(spec, crowd)


def test_a_model_for_something_else_is_answered_from_the_events_alone(crowd):
    of_models, of_targeting = ask(crowd), ask_targeting(crowd)
    days.fill(crowd.site.pk, now=NOW)
    ids, x = features.rows_of(of_models, ["events"], crowd.people, as_of=NOW)
    more_ids, more = features.rows_of(of_targeting, ["events"], crowd.people, as_of=NOW)
    # Events that models may not learn from may still be used for targeting.
    assert more.sum() > x.sum() and set(more_ids) >= set(ids)


def ask_targeting(crowd: Crowd) -> ModelSpec:
    return services.create_spec(
        site_id=crowd.site.pk, key="t", name="T", target_event="Order Completed", horizon_hours=24,
        active_days=20, window_days=31, now=NOW, purpose="targeting",
    )  # fmt: skip


def test_a_word_that_has_no_place_is_counted_from_the_events(crowd):
    spec = ask(crowd)
    days.fill(crowd.site.pk, now=NOW)
    rare = crowd.people[0]
    at = NOW - timedelta(days=2)
    crowd.store([crowd.event(rare, at, name="Rare", category="rare", kind=1, purposes=63)])
    days.fill(crowd.site.pk, now=NOW)
    names = ["count:Rare", "category:rare", "path_entropy", "events"]
    (_,), x = features.rows_of(spec, names, [rare], as_of=NOW)
    (_,), summed = features.rows_of(spec, names[2:], [rare], as_of=NOW)
    assert x[0, :2].tolist() == [1, 1]
    assert x[0, 2:].tobytes() == summed[0].tobytes(), "the same, read from one side or the other"


def test_a_word_that_becomes_frequent_gets_a_place_and_the_past_is_counted_again(crowd):
    spec = ask(crowd)
    days.fill(crowd.site.pk, now=NOW - timedelta(days=5))
    early = NOW - timedelta(days=10)
    who = crowd.people[:5]
    new = {"name": "New", "category": "new", "kind": 1, "purposes": 63}
    crowd.store([crowd.event(who[0], early, **new)])
    days.fill(crowd.site.pk, now=NOW - timedelta(days=4))
    crowd.store([crowd.event(one, NOW - timedelta(days=3), **new) for one in who])
    days.fill(crowd.site.pk, now=NOW)
    assert days.differing(crowd.site.pk) == 0
    _, x = features.rows_of(spec, ["count:New", "category:new"], who[:1], as_of=NOW)
    assert x.tolist() == [[2, 2]]
    assert_same(spec, crowd)
