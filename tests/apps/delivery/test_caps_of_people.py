"""Whose budget it is: of unknown visitors, of people who turn out to be one, of who says no."""

from typing import Any
from uuid import UUID

import pytest

from apps.consent.types import Purpose
from apps.decisions import cap_counts
from apps.events.models import Event
from apps.pipeline.splitting import split_profile
from apps.profiles import state
from apps.profiles.identities import find
from apps.profiles.models import MergeRecord
from tests.apps.delivery.capped_shop import MINUTE, Shop
from tests.apps.delivery.conftest import World, forget_everything

ANALYTICS = int(Purpose.ANALYTICS)
PERSONALIZATION = int(Purpose.PERSONALIZATION)


@pytest.fixture
def shop(world: World) -> Shop:
    made = Shop(world)
    made.cap(most=3)
    made.offer(variant=["twice"])
    world.publish()
    return made


def track(shop: Shop, **event: Any) -> None:
    body = {"type": "track", "event": "Seen", **event}
    response = shop.world.post("/v1/batch", {"batch": [body]})
    assert response.status_code == 200, response.content
    shop.fold()


def profile_of(shop: Shop, name: str, kind: str = "anonymous_id") -> UUID:
    [known] = find([(shop.world.site.pk, kind, name)]).values()
    return known.profile_id


def shown(profile_id: UUID) -> list[int]:
    """How many showings each cap has in a state row."""
    [row] = state.read([profile_id])
    return [len(packed) // 16 for packed in cap_counts.decode(row.caps).values()]


def test_what_was_reserved_before_somebody_had_a_profile_is_theirs_afterwards(shop: Shop):
    assert [shop.variant() for _ in range(2)] == ["offer", "offer"]
    track(shop, anonymousId="a1")
    assert [shop.variant() for _ in range(2)] == ["offer", "plain"]


def test_a_merge_adds_up_what_is_shown_and_what_is_reserved(shop: Shop):
    for name in ("a1", "a2"):
        track(shop, anonymousId=name)
        shop.see(name)
        shop.fold()
    assert shop.variant("a2") == "offer"  # open
    track(shop, type="identify", anonymousId="a1", userId="u1")
    track(shop, type="identify", anonymousId="a2", userId="u1")
    assert profile_of(shop, "a1") == profile_of(shop, "a2")
    assert shown(profile_of(shop, "a1")) == [2]
    assert [shop.variant(name) for name in ("a1", "a2")] == ["plain", "plain"]
    shop.wait(3 * MINUTE)
    assert [shop.variant(name) for name in ("a1", "a2")] == ["offer", "plain"]


def test_an_undone_merge_gives_each_their_own_showings_back(shop: Shop):
    for name, times in (("a1", 1), ("a2", 2)):
        track(shop, type="identify", anonymousId=name, userId=f"u{name}")
        for _ in range(times):
            shop.see(name)
        shop.fold()
    track(shop, type="alias", previousId="a1", userId="ua2")
    joined = profile_of(shop, "a1")
    record = MergeRecord.objects.filter(site=shop.world.site).order_by("-pk").first()
    assert record is not None and shown(joined) == [3]
    shop.wait(3 * MINUTE)
    assert [shop.variant(name) for name in ("a1", "a2")] == ["plain", "plain"]
    split_profile(merge_id=record.pk, actor=None, reason="Two people.", now=shop.now)
    counts = {name: shown(profile_of(shop, name)) for name in ("a1", "a2")}
    assert counts == {"a1": [1], "a2": [2]}
    assert [shop.variant("a1") for _ in range(3)] == ["offer", "offer", "plain"]
    assert [shop.variant("a2") for _ in range(2)] == ["offer", "plain"]


def test_who_refuses_analytics_is_counted_by_caps_and_by_nothing_else(shop: Shop):
    row = shop.world.person(("anonymous_id", "a1"), granted=PERSONALIZATION, denied=ANALYTICS)
    shop.world.tell(row.profile_id)
    for _ in range(3):
        assert shop.see() == "offer"
    shop.wait(3 * MINUTE)
    assert shop.variant() == "plain"
    shop.fold()
    assert shown(row.profile_id) == [3]
    assert not Event.objects.filter(profile_id=row.profile_id).exists()
    assert shop.variant() == "plain"


def test_who_refuses_personalization_gets_nothing_capped_and_is_not_counted(shop: Shop):
    decided = shop.ask()["home.offer"]["decisionId"]
    row = shop.world.person(("anonymous_id", "a1"), denied=PERSONALIZATION)
    shop.world.tell(row.profile_id)
    assert shop.ask()["home.offer"]["reason"] == "NO_CONSENT"
    shop.expose(decided)
    shop.fold()
    assert shown(row.profile_id) == []


def test_nobody_has_no_budget(shop: Shop):
    answer = shop.world.ask("home.offer")["placements"]["home.offer"]
    assert (answer["variant"], answer["reason"]) == ("plain", "CAPPED")


def test_one_id_on_two_sites_is_two_visitors(shop: Shop, world: World):
    other = Shop(World(key="other"))
    other.cap(most=1)
    other.offer(variant=["twice"])
    other.world.publish()
    forget_everything()
    assert [other.variant() for _ in range(2)] == ["offer", "plain"]
    assert [shop.variant() for _ in range(4)] == ["offer"] * 3 + ["plain"]
