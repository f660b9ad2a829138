"""What a condition found reaches the content, and events are compared with the page asked for."""

from typing import Any

import pytest

from apps.content import services as content
from apps.events import inbox
from apps.events.types import Accepted
from apps.pipeline import fold
from apps.segments import refresh
from tests.apps.delivery.conftest import NOW, NOW_MS, World


class Owner:
    def __init__(self, world: World) -> None:
        self.site_id, self.source_id = world.site.pk, world.source.pk


def views(world: World, anonymous_id: str, ago_ms: int = 60_000, **properties: Any) -> None:
    """One view, folded as the consumer does."""
    refresh.refresh_site(site_id=world.site.pk, read_clock=lambda: NOW)
    viewed = Accepted(
        type="track", name="Product Viewed", occurred_ms=NOW_MS - ago_ms, original_ms=None,
        message_id=f"{anonymous_id}-{properties}", anonymous_id=anonymous_id, user_id=None,
        properties=properties, traits=None, context={}, epoch=0, purposes=63, flags=0,
    )  # fmt: skip
    inbox.store(Owner(world), [viewed], sent_ms=None, received_at=NOW)
    assert fold.fold_once(now=NOW).events == 1


def block(world: World, key: str, template: str) -> None:
    made = content.create_block(site_id=world.site.pk, key="hero")
    content.create_variant(block=made, key="everyone", is_default=True, template="<p>Hello</p>")
    content.create_variant(block=made, key=key, segment_keys=[key], template=template)
    content.create_placement(site_id=world.site.pk, key="home.hero", block=made)
    world.publish()


def viewed(**more: Any) -> dict[str, Any]:
    where = {
        "kind": "event", "name": "Product Viewed", "aggregate": "count", "window": "ever",
        "op": "gte", "value": 1, **more,
    }  # fmt: skip
    return {"v": 1, "where": where}


@pytest.mark.parametrize(
    "template",
    ["<p>More {{ segments.viewers.liked }}</p>",
     "<p>More {% if segments.viewers.liked %}{{ segments.viewers.liked }}{% endif %}</p>"],
    ids=["slots", "liquid"],
)  # fmt: skip
def test_what_a_condition_binds_fills_the_template(world: World, template: str) -> None:
    world.segment("viewers", viewed(bind={"liked": "category"}))
    block(world, "viewers", template)
    views(world, "a1", category="<blouses>")
    views(world, "a2", category="skirts")

    assert world.hero_of("a1")["html"] == "<p>More &lt;blouses&gt;</p>"
    assert world.hero_of("a2")["html"] == "<p>More skirts</p>"
    assert world.hero_of("nobody")["html"] == "<p>Hello</p>"


def test_events_are_compared_with_the_page_that_asks(world: World) -> None:
    same = [{"property": "product_id", "op": "eq", "fact": "page.product_id"}]
    world.segment("seen-before", viewed(where=same))
    block(world, "seen-before", "<p>Again!</p>")
    views(world, "a1", product_id="P1")

    def asked_on(product: str) -> Any:
        return world.hero_of("a1", context={"page": {"product_id": product}})["html"]

    assert asked_on("P1") == "<p>Again!</p>"
    assert asked_on("P2") == "<p>Hello</p>"
