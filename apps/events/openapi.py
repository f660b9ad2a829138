"""Intake in the OpenAPI document: hot views have no serializers to derive it from."""

from typing import Any, Final

from apps.events.domain.mparticle import MAX_BATCHES
from apps.events.domain.reading import TYPES
from apps.events.errors import EventRefused

_ID: Final = {"oneOf": [{"type": "string", "maxLength": 512}, {"type": "number"}]}
_CODES: Final = " ".join(f"`{code}`: {what}" for code, what in EventRefused.CODES.items())

_EVENT: Final[dict[str, Any]] = {
    "type": "object",
    "description": "An event of the Segment spec. Unknown fields are kept.",
    "properties": {
        "type": {"type": "string", "enum": sorted(TYPES)},
        "event": {"type": "string", "maxLength": 200, "description": "Required by track."},
        "messageId": {"type": "string", "maxLength": 100},
        "anonymousId": _ID,
        "userId": _ID,
        "previousId": {**_ID, "description": "Required by alias."},
        "groupId": {**_ID, "description": "Required by group."},
        "timestamp": {"type": "string", "format": "date-time"},
        "originalTimestamp": {"type": "string", "format": "date-time"},
        "sentAt": {"type": "string", "format": "date-time"},
        "properties": {"type": "object"},
        "traits": {"type": "object"},
        "context": {"type": "object"},
        "integrations": {"type": "object"},
        "userHash": {"type": "string"},
        "userToken": {"type": "string"},
        "writeKey": {"type": "string"},
    },
}
_RECEIPT: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["success", "accepted", "duplicates", "rejected"],
    "properties": {
        "success": {"type": "boolean"},
        "accepted": {"type": "integer", "minimum": 0},
        "duplicates": {"type": "integer", "minimum": 0},
        "withoutConsent": {
            "type": "integer",
            "minimum": 1,
            "description": "Events that were dropped, because nobody consented to analytics.",
        },
        "rejected": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["index", "messageId", "code", "detail"],
                "properties": {
                    "index": {"type": "integer", "minimum": 0},
                    "messageId": {"type": ["string", "null"]},
                    "code": {"type": "string", "enum": sorted(EventRefused.CODES)},
                    "detail": {"type": "string"},
                    "errors": {"type": "array", "items": {"type": "object"}},
                },
            },
        },
    },
}


def _problem(description: str) -> dict[str, Any]:
    return {
        "description": description,
        "content": {"application/problem+json": {"schema": {"type": "object"}}},
    }


_REFUSALS: Final[dict[str, Any]] = {
    "401": _problem("`unauthorized`"),
    "403": _problem("`forbidden` or `secret_key_in_browser`"),
    "413": _problem("`payload_too_large`"),
    "429": _problem("`rate_limited`, with Retry-After"),
    "503": _problem("`unavailable`, with Retry-After: nothing was stored"),
}


def _post(name: str, summary: str, schema: dict[str, Any], refused: str) -> dict[str, Any]:
    return {
        "post": {
            "operationId": name,
            "tags": ["events"],
            "summary": summary,
            "requestBody": {"content": {"application/json": {"schema": schema}}},
            "responses": {
                "200": {
                    "description": "Durable.",
                    "content": {"application/json": {"schema": _RECEIPT}},
                },
                "400": _problem(refused),
                **_REFUSALS,
            },
        }
    }


def _get(
    name: str, summary: str, parameters: list[dict[str, Any]], answer: dict[str, Any]
) -> dict[str, Any]:
    operation = {"operationId": name, "tags": ["events"], "summary": summary}
    return {"get": {**operation, "parameters": parameters, "responses": {"200": answer}}}


def _in_path(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


_BATCH: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["batch"],
    "properties": {
        "batch": {"type": "array", "maxItems": 2_000, "items": _EVENT},
        "sentAt": {"type": "string", "format": "date-time"},
        "writeKey": {"type": "string"},
        "context": {"type": "object"},
        "integrations": {"type": "object"},
    },
}

