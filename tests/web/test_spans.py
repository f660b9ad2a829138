"""Spans reach a collector when one is named, as part of the caller's trace; else none exist."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from config import spans
from launcher.venv import prepare_beside
from tests.apps.delivery.conftest import World
from tests.web.server import PROJECT, running, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"


class Collector(HTTPServer):
    """Takes what an exporter posts."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Taking)
        self.posted: list[tuple[str, bytes]] = []


class _Taking(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        """Keep the body."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posted.append((self.path, body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_a_decision_is_told_to_the_collector_within_its_callers_trace(
    collector: Collector, tmp_path: Path
) -> None:
    world = World()
    world.hero()
    packages = f"{prepare_beside('telemetry')}:{PROJECT}"
    endpoint = f"http://127.0.0.1:{collector.server_port}"
    with running(tmp_path, PYTHONPATH=packages, OTEL_EXPORTER_OTLP_ENDPOINT=endpoint) as server:
        asked = {"placements": ["home.hero"], "anonymousId": "somebody"}
        headers = {"X-API-Key": world.pk, "traceparent": f"00-{TRACE}-{SPAN}-01"}
        answer = server.ask("POST", "/v1/decide", asked, headers)
        assert answer.status == 200
        assert answer.headers["traceresponse"].startswith(f"00-{TRACE}-")
        assert server.stop() == 0  # what is not sent yet is sent then
    wait_until(lambda: bool(collector.posted), "spans")
    assert {path for path, _ in collector.posted} == {"/v1/traces"}
    told = b"".join(body for _, body in collector.posted)
    for words in (
        bytes.fromhex(TRACE),
        bytes.fromhex(SPAN),
        b"POST decide",
        b"redis",
        b"render",
        b"feature_flag.evaluation",
        b"home.hero",
        answer.headers["x-request-id"].encode(),
    ):
        assert words in told, words
    assert b"somebody" not in told


def test_without_a_collector_nothing_of_it_is_loaded(tmp_path: Path) -> None:
    with running(tmp_path, PYTHONPATH=f"{prepare_beside('telemetry')}:{PROJECT}") as server:
        maps = Path(f"/proc/{server.workers()[0]}/maps").read_text()
        assert "beside-telemetry/google" not in maps  # what every exporter needs
        assert server.ask("GET", "/healthz").status == 200


def test_a_failed_statements_span_names_the_class_and_quotes_no_row(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(prepare_beside("telemetry")))
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    kept = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    watched = spans._statements(provider.get_tracer("tests"))
    with (
        connection.execute_wrapper(watched),
        pytest.raises(IntegrityError) as failed,
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("CREATE TEMP TABLE ids (value text UNIQUE) ON COMMIT DROP")
        for _ in range(2):
            cursor.execute("INSERT INTO ids VALUES (%s)", ["jane@shop.example"])
    assert "jane@shop.example" in str(failed.value)
    span = kept.get_finished_spans()[-1]
    assert span.attributes["error.type"] == "IntegrityError" and not span.status.is_ok
    assert "jane" not in span.to_json()
