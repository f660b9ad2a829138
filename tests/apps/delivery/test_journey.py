"""From an event to the next decision, through intake, the fold and hot state."""

import pytest
from django.db import connection

from apps.decisions import hot_state, visitors
from apps.pipeline import fold
from apps.profiles.models import Profile
from apps.segments.refresh import refresh_site
from apps.work import clock
from tests.apps.delivery.conftest import NOW, World, inside
from tests.apps.delivery.test_outages import postgres_at
from tests.apps.segments.world import Happened, store_events


@pytest.fixture
def shop(world: World) -> World:
    world.hero()
    refresh_site(site_id=world.site.pk)
    return world


def view(world: World, category: str, message_id: str, anonymous_id: str = "a1") -> None:
    body = {
        "anonymousId": anonymous_id,
        "event": "Product Viewed",
        "messageId": message_id,
        "properties": {"category": category},
        "timestamp": NOW.isoformat(),
    }
    response = world.post("/v1/track", body)
    assert response.status_code == 200, response.content


def fold_all() -> None:
    while fold.fold_once(now=NOW) is not fold.NOTHING:
        pass


def test_a_click_changes_the_next_decision(shop: World):
    assert shop.hero_of("a1")["variant"] == "everyone"
    view(shop, "blouses", "m1")
    fold_all()
    with postgres_at("/nonexistent"):  # Redis alone tells the new membership
        assert shop.hero_of("a1")["variant"] == "blouses"
    view(shop, "trousers", "m2")
    fold_all()
    assert shop.hero_of("a1")["variant"] == "everyone"


def test_what_a_refresh_finds_is_in_the_next_decision_and_in_redis_from_then_on(shop: World):
    view(shop, "trousers", "m1")
    fold_all()
    assert shop.hero_of("a1")["variant"] == "everyone"
    profile_id = Profile.objects.get().pk
    seen = {"category": "blouses"}
    blouses = Happened(clock.to_ms(NOW), "Product Viewed", seen, message_id="m2")
    store_events(shop.site, profile_id, [blouses])  # past the consumer

    refresh_site(site_id=shop.site.pk)

    assert shop.hero_of("a1")["variant"] == "blouses"
    with postgres_at("/nonexistent"):
        assert shop.hero_of("a1")["variant"] == "blouses"


def test_a_login_brings_its_past_along(shop: World):
    view(shop, "blouses", "m1", anonymous_id="phone")
    identify = {"anonymousId": "phone", "userId": "u1", "traits": {"name": "Anna"}}
    assert shop.post("/v1/identify", identify).status_code == 200
    fold_all()
    hero = shop.hero_of("another browser", userId="u1")
    assert (hero["variant"], hero["html"]) == ("blouses", "<p>Blouses for Anna</p>")


def test_a_crash_between_commit_and_hot_state_serves_nothing_old(world: World):
    blouses = world.hero()
    row = world.person(("anonymous_id", "a1"), stays=inside([blouses]))
    world.tell(row.profile_id)
    old = hot_state.hot_profiles_of([row.profile_id])
    assert world.hero_of("a1")["variant"] == "blouses"

    world.change(row.profile_id, memberships=b"")  # marked, committed, and then it died
    hot_state.publish(old)  # a slower process that read before the commit comes back now
    assert world.hero_of("a1")["variant"] == "everyone"
    with postgres_at("/nonexistent"):
        assert world.hero_of("a1")["variant"] == "everyone"  # the miss was filled in


def test_an_identity_that_moved_is_never_answered_from_where_it_was(world: World):
    blouses = world.hero()
    first = world.person(("anonymous_id", "a1"), stays=inside([blouses]))
    second = world.person(("user_id", "u1"))
    world.tell(first.profile_id, second.profile_id)
    assert world.hero_of("a1")["variant"] == "blouses"
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE profiles_identity SET profile_id = %s WHERE value = 'a1'", [second.profile_id]
        )
    world.change(first.profile_id, identities=[])
    world.change(second.profile_id, identities=["anonymous_id:a1", "user_id:u1"])
    world.tell(first.profile_id, second.profile_id)
    # This process still believes that a1 is the first profile; the state itself says otherwise.
    assert world.hero_of("a1")["variant"] == "everyone"
    visitors.forget()
    assert world.hero_of("a1")["variant"] == "everyone"
