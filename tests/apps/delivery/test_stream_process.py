"""One stream process by itself: how many it holds, for how long, and how it ends."""

from collections.abc import Iterator
from typing import Any

import pytest
import redis

from apps.access import services as access
from apps.access.models import ApiKey
from apps.decisions import hot_state
from apps.decisions.notices import id_of, number_of
from apps.work import clock
from tests.apps.delivery.conftest import World
from tests.apps.delivery.live_streams import Client, Server, running, wait_until
from tests.apps.delivery.test_stream import address

pytestmark = pytest.mark.slow
MOST = 3  # of tests/apps/delivery/short_streams.py


@pytest.fixture(scope="module")
def server(django_db_setup: None, valkey_client: "redis.Redis") -> Iterator[Server]:
    """A stream process that has little patience, and room for few."""
    with running(target="tests.apps.delivery.short_streams:application") as server:
        yield server


@pytest.fixture
def shop(world: World, settings: Any, server: Server) -> World:
    clock.replace(None)
    settings.STREAM_ORIGIN = server.origin
    return world


def test_an_idle_stream_has_comments_and_ends_by_itself(shop: World) -> None:
    url = address(shop, "a1")
    page = Client(url)
    wait_until(lambda: page.has_ended, "the end of the stream")
    assert page.comments >= 2 and page.notices() == []
    number = number_of(page.last_id)
    assert number is not None and id_of(number) == page.last_id
    again = Client(url, page.last_id)
    assert again.status == 200 and again.stays_quiet()
    again.close()


def test_too_many_streams_are_refused_until_one_leaves(shop: World, server: Server) -> None:
    wait_until(lambda: server.figure("attune_stream_open") == 0, "the streams of before to end")
    pages = [Client(address(shop, f"v{number}")) for number in range(MOST)]
    refused = Client(address(shop, "late"))
    assert (refused.status, refused.headers["retry-after"]) == (503, "5")
    assert b'"code": "unavailable"' in refused.body
    pages[0].close()
    wait_until(lambda: server.figure("attune_stream_open") < MOST, "the place to be free")
    late = Client(address(shop, "late"))
    assert late.status == 200
    for page in (*pages, late):
        page.close()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/healthz", 200),
        ("GET", "/readyz", 200),
        ("GET", "/metrics", 200),
        ("GET", "/v1/stream", 401),
        ("OPTIONS", "/v1/stream?ticket=x", 204),
        ("POST", "/v1/stream", 405),
        ("GET", "/v1/decide", 404),
    ],
    ids=["healthz", "readyz", "metrics", "no ticket", "preflight", "post", "another path"],
)
def test_it_answers_for_itself_and_nothing_else(
    server: Server, method: str, path: str, status: int
) -> None:
    assert server.get(path, method)[0] == status


def test_figures_are_not_for_who_comes_through_a_proxy_nobody_named(server: Server) -> None:
    assert server.get("/metrics", headers={"X-Forwarded-For": "203.0.113.9"})[0] == 404


def test_the_end_of_a_sources_last_key_ends_its_streams(shop: World) -> None:
    url = address(shop, "a1")
    page = Client(url)
    for key in ApiKey.objects.filter(source=shop.source):
        access.revoke_key(key_id=key.pk, actor=None, now=clock.now())
    wait_until(lambda: page.has_ended, "the end of the stream")
    wait_until(lambda: Client(url).status == 204, "the ticket to be over")


def test_a_visitor_whose_pointer_another_repaired_is_found(shop: World, server: Server) -> None:
    """By a decision that had to ask the record: it tells nobody, but the page may be behind."""
    person = shop.person(("anonymous_id", "a1"))
    page = Client(address(shop, "a1"))
    [state] = hot_state.hot_profiles_of([person.profile_id])
    hot_state.write_back(shop.site.pk, state, ["anonymous_id:a1"])
    page.wait()
    page.close()


def test_an_orderly_stop_ends_the_streams_first(shop: World) -> None:
    with running() as server:
        page = Client(address(shop, "a1", server))
        assert server.stop() == 0
        wait_until(lambda: page.has_ended, "the end of the stream")
        assert page.was_whole
