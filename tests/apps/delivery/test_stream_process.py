"""One stream process by itself: how many it holds, for how long, and how it ends."""

import socket
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, cast
from urllib.parse import urlsplit

import pytest
import redis

from apps.access import services as access
from apps.access.models import ApiKey
from apps.decisions import hot_state
from apps.decisions.notices import STREAM, id_of, number_of
from apps.delivery.stream.room import PER_VISITOR
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
        ("GET", "/v1/stream?" + "a=1&" * 30, 400),
        ("OPTIONS", "/v1/stream?ticket=x", 204),
        ("POST", "/v1/stream", 405),
        ("GET", "/v1/decide", 404),
    ],
    ids=[
        "healthz",
        "readyz",
        "metrics",
        "no ticket",
        "many fields",
        "preflight",
        "post",
        "another path",
    ],
)
def test_it_answers_for_itself_and_nothing_else(
    server: Server, method: str, path: str, status: int
) -> None:
    assert server.get(path, method)[0] == status


@pytest.mark.parametrize("name", ["X-Forwarded-For", "Forwarded", "X-Real-IP"])
def test_figures_are_not_for_who_comes_through_a_proxy_nobody_named(
    server: Server, name: str
) -> None:
    assert server.get("/metrics", headers={name: "203.0.113.9"})[0] == 404


@contextmanager
def crowd(url: str, count: int, headers: str = "") -> Iterator[Counter[int]]:
    """Open a stream so many times at once; how often each status was answered."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    request = f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: x\r\n{headers}\r\n"
    with ExitStack() as stack:
        socks = [
            stack.enter_context(socket.create_connection((parts.hostname, parts.port), 20))
            for _ in range(count)
        ]
        for sock in socks:
            sock.sendall(request.encode())
        yield Counter(int(sock.recv(4096).split()[1]) for sock in socks)


def test_a_crowd_that_comes_at_once_passes_no_limit(shop: World) -> None:
    with running() as server:
        with crowd(address(shop, "a1", server), 60) as answers:
            assert answers == {200: PER_VISITOR, 503: 60 - PER_VISITOR}
        wait_until(lambda: server.figure("attune_stream_open") == 0, "the streams to end")
        with crowd(address(shop, "a1", server), 2) as answers:
            assert answers == {200: 2}


def test_one_address_has_a_few_streams_whoever_it_says_it_is(shop: World) -> None:
    with running(TRUSTED_PROXIES="127.0.0.0/8", STREAM_PER_ADDRESS="3") as server, ExitStack() as s:
        urls = [address(shop, f"v{number}", server) for number in range(5)]
        flood = "X-Forwarded-For: 2001:db8:1:2::{}\r\n"
        found = [s.enter_context(crowd(url, 1, flood.format(n))) for n, url in enumerate(urls)]
        assert [*map(dict, found)] == [{200: 1}] * 3 + [{503: 1}] * 2
        honest = s.enter_context(crowd(urls[4], 1, "X-Forwarded-For: 203.0.113.9\r\n"))
        assert honest == {200: 1}


def origin_told(url: str, origin: str) -> str | None:
    request = urllib.request.Request(url, headers={"Origin": origin})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            headers = answer.headers
    except urllib.error.HTTPError as refused:
        headers = refused.headers
    assert headers["Vary"] == "Origin"
    return cast(str | None, headers["Access-Control-Allow-Origin"])


def test_pages_of_the_tickets_source_may_read_it_and_no_others(
    shop: World, server: Server, settings: Any
) -> None:
    shop.source.allowed_origins = ["https://shop.example", "http://localhost:*"]
    shop.source.save()
    url = address(shop, "a1")
    for origin in ("https://shop.example", "http://localhost:5173", settings.PUBLIC_ORIGIN):
        assert origin_told(url, origin) == origin
    assert origin_told(url, "https://elsewhere.example") is None


def test_refusals_can_be_read_by_pages_of_any_source(shop: World) -> None:
    shop.source.allowed_origins = ["https://shop.example"]
    shop.source.save()
    with running() as server:  # what all sources allow is believed for some seconds
        url = f"{server.origin}/v1/stream?ticket=x"
        assert origin_told(url, "https://shop.example") == "https://shop.example"
        assert origin_told(url, "https://elsewhere.example") is None


def test_a_page_that_missed_nothing_is_given_the_id_of_now(
    shop: World, valkey_client: "redis.Redis"
) -> None:
    """Or it would come back with the one of its first answer, and be told for nothing."""
    old = Client(address(shop, "a1")).last_id
    shop.tell(shop.person(("anonymous_id", "b1")).profile_id)  # which moves the newest id
    entries = cast(Any, valkey_client.xrevrange(STREAM, count=1))
    newest = entries[0][0].decode()
    assert newest > old
    again = Client(address(shop, "a1"), old)
    wait_until(lambda: any(number is not None for number, _ in again.events), "an id")
    assert again.last_id == newest
    assert again.notices() == []
    again.close()


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
    before = server.figure("attune_stream_opened_total")
    page = Client(address(shop, "a1"))
    # Its greeting comes before it is looked for.
    wait_until(lambda: server.figure("attune_stream_opened_total") > before, "the page to listen")
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
