"""OpenFeature's calls in the OpenAPI document, in the protocol's own words."""

from typing import Any, Final

from apps.delivery.ofrep_asking import (
    FLAG_NOT_FOUND,
    GENERAL,
    INVALID_CONTEXT,
    PARSE_ERROR,
    TARGETING_KEY_MISSING,
)
from apps.delivery.ofrep_flags import MAX_FLAGS

_TEXT: Final = {"type": "string"}
_REASONS: Final = [
    "STATIC", "DEFAULT", "TARGETING_MATCH", "SPLIT", "CACHED", "DISABLED", "UNKNOWN", "STALE",
]  # fmt: skip
_BODY: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "context": {
            "type": ["object", "null"],
            "description": "What is known of the request; everything in it may be asked by rules.",
            "properties": {
                "targetingKey": {
                    "type": ["string", "number", "null"],
                    "description": "With a secret key a userId, else an anonymousId; with a "
                    "publishable key an anonymousId.",
                },
                "userToken": {
                    "type": "string",
                    "description": "Signed by the site's servers: for whom a page may speak.",
                },
            },
        }
    },
    "example": {"context": {"targetingKey": "a1", "locale": "de-CH"}},
}
_METADATA: Final[dict[str, Any]] = {
    "type": "object",
    "description": "Attune's own `reason`, the `version` of the variant, `rule`, `experiment` and "
    "`arm`, and the `decisionId` for an exposure (not in bulk answers).",
    "properties": {
        "valueType": {"enum": ["boolean", "string", "integer", "float", "object"]},
        "reason": _TEXT,
        "version": {"type": "integer"},
        "decisionId": _TEXT,
    },
    "additionalProperties": {"type": ["boolean", "string", "number"]},
}
_SUCCESS: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["key", "value", "reason", "variant", "metadata"],
    "properties": {
        "key": _TEXT,
        "value": {"description": "Of the type that `metadata.valueType` says."},
        "reason": {"type": "string", "enum": _REASONS},
        "variant": {"type": "string", "minLength": 1},
        "metadata": _METADATA,
    },
}


def _failure(*codes: str, is_keyed: bool) -> dict[str, Any]:
    return {
        "type": "object",
        "required": [*(["key"] if is_keyed else []), "errorCode", "errorDetails"],
        "properties": {
            **({"key": _TEXT} if is_keyed else {}),
            "errorCode": {"type": "string", "enum": list(codes)},
            "errorDetails": _TEXT,
        },
    }


_BULK: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["flags", "metadata"],
    "properties": {
        "flags": {
            "type": "array",
            "maxItems": MAX_FLAGS,
            "items": {"oneOf": [_SUCCESS, _failure(TARGETING_KEY_MISSING, is_keyed=True)]},
        },
        "metadata": {"type": "object", "properties": {"publication": {"type": "integer"}}},
        "eventStreams": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["type", "endpoint"],
                "properties": {
                    "type": {"const": "sse"},
                    "endpoint": {
                        "type": "object",
                        "required": ["requestUri"],
                        "properties": {"requestUri": {"type": "string", "format": "uri-reference"}},
                    },
                    "inactivityDelaySec": {"type": "integer"},
                },
            },
        },
    },
}


def _answer(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _post(operation: str, summary: str, *, is_keyed: bool) -> dict[str, Any]:
    wrong = [PARSE_ERROR, INVALID_CONTEXT, GENERAL]
    if is_keyed:
        wrong.append(TARGETING_KEY_MISSING)
    away = "Something is away for a moment."
    return {
        "operationId": operation,
        "tags": ["openfeature"],
        "summary": summary,
        "requestBody": {"required": True, "content": {"application/json": {"schema": _BODY}}},
        "responses": {
            "400": _answer("The call cannot be read.", _failure(*wrong, is_keyed=is_keyed)),
            "500": _answer(away, _failure(GENERAL, is_keyed=is_keyed)),
        },
    }


def _query(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": description, "schema": schema}


_ONE: Final = _post("evaluateFlag", "The value of one flag.", is_keyed=True)
_ONE["parameters"] = [{"name": "key", "in": "path", "required": True, "schema": _TEXT}]
_ONE["responses"]["200"] = _answer("OK", _SUCCESS)
_ONE["responses"]["404"] = _answer(
    "No such flag, or none that this key may read.", _failure(FLAG_NOT_FOUND, is_keyed=True)
)
_ALL: Final = _post("evaluateFlags", "Every flag that this key may read.", is_keyed=False)
_ALL["parameters"] = [
    _query("flagConfigEtag", "A publication that the caller has heard of.", _TEXT),
    _query("flagConfigLastModified", "When it was made, Unix seconds.", {"type": "integer"}),
]
_ALL["responses"]["200"] = {
    **_answer("OK", _BULK),
    "headers": {"ETag": {"description": "Strong; send it as If-None-Match.", "schema": _TEXT}},
}
_ALL["responses"]["304"] = {"description": "Nothing has changed since the answer of this ETag."}

PATHS: Final[dict[str, Any]] = {
    "/ofrep/v1/evaluate/flags/{key}": {"post": _ONE},
    "/ofrep/v1/evaluate/flags": {"post": _ALL},
}
