"""As of a moment means known then, allowed now: a planted future is not seen, or it is refused."""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from django.db import connection

from apps.access.models import Site
from apps.consent.types import Purpose
from apps.predictions import days, features, looking, services
from apps.predictions.domain import feature_names
from apps.predictions.domain.feature_names import DEFAULTS, PLAIN, feature_of
from apps.predictions.domain.feature_sums import Column
from apps.predictions.models import ModelSpec
from apps.profiles.models import MergeRecord, ProfileState, TraitChange
from engine.conditions.parse import parse_condition
from tests.apps.predictions.busy import EVERYTHING, Crowd
from tests.apps.recommendations.world import NOW, Seen, make_profile, make_site, store

MIDNIGHT = datetime(NOW.year, NOW.month, NOW.day, tzinfo=UTC)
AS_OF = MIDNIGHT - timedelta(days=3)


@pytest.fixture
def site(db: None) -> Site:
    return make_site()


def ask(site: Site, **options) -> ModelSpec:
    return services.create_spec(
        site_id=site.pk, key=options.pop("key", "k"), name="K", target_event="Order Completed",
        now=NOW, **{"horizon_hours": 24, "active_days": 20, "window_days": 31, **options},
    )  # fmt: skip


def received(who, at: datetime, came: datetime, **more) -> dict[str, object]:
    crowd = Crowd(make_site(), random.Random(0), [])
    event = {"kind": 1, "purposes": 63, "name": "A", **more}
    return crowd.event(who, at, received=came.isoformat(), **event)


def keep(site: Site, events: list[dict[str, object]]) -> None:
    Crowd(site, random.Random(0), []).store(events)


# What had been received by then


@pytest.mark.parametrize("is_summed", [False, True], ids=["from events", "from days"])
def test_what_came_in_later_was_not_known_then(site, is_summed):
    who, other = make_profile(site), make_profile(site)
    at = AS_OF - timedelta(days=1)
    keep(site, [received(who, at, at), received(who, at, AS_OF + timedelta(hours=1))])
    # Whose only event came in later was not seen at all.
    keep(site, [received(other, at, AS_OF + timedelta(hours=1))])
    if is_summed:
        days.fill(site.pk, now=NOW)
    by_received = ask(site, knows_by="received")
    by_occurred = ask(site, key="o", knows_by="occurred")
    then = features.moment(by_received, ["events"], as_of=AS_OF, now=NOW)
    assert (then.profiles, then.x.tolist(), then.knows_by) == ([who], [[1]], "received")
    later = features.moment(by_occurred, ["events"], as_of=AS_OF, now=NOW)
    assert dict(zip(later.profiles, later.x[:, 0], strict=True)) == {who: 2, other: 1}


@pytest.mark.parametrize("is_summed", [False, True], ids=["from events", "from days"])
@pytest.mark.parametrize(("late", "said"), [(2, "received"), (3, "occurred")])
def test_of_an_imported_past_what_had_occurred_counts_as_known(site, late, said, is_summed):
    who = make_profile(site)
    at = AS_OF - timedelta(days=1)
    came = [at + timedelta(days=2) if n < late else at for n in range(10)]
    keep(site, [received(who, at, one) for one in came])
    if is_summed:
        days.fill(site.pk, now=NOW)
    assert features.knows_by(ask(site), [AS_OF]) == said


def test_people_who_were_found_to_be_one_since_are_told(site):
    winner, loser, other = (make_profile(site) for _ in range(3))
    store(site, [Seen(who, AS_OF - timedelta(days=1)) for who in (winner, other)])
    MergeRecord.objects.create(
        site=site, winner_id=winner, loser_id=loser, cause="x", at=AS_OF + timedelta(hours=1)
    )
    spec = ask(site)
    assert features.moment(spec, ["events"], as_of=AS_OF, now=NOW).joined == 0.5
    assert features.moment(spec, ["events"], as_of=NOW).joined == 0.0


# What they allow now


