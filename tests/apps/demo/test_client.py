"""The demo's HTTP client keeps its connection, survives a restart and says what went wrong."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from apps.demo import client
from apps.demo.client import Address, Connection, decoded, share_out
from apps.demo.errors import DemoTrouble

Answer = tuple[int, dict[str, str], bytes]


class Site:
    """A little server: `answers` are given in turn, the last one for ever."""

    def __init__(self) -> None:
        self.answers: list[Answer] = [(200, {}, b"{}")]
        self.asked: list[tuple[str, str, bytes, str | None]] = []
        self.connections = 0
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                site.connections += 1
                super().setup()

            def do_GET(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length)
                key = self.headers.get("Authorization")
                site.asked.append((self.command, self.path, body, key))
                status, headers, answer = site.answers[0]
                if len(site.answers) > 1:
                    site.answers.pop(0)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_POST = do_GET  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.address = Address("127.0.0.1", self.server.server_port)


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_one_connection_serves_many_requests_with_the_key(site: Site) -> None:
    connection = Connection(site.address, "sk_1")

    connection.post("/v1/track", b'{"a": 1}')
    reply = connection.get("/v1/x")

    assert reply.status == 200
    assert site.connections == 1
    assert site.asked == [
        ("POST", "/v1/track", b'{"a": 1}', "Bearer sk_1"),
        ("GET", "/v1/x", b"", "Bearer sk_1"),
    ]


def test_a_large_answer_arrives_whole_and_its_headers_are_read(site: Site) -> None:
    document = {"text": "x" * 300_000}
    site.answers = [(200, {"Server-Timing": "total;dur=1.5"}, json.dumps(document).encode())]

    reply = Connection(site.address).get("/")

    assert decoded(reply, "It") == document
    assert reply.header("server-timing") == "total;dur=1.5"
    assert reply.header("ETag") is None


def test_who_is_asked_to_wait_asks_again(site: Site) -> None:
    site.answers = [
        (503, {"Retry-After": "0"}, b"{}"),
        (429, {"Retry-After": "0"}, b"{}"),
        (200, {}, b'{"ok": true}'),
    ]

    assert Connection(site.address).post("/v1/track", b"{}").body == b'{"ok": true}'
    assert len(site.asked) == 3


def test_a_connection_that_the_server_closed_is_opened_again(site: Site) -> None:
    site.answers = [(200, {"Connection": "close"}, b"{}"), (200, {}, b"{}")]
    connection = Connection(site.address)

    assert connection.get("/1").status == 200
    assert connection.get("/2").status == 200
    assert site.connections == 2


def test_nobody_there_is_said_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "PATIENCE_S", 0.1)
    connection = Connection(Address("127.0.0.1", 1))

    assert not connection.is_answered()
    with pytest.raises(DemoTrouble, match="make up"):
        connection.get("/")


def test_a_refusal_is_quoted(site: Site) -> None:
    site.answers = [(403, {}, b'{"code": "forbidden", "message": "Not with this key."}')]

    with pytest.raises(DemoTrouble, match=r"A batch was answered 403: Not with this key\."):
        decoded(Connection(site.address).get("/"), "A batch")


@pytest.mark.parametrize("origin", ["https://shop.example", "127.0.0.1:8000", "http://"])
def test_an_origin_that_is_not_plain_http_is_refused(origin: str) -> None:
    with pytest.raises(DemoTrouble):
        Address.parse(origin)


def opened(site: Site) -> Callable[[], Connection]:
    return lambda: Connection(site.address)


def test_threads_share_the_items_and_each_is_worked_once(site: Site) -> None:
    done: list[int] = []

    def work(connection: Connection, item: int) -> None:
        connection.get(f"/{item}")
        done.append(item)

    share_out(range(50), work, open_connection=opened(site), threads=4, tick=lambda: None)

    assert sorted(done) == list(range(50))
    assert site.connections <= 4


def test_the_first_error_ends_everything(site: Site) -> None:
    begun: list[int] = []

    def work(connection: Connection, item: int) -> None:
        begun.append(item)
        if item == 3:
            raise DemoTrouble("no")

    with pytest.raises(DemoTrouble, match="no"):
        share_out(
            range(10_000_000), work, open_connection=opened(site), threads=3, tick=lambda: None
        )
    assert len(begun) < 10_000_000
