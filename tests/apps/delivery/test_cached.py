"""GET /v1/content: the same for everybody, made for caches."""

from itertools import combinations, islice
from typing import Any

from apps.decisions.selectors import Served, reads_together
from apps.delivery import cached, decided
from engine.compiling import compile_snapshot
from engine.snapshot import BlockDoc, PlacementDoc, SegmentDoc, SnapshotDoc, VariantDoc
from tests.apps.delivery.conftest import World, inside


def test_cached_content_is_the_default_with_what_caches_need(world: World):
    world.hero()
    response = world.client.get("/v1/content/home.hero?site=shop")
    assert response.json()["variant"] == "everyone"
    headers = response.headers
    assert headers["Cache-Control"].startswith("public, max-age=30, s-maxage=60")
    assert headers["Surrogate-Key"] == "placement-home.hero block-hero"
    assert "Set-Cookie" not in headers and "Cookie" not in headers.get("Vary", "")
    etag = headers["ETag"]
    again = world.client.get("/v1/content/home.hero?site=shop", headers={"If-None-Match": etag})
    assert again.status_code == 304


def test_an_unknown_segment_key_is_the_default_for_a_short_time(world: World):
    world.hero()
    response = world.client.get("/v1/content/home.hero?site=shop&sk=s3k9")
    assert response.json()["variant"] == "everyone"
    assert response.headers["Cache-Control"] == "public, max-age=5"


def test_a_key_that_is_too_long_for_a_site_is_neither_looked_up_nor_kept(
    world: World, django_assert_num_queries: Any
):
    world.hero()
    long = "x" * (cached.MAX_SITE_KEY + 1)
    with django_assert_num_queries(0):
        response = world.client.get(f"/v1/content/home.hero?site={long}")
    assert response.status_code == 404
    assert cached._sites.get(long) is None


def test_callers_choose_what_they_ask_for_and_not_how_much_is_kept():
    """Any placements may be asked for together: there are more such sets than memory."""
    keys = [f"p{number}" for number in range(16)]
    served = Served(
        compile_snapshot(
            SnapshotDoc(
                "0" * 32,
                1,
                0,
                placements=[PlacementDoc(key, key) for key in keys],
                blocks=[
                    BlockDoc(
                        key,
                        "content",
                        [VariantDoc("d", 1, []), VariantDoc("v", 1, [number])],
                        "d",
                    )
                    for number, key in enumerate(keys, 1)
                ],
                segments=[SegmentDoc(number, f"s{number}") for number in range(1, 17)],
            )
        )
    )
    sets = islice(combinations(keys, 8), decided.MAX_SUBSETS + 100)
    for asked in sets:
        reads = reads_together(served, asked)
        assert decided._segments_of(served, reads) == reads.segments
    assert len(served.prepared[decided._SEGMENTS]) <= decided.MAX_SUBSETS


def test_nobody_is_recognised(world: World):
    blouses = world.hero()
    world.tell(world.person(("anonymous_id", "a1"), stays=inside([blouses])).profile_id)
    response = world.client.get("/v1/content/home.hero?site=shop&anonymousId=a1")
    assert response.json()["variant"] == "everyone"


def test_what_is_not_there_is_a_problem_and_no_page(world: World):
    world.hero()
    for path in (
        "/v1/content/nowhere?site=shop",
        "/v1/content/home.hero",
        "/v1/content/x?site=%00",
    ):
        response = world.client.get(path)
        assert (response.status_code, response.json()["code"]) == (404, "not_found")