PATHS: Final[dict[str, Any]] = {
    **{
        f"/v1/{path}": _post(
            f"batch_{path}", "Many events; bad ones are listed.", _BATCH, "`invalid_request`"
        )
        for path in ("batch", "b", "import")
    },
    **{
        f"/v1/{path}": _post(f"{type}_{path}", f"One {type} event.", _EVENT, _CODES)
        for type in sorted(TYPES)
        for path in (type, type[0])
    },
    "/v1/m": {
        "post": {
            "operationId": "library_metrics",
            "tags": ["events"],
            "summary": "The browser library's own metrics: accepted and discarded.",
            "security": [],
            "responses": {"200": {"description": "Discarded."}},
        }
    },
    "/v1/pixel/{type}": _get(
        "pixel",
        "One event from a page without scripts. Always a 1x1 GIF.",
        [
            _in_path("type"),
            {"name": "data", "in": "query", "schema": {"type": "string"}},
            {"name": "writeKey", "in": "query", "schema": {"type": "string"}},
        ],
        {"description": "A picture.", "content": {"image/gif": {}}},
    ),
    "/v1/projects/{writeKey}/settings": _get(
        "library_settings",
        "Settings of the browser library.",
        [_in_path("writeKey")],
        {
            "description": "Cacheable for 60 s.",
            "content": {"application/json": {"schema": {"type": "object"}}},
        },
    ),
}
_MPARTICLE_BATCH: Final[dict[str, Any]] = {
    "type": "object",
    "description": "A batch of mParticle's Events API: one person, and what they did.",
    "properties": {
        "events": {
            "type": ["array", "null"],
            "items": {
                "type": "object",
                "properties": {"event_type": {"type": "string"}, "data": {"type": "object"}},
            },
        },
        "mpid": {"type": ["string", "integer", "null"]},
        "source_request_id": {"type": ["string", "null"]},
        "user_identities": {"type": ["object", "null"]},
        "user_attributes": {"type": ["object", "null"]},
        "device_info": {"type": ["object", "null"]},
        "consent_state": {"type": ["object", "null"]},
    },
}
_PLACE: Final = {"type": "integer", "minimum": 0}
_MPARTICLE_RECEIPT: Final[dict[str, Any]] = {
    **_RECEIPT,
    "properties": {
        **_RECEIPT["properties"],
        "rejected": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["batch", "event", "messageId", "code", "detail"],
                "properties": {
                    **_RECEIPT["properties"]["rejected"]["items"]["properties"],
                    "batch": _PLACE,
                    "event": {**_PLACE, "type": ["integer", "null"]},
                },
            },
        },
    },
}
for _path, _schema in (
    ("events", _MPARTICLE_BATCH),
    ("bulkevents", {"type": "array", "maxItems": MAX_BATCHES, "items": _MPARTICLE_BATCH}),
):
    PATHS[f"/v2/{_path}"] = _post(
        f"mparticle_{_path}", "Events as senders of mParticle say them.", _schema,
        "`invalid_request`",
    )  # fmt: skip
    PATHS[f"/v2/{_path}"]["post"]["responses"]["202"] = {
        "description": "Durable.",
        "content": {"application/json": {"schema": _MPARTICLE_RECEIPT}},
    }
    del PATHS[f"/v2/{_path}"]["post"]["responses"]["200"]

_pixel = PATHS["/v1/pixel/{type}"]["get"]
_pixel["security"] = []  # whoever has no key gets the picture too
_pixel["responses"]["404"] = _problem("`not_found`: no name of a kind of event.")
_settings = PATHS["/v1/projects/{writeKey}/settings"]["get"]
_settings["security"] = []  # the key stands in the path
_settings["responses"]["404"] = _problem("`not_found`")
for _open in (_settings, PATHS["/v1/m"]["post"]):
    _open["responses"]["429"] = _problem("`rate_limited`, of one address; with Retry-After.")