@pytest.mark.parametrize("is_summed", [False, True], ids=["from events", "from days"])
def test_who_does_not_allow_it_as_of_now_is_neither_learned_from_nor_scored(site, is_summed):
    yes, no, ended, restricted, merged = (make_profile(site) for _ in range(5))
    at = AS_OF - timedelta(days=1)
    store(site, [Seen(who, at) for who in (yes, no, ended, restricted, merged)])
    state = ProfileState.objects.filter
    state(pk=no).update(denied=int(Purpose.MODEL_TRAINING))
    # A site whose silence is a no: a yes that ends in between.
    site.sources.update(consent_mode="required")
    granted = int(Purpose.PERSONALIZATION)
    state(pk=yes).update(granted=granted)
    ends = NOW - timedelta(hours=1)
    state(pk=ended).update(granted=granted, consent_until=ends)
    state(pk=restricted).update(granted=granted, holds=1)
    state(pk=merged).update(granted=granted, merged_into=yes)
    if is_summed:
        days.fill(site.pk, now=NOW)
    spec = ask(site)
    everybody = [yes, no, ended, restricted, merged]

    def asked(now: datetime) -> list[object]:
        moment = features.moment(spec, ["events"], as_of=AS_OF, now=now)
        known, _ = features.rows_of(spec, ["events"], everybody, as_of=AS_OF, now=now)
        assert known == moment.profiles
        return known

    assert asked(NOW) == [yes]
    assert asked(ends - timedelta(minutes=1)) == sorted([yes, ended])


# A planted future


def test_nothing_that_happens_later_changes_any_feature(site):
    crowd = Crowd.gathered(site, 60, seed=3)
    crowd.live(until=AS_OF)
    spec = ask(site, knows_by="occurred")
    names = [*EVERYTHING, "trait:will_buy"]
    before = features.moment(spec, names, as_of=AS_OF, now=NOW)
    crowd.live(days=3, until=NOW)
    after = features.moment(spec, names, as_of=AS_OF, now=NOW)
    assert len(before.x) > 30
    assert before.profiles == after.profiles and before.x.tobytes() == after.x.tobytes()
    days.fill(site.pk, now=NOW)
    summed = features.moment(spec, names, as_of=AS_OF, now=NOW)
    assert before.profiles == summed.profiles and before.x.tobytes() == summed.x.tobytes()


def test_a_trait_is_known_from_when_it_was_observed_not_from_the_state_row(site):
    who = make_profile(site)
    store(site, [Seen(who, AS_OF - timedelta(days=1))])
    ProfileState.objects.filter(pk=who).update(traits={"will_buy": [1, 0, "m"]})

    def observe(value: object, at: datetime, came: datetime | None = None, key="will_buy") -> None:
        TraitChange.objects.create(
            profile_id=who, key=key, value=value, source="x", observed_at=at,
            received_at=came or at, consent_epoch=0,
        )  # fmt: skip

    observe(7, AS_OF - timedelta(days=2))
    observe(1, AS_OF + timedelta(seconds=1))
    observe(99, AS_OF - timedelta(days=1), came=AS_OF + timedelta(days=1))
    observe(True, AS_OF, key="is_member")
    observe("gold", AS_OF, key="plan")
    observe(int("9" * 400), AS_OF, key="huge")
    names = ["trait:will_buy", "trait:is_member", "trait:plan", "trait:never", "trait:huge"]
    by_received = ask(site, knows_by="received")
    then = features.moment(by_received, names, as_of=AS_OF, now=NOW)
    assert then.x[0, :2].tolist() == [7, 1] and np.isnan(then.x[0, 2:4]).all()
    assert then.x[0, 4] == 1e15
    by_occurred = ask(site, key="o", knows_by="occurred")
    assert features.moment(by_occurred, names, as_of=AS_OF, now=NOW).x[0, 0] == 99


