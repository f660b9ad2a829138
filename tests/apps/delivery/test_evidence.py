"""A decision explained to a server: by which events somebody is in a segment, and until when."""

from typing import Any

import pytest

from apps.rules import services as rules
from apps.segments.refresh import refresh_site
from tests.apps.profiles.conftest import (  # noqa: F401
    Shop,
    _new_process,
    shop,
    track,
    world,
)

HATS_LATELY = {
    "v": 1,
    "where": {
        "kind": "event", "name": "Product Viewed", "aggregate": "count", "op": "gte", "value": 1,
        "window": {"last": "10m"},
        "where": [{"property": "category", "op": "eq", "value": "hats"}],
    },
}  # fmt: skip


@pytest.fixture
def asked(shop: Shop) -> Any:  # noqa: F811
    """The trace of home.hero, for whom a server asks."""
    here = shop.world
    here.hero()
    rules.create_rule(
        site_id=here.site.pk,
        key="lately",
        placement_key="home.hero",
        variant_key="blouses",
        condition=HATS_LATELY,
    )
    here.publish()
    shop.send(track(properties={"category": "blouses"}))
    refresh_site(site_id=here.site.pk)

    def trace(anonymous_id: str) -> list[dict[str, Any]]:
        answer = here.ask("home.hero", anonymousId=anonymous_id, explain=True, key=here.sk)
        found: list[dict[str, Any]] = answer["placements"]["home.hero"]["trace"]
        return found

    return trace


def test_each_segment_that_was_asked_for_says_why(asked: Any) -> None:
    rule, segment = asked("a1")
    assert (rule["step"], rule["key"], rule["outcome"]) == ("rule", "lately", "no match")
    [part] = rule["segments"].values()
    assert (part["meets"], part["trace"]["verdict"], part["trace"]["found"]) == (False, False, "0")
    assert part["smallestChange"]
    told = segment["segments"]["blouses"]
    assert (told["meets"], told["isMember"]) == (True, True)
    assert [one["event"] for one in told["trace"]["evidence"]] == ["Product Viewed"]
    assert told.keys() == {"meets", "isMember", "validUntil", "smallestChange", "trace"}


def test_of_whom_nobody_knows_there_is_no_evidence(asked: Any) -> None:
    assert [step["segments"] for step in asked("nobody")] == [{}, {}, {}]
