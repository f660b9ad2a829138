"""Which version serves: a trial's winner, what is not surely worse, what a person chose."""

from datetime import timedelta

import pytest

from apps.access.models import AuditEntry, Site
from apps.recommendations import services
from apps.recommendations.models import Item, ItemList, Recommender, RecommenderVersion, Trial
from tests.apps.recommendations.world import NOW, Seen, make_site, new_person, store

pytestmark = pytest.mark.django_db


@pytest.fixture
def site() -> Site:
    return make_site()


def walks(site: Site, people: int = 60, days: int = 20) -> None:
    """Everybody walks up the shelf from somewhere, each day somebody else."""
    events = []
    for number in range(people):
        person = new_person()
        start = NOW - timedelta(days=days * (people - number) / people + 0.1)
        events += [
            Seen(person, start + timedelta(minutes=step), f"P{(number * 7 + step) % 40:02d}",
                 device=number, category="shelf")
            for step in range(5)
        ]  # fmt: skip
    store(site, events)


def auto(site: Site, **more: object) -> Recommender:
    return Recommender.objects.create(site=site, key="next", name="Next", kind="auto", **more)


def train(one: Recommender, hours: int = 0, *, chooses: bool = False) -> RecommenderVersion:
    at = NOW + timedelta(hours=hours)
    ((_, version),) = services.train_now(recommenders=[one], now=at, chooses=chooses)
    assert version is not None
    return version


def test_the_winner_of_the_trial_serves_and_its_figures_are_kept(site):
    walks(site, people=400)
    one = auto(site)
    version = train(one)
    assert (version.method, version.state) == ("followed_by", "active")
    assert version.outcome.startswith("Best on ")
    rows = {row.method: row for row in Trial.objects.all()}
    assert {"followed_by", "als", "neighbours", "popular", "ever_popular", "last_item"} <= set(rows)
    assert [row.method for row in rows.values() if row.won] == ["followed_by"]
    assert rows["followed_by"].version_id == version.pk
    value, low, high = rows["followed_by"].figures["ndcg"]
    assert low <= value <= high and rows["followed_by"].figures["over_popular"][1] > 0
    assert "trees need 1,000" in rows["session"].figures.get("problem", "trees need 1,000")


def test_where_nobody_came_back_what_is_popular_serves_and_says_so(site):
    store(site, [Seen(new_person(), NOW - timedelta(days=n), f"P{n}") for n in range(6)])
    version = train(auto(site))
    assert version.method == "popular" and "What is popular serves until then." in version.outcome
    assert version.popular[0][0] == "P0"


def test_an_hourly_training_keeps_the_method_and_tries_nothing(site):
    walks(site, people=400)
    one = auto(site)
    first = train(one)
    tried = Trial.objects.count()
    second = train(one, hours=1)
    assert second.method == first.method and Trial.objects.count() == tried
    assert second.metrics == first.metrics
    train(one, hours=2, chooses=True)
    assert Trial.objects.count() == 2 * tried


def test_settings_that_are_surely_worse_are_refused_and_what_served_goes_on(site):
    walks(site, people=400)
    one = Recommender.objects.create(site=site, key="next", name="Next", kind="followed_by")
    first = train(one)
    Recommender.objects.update(kind="popular")
    refused = train(one, hours=1)
    assert refused.state == "refused" and "Surely worse than what serves" in refused.outcome
    assert not ItemList.objects.filter(version=refused).exists()
    one.refresh_from_db()
    assert one.active_id == first.pk
    assert Trial.objects.filter(method="serving").count() == 1
    assert AuditEntry.objects.filter(action="recommendations.activated").count() == 1


def test_a_method_that_cannot_learn_yet_leaves_the_place_to_what_is_popular(site):
    walks(site, people=20)
    one = Recommender.objects.create(site=site, key="next", name="Next", kind="session")
    version = train(one)
    assert version.method == "popular"
    assert version.outcome.endswith("What is popular serves until then.")


def test_after_an_erasure_a_version_that_somebody_chose_gives_way_in_the_end(site):
    walks(site)
    one = Recommender.objects.create(site=site, key="next", name="Next", kind="followed_by")
    old = train(one)
    RecommenderVersion.objects.filter(pk=old.pk).update(approved_by=_staff())
    cut = NOW + timedelta(minutes=30)
    fresh = train(one, hours=1)
    assert fresh.state == "candidate"
    later = {"recommender_id": one.pk, "cut_at": cut, "now": NOW + timedelta(days=1)}
    assert not services.settle_cut(**later, insist_at=NOW + timedelta(days=25))
    assert services.settle_cut(**later, insist_at=NOW)
    one.refresh_from_db()
    assert one.active_id == fresh.pk
    assert not RecommenderVersion.objects.filter(pk=old.pk).exists()
    assert AuditEntry.objects.filter(detail__why="erasure").count() == 1


def test_items_that_nobody_met_any_more_leave_lists_pairs_and_catalogue(site):
    one = Recommender.objects.create(site=site, key="next", name="Next")
    store(site, [Seen(new_person(), NOW - timedelta(days=1), "A")])
    version = train(one)
    Item.objects.create(site=site, code="gone", seen_at=NOW)
    ItemList.objects.create(version=version, item="A", previous="gone", ranked=[["A", 0.5]])
    ItemList.objects.create(version=version, item="A", ranked=[["gone", 0.5], ["A", 0.25]])
    version.params["new"] = ["gone", "A"]
    version.save()
    assert services.forget_unused_items(site.pk) >= 2
    (row,) = ItemList.objects.filter(version=version)
    assert (row.previous, row.ranked) == ("", [["A", 0.25]])
    version.refresh_from_db()
    assert version.params["new"] == ["A"]


def _staff() -> object:
    from django.contrib.auth.models import User

    return User.objects.create_user("ana", is_staff=True)
