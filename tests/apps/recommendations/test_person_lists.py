"""Lists for e-mail: only where asked for, only of who allows it, and gone with the person."""

import json
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connection

from apps.access.models import Site
from apps.consent.types import Purpose
from apps.consent.withdrawing import TakenBack
from apps.events.fold import items_of
from apps.profiles.models import ProfileState
from apps.recommendations import (
    catalogue,
    clearing,
    person_lists,
    personal_data,
    services,
)
from apps.recommendations.models import PersonList, Recommender, RecommenderVersion
from tests.apps.recommendations.world import NOW, Seen, make_profile, make_site, store

pytestmark = pytest.mark.django_db

START = NOW - timedelta(days=5)


@pytest.fixture
def site() -> Site:
    return make_site()


def recommender(site: Site, kind: str = "als", **more: object) -> Recommender:
    return Recommender.objects.create(
        site=site, key="mail", name="Mail", kind=kind, per_person=True, **more
    )


def people_of_two_tastes(site: Site, count: int = 12) -> list[UUID]:
    people, events = [], []
    for number in range(count):
        person = make_profile(site)
        people.append(person)
        taste = "AB"[number % 2]
        for place in range(6):
            code = f"{taste}{(number // 2 + place) % 8}"
            at = START + timedelta(hours=number, minutes=place)
            events.append(Seen(person, at, code, device=number, category=taste, value=10.0))
    store(site, events)
    return people


def train(one: Recommender, hours: int = 0) -> RecommenderVersion:
    ((_, version),) = services.train_now(recommenders=[one], now=NOW + timedelta(hours=hours))
    assert version is not None
    return version


def codes(person: UUID) -> list[str]:
    return [code for code, *_ in PersonList.objects.get(profile_id=person).items]


@pytest.mark.parametrize("kind", ["als", "neighbours", "followed_by", "popular"])
def test_everybody_who_has_met_something_has_a_list_with_reasons(site, kind):
    people = people_of_two_tastes(site)
    version = train(recommender(site, kind, filters={"seen": True}))
    assert set(PersonList.objects.values_list("profile_id", flat=True)) == set(people)
    for row in PersonList.objects.all():
        assert row.version_id == version.pk and row.items
        assert all(why for *_, why in row.items)
    met = {f"A{place % 8}" for place in range(6)}
    assert not met & set(codes(people[0]))
    if kind == "als":
        assert codes(people[0])[0].startswith("A") and codes(people[1])[0].startswith("B")


def test_a_training_replaces_lists_and_one_that_is_not_asked_for_is_deleted(site):
    people = people_of_two_tastes(site)
    one = recommender(site)
    train(one)
    again = train(one, hours=1)
    assert PersonList.objects.count() == len(people)
    assert set(PersonList.objects.values_list("version_id", flat=True)) == {again.pk}
    Recommender.objects.update(per_person=False)
    train(one, hours=2)
    assert not PersonList.objects.exists()


def test_what_was_bought_and_what_is_not_to_be_had_is_on_no_list(site):
    people = people_of_two_tastes(site)
    store(site, [Seen(people[0], NOW - timedelta(days=2), "A7", name="Order Completed")])
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE events_event SET item = NULL,"
            ' properties = \'{"products": [{"product_id": "A7"}, {"sku": "A6"}]}\''
            " WHERE name = 'Order Completed'"
        )
    catalogue.put(site_id=site.pk, items=[{"code": "A5", "stock": 0}], now=NOW)
    train(recommender(site, filters={"bought": 30}))
    assert not {"A5", "A6", "A7"} & set(codes(people[0]))
    assert {"A6", "A7"} & set(codes(people[2]))
    assert "A5" not in codes(people[2])


@pytest.mark.parametrize("key", person_lists.ITEM_KEYS)
def test_what_was_bought_leaves_the_list_by_whatever_name_intake_knows_items(site, key):
    people = people_of_two_tastes(site)
    store(site, [Seen(people[0], NOW - timedelta(days=2), None, name="Order Completed")])
    lines = {"products": [{key: "A7"}]}
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE events_event SET properties = %s WHERE name = 'Order Completed'",
            [json.dumps(lines)],
        )
    assert items_of(lines) == ["A7"]
    train(recommender(site, filters={"bought": 30}))
    assert "A7" not in codes(people[0]) and "A7" in codes(people[2])


def test_who_refuses_gets_no_list_and_loses_the_one_of_before(site):
    people = people_of_two_tastes(site)
    one = recommender(site)
    train(one)
    ProfileState.objects.filter(profile_id=people[0]).update(denied=int(Purpose.RECOMMENDATION))
    for bits, stays in ((Purpose.ADVERTISING, True), (Purpose.RECOMMENDATION, False)):
        assert clearing.CLEARING.at_once is not None
        clearing.CLEARING.at_once(TakenBack(site.pk, people[0], int(bits), 1, NOW))
        assert PersonList.objects.filter(profile_id=people[0]).exists() is stays
    train(one, hours=1)
    assert not PersonList.objects.filter(profile_id=people[0]).exists()
    assert PersonList.objects.filter(profile_id=people[1]).exists()


def test_a_persons_lists_are_shown_to_them_forgotten_with_them_and_joined_with_nobodys(site):
    people = people_of_two_tastes(site)
    train(recommender(site))
    (shown,) = personal_data.HOLDER.export(people[0])
    assert shown["recommender"] == "mail" and shown["items"][0]["why"] == "liked_by_like_minded"
    assert personal_data.HOLDER.erase(people[0]) == 1
    assert personal_data.HOLDER.erase(people[0]) == 0
    assert personal_data.HOLDER.reassign(people[1], people[2]) == 2
    assert PersonList.objects.count() == len(people) - 3


def test_diverse_lists_hold_both_kinds_near_the_top(site):
    people = people_of_two_tastes(site)
    both = [
        Seen(person, START + timedelta(days=1), code, device=99, category=code[0], value=10.0)
        for person in people[2:]
        for code in ("A0", "B0")
    ]
    store(site, both)
    one = recommender(site)
    train(one)
    plain = codes(people[0])
    Recommender.objects.update(diversity=0.8)
    train(Recommender.objects.get(), hours=1)
    mixed = codes(people[0])
    assert {code[0] for code in mixed[:2]} == {"A", "B"}
    assert plain[0] == mixed[0]
