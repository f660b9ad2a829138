"""An open page hears of an editor's trigger, and gets what it shows: by a real stream process."""

from typing import Any

import pytest

from apps.pipeline.triggering import Follower
from apps.rules.models import Trigger
from apps.rules.services import save_trigger
from apps.segments.models import Segment
from apps.work import clock
from tests.apps.delivery.conftest import World
from tests.apps.delivery.live_streams import Client, wait_until
from tests.apps.delivery.test_stream import listening, server, shop, views

__all__ = ["server", "shop"]  # fixtures

pytestmark = pytest.mark.slow

MESSAGE = {"show": "cart-reminder"}


def trigger_of(world: World, **fields: Any) -> Trigger:
    """A trigger on the shop's segment `blouses`, switched on."""
    segment = Segment.objects.get(site=world.site, key="blouses")
    return save_trigger(
        Trigger(
            site_id=world.site.pk, key="came", name="Came", segment=segment, is_enabled=True,
            **fields,
        )
    )  # fmt: skip


def follower() -> Follower:
    """One whose cursor is at the end of the feed."""
    found = Follower()
    found.act(clock.now())
    return found


def agrees(world: World, anonymous_id: str) -> None:
    """Somebody who was here before, and said yes to personalization."""
    views(world, anonymous_id, "trousers")
    body = {"anonymousId": anonymous_id, "purposes": {"personalization": True}}
    assert world.post("/v1/consent", body).status_code == 200


def heard(page: Client) -> list[dict[str, Any]]:
    return [one for one in page.notices() if one["type"] == "trigger"]


def test_a_page_hears_of_a_trigger_with_its_message(shop: World) -> None:
    trigger_of(shop, message=MESSAGE)
    reading = follower()
    agrees(shop, "a1")
    page, other = listening(shop, "a1"), listening(shop, "b1")
    views(shop, "a1", "blouses")
    reading.act(clock.now())
    wait_until(lambda: bool(heard(page)), "the trigger")
    assert heard(page) == [
        {
            "type": "trigger",
            "placement": None,
            "rule": None,
            "trigger": "came",
            "message": MESSAGE,
        }
    ]
    assert other.stays_quiet()


def test_a_page_that_comes_back_hears_of_a_trigger_meanwhile(shop: World) -> None:
    trigger_of(shop, message=MESSAGE)
    reading = follower()
    agrees(shop, "a1")
    page = listening(shop, "a1")
    views(shop, "a1", "hats")
    views(shop, "a1", "blouses")
    page.wait()
    page.close()
    reading.act(clock.now())
    again = listening(shop, "a1", page.last_id)
    again.wait(2)
    assert [one["message"] for one in heard(again)] == [MESSAGE]
