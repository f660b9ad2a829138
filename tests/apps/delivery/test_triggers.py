"""Which rules fire when somebody comes into a segment."""

from typing import Any

import msgspec
import pytest

from apps.consent.types import Purpose
from apps.content.models import Placement
from apps.decisions import hot_state, triggers
from apps.decisions.notices import Trigger
from apps.rules import services as rules
from engine.snapshot import HoldoutDoc
from tests.apps.delivery.conftest import NOW_MS, World, inside
from tests.apps.delivery.test_segment_keys import republish

PERSONALIZATION = int(Purpose.PERSONALIZATION)
BLOUSES: dict[str, Any] = {"kind": "segment", "key": "blouses"}
GOLD = {"kind": "trait", "name": "tier", "op": "eq", "value": "gold"}
PHONE = {"kind": "context", "name": "device", "op": "eq", "value": "mobile"}


class Shop:
    """A shop with one rule, and somebody who has just come into `blouses`."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.blouses = world.hero()

    def rule(self, where: dict[str, Any]) -> None:
        rules.create_rule(
            site_id=self.world.site.pk,
            key="chosen",
            placement_key="home.hero",
            variant_key="blouses",
            condition={"v": 1, "where": where},
        )
        self.world.publish()

    def fired(self, **fields: Any) -> list[tuple[str, str, bool]]:
        row = self.world.person(
            ("anonymous_id", "a1"), stays=inside([self.blouses]), traits={"tier": ["gold"]}
        )
        (state,) = hot_state.hot_profiles_of([row.profile_id])
        found = triggers.fired(
            [msgspec.structs.replace(state, **fields)],
            {row.profile_id: self.world.site.pk},
            {row.profile_id: [self.blouses.number]},
            NOW_MS,
        )
        assert all(one.profile == state.profile_id for one in found)
        return [Trigger(*one)[1:4] for one in found]


@pytest.fixture
def shop(world: World) -> Shop:
    return Shop(world)


@pytest.mark.parametrize(
    ("where", "fires"),
    [
        (BLOUSES, True),
        ({"all": [BLOUSES, GOLD]}, True),
        ({"any": [BLOUSES, GOLD]}, False),
        ({"all": [BLOUSES, PHONE]}, False),
        ({"not": BLOUSES}, False),
        (GOLD, False),
    ],
    ids=["the segment", "and a trait", "or what held before", "and the request", "not", "another"],
)
def test_a_rule_fires_when_it_begins_to_hold(
    shop: Shop, where: dict[str, Any], fires: bool
) -> None:
    shop.rule(where)
    assert shop.fired() == ([("home.hero", "chosen", False)] if fires else [])


def test_consent_on_record_is_told(shop: Shop) -> None:
    shop.rule(BLOUSES)
    assert shop.fired(granted=PERSONALIZATION) == [("home.hero", "chosen", True)]


def test_a_refusal_of_personalization_fires_nothing(shop: Shop) -> None:
    shop.rule(BLOUSES)
    assert shop.fired(denied=PERSONALIZATION) == []


def test_nothing_fires_for_who_is_held_out(shop: Shop) -> None:
    shop.rule(BLOUSES)
    republish(shop.world, holdouts=[HoldoutDoc("all", "seed", 1.0)])
    assert shop.fired() == []


def test_nothing_fires_where_a_placement_is_switched_off(shop: Shop) -> None:
    shop.rule(BLOUSES)
    Placement.objects.update(is_enabled=False)
    shop.world.publish()
    assert shop.fired() == []
