"""What rules ask in the request beside values: newest events, and where traits come from."""

from typing import Any
from uuid import UUID

import pytest

from apps.content import services as content
from apps.decisions import hot_state
from apps.decisions import services as decisions
from apps.pipeline import fold
from apps.profiles.models import Identity
from apps.profiles.state import read
from apps.rules import services as rules
from apps.segments import live
from apps.segments.models import LiveSet
from tests.apps.delivery.conftest import NOW, NOW_MS, World
from tests.apps.delivery.test_bindings import views

SAME_PRODUCT = [{"property": "product_id", "op": "eq", "fact": "page.product_id"}]
SEEN_BEFORE = {
    "kind": "event", "name": "Product Viewed", "where": SAME_PRODUCT, "aggregate": "count",
    "window": "ever", "op": "gte", "value": 1,
}  # fmt: skip
ON_OFFERS = {"kind": "context", "name": "page.type", "op": "eq", "value": "offers"}
CHANGED = {"kind": "trait", "name": "plan", "op": "changed_within", "value": "1h"}
SURE = {
    "kind": "trait", "name": "taste", "op": "eq", "value": "wool",
    "from": {"source": "model", "min_confidence": 0.8},
}  # fmt: skip


@pytest.fixture
def hero(world: World) -> World:
    block = content.create_block(site_id=world.site.pk, key="hero")
    content.create_variant(block=block, key="everyone", is_default=True, template="<p>all</p>")
    content.create_variant(block=block, key="chosen", template="<p>chosen</p>")
    content.create_placement(site_id=world.site.pk, key="home.hero", block=block)
    return world


def rule(world: World, *parts: Any) -> None:
    rules.create_rule(
        site_id=world.site.pk, key="chosen", placement_key="home.hero", variant_key="chosen",
        condition={"v": 1, "where": {"all": list(parts)}},
    )  # fmt: skip
    world.publish()


def profile_of(world: World, anonymous_id: str) -> UUID:
    return Identity.objects.get(site=world.site, value=anonymous_id).profile_id


def is_chosen(world: World, anonymous_id: str, **body: Any) -> bool:
    return bool(world.hero_of(anonymous_id, **body)["html"] == "<p>chosen</p>")


def test_a_rule_compares_events_with_the_page_that_asks(hero: World) -> None:
    rule(hero, SEEN_BEFORE)
    views(hero, "a1", product_id="P1")

    def asked_on(product: str) -> bool:
        return is_chosen(hero, "a1", context={"page": {"product_id": product}})

    assert asked_on("P1") and not asked_on("P2")


def test_events_go_to_hot_state_only_while_a_publication_reads_them(hero: World) -> None:
    hero.publish()
    views(hero, "a1", product_id="P1")
    profile_id = profile_of(hero, "a1")
    [without] = hot_state.hot_profiles_of([profile_id])
    assert (without.recent, live.live_set(hero.site.pk).shows_events) == (b"", False)

    rule(hero, SEEN_BEFORE)
    views(hero, "a1", product_id="P2")
    [shown] = hot_state.hot_profiles_of([profile_id])
    assert shown.recent

    decisions.rollback(site_id=hero.site.pk, number=1, actor=None, now=NOW)
    views(hero, "a1", product_id="P3")
    [again] = hot_state.hot_profiles_of([profile_id])
    assert again.recent == b""


def test_the_same_publication_again_does_not_move_the_live_set(hero: World) -> None:
    rule(hero, SEEN_BEFORE, CHANGED)
    before = LiveSet.objects.get(site=hero.site)
    assert before.request_reads["traits"] == ["plan"]
    hero.publish()
    block = content.create_block(site_id=hero.site.pk, key="another")
    content.create_variant(block=block, key="everyone", is_default=True, template="<p>x</p>")
    hero.publish()
    assert LiveSet.objects.get(site=hero.site).number == before.number


@pytest.mark.parametrize(
    ("condition", "entry", "expected"),
    [
        (CHANGED, ("pro", NOW_MS - 1000, "m", NOW_MS - 1000, "identify", None), True),
        (CHANGED, ("pro", NOW_MS - 1000, "m", NOW_MS - 7_200_000, "identify", None), False),
        (CHANGED, ("pro", NOW_MS - 1000, "m"), False),
        (SURE, ("wool", NOW_MS, "m", NOW_MS, "model", 0.9), True),
        (SURE, ("wool", NOW_MS, "m", NOW_MS, "model", 0.7), False),
        (SURE, ("wool", NOW_MS, "m", NOW_MS, "identify", None), False),
        (SURE, ("wool", NOW_MS, "m"), False),
    ],
    ids=["lately", "long ago", "nobody knows", "sure", "unsure", "not a model's", "of old"],
)
@pytest.mark.parametrize("way", ["from the record", "from hot state"])
def test_rules_know_when_and_by_whom_a_trait_was_set(
    hero: World, condition: Any, entry: tuple[Any, ...], expected: bool, way: str
) -> None:
    rule(hero, condition, ON_OFFERS)
    row = hero.person(("anonymous_id", "a1"), traits={condition["name"]: entry, "other": entry})
    if way == "from hot state":
        hero.tell(row.profile_id)
    assert is_chosen(hero, "a1", context={"page": {"type": "offers"}}) is expected
    [hot] = hot_state.hot_profiles_of([row.profile_id])
    assert hot.trait_meta.keys() == {condition["name"]}


def test_a_fold_hands_on_when_traits_changed(hero: World) -> None:
    rule(hero, CHANGED, ON_OFFERS)
    row = hero.person(
        ("anonymous_id", "a1"), traits={"plan": ("pro", NOW_MS, "m", NOW_MS, "identify", None)}
    )
    views(hero, "a1", product_id="P1")
    assert fold.fold_once(now=NOW) is fold.NOTHING
    assert read([row.profile_id])[0].version > row.version
    assert is_chosen(hero, "a1", context={"page": {"type": "offers"}})


def test_a_segment_of_the_request_asks_the_same(hero: World) -> None:
    both = {"all": [CHANGED, ON_OFFERS]}
    hero.segment("new-pros", {"v": 1, "where": both})
    rule(hero, {"kind": "segment", "key": "new-pros"})
    hero.person(
        ("anonymous_id", "a1"), traits={"plan": ("pro", NOW_MS, "m", NOW_MS, "identify", None)}
    )
    assert is_chosen(hero, "a1", context={"page": {"type": "offers"}})
    assert not is_chosen(hero, "a1", context={"page": {"type": "home"}})


@pytest.mark.parametrize(("zone", "expected"), [("UTC", True), ("Pacific/Auckland", False)])
def test_days_of_a_comparison_begin_where_the_site_is(
    hero: World, zone: str, expected: bool
) -> None:
    hero.site.time_zone = zone
    hero.site.save()
    rule(hero, {**SEEN_BEFORE, "window": {"calendar": "day"}})
    # Two hours before the request at noon UTC, which is 01:00 of the next day in Auckland.
    views(hero, "a1", ago_ms=7_200_000, product_id="P1")
    assert is_chosen(hero, "a1", context={"page": {"product_id": "P1"}}) is expected
