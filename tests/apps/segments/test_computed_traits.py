"""Computed traits: defined once, named in conditions, frozen at publication."""

import json

import pytest
from django.contrib.auth.models import User

from apps.access.models import Site
from apps.segments import computed_traits, previews, services
from apps.segments.errors import SegmentKeyTaken
from apps.segments.models import ComputedTrait, Membership, Segment
from apps.segments.refresh import refresh_site
from engine.errors import InvalidCondition
from tests.apps.segments.world import NOW, NOW_MS, Happened, make_profile, make_site

SPENT = {"name": "Order Completed", "aggregate": "sum", "of": "total", "window": "ever"}
RICH = {"v": 1, "where": {"kind": "trait", "name": "computed.ltv", "op": "gte", "value": 100}}


@pytest.fixture
def site(db: None) -> Site:
    return make_site()


def define(site: Site, definition: object = SPENT, key: str = "ltv") -> ComputedTrait:
    return computed_traits.create(
        site_id=site.pk, key=key, name="LTV", definition=definition, actor=None, now=NOW
    )


def bought(*totals: float) -> list[Happened]:
    return [
        Happened(NOW_MS - 1000 * n, "Order Completed", {"total": total})
        for n, total in enumerate(totals, 1)
    ]


def published(site: Site) -> Segment:
    segment = services.create_segment(
        site_id=site.pk, key="rich", name="Rich", condition=RICH, now=NOW
    )
    publish(segment)
    return segment


def publish(segment: Segment) -> None:
    services.publish_segment(site_id=segment.site_id, segment_id=segment.pk, actor=None, now=NOW)
    refresh_site(site_id=segment.site_id, read_clock=lambda: NOW)


def members(segment: Segment) -> set[object]:
    rows = Membership.objects.filter(segment=segment, left_at=None)
    return set(rows.values_list("profile_id", flat=True))


def test_a_condition_asks_for_what_a_trait_computes(site):
    define(site)
    rich, _ = make_profile(site, bought(60, 50)), make_profile(site, bought(99))
    draft = previews.draft_of(site.pk, RICH)
    verdict = previews.ask(draft, rich.pk, now=NOW)
    assert verdict is not None and (verdict.meets, verdict.trace["found"]) == (True, 110)
    assert members(published(site)) == {rich.pk}


def test_what_it_means_is_frozen_until_the_segment_is_published_again(site):
    trait = define(site)
    profile = make_profile(site, bought(60, 50))
    segment = published(site)
    count = SPENT | {"aggregate": "count"}
    del count["of"]
    computed_traits.change(
        trait_id=trait.pk, name="Orders", definition=count, unit="", actor=None, now=NOW
    )
    refresh_site(site_id=site.pk, read_clock=lambda: NOW)
    assert members(segment) == {profile.pk}
    publish(segment)
    assert members(segment) == set()
    assert computed_traits.used_by(trait) == ["Rich"]


def test_a_trait_that_nobody_computes_is_refused_with_a_suggestion(site):
    define(site, key="ltv-year")
    with pytest.raises(InvalidCondition, match="ltv"):
        services.create_segment(site_id=site.pk, key="rich", name="R", condition=RICH, now=NOW)


def test_keys_are_taken_once_in_a_site(site):
    define(site)
    with pytest.raises(SegmentKeyTaken):
        define(site)
    assert define(make_site()).key == "ltv"


@pytest.mark.parametrize(
    "definition",
    [{}, SPENT | {"op": "gt"}, SPENT | {"aggregate": "summ"}, {"kind": "trait"}, []],
    ids=["nothing", "comparison", "aggregate", "trait", "list"],
)
def test_a_definition_is_an_aggregate_of_events(site, definition):
    with pytest.raises(InvalidCondition):
        define(site, definition)


def test_editors_define_traits_in_the_admin(site, client):
    client.force_login(User.objects.create_superuser("ed", "ed@shop.example", "x"))
    base = "/admin/segments/computedtrait/"
    fields = {"site": site.pk, "key": "ltv", "name": "LTV", "unit": "EUR"}
    refused = client.post(f"{base}add/", fields | {"definition": '{"name": "x"}'})
    assert refused.status_code == 200 and not ComputedTrait.objects.exists()
    client.post(f"{base}add/", fields | {"definition": json.dumps(SPENT)})
    trait = ComputedTrait.objects.get()
    published(site)
    page = client.post(
        f"{base}{trait.pk}/change/",
        {"name": "LTV", "definition": json.dumps(SPENT | {"of": "value"}), "unit": "EUR"},
        follow=True,
    )
    assert "Publish again to use the new definition: Rich." in page.content.decode()
    page = client.get(f"{base}{trait.pk}/change/").content.decode()
    assert "Rich" in page
    assert ComputedTrait.objects.get().definition["of"] == "value"
    assert "computed.ltv" in client.get(base).content.decode()
