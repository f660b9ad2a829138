"""What is learned from events, what is not, and what becomes of it."""

from datetime import datetime, timedelta
from io import StringIO
from itertools import pairwise

import pytest
from django.core.management import CommandError, call_command

from apps.access.models import Site
from apps.consent.types import Purpose
from apps.recommendations import selectors, services
from apps.recommendations.models import Item, ItemList, Recommender, RecommenderVersion
from apps.work import clock, performing
from apps.work.models import Intent
from tests.apps.recommendations.world import (
    NECESSARY_ONLY,
    NOW,
    Seen,
    make_profile,
    make_site,
    new_person,
    real_sessions,
    store,
)

START = NOW - timedelta(days=10)


@pytest.fixture
def site(db: None) -> Site:
    return make_site()


@pytest.fixture
def recommender(site: Site) -> Recommender:
    return services.create_recommender(site_id=site.pk, key="next", name="What comes next")


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def train(recommender: Recommender, now: datetime = NOW) -> RecommenderVersion | None:
    ((_, version),) = services.train_now(recommenders=[recommender], now=now)
    return version


def lists(recommender: Recommender) -> dict[str, list[str]]:
    recommender.refresh_from_db()
    rows = ItemList.objects.filter(version=recommender.active)
    return {row.item: [code for code, _ in row.ranked] for row in rows}


def test_consecutive_views_within_half_an_hour_are_pairs(site, recommender):
    visitor = new_person()
    store(
        site,
        [
            Seen(visitor, at(0), "A"),
            Seen(visitor, at(29.9), "B"),
            Seen(visitor, at(59.9), "C"),  # half an hour later: another visit
            Seen(visitor, at(61), "C"),
        ],
    )
    version = train(recommender)
    assert lists(recommender) == {"A": ["B"], "C": ["C"]}
    assert (version.views, version.pairs) == (4, 2)
    # What happened later counts a little more: a half-life of 21 days.
    assert [code for code, _ in version.popular] == ["C", "B", "A"]
    assert [share for _, share in version.popular] == pytest.approx([0.5, 0.25, 0.25], abs=5e-4)


def test_two_devices_of_one_person_are_not_one_walk(site, recommender):
    visitor = new_person()
    store(
        site,
        [
            Seen(visitor, at(0), "A", device=1),
            Seen(visitor, at(1), "B", device=2),
            Seen(visitor, at(2), "C", device=1),
        ],
    )
    train(recommender)
    assert lists(recommender) == {"A": ["C"]}


def test_events_of_one_instant_are_ordered_by_message_id(site, recommender):
    visitor = new_person()
    store(
        site,
        [
            Seen(visitor, at(0), "B", message_id="m-B"),
            Seen(visitor, at(0), "a", message_id="m-a"),
            Seen(visitor, at(0), "C", message_id="m-C"),
        ],
    )
    train(recommender)
    assert lists(recommender) == {"B": ["C"], "C": ["a"]}


def test_nothing_is_learned_without_consent_or_after_a_no(site, recommender):
    willing = make_profile(site)
    unwilling = make_profile(site, denied=int(Purpose.PERSONALIZATION))
    store(
        site,
        [
            Seen(willing, at(0), "A"),
            Seen(willing, at(1), "X", purposes=NECESSARY_ONLY),
            Seen(willing, at(2), "B"),
            Seen(unwilling, at(0), "A", device=2),
            Seen(unwilling, at(1), "Y", device=2),
        ],
    )
    train(recommender)
    assert lists(recommender) == {"A": ["B"]}
    assert set(Item.objects.values_list("code", flat=True)) == {"A", "B"}


def test_another_sites_events_are_another_sites(site, recommender):
    other = make_site()
    store(other, [Seen(new_person(), at(0), "A"), Seen(new_person(), at(1), "B")])
    assert train(recommender) is None
    recommender.refresh_from_db()
    assert recommender.active is None


def test_items_are_as_last_described(site, recommender):
    visitor = new_person()
    store(
        site,
        [
            Seen(visitor, at(0), "A", category="old", value=9.0),
            Seen(visitor, at(5), "A", category="new", value=7.5),
        ],
    )
    train(recommender)
    item = Item.objects.get(site=site)
    assert (item.code, item.category, item.price, item.seen_at) == ("A", "new", 7.5, at(5))