def planted(monkeypatch, name: str, sql: str, reads_until_h: float) -> None:
    """Add a feature that reads what comes after the moment."""
    known = feature_names.feature_of

    def feature(asked: str):
        if asked != name:
            return known(asked)
        column = Column(sql, "clock")
        return replace(
            known("events"), name=name, column=lambda _: column, reads_until_h=reads_until_h
        )

    for module in (feature_names, features):
        monkeypatch.setattr(module, "feature_of", feature)


def test_a_feature_that_reads_past_its_moment_is_refused(site, monkeypatch):
    buyers = [make_profile(site) for _ in range(10)]
    others = [make_profile(site) for _ in range(10)]
    store(site, [Seen(who, AS_OF - timedelta(days=1)) for who in (*buyers, *others)])
    store(site, [Seen(who, AS_OF + timedelta(hours=2), name="Order Completed") for who in buyers])
    days.fill(site.pk, now=NOW)
    spec = ask(site)
    inside = (
        "(SELECT count(*) FROM events_event e WHERE e.profile_id = p.profile_id"
        " AND e.name = 'Order Completed' AND e.occurred_at > p.as_of)"
    )
    planted(monkeypatch, "orders_soon", inside, 24)
    names = ["events", "orders_soon"]
    moment = features.moment(spec, names, as_of=AS_OF, now=NOW)
    assert moment.x[:, 1].tolist() == moment.y.tolist()
    (leak,) = features.check(names, moment.y, moment.x, spec=spec)
    assert (leak.name, leak.kind, leak.auc) == ("orders_soon", "future", 1.0)
    assert "24 hours past the moment" in leak.words


def test_a_feature_that_tells_nearly_everything_by_itself_has_to_be_vouched_for(site):
    chance = np.random.default_rng(1)
    y = (np.arange(400) % 4 == 0).astype(float)
    honest, telling = chance.normal(size=400) + y, y + chance.normal(size=400) * 0.1
    backwards = np.where(y > 0, np.nan, telling)
    names = ["events", "recency_h", "since_h:A"]
    x = np.column_stack([honest, telling, backwards])
    found = features.check(names, y, x)
    assert {leak.name for leak in found} == {"recency_h", "since_h:A"}
    assert all(leak.auc > 0.98 for leak in found)


def test_a_models_own_answer_is_none_of_its_features(site):
    spec = ask(site, key="buy")
    y, x = np.array([0.0, 1.0, 0.0, 1.0]), np.zeros((4, 2))
    names = ["trait:score.buy", "trait:score.other"]
    found = features.check(names, y, x, spec=spec)
    assert [(leak.name, leak.kind) for leak in found] == [("trait:score.buy", "own")]


# Somebody with far more events than others


@pytest.mark.django_db(transaction=True)
def test_whoever_has_too_much_changed_to_be_read_is_read_as_summed_up(monkeypatch):
    class Slow(looking.Look):
        def statement(self, labels: Sequence[str]) -> str:
            found = super().statement(labels)
            if self.trusts_marked:
                return found
            return found.replace("FROM asked p ", "FROM asked p CROSS JOIN pg_sleep(5) ", 1)

    site = make_site()
    who = make_profile(site)
    store(site, [Seen(who, MIDNIGHT - timedelta(days=n)) for n in (1, 2)])
    days.fill(site.pk, now=NOW)
    store(site, [Seen(who, MIDNIGHT - timedelta(days=1)), Seen(who, NOW)])
    spec = ask(site)
    assert features.rows_of(spec, ["events"], [who], as_of=NOW)[1].tolist() == [[4]]
    monkeypatch.setattr(looking, "LONGEST", "300ms")
    monkeypatch.setattr(looking, "Look", Slow)
    assert features.rows_of(spec, ["events"], [who], as_of=NOW)[1].tolist() == [[3]]


