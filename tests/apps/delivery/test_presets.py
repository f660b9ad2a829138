"""Evenings at home: the hour is the one on the visitor's own clock."""

from typing import Any

import pytest

from apps.rules.presets import preset
from apps.rules.services import create_rule
from tests.apps.delivery.conftest import World

DESKTOP = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Version/17.5 Mobile/15E148 Safari"


@pytest.mark.parametrize(
    ("zone", "agent", "variant"),
    [
        ("Asia/Tokyo", DESKTOP, "blouses"),  # 21:00
        ("Europe/Zurich", DESKTOP, "everyone"),  # 13:00
        ("Asia/Tokyo", PHONE, "everyone"),
        (None, DESKTOP, "everyone"),  # noon at the site
    ],
    ids=["evening", "noon", "evening-on-a-phone", "no-zone"],
)
def test_evenings_at_home_are_those_of_the_visitor(
    world: World, zone: str | None, agent: str, variant: str
) -> None:
    world.hero()
    chosen = preset("evenings-at-home")
    assert chosen is not None
    create_rule(
        site_id=world.site.pk, key="evening", placement_key="home.hero", variant_key="blouses",
        condition=chosen.condition,
    )  # fmt: skip
    world.publish()
    world.person(("anonymous_id", "a1"))
    context: dict[str, Any] = {"userAgent": agent}
    if zone is not None:
        context["timezone"] = zone
    assert world.hero_of("a1", context=context)["variant"] == variant
