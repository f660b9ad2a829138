"""A caller's trace is read strictly, and found in answers and log lines."""

import json
import logging

import pytest

from apps.work import tracing
from apps.work.tracing import Trace, parsed
from config.logging import JsonFormatter, LineFormatter

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"
WHOLE = f"00-{TRACE}-{SPAN}-01"


@pytest.mark.parametrize(
    ("text", "is_sampled"),
    [(WHOLE, True), (f"00-{TRACE}-{SPAN}-00", False), (f"cc-{TRACE}-{SPAN}-03-later", True)],
    ids=["sampled", "not-sampled", "later-version"],
)
def test_a_well_formed_header_is_read(text: str, is_sampled: bool) -> None:
    assert parsed(text) == Trace(TRACE, SPAN, is_sampled)


@pytest.mark.parametrize(
    "text",
    [
        "",
        TRACE,
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'g' * 32}-{SPAN}-01",
        f"00-{'٣' * 32}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-1",
        f" {WHOLE}",
        f"{WHOLE}\n",
    ],
    ids=lambda text: repr(text)[:24],
)
def test_a_malformed_header_is_not_there(text: str) -> None:
    assert parsed(text) is None


def test_an_answer_names_the_trace_of_its_request() -> None:
    headers = dict(tracing.headers_of({tracing.HEADER: WHOLE}))
    assert headers["traceresponse"] == WHOLE
    assert headers["X-Request-Id"].startswith("req_")
    assert "traceresponse" not in dict(tracing.headers_of({tracing.HEADER: "nonsense"}))


def record(**extra: object) -> logging.LogRecord:
    made = logging.makeLogRecord({"msg": "segment.published", "levelname": "INFO", "name": "a.b"})
    made.__dict__.update(extra)
    return made


def test_a_json_line_is_one_object_with_what_was_said_and_where() -> None:
    meta = {tracing.HEADER: WHOLE}
    tracing.enter(meta)
    try:
        line = JsonFormatter().format(record(size=12, odd={1, 2}))
        plain = LineFormatter().format(record(size=12))
    finally:
        tracing.leave()
    assert "\n" not in line
    entry = json.loads(line)
    assert entry["event"] == "segment.published" and entry["level"] == "info"
    assert entry["size"] == 12 and entry["trace_id"] == TRACE
    assert entry["request_id"] == tracing.request_id_of(meta)
    assert entry["at"].endswith("Z")
    assert f"trace_id={TRACE}" in plain


def test_a_failure_is_in_the_line_of_its_event() -> None:
    try:
        raise ValueError("two\nlines")
    except ValueError as error:
        line = JsonFormatter().format(
            record(exc_info=(ValueError, error, error.__traceback__), event="not this")
        )
    entry = json.loads(line)
    assert entry["event"] == "segment.published"
    assert "ValueError: two\nlines" in entry["exception"]


def test_outside_of_a_request_a_line_names_none() -> None:
    assert "request_id" not in json.loads(JsonFormatter().format(record()))
