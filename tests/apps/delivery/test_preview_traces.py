"""Previews leave no row, no key and no count behind."""

from typing import Any

import pytest

from apps.content import rendering
from apps.decisions import records
from apps.delivery.previewing import answer
from apps.delivery.previewing.types import AsPerson, AsSegments, Drafts, PreviewSpec
from apps.work import counting
from tests.apps.delivery.capped_shop import Shop
from tests.apps.delivery.conftest import NOW_MS, World, inside
from tests.apps.delivery.previewed import compiled_anew, rows

__all__ = ["compiled_anew"]  # a fixture


def counted() -> str:
    """Everything that /metrics would say of this process."""
    values = {one.name: dict(one.values) for one in counting.COUNTERS}
    return repr((values, {one.name: one.rows for one in counting.HISTOGRAMS}))


def kept_in(valkey: Any) -> dict[bytes, bytes]:
    return {key: valkey.dump(key) for key in valkey.scan_iter()}


@pytest.mark.slow
def test_a_thousand_previews_leave_no_row_no_key_and_no_count(world: World, valkey: Any) -> None:
    shop = Shop(world)
    shop.cap(most=1)
    shop.offer(
        variant=["twice"],
        template="<p>{% if traits.name %}{{ traits.name | upcase }}{% endif %}</p>",
    )
    blouses = world.hero()
    row = world.person(
        ("user_id", "anna"), stays=inside([blouses]), traits={"name": ["Anna", NOW_MS, "m1"]}
    )
    records.flush()
    rendering.forget()
    places = ("home.hero", "home.offer")
    specs = [
        PreviewSpec(world.site.pk, placements=places),
        PreviewSpec(world.site.pk, who=AsSegments(("blouses",)), placements=places),
        PreviewSpec(world.site.pk, who=AsPerson(row.profile_id, False), placements=places),
        PreviewSpec(world.site.pk, content=Drafts(), placements=places),
    ]
    for spec in specs:
        answer(spec, shop.now)  # what is compiled once is compiled
    before = rows(), kept_in(valkey), counted()
    for number in range(1_000):
        found = answer(specs[number % 4], shop.now)
        assert found.panes[1].variant == "offer"
    records.flush()
    assert (rows(), kept_in(valkey), counted()) == before
    assert not rendering._kept.texts


def test_by_the_api_a_visitor_who_is_not_in_redis_is_not_copied_there(
    world: World, valkey: Any
) -> None:
    blouses = world.hero()
    world.person(("anonymous_id", "a1"), stays=inside([blouses]))
    token = world.post("/v1/previews", {}, key=world.sk).json()["preview"]
    body = {"placements": ["home.hero"], "preview": token, "anonymousId": "a1"}

    def kept() -> dict[bytes, bytes]:
        """All but what limits how often one may ask."""
        return {key: dump for key, dump in kept_in(valkey).items() if not key.startswith(b"a:r:")}

    before = kept()
    found = world.post("/v1/decide", body).json()["placements"]["home.hero"]
    assert (found["variant"], found["previewOf"]) == ("blouses", "TARGETING_MATCH")
    assert kept() == before
