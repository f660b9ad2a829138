"""What a trigger shows: to whoever is in its segment, as often as it may."""

from typing import Any

from apps.content.models import Placement, Variant
from apps.rules.models import Trigger
from apps.rules.services import save_trigger
from tests.apps.delivery.capped_shop import DAY_MS, MINUTE, Shop
from tests.apps.delivery.conftest import World, inside


def shown(shop: Shop) -> tuple[Any, Any, Any]:
    answer = shop.world.hero_of("a1")
    return answer["variant"], answer["rule"], answer["reason"]


def test_it_is_shown_in_the_segment_alone_and_until_its_cap_is_spent(world: World) -> None:
    segment = world.hero()
    placement = Placement.objects.get(site=world.site, key="home.hero")
    variant = Variant.objects.get(block=placement.block, key="blouses")
    variant.segments.clear()
    trigger = save_trigger(
        Trigger(
            site_id=world.site.pk, key="came", name="Came", segment=segment, is_enabled=True,
            placement=placement, variant=variant, most=1, window_ms=DAY_MS,
        )
    )  # fmt: skip
    assert trigger.cap is not None
    world.publish()
    shop = Shop(world)
    world.person(("anonymous_id", "b1"))
    assert world.hero_of("b1")["variant"] == "everyone"
    world.person(("anonymous_id", "a1"), stays=inside([segment]))
    assert shown(shop) == ("blouses", "trigger:came", "TARGETING_MATCH")
    assert shown(shop) == ("everyone", None, "CAPPED"), "it is reserved for the first answer"
    shop.wait(3 * MINUTE)
    assert shown(shop) == ("blouses", "trigger:came", "TARGETING_MATCH")
