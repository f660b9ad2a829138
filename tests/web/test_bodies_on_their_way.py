"""Bodies that come in pieces, too large, without a length, or cut off."""

import socket
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from apps.segments import lists
from tests.apps.delivery.conftest import NOW, World
from tests.web.server import Server, running, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

FORM = "/admin/login/"
CALLS = [
    ("/v1/decide", b'{"placements": ["home.hero"], "anonymousId": "a1"}', b'"home.hero"'),
    ("/v1/batch", b'{"batch": [{"type": "track", "event": "E", "anonymousId": "a"}]}', b'"acc'),
    ("/v1/consent", b'{"anonymousId": "a1", "purposes": {"analytics": true}}', b'"epoch"'),
]


@pytest.fixture
def world(transactional_db: None, valkey: object) -> World:
    world = World()
    world.hero()
    return world


def in_pieces(server: Server, path: str, key: str, *pieces: bytes) -> bytes:
    """Answer to a chunked POST."""
    with socket.create_connection(("127.0.0.1", server.port), 30) as line:
        line.sendall(
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            f"Authorization: Bearer {key}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        )
        for piece in (*pieces, b""):
            line.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
        reply = b""
        while more := line.recv(65_536):
            reply += more
    return reply


def test_calls_may_come_in_pieces(world: World, tmp_path: Path) -> None:
    with running(tmp_path) as server:
        for path, body, told in CALLS:
            for pieces in ([body], [body[:10], body[10:]]):
                reply = in_pieces(server, path, world.pk, *pieces)
                assert reply.startswith(b"HTTP/1.1 200 ") and told in reply, reply
        assert server.stop() == 0


def test_a_file_without_a_length_is_refused_and_changes_nothing(
    server: Server, world: World
) -> None:
    made = lists.create_list(site_id=world.site.pk, key="vips", name="V", actor=None, now=NOW)
    path = "/v1/lists/vips/uploads?mode=replace"
    reply = in_pieces(server, path, world.sk, b"anonymous_id\n", b"a1\n")
    assert reply.startswith(b"HTTP/1.1 411 ") and b'"code":"length_required"' in reply
    assert not made.uploads.exists()
    whole = {"Authorization": f"Bearer {world.sk}"}
    assert server.ask("POST", path, b"anonymous_id\na1\n", whole).json()["added"] == 1


def test_a_form_that_announces_more_than_pages_take_is_refused_unread(server: Server) -> None:
    with server.begun(FORM, 60_000_000) as line:
        assert line.recv(4096).startswith(b"HTTP/1.1 413 ")


def test_a_form_in_pieces_that_grows_too_large_is_refused(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), 30) as line:
        line.sendall(b"POST /admin/login/ HTTP/1.1\r\nHost: a\r\n")
        line.sendall(b"Transfer-Encoding: chunked\r\n\r\n")
        try:
            for _ in range(200):
                line.sendall(b"8000\r\n" + b"x" * 0x8000 + b"\r\n")
        except OSError:
            pass  # it does not listen any more
        assert line.recv(4096).startswith(b"HTTP/1.1 413 ")


def test_what_reads_no_body_waits_for_none(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), 30) as line:
        line.sendall(b"GET /admin/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n")
        assert line.recv(4096).startswith(b"HTTP/1.1 200 ")


def test_forms_on_their_way_have_a_bound_together_and_leave_room_when_they_go(
    server: Server,
) -> None:
    size = 4_500_000
    with ExitStack() as stack:
        for _ in range(9):  # 40 MB of the 32 MiB that there is room for
            line = stack.enter_context(server.begun(FORM, size + 1))
            with suppress(OSError):  # it was refused on the way
                line.sendall(b"x" * size)
        reply = line.recv(4096)
        assert reply.startswith(b"HTTP/1.1 503 ") and b"retry-after: 1" in reply.lower()
        assert server.ask("GET", FORM).status == 200
    wait_until(lambda: _sent(server, size) == 403, "room")  # refused for want of a CSRF cookie


def _sent(server: Server, size: int) -> int:
    """The status of a form's answer; 0 when the server hung up on the way."""
    try:
        return server.ask("POST", FORM, b"x" * size).status
    except OSError:
        return 0


def test_http_2_is_not_spoken(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), 30) as line:
        line.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\4" + bytes(5))
        reply = line.recv(4096)
    assert not reply or reply.startswith(b"HTTP/1.1 4")
