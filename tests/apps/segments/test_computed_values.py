"""Computed traits are shown with what they come to now, and stand among a person's traits."""

import pytest
from django.contrib.auth.models import User

from apps.access.models import Site
from apps.profiles.parts import Asked, Page, reader_of
from apps.segments import computed_traits
from apps.segments.models import ComputedTrait
from apps.segments.studies import computed_values
from tests.apps.segments.world import NOW, NOW_MS, Happened, make_profile, make_site

DAY_MS = 86_400_000


def define(site: Site, key: str, aggregate: str, **more: object) -> None:
    definition = {"name": "Order Completed", "aggregate": aggregate, "window": "ever", **more}
    computed_traits.create(
        site_id=site.pk, key=key, name=key, definition=definition, actor=None, now=NOW
    )


def order(days: int, total: float, category: str) -> Happened:
    properties = {"total": total, "category": category}
    return Happened(NOW_MS - days * DAY_MS, "Order Completed", properties)


@pytest.fixture
def site(db: None) -> Site:
    site = make_site()
    define(site, "ltv", "sum", of="total")
    define(site, "favourite", "most_frequent", of="category")
    define(site, "average", "avg", of="total")
    define(site, "days", "days_active")
    define(site, "streak", "streak")
    define(site, "since", "recency")
    define(site, "recent", "count", window={"last": "3d"})
    return site


ORDERS = [order(9, 10.5, "shoes"), order(2, 20, "hats"), order(1, 5, "shoes")]
EXPECTED = {
    "ltv": 35.5, "favourite": "shoes", "average": 35.5 / 3, "days": 3, "streak": 2,
    "since": DAY_MS, "recent": 2,
}  # fmt: skip


def values(site: Site, profile: object) -> dict[str, object]:
    found = computed_values.values_of(site.pk, profile.pk, now=NOW)  # type: ignore[attr-defined]
    return {one.key: one.value for one in found}


def read(site: Site, profile: object, **query: str) -> dict[str, object]:
    reader = reader_of("traits")
    assert reader is not None
    asked = Asked(site.pk, profile.pk, 200, "", query, NOW)  # type: ignore[attr-defined]
    return {row["key"]: row["value"] for row in reader(asked).rows}


def test_each_is_worked_out_from_the_history_of_now(site):
    assert values(site, make_profile(site, ORDERS)) == EXPECTED


def test_a_long_history_is_read_as_far_back_as_they_ask(site):
    old = [order(40 + n, 1, "old") for n in range(150)]
    found = values(site, make_profile(site, [*old, *ORDERS]))
    assert (found["ltv"], found["days"], found["favourite"]) == (185.5, 153, "old")


def test_who_did_nothing_has_nothing_unknown_made_up(site):
    found = values(site, make_profile(site))
    assert (found["ltv"], found["days"], found["favourite"], found["since"]) == (0, 0, None, None)


def test_a_person_of_another_site_has_none(site):
    assert values(site, make_profile(make_site(), ORDERS)) == {}


def test_one_that_cannot_be_read_does_not_stop_the_others(site):
    ComputedTrait.objects.filter(key="ltv").update(definition={"aggregate": "nonsense"})
    assert values(site, make_profile(site, ORDERS)).keys() == EXPECTED.keys() - {"ltv"}


def test_they_stand_among_the_traits_by_their_name_in_conditions(site):
    profile = make_profile(site, ORDERS)
    assert read(site, profile) == {f"computed.{key}": value for key, value in EXPECTED.items()}
    assert read(site, profile, include="computed.ltv,plan") == {"computed.ltv": 35.5}
    assert read(site, profile, include="plan") == {}


def test_they_come_after_the_last_page_of_the_others(site):
    asked = Asked(site.pk, make_profile(site, ORDERS).pk, 1, "", {}, NOW)
    more = computed_values.with_computed(lambda _: Page([{"key": "a", "value": 1}], "next"))
    assert [row["key"] for row in more(asked).rows] == ["a"]
    last = computed_values.with_computed(lambda _: Page([{"key": "a", "value": 1}]))
    assert len(last(asked).rows) == 1 + len(EXPECTED)


def test_their_own_part_says_how_and_as_of_when(site):
    profile = make_profile(site, ORDERS)
    reader = reader_of("computed")
    assert reader is not None
    rows = []
    after = ""
    while True:
        page = reader(Asked(site.pk, profile.pk, 3, after, {}, NOW))
        rows += page.rows
        after = page.next
        if not after:
            break
    assert {row["key"]: row["value"] for row in rows} == EXPECTED
    by_key = {row["key"]: row for row in rows}
    assert by_key["recent"]["words"] == "the number of completed orders in the last 3 days"
    assert (by_key["since"]["text"], by_key["favourite"]["text"]) == ("1 d", "“shoes”")
    assert by_key["recent"]["asOf"] == "2026-03-02T12:00:00.000Z"
    assert by_key["recent"]["toldAsOf"] is None


def test_the_profile_page_says_what_each_comes_to(site, client):
    profile = make_profile(site, ORDERS)
    client.force_login(User.objects.create_superuser("root", password="x"))
    page = client.get(f"/admin/profiles/profile/{profile.pk}/change/").content.decode()
    assert "the sum of total of completed orders" in page
