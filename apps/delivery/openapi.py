"""Delivery in the OpenAPI document: hot views have no serializers to derive it from."""

from typing import Any, Final

from apps.delivery import (
    edge_openapi,
    ofrep_openapi,
    recommendations_openapi,
    render_openapi,
    why_openapi,
)
from apps.delivery.outcome_bodies import REFUSALS
from apps.delivery.previewing import openapi as previewing_openapi
from apps.delivery.questions import MAX_ID_LENGTH, MAX_ITEMS, MAX_PLACEMENTS
from apps.delivery.stream import openapi as stream
from engine.decide import Reason

_ID: Final = {"oneOf": [{"type": "string", "maxLength": MAX_ID_LENGTH}, {"type": "number"}]}
_INSTANT: Final = {"type": "string", "format": "date-time"}
_NULLABLE_TEXT: Final = {"type": ["string", "null"]}
_KEY: Final = {"type": "string", "minLength": 1, "maxLength": 100}

_QUESTION: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["placements"],
    "properties": {
        "anonymousId": _ID,
        "userId": _ID,
        "userHash": {"type": "string"},
        "userToken": {"type": "string"},
        "placements": {
            "type": "array",
            "minItems": 1,
            "maxItems": MAX_PLACEMENTS,
            "items": {
                "oneOf": [
                    _KEY,
                    {
                        "type": "object",
                        "required": ["key"],
                        "properties": {
                            "key": _KEY,
                            "limit": {"type": "integer", "minimum": 1, "maximum": MAX_ITEMS},
                        },
                    },
                ]
            },
        },
        "context": {
            "type": "object",
            "description": "page.url, page.referrer, locale, timezone, userAgent, and your own.",
        },
        "facts": {"type": "object", "description": "Used for this decision only, not stored."},
        "explain": {"type": "boolean", "description": "Adds the trace. Needs a secret key."},
        "preview": {
            **_NULLABLE_TEXT,
            "description": "As `/v1/previews` gave it: pretend what it says. Counts nowhere.",
        },
        "writeKey": {"type": "string"},
    },
    "example": {
        "anonymousId": "a1",
        "placements": ["home.hero", {"key": "home.recs", "limit": 4}],
        "context": {"page": {"url": "https://shop.example/"}, "locale": "de-CH"},
    },
}
_PLACED: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["reason"],
    "properties": {
        "decisionId": {
            **_NULLABLE_TEXT,
            "description": "Send it with the exposure; null in a preview.",
        },
        "block": {"type": "string"},
        "variant": {"type": "string"},
        "version": {"type": "integer"},
        "locale": _NULLABLE_TEXT,
        "fields": {"type": "object"},
        "html": _NULLABLE_TEXT,
        "value": {"description": "Of a flag."},
        "items": recommendations_openapi.ITEMS,
        "reason": {"type": "string", "enum": [reason.value for reason in Reason]},
        "previewOf": {
            "type": "string",
            "description": "Of a preview: the reason that a visitor's decision would have.",
        },
        "code": {"type": "string", "enum": ["placement_not_found", "unavailable"]},
        "experiment": {"type": ["object", "null"]},
        "rule": _NULLABLE_TEXT,
        "validUntil": {"type": ["string", "null"], "format": "date-time"},
        "trace": {"type": ["array", "null"], "items": {"type": "object"}},
    },
}
_ANSWER: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["requestId", "decidedAt", "snapshot", "ttlSeconds", "placements"],
    "properties": {
        "requestId": {"type": "string"},
        "decidedAt": _INSTANT,
        "snapshot": {"type": "integer", "description": "Number of the publication; 0: none yet."},
        "segmentKey": {
            "type": ["string", "null"],
            "description": "For addresses of cached content. Null while it is not known who asks.",
        },
        "ttlSeconds": {"type": "integer", "minimum": 1, "maximum": 60},
        "placements": {"type": "object", "additionalProperties": _PLACED},
    },
}
_RECEIPT: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["success", "accepted", "duplicates", "rejected"],
    "properties": {
        "success": {"type": "boolean"},
        "accepted": {"type": "integer", "minimum": 0},
        "duplicates": {"type": "integer", "minimum": 0},
        "rejected": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["index", "messageId", "code", "detail"],
                "properties": {
                    "index": {"type": "integer", "minimum": 0},
                    "messageId": _NULLABLE_TEXT,
                    "code": {"type": "string", "enum": sorted(REFUSALS)},
                    "detail": {"type": "string"},
                },
            },
        },
    },
}
_EXPOSURES: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["exposures"],
    "properties": {
        "exposures": {
            "type": "array",
            "maxItems": 2000,
            "items": {
                "type": "object",
                "required": ["decisionId"],
                "properties": {
                    "decisionId": {"type": "string"},
                    "seenAt": _INSTANT,
                    "visibleMs": {"type": "number"},
                    "position": {"type": "integer"},
                    "id": {
                        **_ID,
                        "description": "Own ids count each; else a decision counts once.",
                    },
                },
            },
        },
        "sentAt": _INSTANT,
        "writeKey": {"type": "string"},
    },
}
_CONVERSIONS: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["conversions"],
    "properties": {
        "conversions": {
            "type": "array",
            "maxItems": 2000,
            "items": {
                "type": "object",
                "required": ["goal", "id"],
                "properties": {
                    "goal": {"type": "string", "minLength": 1, "maxLength": 200},
                    "id": {**_ID, "description": "A conversion counts once by it."},
                    "occurredAt": _INSTANT,
                    "value": {"type": "number"},
                    "currency": {"type": "string"},
                    "anonymousId": _ID,
                    "userId": _ID,
                    "userHash": {"type": ["string", "null"]},
                    "userToken": {"type": ["string", "null"]},
                    "decisionId": {"type": "string"},
                },
            },
        },
        "sentAt": _INSTANT,
        "writeKey": {"type": "string"},
    },
}


def _json(schema: dict[str, Any], description: str = "OK") -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _problem(codes: str) -> dict[str, Any]:
    return {
        "description": codes,
        "content": {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
        },
    }


def _post(
    operation: str, summary: str, body: dict[str, Any], answer: dict[str, Any]
) -> dict[str, Any]:
    return {
        "post": {
            "operationId": operation,
            "tags": ["delivery"],
            "summary": summary,
            "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
            "responses": {
                "200": _json(answer),
                "400": _problem("`invalid_request`"),
                "413": _problem("`payload_too_large`"),
            },
        }
    }


PATHS: Final[dict[str, Any]] = {
    "/v1/decide": _post(
        "decide", "What to show in these placements, to this visitor, now.", _QUESTION, _ANSWER
    ),
    "/v1/exposures": _post(
        "exposures", "Decisions that were really seen. Also as a beacon.", _EXPOSURES, _RECEIPT
    ),
    "/v1/conversions": _post(
        "conversions", "What visitors did that a goal counts.", _CONVERSIONS, _RECEIPT
    ),
}
PATHS["/v1/decide"]["post"]["responses"]["304"] = {
    "description": "The answer of this ETag still holds; its decision ids stay valid."
}
PATHS.update(stream.PATHS)
PATHS.update(ofrep_openapi.PATHS)
PATHS.update(edge_openapi.PATHS)
PATHS.update(why_openapi.PATHS)
PATHS.update(recommendations_openapi.PATHS)
PATHS.update(render_openapi.PATHS)
PATHS.update(previewing_openapi.PATHS)
