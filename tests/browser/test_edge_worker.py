"""The worker for CDNs in a browser's module worker, before a real server that may lie or go."""

import base64
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import pytest
from django.test import RequestFactory
from playwright.sync_api import Browser, Page

from apps.access import services as access
from apps.content import services as content
from apps.decisions import services as decisions
from apps.decisions.models import Publication
from apps.decisions.selectors import publication_document
from apps.delivery import edge_api
from engine.snapshot import ArmDoc, ExperimentDoc, RuleDoc
from tests.apps.delivery.conftest import NOW, World, forget_everything

pytestmark = [pytest.mark.browser, pytest.mark.slow]

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


def question(*placements: str, agent: str = IPHONE, **body: Any) -> dict[str, Any]:
    asked = {"anonymousId": "a1", "consent": {"personalization": True}, **body}
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


@pytest.fixture(scope="module")
def browser(chromium: Browser) -> Iterator[Browser]:
    """Chromium beside Django: its event loop runs in this thread, which Django would refuse."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        yield chromium


@pytest.fixture
def edge(browser: Browser, page: Page, transactional_db: None, live_server: Any) -> Iterator[Edge]:
    """A worker that has asked nothing yet, and the server behind it."""
    forget_everything()
    world = World()
    set_up(world)
    way = Way(live_server.url)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Handler,), {"way": way}))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Edge(page, world, way, f"http://127.0.0.1:{server.server_port}")
    server.shutdown()
    server.server_close()
    decisions.stop_background()
    forget_everything()


def test_the_edge_answers_as_the_server_does(edge: Edge):
    for number in range(12):
        agent = IPHONE if number % 2 else WINDOWS
        asked = question(
            "home.hero", "home.strip", agent=agent, anonymousId=f"u{number}", facts={"word": "<b>"}
        )
        at_the_edge = json.loads(edge.call("/v1/decide", asked)["body"])
        by_the_server = edge.world.post("/v1/decide", asked).json()
        for key in ("home.hero", "home.strip"):
            mine, theirs = at_the_edge["placements"][key], by_the_server["placements"][key]
            assert mine.pop("decisionId") is None
            assert theirs.pop("decisionId").startswith("dec_")
            assert mine == theirs
        assert at_the_edge["snapshot"] == by_the_server["snapshot"] == 2
    assert len(edge.way.snapshots) == 1


def test_what_only_the_server_knows_is_asked_of_it(edge: Edge):
    for more in (
        {"userId": "u1"},
        {"consent": None},  # which only the server has on record
        {"anonymousId": "a" * 65},  # by which the server does not bucket a person it knows
        {"placements": ["home.hero", "home.hello"]},  # one of them is marked origin
    ):
        found = edge.decide(**more)["placements"]
        assert all(entry["decisionId"].startswith("dec_") for entry in found.values()), more


def test_a_compressed_body_reaches_the_server_as_it_came(edge: Edge):
    found = edge.call("/v1/decide", question(), is_zipped=True)
    assert found["status"] == 200
    entry = json.loads(found["body"])["placements"]["home.hero"]
    assert (entry["variant"], entry["decisionId"][:4]) == ("app", "dec_")


def test_a_server_that_asks_with_a_secret_key_is_answered_by_the_server(edge: Edge):
    """The agent and the language of its own request are no visitor's."""
    sk = edge.world.sk
    basic = base64.b64encode(f"{sk}:".encode()).decode()
    for headers in (
        {"Authorization": f"Bearer {sk}"},
        {"Authorization": f"basic {basic}"},
        {"Authorization": "", "X-API-Key": sk},
    ):
        found = edge.call("/v1/decide", question(), headers=headers)
        entry = json.loads(found["body"])["placements"]["home.hero"]
        assert entry["decisionId"].startswith("dec_"), headers


def test_what_is_no_question_is_refused_by_the_server(edge: Edge):
    for body in ([], {"placements": []}, question(facts=[1]), question(anonymousId="a\x00")):
        found = edge.call("/v1/decide", body)
        assert (found["status"], json.loads(found["body"])["code"]) == (400, "invalid_request")
    assert edge.call("/v1/nowhere")["status"] == 404


def flipped_byte(answer: Answer) -> Answer:
    status, headers, body = answer
    return status, headers, body[:-9] + bytes([body[-9] ^ 1]) + body[-8:]


