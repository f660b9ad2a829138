"""Consent in the OpenAPI document."""

from typing import Any, Final

from apps.consent.types import CONSENT_MODE_NAMES, WIRE_NAMES

_ID: Final = {"oneOf": [{"type": "string", "maxLength": 512}, {"type": "integer"}]}
_ANSWER: Final = {"oneOf": [{"type": "boolean"}, {"type": "string", "enum": ["granted", "denied"]}]}
_YES_OR_NO: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {name: {"type": "boolean"} for name in WIRE_NAMES},
}
_STATE: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["purposes", "recorded", "epoch", "regime", "gpc"],
    "properties": {
        "purposes": {**_YES_OR_NO, "description": "What may be done now, by purpose."},
        "recorded": {**_YES_OR_NO, "description": "What was said; a purpose not asked is absent."},
        "epoch": {"type": "integer", "minimum": 0, "description": "Raised by every choice."},
        "regime": {"type": "string", "examples": ["us_opt_out"]},
        "gpc": {"type": "boolean", "description": "This request's opt-out signal was honoured."},
    },
}
_CHOICE: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["purposes"],
    "properties": {
        "anonymousId": _ID,
        "userId": _ID,
        "userHash": {"type": "string"},
        "userToken": {"type": "string"},
        "purposes": {
            "type": "object",
            "minProperties": 1,
            "properties": dict.fromkeys([*WIRE_NAMES, *CONSENT_MODE_NAMES], _ANSWER),
            "additionalProperties": False,
        },
        "policyVersion": {"type": "string", "maxLength": 40},
        "jurisdiction": {"type": "string", "description": "Kept as evidence; it loosens nothing."},
        "method": {"type": "string", "maxLength": 40, "examples": ["banner", "preferences"]},
        "tcString": {"type": "string", "description": "Kept as evidence."},
        "gpp": {"type": "string", "description": "Kept as evidence."},
        "proof": {"description": "Anything that shows how consent was asked; kept as it came."},
        "sentAt": {"type": "string", "format": "date-time"},
        "writeKey": {"type": "string"},
    },
}


def _answered(description: str) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": _STATE}}}


PATHS: Final[dict[str, Any]] = {
    "/v1/consent": {
        "post": {
            "operationId": "record_consent",
            "tags": ["consent"],
            "summary": "Append a choice. The next decision obeys it.",
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": _CHOICE}},
            },
            "responses": {
                "200": _answered("Recorded, and in force."),
                "400": {"description": "`invalid_request`"},
                "413": {"description": "`payload_too_large`"},
            },
        },
        "get": {
            "operationId": "read_consent",
            "tags": ["consent"],
            "summary": "What is recorded, and what may be done.",
            "parameters": [
                {"name": "anonymousId", "in": "query", "schema": {"type": "string"}},
                {
                    "name": "userId",
                    "in": "query",
                    "description": "Secret keys only.",
                    "schema": {"type": "string"},
                },
            ],
            "responses": {
                "200": _answered("The present state; of somebody unknown, the source's default."),
                "400": {"description": "`invalid_request`"},
            },
        },
    }
}
