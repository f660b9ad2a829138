"""The door for content systems: POST /v1/hooks/<connection>."""

from typing import Final
from uuid import UUID

import msgspec
from django.http import HttpRequest, HttpResponse

from apps.access import limits
from apps.access.http import hot, json_response, read_body
from apps.integrations.receiving import check, connection_for, keep
from apps.work import clock

ROUTE: Final = "hooks"
MAX_BODY_BYTES: Final = 2 * 1024 * 1024


@hot("POST", route=ROUTE, cors="none")
def hook(request: HttpRequest, connection_id: UUID) -> HttpResponse:
    """Take in what a content system says of an entry; a worker imports it into the draft.

    Answers 202 with the call's id, and the same again for the same call.
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
    incoming, is_new = keep(connection, headers, body, now)
    answer = {"id": f"inc_{incoming.pk.hex}", "repeated": not is_new}
    return json_response(msgspec.json.encode(answer), status=202)
