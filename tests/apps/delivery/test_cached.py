"""GET /v1/content: the same for everybody, made for caches."""

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
