"""Computed traits in templates: `traits.computed.<key>`, kept up to date by the consumer."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.content import services as content
from apps.content.models import Variant
from apps.decisions import hot_state
from apps.decisions.errors import PublicationRefused
from apps.events import inbox
from apps.events.types import Accepted
from apps.pipeline import fold
from apps.profiles.models import Due
from apps.profiles.state import read
from apps.segments import computed_traits, tasks
from apps.segments.models import ComputedTrait
from apps.segments.request_reads import TELL
from apps.work import clock
from apps.work.models import Intent
from apps.work.types import Work
from tests.apps.delivery.conftest import NOW, NOW_MS, World, forget_everything
from tests.apps.delivery.test_bindings import Owner
from tests.apps.delivery.test_request_facts import profile_of

DAY_MS = 86_400_000


def define(world: World, key: str, aggregate: str, **more: Any) -> None:
    definition = {"name": "Order Completed", "aggregate": aggregate, "window": "ever", **more}
    computed_traits.create(
        site_id=world.site.pk, key=key, name=key, definition=definition, actor=None, now=NOW
    )


def show(world: World, template: str) -> None:
    block = content.create_block(site_id=world.site.pk, key="hero")
    content.create_variant(block=block, key="everyone", is_default=True, template=template)
    content.create_placement(site_id=world.site.pk, key="home.hero", block=block)
    world.publish()


def happens(
    world: World, name: str, at_ms: int, now: datetime = NOW, who: str = "a1", **properties: Any
) -> None:
    event = Accepted(
        type="track", name=name, occurred_ms=at_ms, original_ms=None,
        message_id=f"{who}-{name}-{at_ms}", anonymous_id=who, user_id=None,
        properties=properties, traits=None, context={}, epoch=0, purposes=63, flags=0,
    )  # fmt: skip
    inbox.store(Owner(world), [event], sent_ms=None, received_at=now)
    assert fold.fold_once(now=now).events == 1


def bought(
    world: World, days_ago: float, now: datetime = NOW, who: str = "a1", **more: Any
) -> None:
    happens(world, "Order Completed", NOW_MS - int(days_ago * DAY_MS), now, who, **more)


def identify(world: World, who: str, **traits: Any) -> None:
    said = Accepted(
        type="identify", name="Identify", occurred_ms=NOW_MS, original_ms=None,
        message_id=f"{who}-identify", anonymous_id=who, user_id="u1", properties={}, traits=traits,
        context={}, epoch=0, purposes=63, flags=0,
    )  # fmt: skip
    inbox.store(Owner(world), [said], sent_ms=None, received_at=NOW)
    assert fold.fold_once(now=NOW).events == 1


def html(world: World, who: str = "a1") -> Any:
    return world.hero_of(who)["html"]


@pytest.fixture
def shop(world: World) -> World:
    define(world, "ltv", "sum", of="total")
    define(world, "favourite", "most_frequent", of="category")
    define(world, "since", "recency")
    define(world, "lately", "count", window={"last": "2d"})
    return world


@pytest.mark.parametrize(
    "template",
    ["<p>{{ traits.computed.ltv }} for {{ traits.computed.favourite }}</p>",
     "<p>{% if traits.computed.ltv > 10 %}{{ traits.computed.ltv }} for"
     " {{ traits.computed.favourite | escape }}{% endif %}</p>"],
    ids=["slots", "liquid"],
)  # fmt: skip
def test_a_template_shows_what_was_counted_without_a_question_to_the_record(
    shop: World, template: str
) -> None:
    show(shop, template)
    bought(shop, 2, total=20.5, category="hats")
    bought(shop, 1, total=10, category="<shoes>")
    bought(shop, 0.5, total=5, category="<shoes>")
    assert html(shop) == "<p>35.5 for &lt;shoes&gt;</p>"
    with CaptureQueriesContext(connection) as asked:
        assert html(shop) == "<p>35.5 for &lt;shoes&gt;</p>"
    assert len(asked) == 0


def test_only_what_templates_read_is_kept(shop: World) -> None:
    show(shop, "<p>{{ traits.computed.ltv }}</p>")
    bought(shop, 1, total=3, category="hats")
    [hot] = hot_state.hot_profiles_of([profile_of(shop, "a1")])
    assert hot.traits == {"computed": {"ltv": 3}}


def test_an_age_is_told_as_the_instant_that_it_is_counted_from(shop: World) -> None:
    show(shop, "<p>{{ traits.computed.since }}</p>")
    bought(shop, 1)
    happens(shop, "Page Viewed", NOW_MS)
    assert html(shop) == f"<p>{clock.from_ms(NOW_MS - DAY_MS):%Y-%m-%dT%H:%M:%S}.000Z</p>"


def test_a_window_that_moved_on_is_seen_with_the_next_event_after_an_hour(shop: World) -> None:
    show(shop, "<p>{{ traits.computed.lately }}</p>")
    bought(shop, 1.99)
    assert html(shop) == "<p>1</p>"
    later = NOW + timedelta(minutes=59)
    happens(shop, "Page Viewed", clock.to_ms(later), later)
    assert html(shop) == "<p>1</p>"
    later = NOW + timedelta(minutes=60)
    happens(shop, "Page Viewed", clock.to_ms(later), later)
    assert html(shop) == "<p>0</p>"


def test_a_long_history_counts_whole(shop: World) -> None:
    show(shop, "<p>{{ traits.computed.ltv }}</p>")
    for number in range(3):
        bought(shop, 9 + number, total=1)
    for number in range(120):
        happens(shop, "Order Completed", NOW_MS - 3_600_000 + number, total=2)
    assert html(shop) == "<p>243</p>"


def test_who_was_there_before_the_publication_is_looked_at_soon(shop: World) -> None:
    bought(shop, 2, total=7)
    bought(shop, 1, who="a2", total=8)
    show(shop, "<p>{{ traits.computed.ltv }}</p>")
    assert html(shop) == "<p></p>"
    intent = Intent.objects.get(kind=TELL)
    work = Work(intent.pk, TELL, shop.site.pk, {}, 1, lambda *_: None)
    tasks.tell_computed(work, NOW)
    assert Due.objects.count() == 2
    assert fold.fold_due(now=NOW) == 2
    assert (html(shop), html(shop, "a2")) == ("<p>7</p>", "<p>8</p>")


def test_a_changed_definition_reaches_templates_with_the_next_publication(shop: World) -> None:
    show(shop, "<p>{{ traits.computed.ltv }}</p>")
    bought(shop, 2, total=7)
    trait = ComputedTrait.objects.get(key="ltv")
    definition = {"name": "Order Completed", "aggregate": "count", "window": "ever"}
    computed_traits.change(
        trait_id=trait.pk, name="LTV", definition=definition, unit="", actor=None, now=NOW
    )
    bought(shop, 1, total=7)
    assert html(shop) == "<p>14</p>"
    shop.publish()
    forget_everything()
    happens(shop, "Page Viewed", NOW_MS)
    assert html(shop) == "<p>2</p>"


def test_nothing_is_kept_any_more_once_no_template_reads_it(shop: World) -> None:
    show(shop, "<p>{{ traits.computed.ltv }}</p>")
    bought(shop, 2, total=7)
    Variant.objects.update(template="<p>Hello</p>")
    shop.publish()
    happens(shop, "Page Viewed", NOW_MS)
    [row] = read([profile_of(shop, "a1")])
    assert "computed" not in row.traits


def test_a_template_with_an_unknown_computed_trait_is_not_published(shop: World) -> None:
    with pytest.raises(PublicationRefused) as refused:
        show(shop, "<p>{{ traits.computed.lvt }}</p>")
    [reason] = refused.value.errors
    assert reason["pointer"] == "/blocks/hero/variants/everyone"
    assert "traits.computed.lvt" in reason["detail"]


def test_two_people_who_are_one_have_the_worth_of_both(shop: World) -> None:
    show(shop, "<p>{{ traits.computed.ltv }}</p>")
    bought(shop, 2, total=7)
    bought(shop, 1, who="a2", total=8)
    identify(shop, "a1")
    assert html(shop) == "<p>7</p>"
    identify(shop, "a2")
    assert html(shop) == "<p>15</p>"
    assert html(shop, "a2") == "<p>15</p>"


def test_no_sender_can_set_what_is_computed(shop: World) -> None:
    show(shop, "<p>{{ traits.computed.ltv }}</p>")
    identify(shop, "a1", computed={"ltv": 9})
    assert html(shop) == "<p>0</p>"
