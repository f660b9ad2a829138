"""`/v1/render` and `/v1/render/batch` in the OpenAPI document."""

from typing import Any, Final

from apps.delivery.previewing.types import MAX_SEGMENTS
from apps.delivery.questions import MAX_ID_LENGTH, MAX_PLACEMENTS
from apps.delivery.render_api import MAX_KIND, MAX_PEOPLE
from engine.decide import Reason

_PROBLEM: Final = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
_KEY: Final = {"type": "string", "minLength": 1, "maxLength": 100}
_TEXT: Final = {"type": ["string", "null"]}
_IDENTITY: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["type", "id"],
    "properties": {
        "type": {"type": "string", "maxLength": MAX_KIND, "description": "Such as `user_id`."},
        "id": {"oneOf": [{"type": "string", "maxLength": MAX_ID_LENGTH}, {"type": "number"}]},
    },
}
_WHAT: Final[dict[str, Any]] = {
    "placements": {
        "type": "array",
        "maxItems": MAX_PLACEMENTS,
        "items": {"oneOf": [_KEY, {"type": "object"}]},
        "description": "As `/v1/decide` takes them.",
    },
    "block": {**_TEXT, "description": "Key of a block for e-mail."},
    "locale": {**_TEXT, "description": "Language tag, such as `de-CH`."},
    "context": {"type": "object", "description": "As `/v1/decide` takes it."},
    "facts": {"type": "object", "description": "Used for these decisions only, not stored."},
    "counts": {
        "type": "boolean",
        "default": False,
        "description": "It is sent: record the decisions, and draw on frequency caps.",
    },
}
_RENDER: Final[dict[str, Any]] = {
    "type": "object",
    "description": "`placements`, `block` or both; and either `identity` or `segments`.",
    "properties": {
        **_WHAT,
        "identity": _IDENTITY,
        "segments": {
            "type": "array",
            "maxItems": MAX_SEGMENTS,
            "items": _KEY,
            "description": "For somebody in these segments and no others, and nobody's data.",
        },
    },
    "example": {"block": "newsletter", "identity": {"type": "user_id", "id": "u-1"}},
}
_BATCH: Final[dict[str, Any]] = {
    "type": "object",
    "description": "`placements`, `block` or both; and either `identities` or `segment`.",
    "properties": {
        **_WHAT,
        "identities": {
            "type": "array",
            "minItems": 1,
            "maxItems": MAX_PEOPLE,
            "items": _IDENTITY,
        },
        "segment": {**_KEY, "description": "For its members, page by page."},
        "limit": {"type": "integer", "minimum": 1, "maximum": MAX_PEOPLE, "default": 100},
        "next": {"type": "string", "description": "The cursor in the last line of a page."},
    },
    "example": {"block": "newsletter", "segment": "browsing-blouses-now", "limit": 1000},
}
_ENTRY: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["reason"],
    "properties": {
        "decisionId": {**_TEXT, "description": "Only of what counts."},
        "block": {"type": "string"},
        "variant": {"type": "string"},
        "version": {"type": "integer"},
        "locale": _TEXT,
        "fields": {"type": "object"},
        "html": _TEXT,
        "text": {**_TEXT, "description": "The HTML as plain text."},
        "subject": {**_TEXT, "description": "Of a block for e-mail: its field, in one line."},
        "preheader": {**_TEXT, "description": "As `subject`."},
        "reason": {"type": "string", "enum": [reason.value for reason in Reason]},
        "rule": _TEXT,
        "experiment": {"type": ["object", "null"]},
        "code": {"type": "string", "description": "Where there is no such placement."},
    },
}
_SHOWN: Final[dict[str, Any]] = {
    "placements": {"type": "object", "additionalProperties": _ENTRY},
    "block": {"oneOf": [_ENTRY, {"type": "null"}]},
}
_ANSWER: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["requestId", "renderedAt", "placements", "block"],
    "properties": {
        "requestId": {"type": "string"},
        "renderedAt": {"type": "string", "format": "date-time"},
        **_SHOWN,
    },
}
_LINE: Final[dict[str, Any]] = {
    "type": "object",
    "description": "One line a person; the last line says that it is the last: `end`, `count`, "
    "`next`.",
    "properties": {
        "identity": _IDENTITY,
        "profileId": {"type": "string"},
        "externalIds": {"type": "array", "items": _IDENTITY},
        **_SHOWN,
        "end": {"type": "boolean"},
        "count": {"type": "integer"},
        "next": _TEXT,
    },
}


def _post(
    name: str, summary: str, asked: dict[str, Any], media: str, told: dict[str, Any]
) -> dict[str, Any]:
    return {
        "post": {
            "operationId": name,
            "tags": ["delivery"],
            "summary": summary,
            "requestBody": {"content": {"application/json": {"schema": asked}}},
            "responses": {
                "200": {"description": "What is shown.", "content": {media: {"schema": told}}},
                "400": {"description": "`invalid_request`", "content": _PROBLEM},
                "413": {"description": "`payload_too_large`", "content": _PROBLEM},
            },
        }
    }


PATHS: Final[dict[str, Any]] = {
    "/v1/render": _post(
        "render",
        "An e-mail or a landing page, for one person or for anybody in some segments.",
        _RENDER,
        "application/json",
        _ANSWER,
    ),
    "/v1/render/batch": _post(
        "renderBatch",
        "The same for many people, a line of JSON a person.",
        _BATCH,
        "application/x-ndjson",
        _LINE,
    ),
}
PATHS["/v1/render/batch"]["post"]["responses"] |= {
    "404": {"description": "`segment_not_found`", "content": _PROBLEM},
    "422": {"description": "`segment_not_kept`", "content": _PROBLEM},
}
