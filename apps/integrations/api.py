"""The doors for content systems: POST /v1/hooks/<connection>, and what became of its entries."""

from typing import Final
from uuid import UUID

import msgspec
from django.http import HttpRequest, HttpResponse

from apps.access import limits
from apps.access.errors import Fault, InvalidRequest, NotFound
from apps.access.http import authenticate, hot, json_response, read_body
from apps.integrations import esp
from apps.integrations.models import Connection
from apps.integrations.receiving import check, connection_for, keep
from apps.integrations.synced import MOST_ROWS, as_json, csv_lines, synced_page
from apps.work import clock, record_watch

ROUTE: Final = "hooks"
MAX_BODY_BYTES: Final = 2 * 1024 * 1024


@hot("POST", route=ROUTE, cors="none")
def hook(request: HttpRequest, connection_id: UUID) -> HttpResponse:
    """Take in what a content system says of an entry; a worker imports it into the draft.

    Answers 202 with the call's id, and the same again for the same call. What an e-mail provider
    tells is recorded at once; the answer counts what became of it.
    """
    limits.enforce_address(request, ROUTE)
    body = read_body(request, MAX_BODY_BYTES)
    connection = connection_for(connection_id)
    headers = {name.lower(): value for name, value in request.headers.items()}
    now = clock.now()
    check(
        connection,
        method=request.method or "",
        path=request.get_full_path(),
        headers=headers,
        body=body,
        now=now,
    )
    if connection.tells_of_email:
        record_watch.require()
        taken = esp.take(connection, body, now)
        return json_response(msgspec.json.encode(taken.document()), status=202)
    incoming, is_new = keep(connection, headers, body, now)
    answer = {"id": f"inc_{incoming.pk.hex}", "repeated": not is_new}
    return json_response(msgspec.json.encode(answer), status=202)


@hot("GET", route=ROUTE, cors="none")
def variants(request: HttpRequest, connection_id: UUID) -> HttpResponse:
    """GET /v1/hooks/<connection>/variants: the variant that each entry became, by the entry's id.

    With a secret key of the connection's site. `format=csv` is a table of the same page.
    """
    caller = authenticate(request, allow=("sk",))
    record_watch.require()
    headers = limits.enforce(caller, ROUTE)
    form, limit = request.GET.get("format", "json"), _limit(request)
    after = request.GET.get("next", "")
    if form not in ("json", "csv"):
        raise _refused("format", "The format is json or csv.")
    if "\x00" in after:
        raise _refused("next", "Pass `cursor.next` of the page before, or leave it out.")
    connection = Connection.objects.filter(pk=connection_id, site_id=caller.site_id).first()
    if connection is None:
        raise NotFound("This site has no connection of this id.")
    rows, more = synced_page(connection, after, limit)
    headers = {**headers, "Cache-Control": "private, no-store"}
    if form == "csv":
        return HttpResponse(
            "".join(csv_lines(rows)), content_type="text/csv; charset=utf-8", headers=headers
        )
    cursor = {"has_more": bool(more), "next": more, "limit": limit}
    body = {"data": [as_json(row) for row in rows], "cursor": cursor}
    return json_response(msgspec.json.encode(body), headers=headers)


def _limit(request: HttpRequest) -> int:
    text = request.GET.get("limit", "100")
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 0 < int(text) <= MOST_ROWS):
        raise _refused("limit", f"A limit is between 1 and {MOST_ROWS}.")
    return int(text)


def _refused(name: str, detail: str) -> InvalidRequest:
    fault: Fault = {"pointer": f"/{name}", "code": "invalid", "detail": detail}
    return InvalidRequest(detail, errors=[fault])
