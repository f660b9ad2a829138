"""`/v1/why` in the OpenAPI document."""

from typing import Any, Final

from apps.delivery.why import Data
from engine.decide import Reason

_PROBLEM: Final = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
_WHY: Final[dict[str, Any]] = {
    "type": "object",
    "required": [
        "placement", "decidedAt", "reason", "isPersonalized", "data", "sentence", "preferences",
    ],
    "properties": {
        "placement": {"type": "string"},
        "decidedAt": {"type": "string", "format": "date-time"},
        "reason": {"type": "string", "enum": [reason.value for reason in Reason]},
        "isPersonalized": {"type": "boolean"},
        "data": {
            "type": "array",
            "items": {"type": "string", "enum": [kind.value for kind in Data]},
            "description": "The kinds of data that it rests on.",
        },
        "sentence": {"type": "string", "description": "The same in words for the visitor."},
        "preferences": {
            "type": ["string", "null"],
            "description": "Where visitors change what they allow, if the site has said.",
        },
        "page": {"type": "string", "description": "Where visitors read this as a page."},
        "trace": {
            "type": ["array", "null"],
            "items": {"type": "object"},
            "description": "With a secret key: each step of the decision, made again.",
        },
        "decision": {
            "type": ["object", "null"],
            "description": "With a secret key: its record, and what came of a replay.",
        },
    },
}  # fmt: skip

PATHS: Final[dict[str, Any]] = {
    "/v1/why": {
        "get": {
            "operationId": "why",
            "tags": ["delivery"],
            "summary": "Why a visitor sees what they see, in words for the visitor.",
            "parameters": [
                {
                    "name": "decisionId",
                    "in": "query",
                    "required": True,
                    "schema": {"type": "string", "maxLength": 2000},
                    "description": "As `/v1/decide` gave it.",
                }
            ],
            "responses": {
                "200": {
                    "description": "Why.",
                    "content": {"application/json": {"schema": _WHY}},
                },
                "400": {
                    "description": "`invalid_request`, `invalid_decision_id`",
                    "content": _PROBLEM,
                },
            },
        }
    }
}