def test_the_last_day_is_judged_by_lists_that_did_not_see_it(site, recommender):
    events = []
    for number in range(10):
        visitor = new_person()
        events += [Seen(visitor, at(number), "A"), Seen(visitor, at(number + 1), "B")]
    # A day later everybody goes from A to C: lists without that day know only B after A.
    for number in range(4):
        visitor = new_person()
        late = START + timedelta(days=3, minutes=number)
        events += [Seen(visitor, late, "A"), Seen(visitor, late + timedelta(minutes=1), "C")]
    store(site, events)
    version = train(recommender)
    assert version.metrics == {
        "held_out_steps": 4,
        "hits_at_10": 0.0,
        "hits_at_10_popular": 0.0,
    }
    assert lists(recommender)["A"] == ["B", "C"]


def test_three_versions_are_kept_and_the_newest_serves(site, recommender):
    visitor = new_person()
    store(site, [Seen(visitor, at(0), "A"), Seen(visitor, at(1), "B")])
    trained = [train(recommender, NOW + timedelta(hours=hour)) for hour in range(5)]
    recommender.refresh_from_db()
    assert recommender.active == trained[-1]
    assert set(recommender.versions.values_list("pk", flat=True)) == {v.pk for v in trained[-3:]}
    assert len({version.digest for version in trained}) == 1


def test_a_popular_recommender_has_no_lists_but_the_one(site):
    popular = services.create_recommender(site_id=site.pk, key="top", name="Top", kind="popular")
    visitor = new_person()
    store(site, [Seen(visitor, at(0), "A"), Seen(visitor, at(1), "B"), Seen(visitor, at(2), "B")])
    train(popular)
    assert lists(popular) == {}
    table = selectors.refresh(site.pk)["top"]
    assert [(code, why) for code, _, why in table.lookup("A", 5)] == [
        ("B", "popular"),
        ("A", "popular"),
    ]
    shares = [share for _, share, _ in table.lookup("A", 5)]
    assert shares == pytest.approx([2 / 3, 1 / 3], abs=5e-4)


def test_the_real_clicks_through_the_tables_give_the_same_figures(site, recommender):
    """April and May in the events table, then every June step asked of the served table."""
    events, asked = [], []
    for number, (month, items) in enumerate(real_sessions()):
        if month == 6:
            asked += pairwise(items)
            continue
        visitor, start = new_person(), START - timedelta(days=50, minutes=-number)
        events += [
            Seen(visitor, start + timedelta(seconds=20 * click), item, device=number)
            for click, item in enumerate(items)
        ]
    store(site, events)
    train(recommender)
    table = selectors.refresh(site.pk)["next"]
    shown = {item: {code for code, *_ in table.lookup(item, 10)} for item, _ in asked}
    hits = sum(following in shown[item] for item, following in asked)
    assert len(asked) == 27_358
    assert hits / len(asked) == pytest.approx(0.5246, abs=0.00005)
    popular = {code for code, *_ in table.lookup(None, 10)}
    hits = sum(following in popular for _, following in asked)
    assert hits / len(asked) == pytest.approx(0.140, abs=0.0005)


def test_an_intent_trains_and_shows_its_progress(site, recommender):
    visitor = new_person()
    store(site, [Seen(visitor, at(0), "A"), Seen(visitor, at(1), "B")])
    intent_id = services.ask_training(recommender=recommender, now=NOW)
    assert services.ask_training(recommender=recommender, now=NOW) == intent_id
    clock.replace(lambda: NOW)
    try:
        assert performing.perform(intent_id, now=NOW)
    finally:
        clock.replace(None)
    intent = Intent.objects.get(pk=intent_id)
    assert (intent.done_steps, intent.total_steps, intent.note) == (6, 6, "Done")
    assert lists(recommender) == {"A": ["B"]}


def test_the_command_trains_and_says_how_well(site, recommender):
    said = StringIO()
    call_command("train_recommenders", site=site.key, stdout=said)
    assert said.getvalue() == f"{site.key} next: nothing to learn from yet\n"
    recent = clock.now() - timedelta(days=5)
    visitor = new_person()
    minutes = (0, 1, 3 * 24 * 60, 3 * 24 * 60 + 1)
    store(
        site,
        [
            Seen(visitor, recent + timedelta(minutes=minute), item)
            for minute, item in zip(minutes, "ABAB", strict=True)
        ],
    )
    said = StringIO()
    call_command("train_recommenders", site=site.key, stdout=said)
    assert "4 views, 2 pairs, 1 lists; hits among ten on the last day 100.0%" in said.getvalue()
    with pytest.raises(CommandError, match="No site 'nowhere'"):
        call_command("train_recommenders", site="nowhere")
