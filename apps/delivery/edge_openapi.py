"""Cached content, fragments and the signed snapshot in the OpenAPI document."""

from typing import Any, Final

_KEY: Final = {"type": "string", "minLength": 1, "maxLength": 100}
_TEXT: Final = {"type": "string"}
_NULLABLE: Final = {"type": ["string", "null"]}
_INSTANT: Final = {"type": "string", "format": "date-time"}
_PROBLEM: Final = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
_ETAG: Final = {"description": "Strong, over the bytes.", "schema": _TEXT}
_CACHES: Final[dict[str, Any]] = {
    "ETag": _ETAG,
    "Cache-Control": {
        "description": "A minute in shared caches; five seconds for an unknown or stale key.",
        "schema": _TEXT,
    },
    "Surrogate-Key": {"description": "`placement-<key> block-<key>`.", "schema": _TEXT},
    "Cache-Tag": {"description": "The same with a comma.", "schema": _TEXT},
}
_CACHED: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["placement", "snapshot", "block", "variant", "version", "reason"],
    "properties": {
        "placement": _TEXT,
        "snapshot": {"type": "integer"},
        "block": _TEXT,
        "variant": _TEXT,
        "version": {"type": "integer"},
        "locale": _NULLABLE,
        "fields": {"type": "object"},
        "html": _NULLABLE,
        "value": {"description": "Of a flag."},
        "items": {"type": "array", "items": {"type": "object"}},
        "reason": {
            "type": "string",
            "enum": ["DEFAULT", "DISABLED", "TARGETING_MATCH", "ERROR"],
        },
        "experiment": {"type": "null"},
        "rule": _NULLABLE,
    },
}
_SNAPSHOT: Final[dict[str, Any]] = {
    "type": "object",
    "required": [
        "format", "site", "number", "publishedAt", "validUntil", "timeZone", "bucketing", "salts",
        "placements", "rules", "blocks", "segments", "experiments", "holdouts", "caps",
    ],
    "properties": {
        "format": {"type": "integer", "enum": [1, 2, 3, 4]},
        "site": {"type": "string", "description": "The site's public id."},
        "number": {"type": "integer", "description": "Of the publication; it only rises."},
        "publishedAt": _INSTANT,
        "validUntil": {**_INSTANT, "description": "From then on a worker serves defaults."},
        "timeZone": _TEXT,
        "bucketing": {"type": "string", "const": "growthbook-v2-10000"},
        "salts": {"type": "object", "additionalProperties": _TEXT},
        "placements": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["key", "block"],
                "properties": {
                    "key": _KEY,
                    "block": _KEY,
                    "enabled": {"type": "boolean", "default": True},
                    "origin": {
                        "type": "string",
                        "enum": ["recommendations", "liquid", "values", "caps", "profile"],
                        "description": "What only the server has: ask it for this placement.",
                    },
                    "default": {
                        "type": "object",
                        "description": "With `origin`: what everybody may see.",
                    },
                },
            },
        },
        **{
            name: {"type": "array", "items": {"type": "object"}}
            for name in ("rules", "blocks", "segments", "experiments", "holdouts", "caps")
        },
    },
}  # fmt: skip
_NOT_CHANGED: Final = {"description": "The answer of this ETag is still the one."}
_PARAMETERS: Final[list[dict[str, Any]]] = [
    {"name": "placement", "in": "path", "required": True, "schema": _KEY},
    {"name": "site", "in": "query", "required": True, "schema": _TEXT},
    {
        "name": "sk",
        "in": "query",
        "schema": _TEXT,
        "description": "The `segmentKey` of a decision. Without a good one: the default.",
    },
    {
        "name": "locale",
        "in": "query",
        "schema": _TEXT,
        "description": "Such as `de-CH`; without it, or without a translation: the first one.",
    },
]


def _cached(operation: str, summary: str, content: dict[str, Any]) -> dict[str, Any]:
    return {
        "get": {
            "operationId": operation,
            "tags": ["delivery"],
            "summary": summary,
            "security": [],
            "parameters": _PARAMETERS,
            "responses": {
                "200": {"description": "OK", "headers": _CACHES, "content": content},
                "304": _NOT_CHANGED,
                "400": {"description": "`invalid_request`", "content": _PROBLEM},
                "404": {"description": "`not_found`", "content": _PROBLEM},
                "429": {
                    "description": "`rate_limited`, of one address; with Retry-After.",
                    "content": _PROBLEM,
                },
                "503": {
                    "description": "`unavailable`: caches go on with what they have.",
                    "content": _PROBLEM,
                },
            },
        }
    }


PATHS: Final[dict[str, Any]] = {
    "/v1/content/{placement}": _cached(
        "content",
        "What everybody of a segment key sees in a placement, for caches.",
        {"application/json": {"schema": _CACHED}},
    ),
    "/v1/fragments/{placement}": _cached(
        "fragments", "The same as HTML.", {"text/html": {"schema": _TEXT}}
    ),
    "/v1/snapshot": {
        "get": {
            "operationId": "snapshot",
            "tags": ["delivery"],
            "summary": "The publication for edge workers, signed. Needs an edge key.",
            "responses": {
                "200": {
                    "description": "OK",
                    "headers": {
                        "ETag": _ETAG,
                        "X-Snapshot-Signature": {
                            "description": "Detached JWS by Ed25519 (RFC 7515, 7797) of the bytes.",
                            "schema": _TEXT,
                        },
                    },
                    "content": {"application/json": {"schema": _SNAPSHOT}},
                },
                "304": _NOT_CHANGED,
            },
        }
    },
    "/.well-known/jwks.json": {
        "get": {
            "operationId": "keys",
            "tags": ["delivery"],
            "summary": "The public keys of what this server signs (RFC 7517).",
            "security": [],
            "responses": {
                "200": {
                    "description": "OK",
                    "content": {
                        "application/json": {
                            "schema": {
                                "type": "object",
                                "required": ["keys"],
                                "properties": {
                                    "keys": {"type": "array", "items": {"type": "object"}}
                                },
                            }
                        }
                    },
                },
                "304": _NOT_CHANGED,
            },
        }
    },
}
