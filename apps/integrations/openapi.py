"""Integrations in the OpenAPI document."""

from typing import Any, Final

from apps.integrations import contentful_openapi, serving_openapi
from apps.integrations.synced import COLUMNS, MOST_ROWS

_CONNECTION: Final[dict[str, Any]] = {
    "name": "connection",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "format": "uuid"},
}
_ROW: Final[dict[str, Any]] = {
    "type": "object",
    "required": list(COLUMNS),
    "properties": {
        **{name: {"type": "string"} for name in COLUMNS if name not in ("locales", "archived")},
        "locales": {
            "type": "array",
            "items": {"type": "string"},
            "description": "In which it came by itself; empty: all at once.",
        },
        "archived": {"type": "boolean"},
        "changedAt": {"type": "string", "format": "date-time"},
    },
}
_CURSOR: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["has_more", "next", "limit"],
    "properties": {
        "has_more": {"type": "boolean"},
        "next": {"type": "string"},
        "limit": {"type": "integer"},
    },
}
_VARIANTS: Final[dict[str, Any]] = {
    "get": {
        "operationId": "entry_variants",
        "tags": ["integrations"],
        "summary": "The variant that each entry became, by the entry's id.",
        "parameters": [
            _CONNECTION,
            {
                "name": "format",
                "in": "query",
                "schema": {"type": "string", "enum": ["json", "csv"], "default": "json"},
            },
            {
                "name": "limit",
                "in": "query",
                "schema": {"type": "integer", "minimum": 1, "maximum": MOST_ROWS, "default": 100},
            },
            {
                "name": "next",
                "in": "query",
                "schema": {"type": "string"},
                "description": "`cursor.next` of the page before; of a table its last entry.",
            },
        ],
        "responses": {
            "200": {
                "description": "A page of them.",
                "content": {
                    "application/json": {
                        "schema": {
                            "type": "object",
                            "required": ["data", "cursor"],
                            "properties": {
                                "data": {"type": "array", "items": _ROW},
                                "cursor": _CURSOR,
                            },
                        }
                    },
                    "text/csv": {"schema": {"type": "string"}},
                },
            },
            "400": {"description": "`invalid_request`"},
            "404": {"description": "`not_found`"},
        },
    }
}

_KEPT: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["id", "repeated"],
    "properties": {
        "id": {"type": "string", "examples": ["inc_0198..."]},
        "repeated": {"type": "boolean", "description": "It came before, and is imported once."},
    },
}
_COUNTS: Final = ("accepted", "duplicates", "withoutConsent", "unknown")
_RECORDED: Final[dict[str, Any]] = {
    "type": "object",
    "required": list(_COUNTS),
    "properties": {name: {"type": "integer", "minimum": 0} for name in _COUNTS},
}

PATHS: Final[dict[str, Any]] = {
    **contentful_openapi.PATHS,
    **serving_openapi.PATHS,
    "/v1/hooks/{connection}/variants": _VARIANTS,
    "/v1/hooks/{connection}": {
        "post": {
            "operationId": "receive_hook",
            "tags": ["integrations"],
            "summary": "What a content system says of an entry, or an e-mail provider of messages.",
            "description": "Signed with the connection's secret, as its system signs. An entry "
            "becomes a draft; what became of messages becomes events.",
            "security": [],
            "parameters": [_CONNECTION],
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": {"type": "object"}}},
            },
            "responses": {
                "202": {
                    "description": "Kept; a worker imports it. Or recorded, with what came of it.",
                    "content": {"application/json": {"schema": {"oneOf": [_KEPT, _RECORDED]}}},
                },
                "400": {"description": "`invalid_request`: not as this e-mail provider tells"},
                "401": {"description": "`invalid_signature`"},
                "404": {"description": "`not_found`"},
                "413": {"description": "`payload_too_large`"},
            },
        }
    },
}
