"""The worker for CDNs in a browser's module worker, and the way from it to the server."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
from playwright.sync_api import Page

from apps.access import services as access
from apps.content import services as content
from apps.decisions.models import Publication
from apps.decisions.selectors import publication_document
from engine.snapshot import ArmDoc, ExperimentDoc, RuleDoc
from tests.apps.delivery.conftest import NOW, World, forget_everything

ROOT = Path(__file__).resolve().parents[2]
FILES = {
    "/worker.js": ROOT / "sdk" / "worker" / "worker.js",
    "/attune-decide.js": ROOT / "static" / "sdk" / "attune-decide.js",
}
PAGE = """<!DOCTYPE html><meta charset="utf-8"><title>Edge</title><link rel="icon" href="data:,">"""
# A module worker with a clock that tests move, which gives calls to the CDN's handler.
HOST = """
const real = Date.now.bind(Date);
let shift = 0;
Date.now = () => real() + shift;
const { default: worker } = await import("/worker.js");
addEventListener("message", async ({ data: { url, init, env, shiftMs, isZipped } }) => {
  shift = shiftMs;
  if (isZipped) {
    const zipped = new Blob([init.body]).stream().pipeThrough(new CompressionStream("gzip"));
    init.body = await new Response(zipped).arrayBuffer();
    init.headers["Content-Encoding"] = "gzip";
  }
  const waits = [];
  const context = { waitUntil: (promise) => waits.push(promise) };
  const response = await worker.fetch(new Request(url, init), env, context);
  const body = await response.text();
  await Promise.all(waits);
  const headers = Object.fromEntries(response.headers);
  postMessage({ status: response.status, body, headers, lasts: headers["cache-control"] });
});
postMessage("ready");
"""
CONNECT = """() => new Promise((resolve) => {
  const worker = new Worker("/host.js", { type: "module" });
  window.ask = (call) => new Promise((told) => {
    worker.onmessage = ({ data }) => told(data);
    worker.postMessage(call);
  });
  worker.onmessage = resolve;
})"""
STEP_MS = 11_000  # more than a worker believes a snapshot without asking
EVERYBODY = {"v": 1, "where": {"all": []}}
PHONES = {"v": 1, "where": {"kind": "context", "name": "device", "op": "eq", "value": "mobile"}}
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Mobile/15E148 Safari/604.1"
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/140.0 Safari/537.36"

Answer: TypeAlias = tuple[int, dict[str, str], bytes]


class Way:
    """The way from the edge to the server: `change` is done to each snapshot that passes."""

    def __init__(self, server: str) -> None:
        self.server = server
        self.is_away = False
        self.change: Callable[[Answer], Answer] | None = None
        self.snapshots: list[Answer] = []

    def passed(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        """What comes back for a call."""
        if self.is_away:
            return 503, {}, b""
        request = urllib.request.Request(self.server + path, method=method, headers=headers)
        request.data = body or None
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                answer = (response.status, dict(response.headers), response.read())
        except urllib.error.HTTPError as refused:
            answer = (refused.code, dict(refused.headers), refused.read())
        if path == "/v1/snapshot":
            if answer[0] == 200:
                self.snapshots.append(answer)
            if self.change is not None:
                answer = self.change(answer)
        return answer


class Handler(BaseHTTPRequestHandler):
    """The edge's page and files, and everything else by the way to the server."""

    way: Way

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        files = {"/": (PAGE, "text/html"), "/host.js": (HOST, "text/javascript")}
        if self.path in files or self.path in FILES:
            text, kind = files.get(self.path) or (FILES[self.path].read_text(), "text/javascript")
            self.answer((200, {"Content-Type": kind}, text.encode()))
        else:
            self.do_POST()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        wanted = ("authorization", "content-type", "content-encoding", "if-none-match", "x-api-key")
        headers = {k: v for k, v in self.headers.items() if k.lower() in wanted}
        self.answer(self.way.passed(self.command, self.path, headers, body))

    def answer(self, answer: Answer) -> None:
        status, headers, body = answer
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "connection", "transfer-encoding", "date"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Edge:
    """A worker that is running, asked from a page."""

    def __init__(self, page: Page, world: World, way: Way, address: str) -> None:
        self.page, self.world, self.way, self.address = page, world, way, address
        self.passed_ms = 0
        ek = access.issue_key(source_id=world.source.pk, kind="ek", now=NOW)[1]
        self.env = {"ORIGIN": address, "SITE": "shop", "EDGE_KEY": ek, "TIMEOUT_MS": "20000"}
        page.goto(f"{address}/")
        page.evaluate(CONNECT)

    def call(
        self,
        path: str,
        body: Any = None,
        *,
        is_zipped: bool = False,
        headers: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        init: dict[str, Any] = {
            "headers": {"Authorization": f"Bearer {self.world.pk}", **(headers or {})}
        }
        if body is not None:
            init |= {"method": "POST", "body": json.dumps(body)}
        call = {"url": f"{self.address}{path}", "init": init, "env": self.env}
        found: dict[str, Any] = self.page.evaluate(
            "(call) => window.ask(call)", call | {"shiftMs": self.passed_ms, "isZipped": is_zipped}
        )
        return found

    def decide(self, *placements: str, **body: Any) -> dict[str, Any]:
        found = self.call("/v1/decide", question(*placements, **body))
        assert found["status"] == 200
        return json.loads(found["body"])  # type: ignore[no-any-return]

    def hero(self, **body: Any) -> tuple[str, str]:
        """Variant and reason of home.hero for a phone, which a rule serves."""
        entry = self.decide("home.hero", **body)["placements"]["home.hero"]
        return entry["variant"], entry["reason"]

    def later(self, ms: int = STEP_MS) -> None:
        """Time passes, and the worker asks for a newer snapshot."""
        self.passed_ms += ms
        self.hero()


CONSENT = {"personalization": True, "experiments": True}


def question(*placements: str, agent: str = IPHONE, **body: Any) -> dict[str, Any]:
    asked = {"anonymousId": "a1", "consent": CONSENT, **body}
    return {"placements": placements or ["home.hero"], "context": {"userAgent": agent}, **asked}


def set_up(world: World) -> None:
    """Placements that the edge decides (by the request, by an experiment), and one it does not."""
    for key, template in (
        ("hero", "<p>All</p>"),
        ("strip", "<p>A</p>"),
        ("hello", "<p>{{ traits.name }}</p>"),
    ):
        block = content.create_block(site_id=world.site.pk, key=key)
        content.create_variant(block=block, key="plain", is_default=True, template=template)
        content.create_variant(
            block=block, key="app", template="<p>{{ facts.word }} {{ intensity }}</p>"
        )
        content.create_placement(site_id=world.site.pk, key=f"home.{key}", block=block)
    world.publish()
    publish_more(world)


def publish_more(world: World) -> int:
    """Publish what serves anew, with a rule and an experiment; return the number."""
    document = publication_document(world.site.pk)
    assert document is not None
    arms = [ArmDoc("a", "plain", 0.5), ArmDoc("b", "app", 0.5)]
    document = msgspec.structs.replace(
        document,
        number=document.number + 1,
        rules=[RuleDoc("phones", "home.hero", "app", PHONES)],
        experiments=[ExperimentDoc("strip-test", "home.strip", "exp.strip", arms)],
    )
    Publication.objects.create(
        site_id=world.site.pk,
        number=document.number,
        document=msgspec.to_builtins(document),
        digest=f"by hand {document.number}",
        published_at=NOW,
    )
    forget_everything()
    return document.number
