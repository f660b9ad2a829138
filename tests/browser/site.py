"""A site that is not ours: one page with the tracker, and an API that notes what it is sent."""

import contextlib
import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, BinaryIO

TRACKER = Path(__file__).resolve().parents[2] / "static" / "sdk" / "attune.js"
PAGE = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Site</title>
<script src="/attune.js"></script></head><body>
<section id="hero" data-attune-placement="home.hero"><h1 data-attune-field="headline">Hello</h1>
<a href="/all" data-attune-href="link"><span data-attune-field="cta">See all</span></a></section>
<div id="html" data-attune-placement="home.html"><p>Default words</p></div>
<div id="far"></div><div id="low" data-attune-placement="home.low"><p>Low default</p></div>
<style>#far{height:3000px}section,div{min-height:60px}</style></body></html>"""
CSP = "default-src 'self'; style-src 'self' 'unsafe-inline'"


@dataclass
class Site:
    """What the tests read (`calls`, `opened`) and set (the rest).

    `statuses` are used up from the front; `opened` has the address of each stream that was opened.
    A decision is answered while `may_decide` is set. `answers` replace what a path answers.
    """

    origin: str = ""
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    placements: dict[str, Any] = field(default_factory=dict)
    statuses: dict[str, list[int]] = field(default_factory=dict)
    may_decide: threading.Event = field(default_factory=threading.Event)
    streams: list[BinaryIO] = field(default_factory=list)
    opened: list[str] = field(default_factory=list)
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)

    def tell(self, data: dict[str, Any], times: int = 1) -> None:
        """Send a notice on every open stream; several times: in one piece."""
        for stream in self.streams:
            with contextlib.suppress(OSError):
                stream.write(f"id: 5-0\ndata: {json.dumps(data)}\n\n".encode() * times)

    def bodies(self, path: str) -> list[dict[str, Any]]:
        """Bodies posted to a path, in order of arrival."""
        return [body for called, body in list(self.calls) if called == path]

    def events(self) -> list[dict[str, Any]]:
        """All events that arrived, repeats included."""
        return [event for body in self.bodies("/v1/batch") for event in body["batch"]]

    def wait_for(self, path: str, count: int = 1, seconds: float = 20.0) -> list[dict[str, Any]]:
        """Bodies posted to `path` once there are `count` of them.

        Raises:
            AssertionError: there are still fewer after `seconds`.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if len(self.bodies(path)) >= count:
                return self.bodies(path)
            time.sleep(0.02)
        raise AssertionError(f"{path}: {len(self.bodies(path))} calls, {count} expected")


def serve(site: Site) -> ThreadingHTTPServer:
    """Start answering for `site` on a free port; the caller shuts it down."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

        def answer(self, status: int, body: bytes, kind: str) -> None:
            try:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Content-Security-Policy", CSP)
                if status == 503:
                    self.send_header("Retry-After", "1")
                self.end_headers()
                self.wfile.write(body)
            except OSError:
                pass  # The page has left.

        def do_GET(self) -> None:
            if self.path.startswith("/v1/stream?"):
                self.stream()
            elif self.path == "/attune.js":
                self.answer(200, TRACKER.read_bytes(), "text/javascript")
            else:
                self.answer(200, PAGE.encode(), "text/html; charset=utf-8")

        def stream(self) -> None:
            """Keep a stream open until its page closes it."""
            status = (site.statuses.get("/v1/stream") or [200]).pop(0)
            if status != 200:
                site.opened.append(self.path)
                self.answer(status, b"", "text/plain")
                return
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            self.wfile.write(b"retry: 100\nid: 1-0\n\n")
            site.streams.append(self.wfile)
            site.opened.append(self.path)
            with contextlib.suppress(OSError):
                self.rfile.read(1)
            site.streams.remove(self.wfile)

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            site.calls.append((self.path, body))
            status = (site.statuses.get(self.path) or [200]).pop(0)
            answer: dict[str, Any] = {"success": True}
            if self.path == "/v1/decide":
                site.may_decide.wait()
                decided_at = "2026-03-10T12:00:00.000Z"
                answer = {"snapshot": 1, "decidedAt": decided_at, "placements": site.placements}
            elif self.path == "/v1/stream/tickets":
                answer = {"url": "/v1/stream?ticket=t1"}
            answer = site.answers.get(self.path, answer)
            self.answer(status, json.dumps(answer).encode(), "application/json")

    site.may_decide.set()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    site.origin = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