def flipped_signature(answer: Answer) -> Answer:
    status, headers, body = answer
    signature = headers["X-Snapshot-Signature"]
    other = "A" if signature[-9] != "A" else "B"
    return (
        status,
        headers | {"X-Snapshot-Signature": signature[:-9] + other + signature[-8:]},
        body,
    )


def later_end(answer: Answer) -> Answer:
    status, headers, body = answer
    document = json.loads(body)
    end = document["validUntil"]
    return status, headers, body.replace(end.encode(), end.replace("20", "21", 1).encode(), 1)


def no_signature(answer: Answer) -> Answer:
    status, headers, body = answer
    return status, {k: v for k, v in headers.items() if k != "X-Snapshot-Signature"}, body


def test_a_snapshot_that_is_not_what_was_signed_brings_defaults(edge: Edge):
    for change in (flipped_byte, flipped_signature, later_end, no_signature):
        assert edge.hero() == ("app", "TARGETING_MATCH")
        edge.way.change = change
        number = publish_more(edge.world)
        edge.later()
        assert edge.hero() == ("plain", "ERROR"), change
        edge.way.change = None
        edge.later()
        assert edge.decide()["snapshot"] == number


def test_without_any_snapshot_that_it_can_verify_the_server_is_asked(edge: Edge):
    edge.way.change = flipped_byte
    entry = edge.decide()["placements"]["home.hero"]
    assert (entry["variant"], entry["reason"]) == ("app", "TARGETING_MATCH")
    assert entry["decisionId"].startswith("dec_")
    edge.way.is_away = True
    assert edge.decide()["placements"]["home.hero"]["reason"] == "ERROR"


def test_an_older_snapshot_is_refused_and_the_newer_one_goes_on(edge: Edge):
    edge.hero()
    old = edge.way.snapshots[-1]
    publish_more(edge.world)
    edge.later()
    edge.way.change = lambda answer: old
    edge.later()
    assert edge.hero() == ("app", "TARGETING_MATCH")
    assert edge.decide()["snapshot"] == 3


def test_with_the_origin_away_it_goes_on_until_the_snapshot_ends(edge: Edge):
    assert edge.hero() == ("app", "TARGETING_MATCH")
    edge.way.is_away = True
    edge.later(8 * 60_000)
    assert edge.hero() == ("app", "TARGETING_MATCH")
    hello = edge.decide("home.hello")["placements"]["home.hello"]
    assert (hello["html"], hello["reason"]) == ("<p></p>", "ERROR")
    edge.later(16 * 60_000)
    assert edge.hero() == ("plain", "ERROR")


def by_the_server(path: str, form: str) -> dict[str, str]:
    """The headers of the server's own answer, without those that Django gives to pages."""
    view = {"content": edge_api.content, "fragments": edge_api.fragments}[form]
    response, more = view.answer(RequestFactory().get(path), "home.hero")
    assert response.status_code == 200
    return {name.lower(): value for name, value in (*response.items(), *more)}


def names(headers: dict[str, str]) -> set[str]:
    """Those that are about the content, not about the way."""
    return set(headers) - {"connection", "content-length", "date", "server", "transfer-encoding"}


def test_content_and_fragments_come_from_the_edge_too(edge: Edge):
    path = "/v1/content/home.hero?site=shop"
    mine = edge.call(path)
    theirs = edge.world.client.get(path)
    assert json.loads(mine["body"]) == theirs.json()
    assert edge.call(path.replace("content", "fragments"))["body"] == "<p>All</p>"
    for form in ("content", "fragments"):
        here, origin = (
            edge.call(path.replace("content", form))["headers"],
            by_the_server(path, form),
        )
        assert names(here) == names(origin), form
        same = ("cache-control", "surrogate-key", "cache-tag", "vary", "content-type")
        assert [here[name] for name in same] == [origin[name] for name in same]
        known = {"If-None-Match": f"W/{here['etag']}"}
        assert edge.call(path.replace("content", form), headers=known)["status"] == 304
    odd = edge.call(path.replace("home.hero", "%zz"))
    assert (odd["status"], json.loads(odd["body"])["code"]) == (404, "not_found")
    edge.way.is_away = True
    assert edge.call(f"{path}&sk=unknown")["lasts"] == "public, max-age=5"
    away = edge.call(path.replace("hero", "hello"))
    assert (away["status"], json.loads(away["body"])["html"]) == (200, "<p></p>")
