"""The web process as it is, with a slow page and a slow call beside what it has."""

import time
from collections.abc import Iterable
from typing import Any, Final, cast

from config.rsgi import Application
from config.urls import HOT

# isort: split
from django.http import HttpRequest, HttpResponse

from apps.access.http import hot, json_response, read_body
from config import arriving, gathering, rsgi, wsgi
from config.beside import Pool

CALL_S: Final = 0.005
# Long enough for a test to open two hundred of them.
arriving.BODY_S = 10.0  # type: ignore[misc]
# Long enough for some decisions while a statement waits for a row.
gathering.LOCK_S = rsgi._WRITE_LOCK_S = 2.0  # type: ignore[misc]


def _slow(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    if environ["PATH_INFO"] != "/slow-page":
        page: Iterable[bytes] = wsgi.application(environ, start_response)
        return page
    until = time.monotonic() + float(environ["QUERY_STRING"])
    while time.monotonic() < until:  # holds Python's lock, which a sleep would not
        sum(range(1_000))
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"slow"]


@hot("POST", route="decide")
def call(request: HttpRequest) -> HttpResponse:
    """Take a body and CALL_S of processor time."""
    size = len(read_body(request, 1_000))
    until = time.process_time() + CALL_S
    while time.process_time() < until:
        pass
    return json_response(b"%d" % size)


@hot("POST", route="ingest")
def batch(request: HttpRequest) -> HttpResponse:
    """The same as an event."""
    return cast(HttpResponse, call(request))


HOT["/v1/slow-call"] = call
HOT["/v1/slow-batch"] = batch
application = Application()
application.pages = Pool("pages", _slow, threads=2, most_waiting=3)
