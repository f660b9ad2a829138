"""Addresses that people give: called only where a stranger could call as well."""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from apps.access import targets
from apps.access.targets import ForbiddenTarget


@pytest.fixture
def heard() -> Iterator[tuple[int, list[str]]]:
    """A server of this machine: its port, and the Host of each call."""
    hosts: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            hosts.append(self.headers["Host"])
            self.send_response(302 if self.path == "/elsewhere" else 204)
            self.send_header("Location", "/")
            self.end_headers()

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port, hosts
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:6379/",
        "http://localhost/",
        "http://169.254.169.254/latest/meta-data/",
        "http://10.1.2.3/",
        "http://100.64.0.1/",
        "http://0.0.0.0/",
        "http://224.0.0.1/",
        "http://2130706433/",
        "http://[::1]:8480/admin/",
        "http://[::ffff:10.0.0.1]/",
        "http://[64:ff9b::a00:1]/",
        "http://[2002:7f00:1::]/",
        "http://[fe80::1]/",
        "http://[fec0::1]/",
        "http://[::10.0.0.1]/",
        "http://[::ffff:0:10.0.0.1]/",
        "https://somebody@8.8.8.8/",
        "file:///etc/passwd",
        "https:///nobody",
        "https://8.8.8.8:99999/",
    ],
)
def test_what_only_this_server_could_reach_is_refused(url: str) -> None:
    with pytest.raises(ForbiddenTarget):
        targets.check(url)


@pytest.mark.parametrize("url", ["https://8.8.8.8/purge", "http://[2606:4700::1111]/", ""])
def test_what_anybody_could_reach_is_not(url: str) -> None:
    targets.check(url or "https://no-such-name.invalid/")  # judged when it is called


def test_a_private_network_may_be_named(settings: Any, heard: tuple[int, list[str]]) -> None:
    port, hosts = heard
    with pytest.raises(ForbiddenTarget):
        targets.post(f"http://127.0.0.1:{port}/", b"x", {}, timeout_s=5)
    settings.PRIVATE_TARGETS = ("127.0.0.0/8",)
    targets.post(f"http://127.0.0.1:{port}/", b"x", {}, timeout_s=5)
    assert hosts == [f"127.0.0.1:{port}"]
    with pytest.raises(OSError, match="answered 302"):
        targets.post(f"http://127.0.0.1:{port}/elsewhere", b"x", {}, timeout_s=5)
    assert len(hosts) == 2


def test_a_name_is_asked_once_for_judging_and_calling(
    settings: Any, heard: tuple[int, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who changes the name in between leads the call nowhere else."""
    port, hosts = heard
    settings.PRIVATE_TARGETS = ("127.0.0.1/32",)
    asked: list[str] = []
    real = socket.getaddrinfo

    def changing(host: Any, *args: Any, **more: Any) -> Any:
        if host != "cdn.example":
            return real(host, *args, **more)
        asked.append(host)
        return real("127.0.0.1" if len(asked) == 1 else "127.0.0.2", *args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", changing)
    targets.post(f"http://cdn.example:{port}/", b"x", {}, timeout_s=5)
    assert (asked, hosts) == (["cdn.example"], [f"cdn.example:{port}"])


def test_no_proxy_of_the_environment_is_used(
    settings: Any, heard: tuple[int, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    port, hosts = heard
    settings.PRIVATE_TARGETS = ("127.0.0.0/8",)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    targets.post(f"http://127.0.0.1:{port}/", b"x", {}, timeout_s=5)
    assert len(hosts) == 1


@pytest.mark.parametrize(
    ("name", "is_free"),
    [
        ("Authorization", True),
        ("Fastly-Key", True),
        ("Host", False),
        ("content-length", False),
        ("Transfer-Encoding", False),
        ("Connection", False),
        ("A: b", False),
        ("", False),
    ],
)
def test_headers_that_frame_a_message_are_not_for_people(name: str, is_free: bool) -> None:
    assert targets.is_free_header(name) is is_free


def test_who_sends_one_byte_now_and_then_holds_nobody(settings: Any) -> None:
    settings.PRIVATE_TARGETS = ("127.0.0.0/8",)
    with socket.create_server(("127.0.0.1", 0)) as server:
        is_left = threading.Event()

        def drip() -> None:
            call, _ = server.accept()
            with call, suppress(OSError):
                call.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                for _ in range(100):  # then it gives up, and the test has failed
                    if is_left.wait(0.05):
                        return
                    call.sendall(b"x")

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        with pytest.raises(TimeoutError, match="takes too long to answer"):
            targets.post(f"http://127.0.0.1:{server.getsockname()[1]}/", b"{}", {}, timeout_s=0.3)
        is_left.set()
        thread.join()
