"""Values that a property or a trait has really had: offered, unless they say who somebody is."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache

from apps.access.models import Site
from apps.segments.domain.identifying import names_person, says_who
from apps.segments.editor_values import OFFERED, values_seen
from apps.work import clock
from tests.apps.segments.world import Happened, make_profile, make_site

VALUES = "/admin/segments/segment/editor/values/"


@pytest.fixture
def site(db: None) -> Site:
    cache.clear()
    return make_site()


def people(site: Site, count: int, name: str = "Product Viewed", **properties: Any) -> None:
    at_ms = clock.to_ms(clock.now()) - 60_000
    for _ in range(count):
        make_profile(site, [Happened(at_ms, name, properties)])


def test_values_are_those_of_the_event_most_people_first(site):
    people(site, 10, category="hats", price=5)
    people(site, 12, category="shoes", price=7)
    people(site, 11, "Article Viewed", category="news")
    asked: dict[str, Any] = {"of": "property", "name": "category"}
    assert values_seen(site.pk, **asked, event="Product Viewed") == ["shoes", "hats"]
    assert values_seen(site.pk, **asked) == ["shoes", "news", "hats"]
    assert values_seen(site.pk, **asked, prefix="HA") == ["hats"]
    assert values_seen(site.pk, of="property", name="price", event="Product Viewed") == [7, 5]
    assert values_seen(make_site().pk, **asked) == []


def test_what_fewer_than_ten_people_share_is_not_offered(site):
    people(site, 9, category="secret-offer")
    people(site, 10, category="hats")
    assert values_seen(site.pk, of="property", name="category") == ["hats"]


def test_what_one_person_did_often_is_one_persons(site):
    at_ms = clock.to_ms(clock.now()) - 60_000
    make_profile(site, [Happened(at_ms - n, "Product Viewed", {"note": "x"}) for n in range(30)])
    assert values_seen(site.pk, of="property", name="note") == []


def test_what_says_who_somebody_is_is_never_offered(site):
    people(site, 10, contact="ann@shop.example", ref="a9f04b7c31de88aa", plan="pro", email="x")
    found = {
        name: values_seen(site.pk, of="property", name=name)
        for name in ("contact", "ref", "plan", "email")
    }
    assert found == {"contact": [], "ref": [], "plan": ["pro"], "email": []}


def test_values_of_traits_are_offered_each_of_a_list_by_itself(site):
    for plan in ["pro"] * 11 + ["free"] * 10 + ["trial"] * 9:
        make_profile(site, traits={"plan": plan, "likes": ["tea", plan]})
    assert values_seen(site.pk, of="trait", name="plan") == ["pro", "free"]
    assert values_seen(site.pk, of="trait", name="likes") == ["tea", "pro", "free"]


def test_no_more_than_twenty_are_offered(site):
    for number in range(OFFERED + 3):
        people(site, 10, category=f"c{number}")
    assert len(values_seen(site.pk, of="property", name="category")) == OFFERED


def test_facts_of_the_request_have_the_values_that_the_decision_makes(site):
    assert values_seen(site.pk, of="context", name="visitor") == ["new", "returning"]
    assert values_seen(site.pk, of="context", name="device", prefix="m") == ["mobile"]


def test_they_are_looked_up_once_in_ten_minutes(site, django_assert_num_queries):
    people(site, 10, category="hats")
    values_seen(site.pk, of="property", name="category")
    with django_assert_num_queries(0):
        assert values_seen(site.pk, of="property", name="category", prefix="h") == ["hats"]


def test_the_form_asks_by_the_site_or_by_the_segment(client, site):
    people(site, 10, category="hats")
    client.force_login(User.objects.create_superuser("ed", "ed@shop.example", "x"))
    body = {"site": str(site.pk), "of": "property", "event": "Product Viewed", "name": "category"}
    answer = client.post(VALUES, json.dumps(body), content_type="application/json")
    assert answer.json() == {"values": ["hats"]}
    client.force_login(User.objects.create_user("viewer", password="x", is_staff=True))
    assert client.post(VALUES, json.dumps(body), content_type="application/json").status_code == 403


PERSONAL = [
    "email", "customerEmail", "phone_number", "first_name", "lastName", "user.name", "name", "ip",
    "user_id", "userId", "order_id", "session_id", "id", "uuid", "birth_date", "address.street",
    "postcode", "device_id", "page_view_id",
]  # fmt: skip
PLAIN = [
    "category", "product_id", "product_name", "campaign_name", "path", "page_type", "plan",
    "article_id", "price", "currency", "sku", "section", "element", "placement", "company_name",
    "store_id", "quantity",
]  # fmt: skip


@pytest.mark.parametrize("name", PERSONAL)
def test_a_name_that_means_a_person_is_known(name):
    assert names_person(name)


@pytest.mark.parametrize("name", PLAIN)
def test_a_name_that_means_a_thing_is_no_persons(name):
    assert not names_person(name)


@pytest.mark.parametrize(
    "value",
    ["ann@shop.example", "+49 170 1234567", "0041 44 668 18 00", "192.168.0.12", "2001:db8::1",
     "7f3b9c2e-11aa-4c5d-9e8f-0a1b2c3d4e5f", "a9f04b7c31de88aa", "4111111111111111",
     "eyJ0eXAi0iJKV1Qi1LCJh", 491701234567],
)  # fmt: skip
def test_a_value_of_one_person_is_known(value):
    assert says_who(value)


@pytest.mark.parametrize(
    "value",
    ["hats", "Sale 2026", "2026-03-02", "/products/red-shoes-42", "A1", 19.9, 1999, True, "B0-77",
     "spring-collection-2026", "1,299.00"],
)  # fmt: skip
def test_a_value_of_many_is_no_persons(value):
    assert not says_who(value)
