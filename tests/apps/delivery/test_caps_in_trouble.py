"""Budgets when Redis forgets or is away: nothing capped until it is known what is open."""

from datetime import timedelta

import pytest
from redis import Redis

from tests.apps.delivery.capped_shop import MINUTE, Shop
from tests.apps.delivery.conftest import World, forget_everything
from tests.apps.delivery.test_outages import _redis_at


@pytest.fixture
def shop(world: World) -> Shop:
    made = Shop(world)
    made.cap(most=2)
    made.offer(variant=["twice"])
    world.publish()
    return made


@pytest.mark.parametrize("is_new_process", [True, False], ids=["new-process", "same-process"])
def test_an_emptied_redis_withholds_for_120_seconds_and_then_counts_what_is_folded(
    shop: Shop, valkey: "Redis", is_new_process: bool
):
    shop.see()
    shop.fold()
    shop.variant()  # open, and forgotten
    valkey.flushdb()
    if is_new_process:
        forget_everything()
    assert shop.ask()["home.offer"]["reason"] == "CAPPED"
    shop.wait(timedelta(seconds=119, milliseconds=999))
    assert shop.variant() == "plain"
    shop.wait(timedelta(milliseconds=1))
    assert [shop.variant() for _ in range(2)] == ["offer", "plain"]


def test_without_redis_nothing_capped_is_served_and_exposures_count_all_the_same(
    shop: Shop, settings
):
    decided = shop.ask()["home.offer"]["decisionId"]
    with _redis_at(settings, "unix:///nonexistent/redis.sock"):
        assert shop.ask()["home.offer"]["reason"] == "CAPPED"
        shop.expose(decided)
    shop.fold()
    shop.wait(10 * MINUTE)
    assert [shop.variant() for _ in range(2)] == ["offer", "plain"]
