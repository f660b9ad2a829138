"""Which request this thread is about: its own id, and the trace that its caller says it is part of.

Both stand in the request's META, are found by whoever writes a log line on the same thread, and go
into the answer. `traceparent` (W3C Trace Context) is read strictly: what is malformed is not there.
"""

import re
import threading
from typing import Any, Final, NamedTuple

from apps.work.ids import public_id

HEADER: Final = "HTTP_TRACEPARENT"
_REQUEST_ID: Final = "attune.request_id"
_TRACE: Final = "attune.trace"
# Later versions may append fields; 00 may not. ff is no version.
_SHAPE: Final = re.compile(
    r"(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII
)


class Trace(NamedTuple):
    """A caller's span: 32 and 16 hexadecimal digits, and whether it is being recorded."""

    trace_id: str
    span_id: str
    is_sampled: bool


class _Here(threading.local):
    meta: dict[str, Any] | None = None


_here = _Here()


def enter(meta: dict[str, Any]) -> None:
    """This thread is about this request until `leave`."""
    _here.meta = meta


def leave() -> None:
    """This thread is about no request."""
    _here.meta = None


def current() -> dict[str, Any] | None:
    """Return the META of the request that this thread is about."""
    return _here.meta


def request_id_of(meta: dict[str, Any]) -> str:
    """Return a request's own id, `req_...`, made on first use."""
    value: str | None = meta.get(_REQUEST_ID)
    if value is None:
        value = meta[_REQUEST_ID] = public_id("req")
    return value


def trace_of(meta: dict[str, Any]) -> Trace | None:
    """Return the caller's span, None without a well-formed one."""
    text: str | None = meta.get(HEADER)
    if text is None:
        return None
    if _TRACE not in meta:
        meta[_TRACE] = parsed(text)
    found: Trace | None = meta[_TRACE]
    return found


def parsed(text: str) -> Trace | None:
    """Read a `traceparent`."""
    match = _SHAPE.fullmatch(text)
    if match is None:
        return None
    version, trace_id, span_id, flags, more = match.groups()
    if (version == "00" and more) or not int(trace_id, 16) or not int(span_id, 16):
        return None
    return Trace(trace_id, span_id, bool(int(flags, 16) & 1))


def headers_of(meta: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what an answer says of its request: its id, and the caller's trace."""
    headers = [("X-Request-Id", request_id_of(meta))]
    trace = trace_of(meta)
    if trace is not None:
        flags = "01" if trace.is_sampled else "00"
        headers.append(("traceresponse", f"00-{trace.trace_id}-{trace.span_id}-{flags}"))
    return headers
