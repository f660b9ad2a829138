"""All segments of a site: how many are in them, how fresh that is."""

from apps.segments import services
from tests.apps.segments.api.conftest import PRO, person, published, read, refresh
from tests.apps.segments.world import NOW


def test_the_list_says_how_many_and_how_fresh(world):
    person(world, "u1", plan="pro")
    published(world, "pros", PRO)
    services.create_segment(
        site_id=world.site.pk, key="draft", name="Draft", condition={"v": 1, "where": PRO}, now=NOW
    )
    refresh(world)
    draft, pros = read(world, "/v1/segments")["data"]
    assert (draft["key"], draft["state"], draft["size"], draft["asOf"]) == (
        "draft", "draft", None, None,
    )  # fmt: skip
    # One member: fewer than ten are not counted aloud.
    assert (pros["state"], pros["version"], pros["size"], pros["sizeBelow"]) == (
        "live", 1, None, 10,
    )  # fmt: skip
    assert pros["tags"] == ["segment:pros"]
    assert (pros["asOf"], pros["lagSeconds"]) == ("2026-03-02T12:00:00.000Z", 0.0)
    page = read(world, "/v1/segments", limit=1)
    assert page["cursor"] == {"has_more": True, "next": "draft", "limit": 1}
    assert [row["key"] for row in read(world, "/v1/segments", next="draft")["data"]] == ["pros"]


def test_one_broken_segment_does_not_stop_the_others(world):
    person(world, "u1", plan="pro")
    published(world, "pros", PRO)
    broken = published(world, "broken", PRO | {"value": "x"})
    refresh(world)
    broken.versions.update(condition={"v": 1, "where": {"kind": "unheard of"}})
    assert len(read(world, "/v1/segments")["data"]) == 2
    assert len(read(world, "/v1/segments/pros/members")["data"]) == 1
