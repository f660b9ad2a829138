"""The worker for CDNs in a browser's module worker, before a real server that may lie or go."""

import base64
import json
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from typing import Any

import pytest
from django.test import RequestFactory
from playwright.sync_api import Browser, Page

from apps.decisions import services as decisions
from apps.delivery import edge_api
from tests.apps.delivery.conftest import World, forget_everything
from tests.browser.edge_workers import (
    IPHONE,
    WINDOWS,
    Answer,
    Edge,
    Handler,
    Way,
    publish_more,
    question,
    set_up,
)

pytestmark = [pytest.mark.browser, pytest.mark.slow]


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
        {"placements": ["home.strip"], "consent": {"personalization": True}},  # it is compared
        {"anonymousId": "a" * 65},  # by which the server does not bucket a person it knows
        {"placements": ["home.hero", "home.hello"]},  # one of them is marked origin
    ):
        found = edge.decide(**more)["placements"]
        assert all(entry["decisionId"].startswith("dec_") for entry in found.values()), more


def test_who_refuses_experiments_is_dealt_no_arm(edge: Edge):
    yes, no = ({"consent": {"personalization": True, "experiments": may}} for may in (True, False))
    for number in range(6):
        split = edge.decide("home.strip", anonymousId=f"u{number}", **yes)["placements"]
        assert split["home.strip"]["reason"] == "SPLIT"
        found = edge.decide("home.strip", anonymousId=f"u{number}", **no)["placements"]
        entry = found["home.strip"]
        assert (entry["reason"], entry["experiment"]) == ("DEFAULT", None)
        assert entry["decisionId"] is None  # the edge knew


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
