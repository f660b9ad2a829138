"""What cannot be read, by whom, and how often."""

import json
from uuid import UUID

import pytest

from tests.apps.segments.api.conftest import PRO, get, person, problem, published, refresh


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/v1/segments", {"limit": "0"}),
        ("/v1/segments", {"limit": "101"}),
        ("/v1/segments", {"next": "a\0b"}),
        ("/v1/segments/pros/members", {"limit": "1001"}),
        ("/v1/segments/pros/members", {"next": "nonsense"}),
        ("/v1/segments/changes", {"cursor": "-1"}),
        ("/v1/segments/changes", {"cursor": "9" * 30}),
        ("/v1/segments/changes", {"cursor": "99999999999"}),
        ("/v1/segments/changes", {"limit": "x"}),
        ("/v1/profiles/user_id:u1/segments", {"at": "never"}),
    ],
    ids=lambda value: json.dumps(value)[:50],
)
def test_what_cannot_be_read_is_refused(world, path, query):
    person(world, "u1", plan="pro")
    published(world, "pros", PRO)
    refresh(world)
    assert problem(get(world, path, **query)) == (400, "invalid_request")


@pytest.mark.parametrize(
    "path",
    ["/v1/segments", "/v1/segments/changes", "/v1/segments/pros/members",
     "/v1/profiles/user_id:u1/segments", f"/v1/lists/press/uploads/{UUID(int=7)}"],
    ids=["list", "changes", "members", "person", "upload"],
)  # fmt: skip
def test_only_secret_keys_read(world, path):
    assert problem(get(world, path, key=world.pk)) == (403, "forbidden")
    assert problem(world.client.get(path)) == (401, "unauthorized")
    headers = {"Authorization": f"Bearer {world.sk}", "Origin": "https://shop.example"}
    assert problem(world.client.get(path, headers=headers)) == (403, "secret_key_in_browser")


def test_answers_are_limited_and_never_kept_by_a_cache(world):
    response = get(world, "/v1/segments/changes")
    assert response.headers["RateLimit-Policy"].startswith('"segments";q=')
    assert response.headers["Cache-Control"] == "no-store"
    world.source.rate_per_s, world.source.burst_s = 1, 1
    world.source.save()
    codes = {get(world, "/v1/segments/changes").status_code for _ in range(5)}
    assert codes == {200, 429}
    assert get(world, "/v1/segments/").status_code in {200, 429}, "no redirect"
