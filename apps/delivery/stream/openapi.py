"""The live stream in the OpenAPI document."""

from typing import Any, Final

_ID: Final = {"oneOf": [{"type": "string", "maxLength": 512}, {"type": "number"}]}
_ASKED: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "anonymousId": _ID,
        "userId": {**_ID, "description": "From a page only with userHash or userToken."},
        "userHash": {"type": "string"},
        "userToken": {"type": "string"},
        "writeKey": {"type": "string"},
    },
    "example": {"anonymousId": "a1"},
}
_TICKET: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["url", "expiresAt"],
    "properties": {
        "url": {"type": "string", "format": "uri-reference"},
        "expiresAt": {"type": "string", "format": "date-time"},
    },
}


def _problem(codes: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": codes, "content": {"application/problem+json": {"schema": schema}}}


def _query(name: str, description: str, *, required: bool = False) -> dict[str, Any]:
    return {
        "name": name,
        "in": "query",
        "required": required,
        "description": description,
        "schema": {"type": "string"},
    }


PATHS: Final[dict[str, Any]] = {
    "/v1/stream/tickets": {
        "post": {
            "operationId": "stream_tickets",
            "tags": ["delivery"],
            "summary": "An address that tells one visitor's page when to ask again.",
            "requestBody": {"required": True, "content": {"application/json": {"schema": _ASKED}}},
            "responses": {
                "200": {
                    "description": "OK",
                    "content": {"application/json": {"schema": _TICKET}},
                },
                "400": _problem("`invalid_request`"),
                "413": _problem("`payload_too_large`"),
            },
        }
    },
    "/v1/stream": {
        "get": {
            "operationId": "stream",
            "tags": ["delivery"],
            "summary": "Notices for an open page (server-sent events), by the stream process.",
            "security": [],
            "parameters": [
                _query("ticket", "From the address that /v1/stream/tickets gave.", required=True),
                _query("lastEventId", "The last notice that the page has; or Last-Event-ID."),
            ],
            "responses": {
                "200": {
                    "description": "Events of type `message`; `data` is JSON with a `type`.",
                    "content": {"text/event-stream": {"schema": {"type": "string"}}},
                },
                "204": {"description": "The ticket is over: do not come back with it."},
                "400": _problem("`invalid_request`: more than 20 parameters"),
                "401": _problem("`invalid_ticket`"),
                "404": _problem("`not_found`: the web process was asked, not the stream process"),
                "503": _problem("`unavailable`; Retry-After says how many seconds to wait."),
            },
        }
    },
}