def test_ten_thousand_events_of_one_person_are_one_row_a_day(site):
    who = make_profile(site)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO events_event (site_id, profile_id, identity_id, source_id, kind, name,"
            " category, value, message_id, occurred_at, received_at, consent_epoch, purposes)"
            " SELECT %s, %s, 1, %s, 1, 'A', 'c' || n %% 7, 0.1, 'm' || n,"
            " %s::timestamptz + n * interval '1 second', now(), 0, 63"
            " FROM generate_series(1, 10000) n",
            [str(site.pk), str(who), str(site.pk), MIDNIGHT - timedelta(days=2)],
        )
    spec = ask(site, knows_by="occurred")
    names = ["events", "value_sum", "steps", "sessions", "gram:c1>c2"]
    raw = features.rows_of(spec, names, [who], as_of=NOW)[1]
    days.fill(site.pk, now=NOW)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*), max(cardinality(grams)) FROM predictions_featureday")
        assert cursor.fetchone() == (1, 1_000), "steps of a day are kept one by one up to a bound"
    summed = features.rows_of(spec, names, [who], as_of=NOW)[1]
    assert raw[:, :4].tolist() == summed[:, :4].tolist() == [[10_000, 1_000, 9_999, 1]]


# What features say


@pytest.mark.parametrize("name", sorted({*PLAIN, *EVERYTHING, "trait:plan"}))
def test_each_feature_says_what_it_is_in_plain_words(name):
    words = feature_of(name).words
    assert words and "_" not in words.replace("_h", "")


@pytest.mark.parametrize(
    "name", [name for name in EVERYTHING if feature_of(name).condition is not None]
)
@pytest.mark.parametrize(("low", "high"), [(2, None), (None, 5.5), (2, 5.5)], ids=str)
def test_a_condition_twin_is_a_condition(name, low, high):
    condition = feature_of(name).condition
    assert condition is not None
    parse_condition({"v": 1, "where": condition("60d", low, high)})


def test_what_says_something_only_in_a_visit_is_no_default():
    assert {"hour_sin", "in_session", "session_events"}.isdisjoint(DEFAULTS)
    assert set(DEFAULTS) < set(PLAIN)


def given_with(site, who, stamp: int, value: float, at: datetime, *, is_stored=True) -> None:
    """An observation as the fold keeps it: beside the event that brought it."""
    message = f"m-{value}"
    if is_stored:
        store(site, [Seen(who, at, name="", kind=4, purposes=stamp, message_id=message)])
    TraitChange.objects.create(
        profile_id=who, key="age", value=value, source="identify", observed_at=at, received_at=at,
        consent_epoch=0, message_id=message, identity_id=1,
    )  # fmt: skip


@pytest.mark.parametrize("is_summed", [False, True], ids=["from events", "from days"])
def test_a_trait_that_was_given_for_something_else_is_neither_learned_from_nor_served(
    site, is_summed
):
    refusing = 63 | int(Purpose.MODEL_TRAINING)  # a stamp keeps what is refused
    who, other, gone, listed = (make_profile(site) for _ in range(4))
    at = AS_OF - timedelta(days=1)
    store(site, [Seen(one, at) for one in (who, other, gone, listed)])
    given_with(site, who, 63, 20, at - timedelta(hours=2))
    given_with(site, who, refusing, 21, at - timedelta(hours=1))
    given_with(site, other, refusing, 22, at)
    given_with(site, gone, 63, 23, at, is_stored=False)
    TraitChange.objects.create(
        profile_id=listed, key="age", value=24, source="list", observed_at=at, received_at=at,
        consent_epoch=0, message_id="list",
    )  # fmt: skip
    if is_summed:
        days.fill(site.pk, now=NOW)
    spec, names = ask(site), ["trait:age"]
    then = features.moment(spec, names, as_of=AS_OF, now=NOW)
    people, served = features.rows_of(spec, names, [who, other, gone, listed], as_of=AS_OF)
    said = dict(zip(then.profiles, then.x[:, 0], strict=True))
    assert (said[who], said[listed]) == (20, 24)
    assert np.isnan(said[other]) and np.isnan(said[gone])
    assert people == then.profiles and served.tobytes() == then.x.tobytes()
