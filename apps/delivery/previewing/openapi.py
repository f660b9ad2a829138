"""`/v1/previews` in the OpenAPI document."""

from typing import Any, Final

from apps.delivery.previewing.tokens import LONGEST_H, MAX_ARMS, MAX_KEY
from apps.delivery.previewing.types import MAX_SEGMENTS

_PROBLEM: Final = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
_ASKED: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "segments": {
            "type": ["array", "null"],
            "maxItems": MAX_SEGMENTS,
            "items": {"type": "string"},
            "description": "Keys of the segments to be in, and no others; null: as the visitor is.",
        },
        "arms": {
            "type": "object",
            "maxProperties": MAX_ARMS,
            "additionalProperties": {"type": "string", "minLength": 1, "maxLength": MAX_KEY},
            "description": "Experiment -> the arm that it deals to those it is meant for.",
        },
        "at": {
            "type": ["string", "null"],
            "format": "date-time",
            "description": "The instant to decide at.",
        },
        "draft": {"type": "boolean", "description": "By the drafts, not what is published."},
        "hours": {
            "type": "integer",
            "minimum": 1,
            "maximum": LONGEST_H,
            "default": 24,
            "description": "How long the token is good.",
        },
    },
}
_GIVEN: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["preview", "expiresAt"],
    "properties": {
        "preview": {"type": "string", "description": "Send it as `preview` to `/v1/decide`."},
        "expiresAt": {"type": "string", "format": "date-time"},
    },
}

PATHS: Final[dict[str, Any]] = {
    "/v1/previews": {
        "post": {
            "operationId": "previews",
            "tags": ["delivery"],
            "summary": "A token by which a page shows what it would in other circumstances.",
            "requestBody": {"content": {"application/json": {"schema": _ASKED}}},
            "responses": {
                "200": {
                    "description": "The token.",
                    "content": {"application/json": {"schema": _GIVEN}},
                },
                "400": {"description": "`invalid_request`", "content": _PROBLEM},
                "413": {"description": "`payload_too_large`", "content": _PROBLEM},
                "422": {
                    "description": "The drafts contradict themselves: `invalid_content`, "
                    "`invalid_condition`, `invalid_snapshot`",
                    "content": _PROBLEM,
                },
            },
        }
    }
}
