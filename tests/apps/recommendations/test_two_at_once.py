"""Two trainings of one recommender at the same time: what has read more serves, whoever is last."""

import threading
from datetime import timedelta

import pytest
from django.db import connection

from apps.recommendations import training
from apps.recommendations.models import PersonList, Recommender, RecommenderVersion
from tests.apps.recommendations.test_person_lists import people_of_two_tastes, recommender
from tests.apps.recommendations.world import NOW, make_site

LATER = NOW + timedelta(hours=1)
State = RecommenderVersion.State


def both(one: Recommender, *, holds_at: str) -> tuple[RecommenderVersion, RecommenderVersion]:
    """Begin a training, hold it at a stage while another begins and ends, and let it end."""
    is_there, may_go_on = threading.Event(), threading.Event()
    failed: list[BaseException] = []

    def told(done: int, total: int, note: str = "") -> None:
        if note == holds_at:
            is_there.set()
            may_go_on.wait(30)

    def train() -> None:
        try:
            training.train(recommender_id=one.pk, now=NOW, progress=told)
        except BaseException as error:
            failed.append(error)
        finally:
            is_there.set()
            connection.close()

    first = threading.Thread(target=train)
    first.start()
    try:
        assert is_there.wait(30)
        training.train(recommender_id=one.pk, now=LATER)
    finally:
        may_go_on.set()
        first.join()
    assert not failed
    return one.versions.get(trained_at=NOW), one.versions.get(trained_at=LATER)


@pytest.mark.django_db(transaction=True)
def test_what_began_later_goes_on_serving_when_the_slower_one_ends() -> None:
    site = make_site()
    people = people_of_two_tastes(site)
    one = recommender(site, "followed_by", filters={"seen": False})
    slow, quick = both(one, holds_at="Writing lists")
    one.refresh_from_db()
    assert one.active_id == quick.pk
    assert (slow.state, quick.state) == (State.REFUSED, State.ACTIVE)
    assert slow.outcome == training.OVERTAKEN
    assert not slow.lists.exists() and quick.lists.exists()
    lists = PersonList.objects.filter(recommender=one)
    assert set(lists.values_list("profile_id", flat=True)) == set(people)
    assert set(lists.values_list("version_id", flat=True)) == {quick.pk}


@pytest.mark.django_db(transaction=True)
def test_lists_of_people_stay_those_of_what_serves() -> None:
    site = make_site()
    people = people_of_two_tastes(site)
    one = recommender(site, "followed_by", filters={"seen": False})
    slow, quick = both(one, holds_at="Writing people's lists")
    one.refresh_from_db()
    assert (one.active_id, slow.state) == (quick.pk, State.RETIRED)
    lists = PersonList.objects.filter(recommender=one)
    assert lists.count() == len(people)
    assert set(lists.values_list("version_id", "as_of")) == {(quick.pk, LATER)}
