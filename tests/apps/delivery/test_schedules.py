"""Variants that begin and end: what is decided, and how long an answer may be believed."""

from datetime import timedelta
from typing import Any

import pytest

from apps.content import services as content
from apps.content.models import Block, Variant
from tests.apps.delivery.conftest import NOW, World, forget_everything, inside
from tests.apps.delivery.test_edge import fetch


@pytest.fixture
def asked(world: World) -> World:
    """home.hero, which caches may keep; "a1" is among those who look at blouses."""
    blouses = world.hero()
    Block.objects.update(is_cacheable=True)
    Variant.objects.update(template="")
    row = world.person(("anonymous_id", "a1"), stays=inside([blouses]))
    world.tell(row.profile_id)
    return world


def schedule(world: World, starts_s: int | None, ends_s: int | None) -> None:
    """Let the variant begin and end so many seconds from now."""
    moments = [None if s is None else NOW + timedelta(seconds=s) for s in (starts_s, ends_s)]
    variant = Variant.objects.get(key="blouses")
    content.update_variant(variant_id=variant.pk, schedule=(moments[0], moments[1]))
    world.publish()
    forget_everything()


def cached(world: World, key: str) -> Any:
    return world.client.get(f"/v1/content/home.hero?site=shop&sk={key}")


@pytest.mark.parametrize(
    ("starts_s", "ends_s", "variant", "valid_until"),
    [
        (None, None, "blouses", None),
        (0, 60, "blouses", "2026-03-10T12:01:00.000Z"),
        (20, 60, "everyone", "2026-03-10T12:00:20.000Z"),
        (-60, 0, "everyone", None),
    ],
    ids=["always", "in it", "before", "after"],
)
def test_a_variant_is_there_between_its_moments_and_the_answer_knows_them(
    asked: World, starts_s: int | None, ends_s: int | None, variant: str, valid_until: str | None
):
    schedule(asked, starts_s, ends_s)
    answer = asked.hero_of("a1")
    assert (answer["variant"], answer["validUntil"]) == (variant, valid_until)


def test_a_cache_asks_again_when_a_variant_begins(asked: World):
    schedule(asked, 20, 60)
    key = asked.ask("home.hero", anonymousId="a1")["segmentKey"]
    response = cached(asked, key)
    assert response.json()["variant"] == "everyone"
    assert response.headers["Cache-Control"] == "public, max-age=20, must-revalidate"


def test_a_cache_does_not_keep_a_variant_beyond_its_end(asked: World):
    schedule(asked, None, 3600)
    key = asked.ask("home.hero", anonymousId="a1")["segmentKey"]
    response = cached(asked, key)
    assert response.json()["variant"] == "blouses"
    assert "stale-if-error" not in response.headers["Cache-Control"]
    assert response.headers["Cache-Control"].startswith("public, max-age=30, s-maxage=60")


def test_a_worker_that_knows_no_schedules_refuses_what_has_one(asked: World):
    Variant.objects.get(key="blouses").segments.clear()  # which leaves it to the edge
    asked.publish()
    forget_everything()
    assert fetch(asked).json()["format"] == 1
    schedule(asked, 20, None)
    assert fetch(asked).json()["format"] == 2


def test_the_trace_says_why_a_variant_is_not_shown(asked: World):
    schedule(asked, 20, None)
    answer = asked.ask("home.hero", anonymousId="a1", key=asked.sk, explain=True)
    trace = answer["placements"]["home.hero"]["trace"]
    assert ("variant", "blouses", "not started") in {
        (step["step"], step["key"], step["outcome"]) for step in trace
    }
